//! Wraps an engine and alters it in one named way, to test what measures: a slower engine is what
//! the perf gate must flag, and an idle one is what a bench must not take for a fast one. Unlike
//! `lying` it keeps no book, so that what it does not alter costs next to nothing.

use crate::engine::{
    Bucket, BucketOptions, Capabilities, Driver, Engine, EngineOptions, Identity, Merge, Outcome,
    Read, Scan, Txn, spin::spin,
};
use std::path::Path;

/// What is altered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alteration {
    /// Each call, and each record of a scan, takes so many steps of a constant loop longer.
    Slow(u64),
    /// Writes are acknowledged and not made.
    WritesNothing,
    /// Commits are acknowledged and the transaction is dropped.
    CommitsNothing,
    /// Deletions are acknowledged and not made.
    DeletesNothing,
    /// A read returns other bytes.
    ReadsOther,
    /// A scan ends before its last record.
    ScansShort,
}

/// Opens the wrapped engine.
#[derive(Clone, Copy, Debug)]
pub struct Altered<D> {
    /// What is wrapped.
    pub driver: D,
    /// What is altered; `None` is the engine itself.
    pub alteration: Option<Alteration>,
}

impl<D: Driver> Driver for Altered<D> {
    fn identity(&self) -> Identity {
        self.driver.identity()
    }

    fn capabilities(&self) -> Capabilities {
        self.driver.capabilities()
    }

    fn open(&self, dir: &Path, options: &EngineOptions) -> Outcome<Box<dyn Engine>> {
        let engine = self.driver.open(dir, options)?;
        Ok(match self.alteration {
            None => engine,
            Some(how) => Box::new(AlteredEngine { engine, how }),
        })
    }

    fn check(&self, dir: &Path) -> Outcome<Vec<String>> {
        self.driver.check(dir)
    }
}

struct AlteredEngine {
    engine: Box<dyn Engine>,
    how: Alteration,
}

impl Alteration {
    fn call(self) {
        if let Self::Slow(steps) = self {
            spin(steps);
        }
    }
}

impl Engine for AlteredEngine {
    fn create_bucket(&self, name: &str, options: &BucketOptions) -> Outcome<Box<dyn Bucket>> {
        let bucket = self.engine.create_bucket(name, options)?;
        Ok(Box::new(AlteredBucket { bucket, how: self.how }))
    }

    fn open_bucket(&self, name: &str, merge: Merge) -> Outcome<Box<dyn Bucket>> {
        let bucket = self.engine.open_bucket(name, merge)?;
        self.how.call();
        Ok(Box::new(AlteredBucket { bucket, how: self.how }))
    }

    fn bucket_options(&self, name: &str) -> Outcome<BucketOptions> {
        self.engine.bucket_options(name)
    }

    fn change_bucket_options(&self, name: &str, options: &BucketOptions) -> Outcome<()> {
        self.engine.change_bucket_options(name, options)
    }

    fn unload_bucket(&self, name: &str) -> Outcome<()> {
        self.engine.unload_bucket(name)
    }

    fn delete_bucket(&self, name: &str) -> Outcome<()> {
        self.engine.delete_bucket(name)
    }

    fn loaded_buckets(&self) -> Vec<String> {
        self.engine.loaded_buckets()
    }

    fn bucket_count(&self) -> u64 {
        self.engine.bucket_count()
    }

    fn collect_garbage(&self) {
        self.engine.collect_garbage();
    }

    fn set_collection(&self, on: bool) {
        self.engine.set_collection(on);
    }

    fn collected(&self) -> (u64, u64) {
        self.engine.collected()
    }

    fn sync(&self) -> Outcome<()> {
        self.engine.sync()
    }

    fn copy_to(&self, target: &Path) -> Outcome<()> {
        self.engine.copy_to(target)
    }
}

struct AlteredBucket {
    bucket: Box<dyn Bucket>,
    how: Alteration,
}

impl Bucket for AlteredBucket {
    fn begin(&self) -> Outcome<Box<dyn Txn + '_>> {
        Ok(Box::new(AlteredHandle { handle: self.bucket.begin()?, how: self.how }))
    }

    fn view(&self) -> Outcome<Box<dyn Read + '_>> {
        Ok(Box::new(AlteredHandle { handle: self.bucket.view()?, how: self.how }))
    }

    fn checkpoint(&self) {
        self.bucket.checkpoint();
    }

    fn checkpoint_and_wait(&self) {
        self.bucket.checkpoint_and_wait();
    }

    fn id(&self) -> u64 {
        self.bucket.id()
    }
}

/// A view or a transaction.
struct AlteredHandle<H> {
    handle: H,
    how: Alteration,
}

impl<H: std::ops::Deref<Target: Read>> Read for AlteredHandle<H> {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        self.how.call();
        let mut value = self.handle.get(key)?;
        if self.how == Alteration::ReadsOther
            && let Some(last) = value.last_mut()
        {
            *last ^= 1;
        }
        Ok(value)
    }

    fn scan(&self, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut pairs = Vec::new();
        self.visit(scan, &mut |key, value| pairs.push((key.to_vec(), value.to_vec())))?;
        Ok(pairs)
    }

    fn visit(&self, scan: &Scan, visit: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<()> {
        let mut held: Option<(Vec<u8>, Vec<u8>)> = None;
        self.handle.visit(scan, &mut |key, value| {
            self.how.call();
            if self.how == Alteration::ScansShort {
                let next = (key.to_vec(), value.to_vec());
                if let Some((key, value)) = held.replace(next) {
                    visit(&key, &value);
                }
            } else {
                visit(key, value);
            }
        })
    }
}

impl Txn for AlteredHandle<Box<dyn Txn + '_>> {
    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.write(|| self.handle.put(key, value))
    }

    fn update(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.write(|| self.handle.update(key, value))
    }

    fn upsert(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.write(|| self.handle.upsert(key, value))
    }

    fn del(&self, key: &[u8]) -> Outcome<()> {
        self.how.call();
        if self.how == Alteration::DeletesNothing { Ok(()) } else { self.handle.del(key) }
    }

    fn merge(&self, key: &[u8], operand: &[u8]) -> Outcome<()> {
        self.write(|| self.handle.merge(key, operand))
    }

    fn reset_merge(&self, key: &[u8]) -> Outcome<()> {
        self.write(|| self.handle.reset_merge(key))
    }

    fn commit(self: Box<Self>) -> Outcome<()> {
        if self.how == Alteration::CommitsNothing { Ok(()) } else { self.handle.commit() }
    }
}

impl AlteredHandle<Box<dyn Txn + '_>> {
    fn write(&self, make: impl FnOnce() -> Outcome<()>) -> Outcome<()> {
        self.how.call();
        if self.how == Alteration::WritesNothing { Ok(()) } else { make() }
    }
}
