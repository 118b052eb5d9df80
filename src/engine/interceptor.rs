//! The one wrapper of engines: forwards every call to the engine below, and lets a [`Interceptor`] step in
//! where it says so. It changes no answer itself; `faulty`, which keeps a book of every call, is apart.

use crate::engine::{
    Bucket, BucketOptions, Capabilities, Counter, Driver, Engine, EngineOptions, Identity,
    Iterated, Merge, Outcome, Read, Scan, Txn,
};
use std::{path::Path, sync::Arc};

/// A driver that puts a layer on another driver's engines. It is a [`Driver`] by that.
pub trait Intercept: Send + Sync {
    /// The other driver.
    fn below(&self) -> &dyn Driver;

    /// What steps in at an engine that is opened in `dir`; `None` is the engine itself.
    fn interceptor(&self, _dir: &Path) -> Option<Arc<dyn Interceptor>> {
        None
    }

    /// How the engine below is opened in `dir` when this is how it was to be.
    fn options(&self, _dir: &Path, options: &EngineOptions) -> EngineOptions {
        options.clone()
    }

    /// What is done to the engine below as soon as it is open.
    fn opened(&self, _engine: &dyn Engine) -> Outcome<()> {
        Ok(())
    }
}

/// Where a layer steps in. What it does not say is forwarded.
pub trait Interceptor: Send + Sync {
    /// A bucket that is there is opened.
    fn open_bucket(
        &self,
        engine: &dyn Engine,
        name: &str,
        merge: Merge,
    ) -> Outcome<Box<dyn Bucket>> {
        engine.open_bucket(name, merge)
    }

    /// A bucket is unloaded.
    fn unload_bucket(&self, engine: &dyn Engine, name: &str) -> Outcome<()> {
        engine.unload_bucket(name)
    }

    /// Garbage is collected.
    fn collect_garbage(&self, engine: &dyn Engine) {
        engine.collect_garbage();
    }

    /// The database is copied.
    fn copy_to(&self, engine: &dyn Engine, target: &Path) -> Outcome<()> {
        engine.copy_to(target)
    }

    /// A transaction begins.
    fn begin<'b>(&self, bucket: &'b dyn Bucket) -> Outcome<Box<dyn Txn + 'b>> {
        bucket.begin()
    }

    /// A snapshot is opened.
    fn view<'b>(&self, bucket: &'b dyn Bucket) -> Outcome<Box<dyn Read + 'b>> {
        bucket.view()
    }

    /// A checkpoint is asked for.
    fn checkpoint(&self, bucket: &dyn Bucket) {
        bucket.checkpoint();
    }

    /// A checkpoint is written.
    fn checkpoint_and_wait(&self, bucket: &dyn Bucket) {
        bucket.checkpoint_and_wait();
    }

    /// A view or a transaction reads a key.
    fn get(&self, read: &dyn Read, key: &[u8]) -> Outcome<Vec<u8>> {
        read.get(key)
    }

    /// A view or a transaction scans.
    fn scan(&self, read: &dyn Read, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        read.scan(scan)
    }

    /// The same, pair by pair.
    fn visit(
        &self,
        read: &dyn Read,
        scan: &Scan,
        visit: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Outcome<()> {
        read.visit(scan, visit)
    }

    /// A transaction writes, or removes a key whatever state it is in.
    fn write(&self, write: &dyn Fn() -> Outcome<()>) -> Outcome<()> {
        write()
    }

    /// A transaction removes a key that is there.
    fn delete(&self, delete: &dyn Fn() -> Outcome<()>) -> Outcome<()> {
        self.write(delete)
    }

    /// A transaction commits.
    fn commit(&self, txn: Box<dyn Txn + '_>) -> Outcome<()> {
        txn.commit()
    }
}

impl<L: Intercept> Driver for L {
    fn identity(&self) -> Identity {
        self.below().identity()
    }

    fn capabilities(&self) -> Capabilities {
        self.below().capabilities()
    }

    fn open(&self, dir: &Path, options: &EngineOptions) -> Outcome<Box<dyn Engine>> {
        let engine = self.below().open(dir, &self.options(dir, options))?;
        self.opened(engine.as_ref())?;
        Ok(match self.interceptor(dir) {
            None => engine,
            Some(layer) => Box::new(Intercepted { below: engine, layer }),
        })
    }

    fn check(&self, dir: &Path) -> Outcome<Vec<String>> {
        self.below().check(dir)
    }
}

/// A bucket below a layer that steps in at no engine.
pub fn bucket<'b>(below: &'b dyn Bucket, layer: Arc<dyn Interceptor>) -> Box<dyn Bucket + 'b> {
    Box::new(Intercepted { below, layer })
}

/// An open engine, or a bucket of it, below a layer.
struct Intercepted<T> {
    below: T,
    layer: Arc<dyn Interceptor>,
}

impl Intercepted<Box<dyn Engine>> {
    fn bucket(&self, below: Box<dyn Bucket>) -> Box<dyn Bucket> {
        Box::new(Intercepted { below, layer: Arc::clone(&self.layer) })
    }
}

impl Engine for Intercepted<Box<dyn Engine>> {
    fn create_bucket(&self, name: &str, options: &BucketOptions) -> Outcome<Box<dyn Bucket>> {
        Ok(self.bucket(self.below.create_bucket(name, options)?))
    }

