//! The adapter for fjall, behind the feature of its name, in both of its modes: one write transaction at a
//! time, or any number that are checked for conflicts at their commits. A bucket is a keyspace, and a
//! transaction uses the bucket's own keyspace only. In the optimistic mode two blind writers of a key commit
//! in the order in which they arrive at the log, which no stamp of ours shows: clients read what they
//! write. It translates calls and answers; it never retries, sleeps or judges.

use crate::engine::{
    Bucket, BucketOptions, Capabilities, Driver, Engine, EngineError, EngineOptions, Identity,
    Iterated, Keys, Merge, Outcome, Read, Reason, Scan, Txn, Writers, by_reading,
};
use fjall::{
    AbstractTree, Conflict, Database, Error, Iter, Keyspace, KeyspaceCreateOptions,
    KvSeparationOptions, OptimisticTxDatabase, OptimisticWriteTx, PersistMode, Readable,
    SingleWriterTxDatabase, SingleWriterTxKeyspace, SingleWriterWriteTx, Snapshot,
};
use isolation::Level;
use std::{cell::RefCell, ops::Bound, path::Path, thread, time::Duration};

/// How often the end of a checkpoint is looked for.
const LOOK: Duration = Duration::from_micros(100);

/// The longest key, in bytes. "Keys are limited to 65536 bytes" (`fjall`, `lib.rs`), and one of exactly that
/// length ends in a panic, when it is only read too: `fjall-key-of-65536-bytes`.
const LONGEST_KEY: usize = u16::MAX as usize;

/// Opens fjall, in one of its modes.
#[derive(Clone, Copy, Debug)]
pub enum FjallDriver {
    /// `SingleWriterTxDatabase`
    OneWriter,
    /// `OptimisticTxDatabase`
    Optimistic,
}

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
            name: match self {
                Self::OneWriter => "fjall".to_owned(),
                Self::Optimistic => "fjall-optimistic".to_owned(),
            },
            version: env!("RESOLVED_FJALL_VERSION").to_owned(),
            build: crate::settings::ENGINE_BUILD.name().to_owned(),
        }
    }

    /// "Serializable snapshot isolation" in the optimistic mode (README, `OptimisticTxDatabase`).
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            writers: match self {
                Self::OneWriter => Writers::OneAtATime,
                Self::Optimistic => Writers::CheckedAtCommit,
            },
            level: Level::Serialisable,
            longest_key: LONGEST_KEY,
            refuses_long_keys: false,
            checkpoints: true,
            iterates: true,
            ..Capabilities::LEAST
        }
    }

    fn open(&self, dir: &Path, options: &EngineOptions) -> Outcome<Box<dyn Engine>> {
        let database = match self {
            Self::OneWriter => SingleWriterTxDatabase::builder(dir)
                .cache_size(1 << 20)
                .worker_threads(1)
                .open()
                .map(Mode::OneWriter),
            Self::Optimistic => OptimisticTxDatabase::builder(dir)
                .cache_size(1 << 20)
                .worker_threads(1)
                .open()
                .map(Mode::Optimistic),
        };
        let database = database.map_err(failed)?;
        let durable = options.durable;
        let blob_file_bytes = options.blob_file_bytes;
        Ok(Box::new(FjallEngine { database, durable, blob_file_bytes }))
    }

    fn check(&self, _: &Path) -> Outcome<Vec<String>> {
        Err(EngineError::UNSUPPORTED)
    }
}

/// An open database in its mode.
#[derive(Clone)]
enum Mode {
    OneWriter(SingleWriterTxDatabase),
    Optimistic(OptimisticTxDatabase),
}

impl Mode {
    fn inner(&self) -> &Database {
        match self {
            Self::OneWriter(database) => database.inner(),
            Self::Optimistic(database) => database.inner(),
        }
    }
}

struct FjallEngine {
    database: Mode,
    durable: bool,
    blob_file_bytes: u64,
}

impl FjallEngine {
    fn bucket(
        &self,
        name: &str,
        options: KeyspaceCreateOptions,
        merge: Merge,
    ) -> Outcome<Box<dyn Bucket>> {
        let keyspace = self.database.inner().keyspace(name, || options).map_err(failed)?;
        let database = self.database.clone();
        let writes_to = match &database {
            Mode::OneWriter(database) => {
                let again = database.keyspace(name, KeyspaceCreateOptions::default);
                Some(again.map_err(failed)?)
            }
            Mode::Optimistic(_) => None,
        };
        let persist = if self.durable { PersistMode::SyncAll } else { PersistMode::Buffer };
        Ok(Box::new(FjallBucket { database, keyspace, writes_to, merge, persist }))
    }

