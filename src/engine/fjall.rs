//! The adapter for fjall, a third engine for the cases of `prod_power`, behind the feature of its
//! name. A bucket is a keyspace, a transaction is fjall's one write transaction at a time, in which
//! only the bucket's own keyspace is used. Its other kind of transaction is not used: it lets two
//! blind writers of a key commit in the order in which they arrive at the log, which no stamp of ours
//! shows. It translates calls and answers; it never retries, sleeps or judges.

use crate::engine::{
    Bucket, BucketOptions, Capabilities, Driver, Engine, EngineError, EngineOptions, Identity,
    Keys, Merge, Order, Outcome, Read, Reason, Scan, Txn, put_by_reading, update_by_reading,
};
use fjall::{
    AbstractTree, Error, Iter, KeyspaceCreateOptions, KvSeparationOptions, PersistMode, Readable,
    SingleWriterTxDatabase, SingleWriterTxKeyspace, SingleWriterWriteTx, Snapshot,
};
use std::{cell::RefCell, ops::Bound, path::Path, thread, time::Duration};

/// How often the end of a checkpoint is looked for.
const LOOK: Duration = Duration::from_micros(100);

/// Opens fjall.
#[derive(Clone, Copy, Debug, Default)]
pub struct FjallDriver;

const UNSUPPORTED: EngineError = EngineError::Refused(Reason::Unsupported);

fn failed(error: Error) -> EngineError {
    match error {
        Error::Locked => EngineError::Refused(Reason::Busy),
        Error::KeyspaceDeleted => EngineError::Absent,
        Error::InvalidVersion(_) => EngineError::Refused(Reason::Version),
        other => EngineError::Failed(other.to_string()),
    }
}

impl Driver for FjallDriver {
    fn identity(&self) -> Identity {
        Identity {
            name: "fjall".to_owned(),
            version: "3.1".to_owned(),
            build: crate::settings::ENGINE_BUILD.name().to_owned(),
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            failpoints: false,
            checker: false,
            copy: false,
            merge: false,
            files: true,
            resizes: true,
            stops_by_panic: false,
            outlives: true,
        }
    }

    fn open(&self, dir: &Path, options: &EngineOptions) -> Outcome<Box<dyn Engine>> {
        let database = SingleWriterTxDatabase::builder(dir)
            .cache_size(1 << 20)
            .worker_threads(1)
            .open()
            .map_err(failed)?;
        let durable = options.durable;
        let blob_file_bytes = options.blob_file_bytes;
        Ok(Box::new(FjallEngine { database, durable, blob_file_bytes }))
    }

    fn check(&self, _: &Path) -> Outcome<Vec<String>> {
        Err(UNSUPPORTED)
    }
}

struct FjallEngine {
    database: SingleWriterTxDatabase,
    durable: bool,
    blob_file_bytes: u64,
}

impl FjallEngine {
    fn bucket(&self, name: &str, options: KeyspaceCreateOptions) -> Outcome<Box<dyn Bucket>> {
        let keyspace = self.database.keyspace(name, || options).map_err(failed)?;
        let database = self.database.clone();
        let persist = if self.durable { PersistMode::SyncAll } else { PersistMode::Buffer };
        Ok(Box::new(FjallBucket { database, keyspace, persist }))
    }

    fn keyspace(&self, name: &str) -> Outcome<SingleWriterTxKeyspace> {
        if !self.database.keyspace_exists(name) {
            return Err(EngineError::Absent);
        }
        self.database.keyspace(name, KeyspaceCreateOptions::default).map_err(failed)
    }
}

impl Engine for FjallEngine {
    fn create_bucket(&self, name: &str, options: &BucketOptions) -> Outcome<Box<dyn Bucket>> {
        if self.database.keyspace_exists(name) {
            return Err(EngineError::Refused(Reason::Exists));
        }
        let blobs = KvSeparationOptions::default()
            .separation_threshold(options.inline_bytes)
            .file_target_size(self.blob_file_bytes);
        let theirs = KeyspaceCreateOptions::default()
            .max_memtable_size(options.checkpoint_bytes)
            .with_kv_separation(Some(blobs));
        self.bucket(name, theirs)
    }

    fn open_bucket(&self, name: &str, _: Merge) -> Outcome<Box<dyn Bucket>> {
        self.keyspace(name)?;
        self.bucket(name, KeyspaceCreateOptions::default())
    }

    fn bucket_options(&self, _: &str) -> Outcome<BucketOptions> {
        Err(UNSUPPORTED)
    }

    fn change_bucket_options(&self, _: &str, _: &BucketOptions) -> Outcome<()> {
        Err(UNSUPPORTED)
    }

    fn unload_bucket(&self, _: &str) -> Outcome<()> {
        Ok(())
    }

    fn delete_bucket(&self, name: &str) -> Outcome<()> {
        let keyspace = self.keyspace(name)?;
        self.database.inner().delete_keyspace(keyspace.inner().clone()).map_err(failed)
    }

    fn loaded_buckets(&self) -> Vec<String> {
        Vec::new()
    }

    fn bucket_count(&self) -> u64 {
        0
    }

    /// Merges the files of every keyspace, which is when values that nobody needs are dropped. Not
    /// part of fjall's documented interface, which merges when it sees fit.
    fn collect_garbage(&self) {
        for name in self.database.list_keyspace_names() {
            if let Ok(keyspace) = self.keyspace(&name) {
                // A failed round is for the next call that needs the files to tell.
                let _ = keyspace.inner().major_compact();
            }
        }
    }