    fn open_bucket(&self, name: &str, merge: Merge) -> Outcome<Box<dyn Bucket>> {
        Ok(self.bucket(self.layer.open_bucket(self.below.as_ref(), name, merge)?))
    }

    fn bucket_options(&self, name: &str) -> Outcome<BucketOptions> {
        self.below.bucket_options(name)
    }

    fn change_bucket_options(&self, name: &str, options: &BucketOptions) -> Outcome<()> {
        self.below.change_bucket_options(name, options)
    }

    fn unload_bucket(&self, name: &str) -> Outcome<()> {
        self.layer.unload_bucket(self.below.as_ref(), name)
    }

    fn delete_bucket(&self, name: &str) -> Outcome<()> {
        self.below.delete_bucket(name)
    }

    fn loaded_buckets(&self) -> Vec<String> {
        self.below.loaded_buckets()
    }

    fn options(&self) -> Option<EngineOptions> {
        self.below.options()
    }

    fn bucket_count(&self) -> u64 {
        self.below.bucket_count()
    }

    fn counted(&self, counter: Counter) -> Option<u64> {
        self.below.counted(counter)
    }

    fn collect_garbage(&self) {
        self.layer.collect_garbage(self.below.as_ref());
    }

    fn set_collection(&self, on: bool) {
        self.below.set_collection(on);
    }

    fn collected(&self) -> (u64, u64) {
        self.below.collected()
    }

    fn sync(&self) -> Outcome<()> {
        self.below.sync()
    }

    fn copy_to(&self, target: &Path) -> Outcome<()> {
        self.layer.copy_to(self.below.as_ref(), target)
    }

    fn accounting(&self) -> Outcome<Option<String>> {
        self.below.accounting()
    }
}

/// A bucket that is held or lent.
trait Below: Send + Sync {
    fn bucket(&self) -> &dyn Bucket;
}

impl Below for Box<dyn Bucket> {
    fn bucket(&self) -> &dyn Bucket {
        self.as_ref()
    }
}

impl Below for &dyn Bucket {
    fn bucket(&self) -> &dyn Bucket {
        *self
    }
}

impl<B: Below> Bucket for Intercepted<B> {
    fn begin(&self) -> Outcome<Box<dyn Txn + '_>> {
        let handle: Handle<'_, Box<dyn Txn + '_>> =
            Handle { below: self.layer.begin(self.below.bucket())?, layer: self.layer.as_ref() };
        Ok(Box::new(handle))
    }

    fn view(&self) -> Outcome<Box<dyn Read + '_>> {
        let handle: Handle<'_, Box<dyn Read + '_>> =
            Handle { below: self.layer.view(self.below.bucket())?, layer: self.layer.as_ref() };
        Ok(Box::new(handle))
    }

    fn checkpoint(&self) {
        self.layer.checkpoint(self.below.bucket());
    }

    fn checkpoint_and_wait(&self) {
        self.layer.checkpoint_and_wait(self.below.bucket());
    }

    fn engine_options(&self) -> Option<EngineOptions> {
        self.below.bucket().engine_options()
    }

    fn id(&self) -> Option<u64> {
        self.below.bucket().id()
    }
}

/// A view or a transaction below a layer.
struct Handle<'a, H> {
    below: H,
    layer: &'a dyn Interceptor,
}

/// What a handle reads with: of a transaction, the part that it shares with a view.
trait Reads {
    fn read(&self) -> &dyn Read;
}

impl Reads for Box<dyn Read + '_> {
    fn read(&self) -> &dyn Read {
        self.as_ref()
    }
}

impl Reads for Box<dyn Txn + '_> {
    fn read(&self) -> &dyn Read {
        self.as_ref()
    }
}

impl<H: Reads> Read for Handle<'_, H> {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        self.layer.get(self.below.read(), key)
    }

    fn scan(&self, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        self.layer.scan(self.below.read(), scan)
    }

    fn visit(&self, scan: &Scan, visit: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<()> {
        self.layer.visit(self.below.read(), scan, visit)
    }

    fn iterate(&self, scan: &Scan) -> Outcome<Iterated> {
        self.below.read().iterate(scan)
    }

    fn writer_group(&self, key: &[u8]) -> Outcome<u64> {
        self.below.read().writer_group(key)
    }
}

impl Txn for Handle<'_, Box<dyn Txn + '_>> {
    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.layer.write(&|| self.below.put(key, value))
    }

    fn update(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.layer.write(&|| self.below.update(key, value))
    }

    fn upsert(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.layer.write(&|| self.below.upsert(key, value))
    }

    fn del(&self, key: &[u8]) -> Outcome<()> {
        self.layer.delete(&|| self.below.del(key))
    }

    fn merge(&self, key: &[u8], operand: &[u8]) -> Outcome<()> {
        self.layer.write(&|| self.below.merge(key, operand))
    }

    fn reset_merge(&self, key: &[u8]) -> Outcome<()> {
        self.layer.write(&|| self.below.reset_merge(key))
    }

    fn commit(self: Box<Self>) -> Outcome<()> {
        self.layer.commit(self.below)
    }
}