    fn keyspace(&self, name: &str) -> Outcome<Keyspace> {
        let database = self.database.inner();
        if !database.keyspace_exists(name) {
            return Err(EngineError::Absent);
        }
        database.keyspace(name, KeyspaceCreateOptions::default).map_err(failed)
    }
}

impl Engine for FjallEngine {
    fn create_bucket(&self, name: &str, options: &BucketOptions) -> Outcome<Box<dyn Bucket>> {
        if self.database.inner().keyspace_exists(name) {
            return Err(EngineError::Refused(Reason::Exists));
        }
        let blobs = KvSeparationOptions::default()
            .separation_threshold(options.inline_bytes)
            .file_target_size(self.blob_file_bytes);
        let theirs = KeyspaceCreateOptions::default()
            .max_memtable_size(options.checkpoint_bytes)
            .with_kv_separation(Some(blobs));
        self.bucket(name, theirs, options.merge)
    }

    fn open_bucket(&self, name: &str, merge: Merge) -> Outcome<Box<dyn Bucket>> {
        self.keyspace(name)?;
        self.bucket(name, KeyspaceCreateOptions::default(), merge)
    }

    fn bucket_options(&self, name: &str) -> Outcome<BucketOptions> {
        self.keyspace(name)?;
        Err(EngineError::UNSUPPORTED)
    }

    fn change_bucket_options(&self, _: &str, _: &BucketOptions) -> Outcome<()> {
        Err(EngineError::UNSUPPORTED)
    }

    fn unload_bucket(&self, _: &str) -> Outcome<()> {
        Ok(())
    }

    fn delete_bucket(&self, name: &str) -> Outcome<()> {
        let keyspace = self.keyspace(name)?;
        self.database.inner().delete_keyspace(keyspace).map_err(failed)
    }

    /// All of them: none is loaded or unloaded.
    fn loaded_buckets(&self) -> Vec<String> {
        let names = self.database.inner().list_keyspace_names();
        names.into_iter().map(|name| name.to_string()).collect()
    }

    fn bucket_count(&self) -> u64 {
        self.database.inner().keyspace_count() as u64
    }

    /// Merges the files of every keyspace, which is when values that nobody needs are dropped. Not
    /// part of fjall's documented interface, which merges when it sees fit.
    fn collect_garbage(&self) {
        for name in self.database.inner().list_keyspace_names() {
            if let Ok(keyspace) = self.keyspace(&name) {
                // A failed round is for the next call that needs the files to tell.
                let _ = keyspace.major_compact();
            }
        }
    }

    fn set_collection(&self, _: bool) {}

    fn collected(&self) -> (u64, u64) {
        (0, 0)
    }

    fn sync(&self) -> Outcome<()> {
        self.database.inner().persist(PersistMode::SyncAll).map_err(failed)
    }

    fn copy_to(&self, _: &Path) -> Outcome<()> {
        Err(EngineError::UNSUPPORTED)
    }
}

struct FjallBucket {
    database: Mode,
    keyspace: Keyspace,
    /// The same, as one writer at a time wants it.
    writes_to: Option<SingleWriterTxKeyspace>,
    merge: Merge,
    persist: PersistMode,
}

impl Bucket for FjallBucket {
    fn begin(&self) -> Outcome<Box<dyn Txn + '_>> {
        let persist = Some(self.persist);
        let txn = match (&self.database, &self.writes_to) {
            (Mode::OneWriter(database), Some(keyspace)) => {
                Write::OneWriter(database.write_tx().durability(persist), keyspace)
            }
            (Mode::OneWriter(_), None) => return Err(EngineError::UNSUPPORTED),
            (Mode::Optimistic(database), _) => {
                Write::Optimistic(database.write_tx().map_err(failed)?.durability(persist))
            }
        };
        let merge = self.merge;
        Ok(Box::new(FjallTxn { txn: RefCell::new(txn), keyspace: &self.keyspace, merge }))
    }

    fn view(&self) -> Outcome<Box<dyn Read + '_>> {
        let snapshot = self.database.inner().snapshot();
        Ok(Box::new(FjallView { snapshot, keyspace: &self.keyspace }))
    }

    /// Begins a new memtable; the old one is written to a file. Not part of fjall's documented
    /// interface, which does so when a memtable is full.
    fn checkpoint(&self) {
        // A failed one is for the next call that needs the files to tell.
        let _ = self.keyspace.rotate_memtable();
    }

    fn checkpoint_and_wait(&self) {
        // fjall's own `rotate_memtable_and_wait` waits for ever for a worker that a failing disk ended.
        // Asked to persist what is written already, the database says so.
        let keyspace = &self.keyspace;
        let rotated = keyspace.rotate_memtable().unwrap_or_default();
        while rotated
            && keyspace.tree.sealed_memtable_count() > 0
            && self.database.inner().persist(PersistMode::Buffer).is_ok()
        {
            thread::park_timeout(LOOK);
        }
    }

    fn id(&self) -> Option<u64> {
        Some(self.keyspace.id())
    }
}