    fn set_collection(&self, _: bool) {}

    fn collected(&self) -> (u64, u64) {
        (0, 0)
    }

    fn sync(&self) -> Outcome<()> {
        self.database.persist(PersistMode::SyncAll).map_err(failed)
    }

    fn copy_to(&self, _: &Path) -> Outcome<()> {
        Err(UNSUPPORTED)
    }
}

struct FjallBucket {
    database: SingleWriterTxDatabase,
    keyspace: SingleWriterTxKeyspace,
    persist: PersistMode,
}

impl Bucket for FjallBucket {
    fn begin(&self) -> Outcome<Box<dyn Txn + '_>> {
        let txn = self.database.write_tx().durability(Some(self.persist));
        Ok(Box::new(FjallTxn { txn: RefCell::new(txn), keyspace: &self.keyspace }))
    }

    fn view(&self) -> Outcome<Box<dyn Read + '_>> {
        let snapshot = self.database.read_tx();
        Ok(Box::new(FjallView { snapshot, keyspace: &self.keyspace }))
    }

    /// Begins a new memtable; the old one is written to a file. Not part of fjall's documented
    /// interface, which does so when a memtable is full.
    fn checkpoint(&self) {
        // A failed one is for the next call that needs the files to tell.
        let _ = self.keyspace.inner().rotate_memtable();
    }

    fn checkpoint_and_wait(&self) {
        // fjall's own `rotate_memtable_and_wait` waits for ever for a worker that a failing disk ended.
        // Asked to persist what is written already, the database says so.
        let keyspace = self.keyspace.inner();
        let rotated = keyspace.rotate_memtable().unwrap_or_default();
        while rotated
            && keyspace.tree.sealed_memtable_count() > 0
            && self.database.persist(PersistMode::Buffer).is_ok()
        {
            thread::park_timeout(LOOK);
        }
    }

    fn id(&self) -> u64 {
        self.keyspace.inner().id()
    }
}

struct FjallView<'a> {
    snapshot: Snapshot,
    keyspace: &'a SingleWriterTxKeyspace,
}

struct FjallTxn<'a> {
    txn: RefCell<SingleWriterWriteTx<'a>>,
    keyspace: &'a SingleWriterTxKeyspace,
}

fn get(read: &impl Readable, keyspace: &SingleWriterTxKeyspace, key: &[u8]) -> Outcome<Vec<u8>> {
    let found = read.get(keyspace, key).map_err(failed)?;
    found.map(|value| value.to_vec()).ok_or(EngineError::Absent)
}

fn scan(
    read: &impl Readable,
    keyspace: &SingleWriterTxKeyspace,
    scan: &Scan,
) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut met: Iter = match &scan.keys {
        Keys::All => read.iter(keyspace),
        Keys::Prefix(prefix) => read.prefix(keyspace, prefix),
        Keys::Range(low, high) => {
            let bounds: (Bound<&[u8]>, Bound<&[u8]>) =
                (low.as_ref().map(Vec::as_slice), high.as_ref().map(Vec::as_slice));
            read.range::<&[u8], _>(keyspace, bounds)
        }
    };
    let mut pairs = Vec::new();
    while pairs.len() < scan.limit {
        let back = match scan.order {
            Order::Forward => false,
            Order::Backward => true,
            Order::Alternating => pairs.len() % 2 == 1,
        };
        let next = if back { met.next_back() } else { met.next() };
        let Some(entry) = next else { break };
        let (key, value) = entry.into_inner().map_err(failed)?;
        pairs.push((key.to_vec(), value.to_vec()));
    }
    Ok(pairs)
}

impl Read for FjallView<'_> {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        get(&self.snapshot, self.keyspace, key)
    }

    fn scan(&self, keys: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        scan(&self.snapshot, self.keyspace, keys)
    }
}

impl Read for FjallTxn<'_> {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        get(&*self.txn.borrow(), self.keyspace, key)
    }

    fn scan(&self, keys: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        scan(&*self.txn.borrow(), self.keyspace, keys)
    }
}

impl Txn for FjallTxn<'_> {
    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        put_by_reading(self, key, value)
    }

    fn update(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        update_by_reading(self, key, value)
    }

    fn upsert(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.txn.borrow_mut().insert(self.keyspace, key, value);
        Ok(())
    }

    fn del(&self, key: &[u8]) -> Outcome<()> {
        self.get(key)?;
        self.txn.borrow_mut().remove(self.keyspace, key);
        Ok(())
    }

    fn merge(&self, _: &[u8], _: &[u8]) -> Outcome<()> {
        Err(UNSUPPORTED)
    }

    fn reset_merge(&self, key: &[u8]) -> Outcome<()> {
        self.txn.borrow_mut().remove(self.keyspace, key);
        Ok(())
    }

    fn commit(self: Box<Self>) -> Outcome<()> {
        match self.txn.into_inner().commit() {
            Ok(()) => Ok(()),
            // An earlier one failed: nothing was written for this one.
            Err(Error::Poisoned) => Err(failed(Error::Poisoned)),
            // What an error leaves is known at the next opening only.
            Err(error) => Err(EngineError::Unknown(error.to_string())),
        }
    }
}
