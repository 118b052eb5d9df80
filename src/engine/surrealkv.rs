//! The adapter for surrealkv, behind the feature of its name. It has one ordered map, so that a bucket is the
//! keys behind the bucket's name, and the names are keys as well. Its commits are futures, which are
//! waited for on a runtime of the database's own. It translates calls and answers; it never retries,
//! sleeps or judges.

use crate::engine::{
    Bucket, BucketOptions, Capabilities, Driver, Engine, EngineError, EngineOptions, Identity,
    Keys, Merge, Order, Outcome, Read, Reason, Scan, Txn, Writers, by_reading,
};
use std::{cell::RefCell, ops::Bound, path::Path, sync::Arc};
use surrealkv::{
    CompactRangeOptions, Durability, Error, LSMIterator, Mode, ReadOptions, Transaction, Tree,
    TreeBuilder,
};
use tokio::runtime::{Builder, Runtime};

/// What the key of a bucket's name begins with; a pair's begins with the length of the name, which is more.
const NAME: u8 = 0;

/// The longest name of a bucket, in bytes.
const LONGEST_NAME: usize = u8::MAX as usize;

/// How its words end about a folder that another process has open.
const LOCKED: &str = "is already locked by another process";

/// Opens surrealkv.
#[derive(Clone, Copy, Debug, Default)]
pub struct SurrealkvDriver;

fn failed(error: Error) -> EngineError {
    match error {
        Error::TransactionWriteConflict | Error::TransactionRetry => EngineError::Conflict,
        // It has no error of its own for a folder that is in use (`lockfile.rs`).
        Error::Other(words) if words.ends_with(LOCKED) => EngineError::Refused(Reason::Busy),
        error => EngineError::Failed(error.to_string()),
    }
}

/// What a commit came to that was answered with this.
fn of_commit(error: Error) -> EngineError {
    match error {
        // "The operation did not start", "nothing of it reaches the WAL".
        Error::DatabasePoisoned(_) | Error::BatchTooLarge => failed(error),
        error => match failed(error) {
            EngineError::Failed(words) => EngineError::Unknown(words),
            denial => denial,
        },
    }
}

impl Driver for SurrealkvDriver {
    fn identity(&self) -> Identity {
        Identity {
            name: "surrealkv".to_owned(),
            version: env!("RESOLVED_SURREALKV_VERSION").to_owned(),
            build: crate::settings::ENGINE_BUILD.name().to_owned(),
        }
    }

    /// "Snapshot Isolation: Multi-version concurrency control", with "optimistic concurrency control" (README):
    /// two writers of a key meet at the commit of the second.
    fn capabilities(&self) -> Capabilities {
        Capabilities { writers: Writers::CheckedAtCommit, checkpoints: true, ..Capabilities::LEAST }
    }

    fn open(&self, dir: &Path, options: &EngineOptions) -> Outcome<Box<dyn Engine>> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_time().build();
        let runtime = runtime.map_err(|error| EngineError::Failed(error.to_string()))?;
        let entered = runtime.enter();
        let tree = TreeBuilder::new()
            .with_path(dir.to_owned())
            .with_block_cache_capacity(1 << 20)
            .with_enable_vlog(true)
            .with_vlog_max_file_size(options.blob_file_bytes)
            .build()
            .map_err(failed)?;
        drop(entered);
        let durable = options.durable;
        Ok(Box::new(SurrealkvEngine { database: Arc::new(Database { tree, runtime, durable }) }))
    }

    fn check(&self, _: &Path) -> Outcome<Vec<String>> {
        Err(EngineError::UNSUPPORTED)
    }
}

struct Database {
    tree: Tree,
    runtime: Runtime,
    durable: bool,
}

impl Database {
    fn begin(&self, mode: Mode) -> Outcome<Transaction> {
        let _entered = self.runtime.enter();
        self.tree.begin_with_mode(mode).map_err(failed)
    }

    fn commit(&self, mut txn: Transaction, durable: bool) -> Outcome<()> {
        txn.set_durability(if durable { Durability::Immediate } else { Durability::Eventual });
        self.runtime.block_on(txn.commit()).map_err(of_commit)
    }

    /// Merges the tables down to a level, or only writes one of what is in memory.
    fn compact(&self, target_level: Option<u8>) {
        let _entered = self.runtime.enter();
        let options = CompactRangeOptions { target_level, ..CompactRangeOptions::default() };
        // A failed round is for the next call that needs the files to tell.
        let _ = self.tree.compact_range(None, None, &options);
    }
}