struct FjallView<'a> {
    snapshot: Snapshot,
    keyspace: &'a Keyspace,
}

/// A write transaction of either mode.
enum Write<'a> {
    OneWriter(SingleWriterWriteTx<'a>, &'a SingleWriterTxKeyspace),
    Optimistic(OptimisticWriteTx),
}

struct FjallTxn<'a> {
    txn: RefCell<Write<'a>>,
    keyspace: &'a Keyspace,
    merge: Merge,
}

fn get(read: &impl Readable, keyspace: &Keyspace, key: &[u8]) -> Outcome<Vec<u8>> {
    let found = read.get(keyspace, key).map_err(failed)?;
    found.map(|value| value.to_vec()).ok_or(EngineError::Absent)
}

fn iterate(read: &impl Readable, keyspace: &Keyspace, scan: &Scan) -> Outcome<Iterated> {
    let met: Iter = match &scan.keys {
        Keys::All => read.iter(keyspace),
        Keys::Prefix(prefix) => read.prefix(keyspace, prefix),
        Keys::Range(low, high) => {
            let bounds: (Bound<&[u8]>, Bound<&[u8]>) =
                (low.as_ref().map(Vec::as_slice), high.as_ref().map(Vec::as_slice));
            read.range::<&[u8], _>(keyspace, bounds)
        }
    };
    scan.iterated(met.map(|entry| {
        let (key, value) = entry.into_inner().map_err(failed)?;
        Ok((key.to_vec(), value.to_vec()))
    }))
}

impl Read for FjallView<'_> {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        get(&self.snapshot, self.keyspace, key)
    }

    fn scan(&self, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        self.iterate(scan).map(|met| met.pairs)
    }

    fn iterate(&self, scan: &Scan) -> Outcome<Iterated> {
        iterate(&self.snapshot, self.keyspace, scan)
    }
}

impl Read for FjallTxn<'_> {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        match &*self.txn.borrow() {
            Write::OneWriter(txn, _) => get(txn, self.keyspace, key),
            Write::Optimistic(txn) => get(txn, self.keyspace, key),
        }
    }

    fn scan(&self, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        self.iterate(scan).map(|met| met.pairs)
    }

    fn iterate(&self, scan: &Scan) -> Outcome<Iterated> {
        match &*self.txn.borrow() {
            Write::OneWriter(txn, _) => iterate(txn, self.keyspace, scan),
            Write::Optimistic(txn) => iterate(txn, self.keyspace, scan),
        }
    }
}

impl FjallTxn<'_> {
    fn remove(&self, key: &[u8]) {
        match &mut *self.txn.borrow_mut() {
            Write::OneWriter(txn, keyspace) => txn.remove(keyspace, key),
            Write::Optimistic(txn) => txn.remove(self.keyspace, key),
        }
    }
}

impl Txn for FjallTxn<'_> {
    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        by_reading::put(self, key, value)
    }

    fn update(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        by_reading::update(self, key, value)
    }

    fn upsert(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        match &mut *self.txn.borrow_mut() {
            Write::OneWriter(txn, keyspace) => txn.insert(keyspace, key, value),
            Write::Optimistic(txn) => txn.insert(self.keyspace, key, value),
        }
        Ok(())
    }

    fn del(&self, key: &[u8]) -> Outcome<()> {
        self.get(key)?;
        self.remove(key);
        Ok(())
    }

    fn merge(&self, key: &[u8], operand: &[u8]) -> Outcome<()> {
        by_reading::merge(self, self.merge, key, operand)
    }

    fn reset_merge(&self, key: &[u8]) -> Outcome<()> {
        self.remove(key);
        Ok(())
    }

    fn commit(self: Box<Self>) -> Outcome<()> {
        let answer = match self.txn.into_inner() {
            Write::OneWriter(txn, _) => txn.commit(),
            Write::Optimistic(txn) => match txn.commit() {
                Ok(Err(Conflict)) => return Err(EngineError::Conflict),
                Ok(Ok(())) => Ok(()),
                Err(error) => Err(error),
            },
        };
        match answer {
            Ok(()) => Ok(()),
            // An earlier one failed: nothing was written for this one.
            Err(Error::Poisoned) => Err(failed(Error::Poisoned)),
            // What an error leaves is known at the next opening only.
            Err(error) => Err(EngineError::Unknown(error.to_string())),
        }
    }
}
