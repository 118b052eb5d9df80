//! The honest in-memory reference: an engine that keeps every promise of mace-kv, for self-tests
//! and differential runs. It never touches a file: a folder's path is only the name under which
//! its data are found again. One lock for each database, so any number of clients may drive it.
//!
//! Where the engine under test may answer `Busy` for a while (aborted work not yet cleaned), this
//! one never does. The rules of versions and snapshots are in `model/store.rs`.

mod merge;
mod store;

pub use merge::{merged, sum};
pub use store::{MAX_BUCKETS, MAX_KEY_BYTES, MAX_NAME_BYTES, MAX_PAIR_BYTES, Pairs, clamp};

use crate::engine::{
    Bucket, BucketOptions, Capabilities, Driver, Engine, EngineError, EngineOptions, Identity,
    Merge, Outcome, Read, Reason, Scan, Txn,
};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use store::{Database, Snapshot, Write};

type Shared = Arc<Mutex<Database>>;

/// Opens the reference. Clones share one disk: what one wrote, the other finds.
#[derive(Clone, Debug, Default)]
pub struct ModelDriver {
    disk: Arc<Mutex<BTreeMap<PathBuf, Shared>>>,
}

impl ModelDriver {
    /// The committed pairs of every bucket of a database, open or closed; empty when there is
    /// no such database.
    pub fn committed(&self, dir: &Path) -> BTreeMap<String, Pairs> {
        let database = lock(&self.disk).get(dir).cloned();
        database.map(|database| lock(&database).committed()).unwrap_or_default()
    }

    /// Rewrites the committed pairs of a bucket of a closed database, as a crash or a defect
    /// would: this is how a faulty engine loses, revives or mixes up data.
    ///
    /// # Panics
    /// When the database is open or has no such bucket.
    pub fn tamper(&self, dir: &Path, bucket: &str, edit: impl FnOnce(&mut Pairs)) {
        let database = lock(&self.disk).get(dir).cloned().expect("only what was written is edited");
        lock(&database).tamper(bucket, edit);
    }
}

impl Driver for ModelDriver {
    fn identity(&self) -> Identity {
        Identity { name: "model".to_owned(), version: "1".to_owned(), build: "plain".to_owned() }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            longest_key: MAX_KEY_BYTES,
            checker: true,
            copy: true,
            collects: true,
            sized: true,
            checkpoints: true,
            operands: true,
            held_buckets: true,
            files: false,
            resizes: true,
            ..Capabilities::LEAST
        }
    }

    fn open(&self, dir: &Path, _options: &EngineOptions) -> Outcome<Box<dyn Engine>> {
        let shared = lock(&self.disk).entry(dir.to_owned()).or_default().clone();
        if !lock(&shared).open() {
            return Err(EngineError::Refused(Reason::Busy));
        }
        let session = Arc::new(Session { shared });
        Ok(Box::new(ModelEngine { session, disk: self.disk.clone() }))
    }

    fn check(&self, dir: &Path) -> Outcome<Vec<String>> {
        if lock(&self.disk).contains_key(dir) { Ok(Vec::new()) } else { Err(EngineError::Absent) }
    }
}

/// A poisoned lock means that a client panicked between two whole steps: the state is sound.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One opening of a database. The engine and its buckets share it; the last of them closes.
struct Session {
    shared: Shared,
}

impl Session {
    fn database(&self) -> MutexGuard<'_, Database> {
        lock(&self.shared)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.database().close();
    }
}

struct ModelEngine {
    session: Arc<Session>,
    disk: Arc<Mutex<BTreeMap<PathBuf, Shared>>>,
}

impl ModelEngine {
    /// `id` was counted as a handle by the database already.
    fn handle(&self, id: u64) -> Box<dyn Bucket> {
        Box::new(ModelBucket { session: self.session.clone(), id })
    }
}

impl Engine for ModelEngine {
    fn create_bucket(&self, name: &str, options: &BucketOptions) -> Outcome<Box<dyn Bucket>> {
        let id = self.session.database().create(name, options)?;
        Ok(self.handle(id))
    }

    fn open_bucket(&self, name: &str, merge: Merge) -> Outcome<Box<dyn Bucket>> {
        let id = self.session.database().load(name, merge)?;
        Ok(self.handle(id))
    }

    fn bucket_options(&self, name: &str) -> Outcome<BucketOptions> {
        self.session.database().options(name)
    }

    fn change_bucket_options(&self, name: &str, options: &BucketOptions) -> Outcome<()> {
        self.session.database().change_options(name, options)
    }

    fn unload_bucket(&self, name: &str) -> Outcome<()> {
        self.session.database().unload(name)
    }

    fn delete_bucket(&self, name: &str) -> Outcome<()> {
        self.session.database().delete(name)
    }