struct SurrealkvEngine {
    database: Arc<Database>,
}

impl Drop for SurrealkvEngine {
    fn drop(&mut self) {
        // Whatever could not be written is missed at the next opening.
        let _ = self.database.runtime.block_on(self.database.tree.close());
    }
}

/// The key that says that there is a bucket of this name.
fn name_key(name: &str) -> Vec<u8> {
    [&[NAME], name.as_bytes()].concat()
}

/// What all keys of a bucket begin with.
fn prefix(name: &str) -> Vec<u8> {
    [&[name.len() as u8], name.as_bytes()].concat()
}

impl SurrealkvEngine {
    fn bucket(&self, name: &str, merge: Merge) -> Box<dyn Bucket> {
        let database = Arc::clone(&self.database);
        Box::new(SurrealkvBucket { database, prefix: prefix(name), merge })
    }

    fn has(&self, name: &str) -> Outcome<()> {
        let found = self.database.begin(Mode::ReadOnly)?.get(name_key(name)).map_err(failed)?;
        found.map(|_| ()).ok_or(EngineError::Absent)
    }

    fn write(&self, act: impl FnOnce(&mut Transaction) -> surrealkv::Result<()>) -> Outcome<()> {
        let mut txn = self.database.begin(Mode::ReadWrite)?;
        act(&mut txn).map_err(failed)?;
        self.database.commit(txn, true)
    }
}

impl Engine for SurrealkvEngine {
    fn create_bucket(&self, name: &str, options: &BucketOptions) -> Outcome<Box<dyn Bucket>> {
        if name.is_empty() || name.len() > LONGEST_NAME {
            return Err(EngineError::Refused(Reason::TooLarge));
        }
        match self.has(name) {
            Err(EngineError::Absent) => {}
            Ok(()) => return Err(EngineError::Refused(Reason::Exists)),
            Err(denial) => return Err(denial),
        }
        self.write(|txn| txn.set(name_key(name), Vec::new()))?;
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
        self.has(name)?;
        let from = prefix(name);
        let to = behind(&from);
        self.write(|txn| {
            txn.delete(name_key(name))?;
            txn.delete_range(from, to)
        })
    }

    /// All of them: none is loaded or unloaded.
    fn loaded_buckets(&self) -> Vec<String> {
        let names = || {
            let txn = self.database.begin(Mode::ReadOnly)?;
            scan(&txn, &[NAME], &Scan::all())
        };
        let names = names().unwrap_or_default().into_iter();
        names.map(|(name, _)| String::from_utf8_lossy(&name).into_owned()).collect()
    }

    fn bucket_count(&self) -> u64 {
        self.loaded_buckets().len() as u64
    }

    fn collect_garbage(&self) {
        self.database.compact(None);
    }

    fn set_collection(&self, _: bool) {}

    fn collected(&self) -> (u64, u64) {
        (0, 0)
    }

    fn sync(&self) -> Outcome<()> {
        self.database.tree.flush_wal(true).map_err(failed)
    }

    fn copy_to(&self, _: &Path) -> Outcome<()> {
        Err(EngineError::UNSUPPORTED)
    }
}

struct SurrealkvBucket {
    database: Arc<Database>,
    prefix: Vec<u8>,
    merge: Merge,
}

impl Bucket for SurrealkvBucket {
    fn begin(&self) -> Outcome<Box<dyn Txn + '_>> {
        let txn = RefCell::new(self.database.begin(Mode::ReadWrite)?);
        Ok(Box::new(SurrealkvTxn { txn, bucket: self }))
    }

    fn view(&self) -> Outcome<Box<dyn Read + '_>> {
        Ok(Box::new(SurrealkvView { txn: self.database.begin(Mode::ReadOnly)?, bucket: self }))
    }

    fn checkpoint(&self) {
        self.checkpoint_and_wait();
    }

    /// Writes a table of what is in memory.
    fn checkpoint_and_wait(&self) {
        self.database.compact(Some(0));
    }

    fn id(&self) -> Option<u64> {
        None
    }
}

struct SurrealkvView<'a> {
    txn: Transaction,
    bucket: &'a SurrealkvBucket,
}

struct SurrealkvTxn<'a> {
    txn: RefCell<Transaction>,
    bucket: &'a SurrealkvBucket,
}

