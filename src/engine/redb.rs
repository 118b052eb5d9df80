//! The adapter for redb, behind the feature of its name. A bucket is a table, a transaction is redb's one
//! write transaction, in which only the bucket's own table is used. It translates calls and answers; it
//! never retries, sleeps or judges.

use crate::engine::{
    Bucket, BucketOptions, Capabilities, Driver, Engine, EngineError, EngineOptions, Identity,
    Iterated, Keys, Merge, Outcome, Read, Reason, Scan, Txn, Writers, by_reading,
};
use isolation::Level;
use redb::{
    CommitError, Database, Durability, Error, ReadOnlyTable, ReadableDatabase, ReadableTable,
    TableDefinition, TableError, TableHandle, WriteTransaction,
};
use std::{fs, ops::Bound, path::Path, sync::Arc};

/// The one file of a database.
const FILE: &str = "redb";

/// Opens redb.
#[derive(Clone, Copy, Debug, Default)]
pub struct RedbDriver;

type Definition<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;

fn failed(error: impl Into<Error>) -> EngineError {
    match error.into() {
        Error::DatabaseAlreadyOpen => EngineError::Refused(Reason::Busy),
        error => EngineError::Failed(error.to_string()),
    }
}

/// What a commit that failed leaves is known at the next opening only.
fn unknown(error: &CommitError) -> EngineError {
    EngineError::Unknown(error.to_string())
}

fn absent(error: TableError) -> EngineError {
    if matches!(error, TableError::TableDoesNotExist(_)) {
        EngineError::Absent
    } else {
        failed(error)
    }
}

impl Driver for RedbDriver {
    fn identity(&self) -> Identity {
        Identity {
            name: "redb".to_owned(),
            version: env!("RESOLVED_REDB_VERSION").to_owned(),
            build: crate::settings::ENGINE_BUILD.name().to_owned(),
        }
    }

    /// "Only a single write may be in progress at a time" (`Database::begin_write`), so that transactions are
    /// serialisable. A commit without durability is kept in memory until one with it (`Durability::None`).
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            writers: Writers::OneAtATime,
            level: Level::Serialisable,
            checker: true,
            iterates: true,
            outlives: false,
            ..Capabilities::LEAST
        }
    }

    fn open(&self, dir: &Path, options: &EngineOptions) -> Outcome<Box<dyn Engine>> {
        let made = fs::create_dir_all(dir);
        made.map_err(|error| EngineError::Failed(format!("create {}: {error}", dir.display())))?;
        let database = Database::builder().set_cache_size(1 << 20).create(dir.join(FILE));
        let durable = options.durable;
        Ok(Box::new(RedbEngine { database: Arc::new(database.map_err(failed)?), durable }))
    }

    fn check(&self, dir: &Path) -> Outcome<Vec<String>> {
        let mut database = Database::open(dir.join(FILE)).map_err(failed)?;
        let sound = database.check_integrity().map_err(failed)?;
        Ok(if sound { Vec::new() } else { vec!["check_integrity had to repair".to_owned()] })
    }
}

struct RedbEngine {
    database: Arc<Database>,
    durable: bool,
}

impl RedbEngine {
    fn write(&self, act: impl FnOnce(&WriteTransaction) -> Outcome<()>) -> Outcome<()> {
        let txn = self.database.begin_write().map_err(failed)?;
        act(&txn)?;
        txn.commit().map_err(|error| unknown(&error))
    }

    fn bucket(&self, name: &str, merge: Merge) -> Box<dyn Bucket> {
        let database = Arc::clone(&self.database);
        let name = name.to_owned();
        Box::new(RedbBucket { database, name, merge, durable: self.durable })
    }

    fn has(&self, name: &str) -> Outcome<()> {
        let txn = self.database.begin_read().map_err(failed)?;
        txn.open_table(Definition::new(name)).map(|_| ()).map_err(absent)
    }
}

impl Engine for RedbEngine {
    fn create_bucket(&self, name: &str, options: &BucketOptions) -> Outcome<Box<dyn Bucket>> {
        match self.has(name) {
            Err(EngineError::Absent) => {}
            Ok(()) => return Err(EngineError::Refused(Reason::Exists)),
            Err(denial) => return Err(denial),
        }
        self.write(|txn| txn.open_table(Definition::new(name)).map(|_| ()).map_err(failed))?;
        Ok(self.bucket(name, options.merge))
    }

    fn open_bucket(&self, name: &str, merge: Merge) -> Outcome<Box<dyn Bucket>> {
        self.has(name)?;
        Ok(self.bucket(name, merge))
    }

    fn bucket_options(&self, name: &str) -> Outcome<BucketOptions> {
        self.has(name)?;
        Err(EngineError::UNSUPPORTED)
    }

    fn change_bucket_options(&self, _: &str, _: &BucketOptions) -> Outcome<()> {
        Err(EngineError::UNSUPPORTED)
    }

    fn unload_bucket(&self, _: &str) -> Outcome<()> {
        Ok(())
    }

    fn delete_bucket(&self, name: &str) -> Outcome<()> {
        self.write(|txn| {
            let was_there = txn.delete_table(Definition::new(name)).map_err(failed)?;
            if was_there { Ok(()) } else { Err(EngineError::Absent) }
        })
    }

