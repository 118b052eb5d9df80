//! Wraps an engine so that no reading overlaps a checkpoint or a round of collection: each call that
//! reads, or writes on top of what it reads, waits for those, and the other way round. Transactions
//! and snapshots stay open across them. It exists because of the known findings
//! `scan-over-checkpoint` and `reading-a-collected-file`, for cases that read all the time while they
//! write checkpoints and collect; whoever uses it also keeps the engine from writing checkpoints
//! unasked ([`BucketOptions::checkpoints_when_asked`]). Changes no answer. The engine's own readers,
//! the evictor among them, are not kept apart.

use crate::{
    engine::{
        Bucket, BucketOptions, Capabilities, Driver, Engine, EngineOptions, Identity, Merge,
        Outcome, Read, Scan, Txn,
    },
    settings::leaves_out,
};
use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// What readings must not overlap with.
const BECAUSE: [&str; 2] = ["scan-over-checkpoint", "reading-a-collected-file"];

/// Keeps readings of the driver's databases apart from what overlaps badly with them.
pub struct Apart<'a>(&'a dyn Driver);

#[derive(Clone)]
struct Gate(Arc<RwLock<()>>);

impl Gate {
    fn reading(&self) -> RwLockReadGuard<'_, ()> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn upkeep(&self) -> RwLockWriteGuard<'_, ()> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Apart<'a> {
    /// Wraps a driver.
    pub const fn new(driver: &'a dyn Driver) -> Self {
        Self(driver)
    }
}

impl Driver for Apart<'_> {
    fn identity(&self) -> Identity {
        self.0.identity()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn open(&self, dir: &Path, options: &EngineOptions) -> Outcome<Box<dyn Engine>> {
        let engine = self.0.open(dir, options)?;
        if !BECAUSE.into_iter().any(leaves_out) {
            return Ok(engine);
        }
        Ok(Box::new(ApartEngine { engine, gate: Gate(Arc::default()) }))
    }

    fn check(&self, dir: &Path) -> Outcome<Vec<String>> {
        self.0.check(dir)
    }
}

struct ApartEngine {
    engine: Box<dyn Engine>,
    gate: Gate,
}

impl ApartEngine {
    fn wrap(&self, bucket: Box<dyn Bucket>) -> Box<dyn Bucket> {
        Box::new(ApartBucket { bucket, gate: self.gate.clone() })
    }
}

impl Engine for ApartEngine {
    fn create_bucket(&self, name: &str, options: &BucketOptions) -> Outcome<Box<dyn Bucket>> {
        Ok(self.wrap(self.engine.create_bucket(name, options)?))
    }

    fn open_bucket(&self, name: &str, merge: Merge) -> Outcome<Box<dyn Bucket>> {
        Ok(self.wrap(self.engine.open_bucket(name, merge)?))
    }

    fn bucket_options(&self, name: &str) -> Outcome<BucketOptions> {
        self.engine.bucket_options(name)
    }

    fn change_bucket_options(&self, name: &str, options: &BucketOptions) -> Outcome<()> {
        self.engine.change_bucket_options(name, options)
    }

    fn unload_bucket(&self, name: &str) -> Outcome<()> {
        let _alone = self.gate.upkeep();
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
        let _alone = self.gate.upkeep();
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
        let _alone = self.gate.upkeep();
        self.engine.copy_to(target)
    }
}

struct ApartBucket {
    bucket: Box<dyn Bucket>,
    gate: Gate,
}

impl Bucket for ApartBucket {
    fn begin(&self) -> Outcome<Box<dyn Txn + '_>> {
        Ok(Box::new(ApartTxn { txn: self.bucket.begin()?, gate: &self.gate }))
    }

    fn view(&self) -> Outcome<Box<dyn Read + '_>> {
        Ok(Box::new(ApartView { view: self.bucket.view()?, gate: &self.gate }))
    }

    fn checkpoint(&self) {
        // Nobody could say when it is over.
        self.checkpoint_and_wait();
    }

    fn checkpoint_and_wait(&self) {
        let _alone = self.gate.upkeep();
        self.bucket.checkpoint_and_wait();
    }

    fn id(&self) -> u64 {
        self.bucket.id()
    }
}

struct ApartView<'a> {
    view: Box<dyn Read + 'a>,
    gate: &'a Gate,
}

impl Read for ApartView<'_> {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        let _reading = self.gate.reading();
        self.view.get(key)
    }

    fn scan(&self, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        let _reading = self.gate.reading();
        self.view.scan(scan)
    }
}

struct ApartTxn<'a> {
    txn: Box<dyn Txn + 'a>,
    gate: &'a Gate,
}

impl Read for ApartTxn<'_> {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        let _reading = self.gate.reading();
        self.txn.get(key)
    }

    fn scan(&self, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        let _reading = self.gate.reading();
        self.txn.scan(scan)
    }
}

impl Txn for ApartTxn<'_> {
    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        let _reading = self.gate.reading();
        self.txn.put(key, value)
    }

    fn update(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        let _reading = self.gate.reading();
        self.txn.update(key, value)
    }

    fn upsert(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        let _reading = self.gate.reading();
        self.txn.upsert(key, value)
    }

    fn del(&self, key: &[u8]) -> Outcome<()> {
        let _reading = self.gate.reading();
        self.txn.del(key)
    }

    fn merge(&self, key: &[u8], operand: &[u8]) -> Outcome<()> {
        let _reading = self.gate.reading();
        self.txn.merge(key, operand)
    }

    fn reset_merge(&self, key: &[u8]) -> Outcome<()> {
        let _reading = self.gate.reading();
        self.txn.reset_merge(key)
    }

    fn commit(self: Box<Self>) -> Outcome<()> {
        self.txn.commit()
    }
}