fn get(txn: &Transaction, prefix: &[u8], key: &[u8]) -> Outcome<Vec<u8>> {
    let found = txn.get([prefix, key].concat()).map_err(failed)?;
    found.ok_or(EngineError::Absent)
}

/// The bound behind all keys that start with these bytes, of which the first is none of 255.
fn behind(prefix: &[u8]) -> Vec<u8> {
    let mut bound = prefix.to_vec();
    while let Some(last) = bound.pop() {
        if last < u8::MAX {
            bound.push(last + 1);
            break;
        }
    }
    bound
}

/// The keys from this one up to that one, which is none of them.
fn between(prefix: &[u8], keys: &Keys) -> (Vec<u8>, Vec<u8>) {
    let of = |key: &[u8]| [prefix, key].concat();
    match keys {
        Keys::All => (prefix.to_vec(), behind(prefix)),
        Keys::Prefix(more) => (of(more), behind(&of(more))),
        Keys::Range(low, high) => (
            match low {
                Bound::Included(key) => of(key),
                Bound::Excluded(key) => [&of(key)[..], &[0]].concat(),
                Bound::Unbounded => prefix.to_vec(),
            },
            match high {
                Bound::Included(key) => [&of(key)[..], &[0]].concat(),
                Bound::Excluded(key) => of(key),
                Bound::Unbounded => behind(prefix),
            },
        ),
    }
}

/// Its iterators go one way, so that a scan from both ends takes two of them.
fn scan(txn: &Transaction, prefix: &[u8], scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
    let (low, high) = between(prefix, &scan.keys);
    if low >= high {
        return Ok(Vec::new());
    }
    let one_way = |backward: bool, limit: usize| {
        let mut bounds = ReadOptions::new();
        bounds.set_iterate_lower_bound(Some(low.clone()));
        bounds.set_iterate_upper_bound(Some(high.clone()));
        let mut met = txn.range_with_options(&bounds)?;
        let mut pairs = Vec::new();
        let mut is_there = if backward { met.seek_last()? } else { met.seek_first()? };
        while is_there && pairs.len() < limit {
            let key = met.key().user_key()[prefix.len()..].to_vec();
            pairs.push((key, met.value()?));
            is_there = if backward { met.prev()? } else { met.next()? };
        }
        Ok(pairs)
    };
    let both = || match scan.order {
        Order::Forward => one_way(false, scan.limit),
        Order::Backward => one_way(true, scan.limit),
        Order::Alternating => {
            let front = one_way(false, usize::MAX)?;
            let back = one_way(true, front.len().min(scan.limit) / 2)?;
            let limit = scan.limit.min(front.len());
            let from =
                |at: usize| if at.is_multiple_of(2) { &front[at / 2] } else { &back[at / 2] };
            Ok((0..limit).map(|at| from(at).clone()).collect())
        }
    };
    both().map_err(failed)
}

impl Read for SurrealkvView<'_> {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        get(&self.txn, &self.bucket.prefix, key)
    }

    fn scan(&self, keys: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        scan(&self.txn, &self.bucket.prefix, keys)
    }
}

impl Read for SurrealkvTxn<'_> {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        get(&self.txn.borrow(), &self.bucket.prefix, key)
    }

    fn scan(&self, keys: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        scan(&self.txn.borrow(), &self.bucket.prefix, keys)
    }
}

impl Txn for SurrealkvTxn<'_> {
    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        by_reading::put(self, key, value)
    }

    fn update(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        by_reading::update(self, key, value)
    }

    fn upsert(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        let key = [&self.bucket.prefix, key].concat();
        self.txn.borrow_mut().set(key, value).map_err(failed)
    }

    fn del(&self, key: &[u8]) -> Outcome<()> {
        self.get(key)?;
        self.reset_merge(key)
    }

    fn merge(&self, key: &[u8], operand: &[u8]) -> Outcome<()> {
        by_reading::merge(self, self.bucket.merge, key, operand)
    }

    fn reset_merge(&self, key: &[u8]) -> Outcome<()> {
        let key = [&self.bucket.prefix, key].concat();
        self.txn.borrow_mut().delete(key).map_err(failed)
    }

    fn commit(self: Box<Self>) -> Outcome<()> {
        let Self { txn, bucket } = *self;
        bucket.database.commit(txn.into_inner(), bucket.database.durable)
    }
}