    fn loaded_buckets(&self) -> Vec<String> {
        self.session.database().loaded()
    }

    fn bucket_count(&self) -> u64 {
        self.session.database().count()
    }

    fn collect_garbage(&self) {
        self.session.database().reap();
    }

    fn set_collection(&self, _on: bool) {}

    fn collected(&self) -> (u64, u64) {
        (0, 0)
    }

    fn sync(&self) -> Outcome<()> {
        Ok(())
    }

    /// It has no files to account for.
    fn accounting(&self) -> Outcome<Option<String>> {
        Ok(None)
    }

    fn copy_to(&self, target: &Path) -> Outcome<()> {
        let copy = self.session.database().copy();
        let mut disk = lock(&self.disk);
        if disk.contains_key(target) || target.exists() {
            return Err(EngineError::Refused(Reason::Exists));
        }
        disk.insert(target.to_owned(), Arc::new(Mutex::new(copy)));
        Ok(())
    }
}

struct ModelBucket {
    session: Arc<Session>,
    id: u64,
}

impl Drop for ModelBucket {
    fn drop(&mut self) {
        self.session.database().release(self.id);
    }
}

impl Bucket for ModelBucket {
    fn begin(&self) -> Outcome<Box<dyn Txn + '_>> {
        let snapshot = self.session.database().begin();
        Ok(Box::new(ModelTxn {
            bucket: self,
            snapshot,
            doomed: Cell::new(false),
            written: RefCell::default(),
        }))
    }

    fn view(&self) -> Outcome<Box<dyn Read + '_>> {
        let snapshot = self.session.database().view();
        Ok(Box::new(ModelView { bucket: self, snapshot }))
    }

    fn checkpoint(&self) {}

    fn checkpoint_and_wait(&self) {}

    fn id(&self) -> Option<u64> {
        Some(self.id)
    }
}

struct ModelView<'a> {
    bucket: &'a ModelBucket,
    snapshot: Snapshot,
}

impl Read for ModelView<'_> {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        self.bucket.session.database().bucket(self.bucket.id).get(self.snapshot, key)
    }

    fn scan(&self, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        self.bucket.session.database().bucket(self.bucket.id).scan(self.snapshot, scan)
    }
}

struct ModelTxn<'a> {
    bucket: &'a ModelBucket,
    snapshot: Snapshot,
    /// A conflict ends the transaction: it can only be dropped.
    doomed: Cell<bool>,
    /// Keys with versions of this transaction.
    written: RefCell<BTreeSet<Vec<u8>>>,
}

impl ModelTxn<'_> {
    fn write(&self, key: &[u8], write: Write) -> Outcome<()> {
        if self.doomed.get() {
            return Err(EngineError::Conflict);
        }
        let mut database = self.bucket.session.database();
        let answer = database.bucket(self.bucket.id).write(self.snapshot, key, write);
        match &answer {
            Ok(()) => drop(self.written.borrow_mut().insert(key.to_vec())),
            Err(EngineError::Conflict) => self.doomed.set(true),
            Err(_) => {}
        }
        answer
    }
}

impl Read for ModelTxn<'_> {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        self.bucket.session.database().bucket(self.bucket.id).get(self.snapshot, key)
    }

    fn scan(&self, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        self.bucket.session.database().bucket(self.bucket.id).scan(self.snapshot, scan)
    }
}

impl Txn for ModelTxn<'_> {
    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.write(key, Write::Put(value.to_vec()))
    }

    fn update(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.write(key, Write::Update(value.to_vec()))
    }

    fn upsert(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.write(key, Write::Upsert(value.to_vec()))
    }

    fn del(&self, key: &[u8]) -> Outcome<()> {
        self.write(key, Write::Delete)
    }

    fn merge(&self, key: &[u8], operand: &[u8]) -> Outcome<()> {
        self.write(key, Write::Merge(operand.to_vec()))
    }

    fn reset_merge(&self, key: &[u8]) -> Outcome<()> {
        match self.write(key, Write::Delete) {
            Err(EngineError::Absent) => Ok(()),
            answer => answer,
        }
    }

    fn commit(self: Box<Self>) -> Outcome<()> {
        if self.doomed.get() {
            return Err(EngineError::Conflict);
        }
        let written = self.written.take();
        self.bucket.session.database().commit(self.bucket.id, self.snapshot, &written);
        Ok(())
    }
}

impl Drop for ModelTxn<'_> {
    /// What a commit did not take is taken back.
    fn drop(&mut self) {
        let written = self.written.take();
        if !written.is_empty() {
            self.bucket.session.database().bucket(self.bucket.id).abort(self.snapshot, &written);
        }
    }
}

#[cfg(test)]
mod tests;