    /// All of them: none is loaded or unloaded.
    fn loaded_buckets(&self) -> Vec<String> {
        let tables = || {
            let txn = self.database.begin_read().ok()?;
            let tables = txn.list_tables().ok()?;
            Some(tables.map(|table| table.name().to_owned()).collect())
        };
        tables().unwrap_or_default()
    }

    fn bucket_count(&self) -> u64 {
        self.loaded_buckets().len() as u64
    }

    fn collect_garbage(&self) {}

    fn set_collection(&self, _: bool) {}

    fn collected(&self) -> (u64, u64) {
        (0, 0)
    }

    /// An empty commit of full durability carries all before it (redb, `Durability::None`).
    fn sync(&self) -> Outcome<()> {
        self.write(|_| Ok(()))
    }

    fn copy_to(&self, _: &Path) -> Outcome<()> {
        Err(EngineError::UNSUPPORTED)
    }
}

struct RedbBucket {
    database: Arc<Database>,
    name: String,
    merge: Merge,
    durable: bool,
}

impl Bucket for RedbBucket {
    fn begin(&self) -> Outcome<Box<dyn Txn + '_>> {
        let mut txn = self.database.begin_write().map_err(failed)?;
        if !self.durable {
            let set = txn.set_durability(Durability::None);
            set.map_err(|error| EngineError::Failed(error.to_string()))?;
        }
        Ok(Box::new(RedbTxn { txn, name: &self.name, merge: self.merge }))
    }

    fn view(&self) -> Outcome<Box<dyn Read + '_>> {
        let txn = self.database.begin_read().map_err(failed)?;
        let table = txn.open_table(Definition::new(&self.name)).map_err(absent);
        Ok(Box::new(RedbView { table }))
    }

    fn checkpoint(&self) {}

    fn checkpoint_and_wait(&self) {}

    fn id(&self) -> Option<u64> {
        None
    }
}

struct RedbView {
    table: Outcome<ReadOnlyTable<&'static [u8], &'static [u8]>>,
}

impl RedbView {
    fn table(&self) -> Outcome<&ReadOnlyTable<&'static [u8], &'static [u8]>> {
        self.table.as_ref().map_err(EngineError::clone)
    }
}

struct RedbTxn<'a> {
    txn: WriteTransaction,
    name: &'a str,
    merge: Merge,
}

fn get(table: &impl ReadableTable<&'static [u8], &'static [u8]>, key: &[u8]) -> Outcome<Vec<u8>> {
    let found = table.get(key).map_err(failed)?;
    found.map(|value| value.value().to_vec()).ok_or(EngineError::Absent)
}

fn iterate(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    scan: &Scan,
) -> Outcome<Iterated> {
    let (low, high) = match &scan.keys {
        Keys::All => (Bound::Unbounded, Bound::Unbounded),
        Keys::Prefix(prefix) => (Bound::Included(prefix.clone()), behind(prefix)),
        Keys::Range(low, high) => (low.clone(), high.clone()),
    };
    let bounds = (low.as_ref().map(Vec::as_slice), high.as_ref().map(Vec::as_slice));
    let range = table.range::<&[u8]>(bounds).map_err(failed)?;
    scan.iterated(range.map(|entry| {
        let (key, value) = entry.map_err(failed)?;
        Ok((key.value().to_vec(), value.value().to_vec()))
    }))
}

/// The bound behind all keys that start with these bytes.
fn behind(prefix: &[u8]) -> Bound<Vec<u8>> {
    let mut bound = prefix.to_vec();
    while let Some(last) = bound.pop() {
        if last < u8::MAX {
            bound.push(last + 1);
            return Bound::Excluded(bound);
        }
    }
    Bound::Unbounded
}

impl Read for RedbView {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        get(self.table()?, key)
    }

    fn scan(&self, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        self.iterate(scan).map(|met| met.pairs)
    }

    fn iterate(&self, scan: &Scan) -> Outcome<Iterated> {
        iterate(self.table()?, scan)
    }
}

impl Read for RedbTxn<'_> {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        get(&self.txn.open_table(Definition::new(self.name)).map_err(absent)?, key)
    }

    fn scan(&self, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        self.iterate(scan).map(|met| met.pairs)
    }

    fn iterate(&self, scan: &Scan) -> Outcome<Iterated> {
        iterate(&self.txn.open_table(Definition::new(self.name)).map_err(absent)?, scan)
    }
}

impl Txn for RedbTxn<'_> {
    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        by_reading::put(self, key, value)
    }

    fn update(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        by_reading::update(self, key, value)
    }

    fn upsert(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        let mut table = self.txn.open_table(Definition::new(self.name)).map_err(absent)?;
        table.insert(key, value).map(|_| ()).map_err(failed)
    }

    fn del(&self, key: &[u8]) -> Outcome<()> {
        let mut table = self.txn.open_table(Definition::new(self.name)).map_err(absent)?;
        let removed = table.remove(key).map_err(failed)?;
        removed.map(|_| ()).ok_or(EngineError::Absent)
    }

    fn merge(&self, key: &[u8], operand: &[u8]) -> Outcome<()> {
        by_reading::merge(self, self.merge, key, operand)
    }

    fn reset_merge(&self, key: &[u8]) -> Outcome<()> {
        match self.del(key) {
            Err(EngineError::Absent) => Ok(()),
            answer => answer,
        }
    }

    fn commit(self: Box<Self>) -> Outcome<()> {
        self.txn.commit().map_err(|error| unknown(&error))
    }
}
