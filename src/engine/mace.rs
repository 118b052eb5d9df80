//! The adapter for mace-kv 0.2.0 and 0.1.2, and with `failpoint.rs` the only importer of the engine.
//! It translates calls and answers one to one; it never retries, sleeps or judges. What 0.1.2 has
//! not (`engine_api`, said by `build.rs`) is missing from its capabilities, and the cases skip.

#[cfg(all(feature = "extra_check", not(engine_api = "0.1")))]
use crate::engine::silence;
#[cfg(not(engine_api = "0.1"))]
use crate::engine::{CopyInfo, Frontier, LogPlace};
use crate::{
    engine::{
        Bucket, BucketOptions, Capabilities, Counter, Driver, Engine, EngineError, EngineOptions,
        Identity, Iterated, Keys, Merge, Outcome, Read, Reason, SET_PREFIX, Scan, Txn, VOID_PREFIX,
        Writers, both_sets, model::MAX_KEY_BYTES,
    },
    settings::{ENGINE_BUILD, ENGINE_VERSION},
};
use isolation::Level;
#[cfg(feature = "extra_check")]
use mace::observe::{CounterMetric, InMemoryObserver};
use mace::{Iter, Mace, MergeOperator, OpCode, Options, TxnKV, TxnView};
use std::{
    cell::Cell,
    ops::Bound,
    path::Path,
    sync::{Arc, OnceLock},
};

/// Milliseconds between background collections when a case collects only by asking: the plain
/// build reads 0 as a busy poll, so "never" is a time longer than any case.
const NEVER_MS: u64 = 24 * 60 * 60 * 1000;

/// Opens mace-kv.
#[derive(Clone, Copy, Debug, Default)]
pub struct MaceDriver;

impl Driver for MaceDriver {
    fn identity(&self) -> Identity {
        Identity {
            name: "mace-kv".to_owned(),
            version: ENGINE_VERSION.to_owned(),
            build: ENGINE_BUILD.name().to_owned(),
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            writers: Writers::FirstWins,
            level: Level::StrongSnapshotIsolation,
            longest_key: MAX_KEY_BYTES,
            refuses_long_keys: true,
            failpoints: cfg!(feature = "failpoints"),
            hooks: cfg!(feature = "extra_check"),
            checker: cfg!(not(engine_api = "0.1")),
            copy: cfg!(not(engine_api = "0.1")),
            resizes: cfg!(not(engine_api = "0.1")),
            stops_by_panic: cfg!(engine_api = "0.1"),
            collects: true,
            sized: true,
            checkpoints: true,
            operands: true,
            iterates: true,
            groups: true,
            counts: cfg!(feature = "extra_check"),
            held_buckets: true,
            files: true,
            many_logs: true,
            outlives: true,
        }
    }

    fn open(&self, dir: &Path, options: &EngineOptions) -> Outcome<Box<dyn Engine>> {
        let mut theirs = translate(dir, options);
        let counters = Counters::of(options, &mut theirs);
        let parsed = theirs.validate().map_err(deny)?;
        Ok(Box::new(MaceEngine(Mace::new(parsed).map_err(deny)?, counters)))
    }

    #[cfg(engine_api = "0.1")]
    fn check(&self, _: &Path) -> Outcome<Vec<String>> {
        Err(EngineError::UNSUPPORTED)
    }

    #[cfg(not(engine_api = "0.1"))]
    fn check(&self, dir: &Path) -> Outcome<Vec<String>> {
        let report = mace::check_database(&Options::new(dir));
        Ok(report
            .diagnostics
            .iter()
            .map(|found| format!("{}: {}", found.category.name(), found.detail))
            .collect())
    }
}

fn translate(dir: &Path, ours: &EngineOptions) -> Options {
    let mut theirs = Options::new(dir);
    theirs.sync_on_write = ours.durable;
    theirs.concurrent_write = ours.writers;
    theirs.gc_timeout = match ours.collect_every_ms {
        Some(ms) => ms,
        None if cfg!(feature = "failpoints") => 0,
        None => NEVER_MS,
    };
    theirs.checkpoint_nudge_ms = ours.checkpoint_nudge_ms;
    theirs.data_file_size = ours.data_file_bytes as usize;
    theirs.blob_file_size = ours.blob_file_bytes as usize;
    theirs.wal_file_size = ours.wal_file_bytes as u32;
    theirs.wal_buffer_size = ours.wal_buffer_bytes as usize;
    theirs.data_garbage_ratio = ours.data_garbage_pct;
    theirs.blob_garbage_ratio = ours.blob_garbage_pct;
    theirs.lru_capacity = ours.lru_bytes as usize;
    theirs.stat_mask_cache_count = ours.stat_mask_entries;
    theirs.data_handle_cache_capacity = ours.file_handles;
    theirs.blob_handle_cache_capacity = ours.file_handles;
    theirs.gc_eager = ours.eager_rewrites;
    theirs.truncate_corrupted_wal = ours.cuts_torn_logs;
    theirs.max_ckpt_per_txn = ours.checkpoints_per_txn;
    theirs.sync_merge_window_us = ours.merge_window_us;
    theirs.tmp_store = ours.temporary;
    if let Some(name) = &ours.log_beside {
        theirs.log_root = dir.with_file_name(name);
    }
    theirs
}

fn translate_options_back(theirs: &Options) -> EngineOptions {
    EngineOptions {
        durable: theirs.sync_on_write,
        writers: theirs.concurrent_write,
        collect_every_ms: Some(theirs.gc_timeout).filter(|ms| *ms != 0 && *ms != NEVER_MS),
        checkpoint_nudge_ms: theirs.checkpoint_nudge_ms,
        data_file_bytes: theirs.data_file_size as u64,
        blob_file_bytes: theirs.blob_file_size as u64,
        wal_file_bytes: u64::from(theirs.wal_file_size),
        wal_buffer_bytes: theirs.wal_buffer_size as u64,
        data_garbage_pct: theirs.data_garbage_ratio,
        blob_garbage_pct: theirs.blob_garbage_ratio,
        lru_bytes: theirs.lru_capacity as u64,
        stat_mask_entries: theirs.stat_mask_cache_count,
        file_handles: theirs.data_handle_cache_capacity.min(theirs.blob_handle_cache_capacity),
        eager_rewrites: theirs.gc_eager,
        cuts_torn_logs: theirs.truncate_corrupted_wal,
        checkpoints_per_txn: theirs.max_ckpt_per_txn,
        merge_window_us: theirs.sync_merge_window_us,
        temporary: theirs.tmp_store,
        log_beside: Some(theirs.log_root())
            .filter(|log| log.parent() == theirs.db_root().parent())
            .and_then(|log| Some(log.file_name()?.to_str()?.to_owned())),
        // The engine does not say who listens.
        observed: false,
    }
}

fn translate_bucket(ours: &BucketOptions) -> mace::BucketOptions {
    let mut theirs = mace::BucketOptions::new();
    theirs.cache_capacity = ours.cache_bytes as usize;
    theirs.cache_evict_pct = ours.evict_pct as usize;
    theirs.pool_capacity = ours.pool_bytes as usize;
    theirs.checkpoint_size = ours.checkpoint_bytes as usize;
    theirs.inline_size = ours.inline_bytes as usize;
    theirs.split_elems = ours.split_keys;
    theirs.consolidate_threshold = ours.consolidate_deltas;
    theirs.enable_compression = ours.compression;
    theirs.enable_backpressure = ours.backpressure;
    theirs.merge_operator = match ours.merge {
        Merge::None => None,
        Merge::Sum => Some(sum_operator()),
    };
    theirs
}

/// The engine knows an operator by its address and refuses a loaded bucket to another one, so
/// that `Merge::Sum` has to be one object for the whole process.
fn sum_operator() -> Arc<dyn MergeOperator> {
    static OPERATOR: OnceLock<Arc<SumOrSet>> = OnceLock::new();
    let adds = || mace::u64_add_operator().expect("the engine has an operator that adds");
    OPERATOR.get_or_init(|| Arc::new(SumOrSet(adds()))).clone()
}

/// [`Merge::Sum`]: the engine's own adding operator, elements at keys of sets, and nothing at keys where
/// the contract of operators is broken on purpose.
struct SumOrSet(Arc<dyn MergeOperator>);

impl MergeOperator for SumOrSet {
    fn combine_operands(&self, key: &[u8], left: &[u8], right: &[u8]) -> Vec<u8> {
        if key.starts_with(SET_PREFIX) {
            return both_sets(left, right);
        }
        if key.starts_with(VOID_PREFIX) {
            return Vec::new();
        }
        self.0.combine_operands(key, left, right)
    }

    fn apply(&self, key: &[u8], base: Option<&[u8]>, operand: &[u8]) -> Option<Vec<u8>> {
        if key.starts_with(SET_PREFIX) {
            return Some(both_sets(base.unwrap_or_default(), operand));
        }
        self.0.apply(key, base, operand)
    }
}

fn translate_back(theirs: &mace::BucketOptions) -> BucketOptions {
    BucketOptions {
        cache_bytes: theirs.cache_capacity as u64,
        evict_pct: theirs.cache_evict_pct as u32,
        pool_bytes: theirs.pool_capacity as u64,
        checkpoint_bytes: theirs.checkpoint_size as u64,
        inline_bytes: theirs.inline_size as u32,
        split_keys: theirs.split_elems,
        consolidate_deltas: theirs.consolidate_threshold,
        compression: theirs.enable_compression,
        backpressure: theirs.enable_backpressure,
        merge: Merge::None,
    }
}

fn deny(code: OpCode) -> EngineError {
    match code {
        OpCode::NotFound => EngineError::Absent,
        OpCode::AbortTx => EngineError::Conflict,
        OpCode::Exist => EngineError::Refused(Reason::Exists),
        OpCode::Again => EngineError::Refused(Reason::Busy),
        OpCode::TooLarge => EngineError::Refused(Reason::TooLarge),
        OpCode::NoSpace => EngineError::Refused(Reason::Quota),
        OpCode::Invalid => EngineError::Refused(Reason::Invalid),
        OpCode::BadVersion => EngineError::Refused(Reason::Version),
        OpCode::MergeContractViolation => EngineError::Refused(Reason::MergeContract),
        OpCode::Corruption | OpCode::IoError => EngineError::Failed(code.to_string()),
    }
}

/// The observer of an opened database, in builds that have one.
struct Counters {
    #[cfg(feature = "extra_check")]
    observer: Option<Arc<InMemoryObserver>>,
}

#[cfg(feature = "extra_check")]
impl Counters {
    fn of(ours: &EngineOptions, theirs: &mut Options) -> Self {
        let observer = ours.observed.then(|| Arc::new(InMemoryObserver::new(1)));
        if let Some(observer) = &observer {
            theirs.observer = observer.clone();
        }
        Self { observer }
    }

    fn of_kind(&self, counter: Counter) -> Option<u64> {
        let wanted = match counter {
            Counter::Begun => CounterMetric::TxnBegin,
            Counter::Commits => CounterMetric::TxnCommit,
            Counter::Drops => CounterMetric::TxnAbort,
            Counter::Conflicts => CounterMetric::TxnConflictAbort,
            #[cfg(not(engine_api = "0.1"))]
            Counter::Copies => CounterMetric::CheckpointComplete,
            #[cfg(not(engine_api = "0.1"))]
            Counter::FailedCopies => CounterMetric::CheckpointFailure,
            #[cfg(engine_api = "0.1")]
            Counter::Copies | Counter::FailedCopies => return None,
            Counter::MergeViolations => CounterMetric::MergeContractViolation,
            Counter::Splits => CounterMetric::TreeNodeSplit,
            Counter::Joins => CounterMetric::TreeNodeMerge,
            Counter::SharedSyncs => CounterMetric::WalGenerationFollower,
            Counter::Cuts => CounterMetric::RecoveryWalTruncate,
            Counter::Collections => CounterMetric::GcRun,
            Counter::Waits => CounterMetric::FlowFgAdmissionWait,
        };
        let all = self.observer.as_ref()?.snapshot().counters;
        all.into_iter().find_map(|(metric, count)| (metric == wanted).then_some(count))
    }
}

#[cfg(not(feature = "extra_check"))]
impl Counters {
    const fn of(_: &EngineOptions, _: &mut Options) -> Self {
        Self {}
    }

    #[expect(clippy::unused_self, reason = "other builds have an observer to ask")]
    const fn of_kind(&self, _: Counter) -> Option<u64> {
        None
    }
}

struct MaceEngine(Mace, Counters);

impl Engine for MaceEngine {
    fn create_bucket(&self, name: &str, options: &BucketOptions) -> Outcome<Box<dyn Bucket>> {
        let bucket = self.0.new_bucket(name, translate_bucket(options)).map_err(deny)?;
        Ok(Box::new(MaceBucket(bucket)))
    }

    fn open_bucket(&self, name: &str, merge: Merge) -> Outcome<Box<dyn Bucket>> {
        let bucket = match merge {
            Merge::None => self.0.open_bucket(name),
            Merge::Sum => {
                let options = BucketOptions { merge, ..BucketOptions::default() };
                self.0.open_bucket_with_options(name, translate_bucket(&options))
            }
        };
        Ok(Box::new(MaceBucket(bucket.map_err(deny)?)))
    }

    fn bucket_options(&self, name: &str) -> Outcome<BucketOptions> {
        match self.0.get_bucket_options(name).map_err(deny)? {
            Some(options) => Ok(translate_back(&options)),
            None => Err(EngineError::Absent),
        }
    }

    fn change_bucket_options(&self, name: &str, options: &BucketOptions) -> Outcome<()> {
        self.0.update_bucket_opt(name, translate_bucket(options)).map_err(deny)
    }

    fn unload_bucket(&self, name: &str) -> Outcome<()> {
        self.0.drop_bucket(name).map_err(deny)
    }

    fn delete_bucket(&self, name: &str) -> Outcome<()> {
        self.0.del_bucket(name).map_err(deny)
    }

    fn loaded_buckets(&self) -> Vec<String> {
        self.0.active_buckets()
    }

    fn options(&self) -> Option<EngineOptions> {
        Some(translate_options_back(self.0.options()))
    }

    fn bucket_count(&self) -> u64 {
        self.0.nr_buckets()
    }

    fn collect_garbage(&self) {
        self.0.start_gc();
    }

    fn set_collection(&self, on: bool) {
        if on { self.0.enable_gc() } else { self.0.disable_gc() }
    }

    fn collected(&self) -> (u64, u64) {
        (self.0.data_gc_count(), self.0.blob_gc_count())
    }

    fn counted(&self, counter: Counter) -> Option<u64> {
        self.1.of_kind(counter)
    }

    fn sync(&self) -> Outcome<()> {
        self.0.sync().map_err(deny)
    }

    #[cfg(engine_api = "0.1")]
    fn copy_to(&self, _: &Path) -> Outcome<()> {
        Err(EngineError::UNSUPPORTED)
    }

    #[cfg(not(engine_api = "0.1"))]
    fn copy_to(&self, target: &Path) -> Outcome<()> {
        self.copy_described(target).map(drop)
    }

    #[cfg(not(engine_api = "0.1"))]
    fn copy_described(&self, target: &Path) -> Outcome<Option<CopyInfo>> {
        let info = self.0.create_checkpoint(target).map_err(deny)?;
        let frontier = |theirs: mace::BucketFrontier| Frontier {
            bucket: theirs.bucket_id,
            groups: theirs.groups.into_iter().map(place).collect(),
        };
        Ok(Some(CopyInfo {
            generation: info.seq,
            metadata_version: info.metadata_version,
            files_version: info.data_blob_format_version,
            frontiers: info.frontiers.into_iter().map(frontier).collect(),
        }))
    }

    /// The engine has it for its own tests, and says what it finds in a panic.
    #[cfg(all(feature = "extra_check", not(engine_api = "0.1")))]
    fn accounting(&self) -> Outcome<Option<String>> {
        Ok(silence::panic_of(|| mace::testing::assert_persisted_gc_stats(&self.0)))
    }
}

#[cfg(not(engine_api = "0.1"))]
fn place(theirs: mace::GroupPosition) -> LogPlace {
    LogPlace { file: theirs.file_id, offset: theirs.offset }
}

struct MaceBucket(mace::Bucket);

impl Bucket for MaceBucket {
    fn begin(&self) -> Outcome<Box<dyn Txn + '_>> {
        let txn = self.0.begin().map_err(deny)?;
        Ok(Box::new(MaceTxn { txn, doomed: Cell::new(false) }))
    }

    fn view(&self) -> Outcome<Box<dyn Read + '_>> {
        Ok(Box::new(MaceView(self.0.view().map_err(deny)?)))
    }

    fn checkpoint(&self) {
        self.0.checkpoint();
    }

    fn checkpoint_and_wait(&self) {
        self.0.checkpoint_and_wait();
    }

    fn engine_options(&self) -> Option<EngineOptions> {
        Some(translate_options_back(self.0.options()))
    }

    fn id(&self) -> Option<u64> {
        Some(self.0.id())
    }
}

struct MaceView<'a>(TxnView<'a>);

impl MaceView<'_> {
    fn iter(&self, keys: &Keys) -> Iter<'_> {
        match keys {
            Keys::All => self.0.range::<Vec<u8>, _>(..),
            Keys::Prefix(prefix) => self.0.seek(prefix),
            Keys::Range(low, high) => self.0.range(bounds(low, high)),
        }
    }
}

impl Read for MaceView<'_> {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        self.0.get(key).map(|value| value.slice().to_vec()).map_err(deny)
    }

    fn iterate(&self, scan: &Scan) -> Outcome<Iterated> {
        iterated(self.iter(&scan.keys), scan)
    }

    fn writer_group(&self, key: &[u8]) -> Outcome<u64> {
        self.0.get(key).map(|value| u64::from(value.group_id())).map_err(deny)
    }

    fn scan(&self, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        collected(self.iter(&scan.keys), scan)
    }

    fn visit(&self, scan: &Scan, visit: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<()> {
        walk(self.iter(&scan.keys), scan, visit)
    }
}

struct MaceTxn<'a> {
    txn: TxnKV<'a>,
    /// After `AbortTx` the engine would still commit the transaction's other writes, so the
    /// adapter has to see to it that the transaction can only be dropped.
    doomed: Cell<bool>,
}

impl MaceTxn<'_> {
    fn iter(&self, keys: &Keys) -> Iter<'_> {
        match keys {
            Keys::All => self.txn.range::<Vec<u8>, _>(..),
            Keys::Prefix(prefix) => self.txn.seek(prefix),
            Keys::Range(low, high) => self.txn.range(bounds(low, high)),
        }
    }

    fn write(&self, answer: impl FnOnce() -> Result<(), OpCode>) -> Outcome<()> {
        if self.doomed.get() {
            return Err(EngineError::Conflict);
        }
        let answer = answer().map_err(deny);
        if answer == Err(EngineError::Conflict) {
            self.doomed.set(true);
        }
        answer
    }
}

impl Read for MaceTxn<'_> {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        let value = self.txn.get(key).map_err(deny)?;
        Ok(value.to_vec())
    }

    fn iterate(&self, scan: &Scan) -> Outcome<Iterated> {
        iterated(self.iter(&scan.keys), scan)
    }

    fn writer_group(&self, key: &[u8]) -> Outcome<u64> {
        self.txn.get(key).map(|value| u64::from(value.group_id())).map_err(deny)
    }

    fn scan(&self, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        collected(self.iter(&scan.keys), scan)
    }

    fn visit(&self, scan: &Scan, visit: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<()> {
        walk(self.iter(&scan.keys), scan, visit)
    }
}

impl Txn for MaceTxn<'_> {
    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.write(|| self.txn.put(key, value))
    }

    fn update(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.write(|| self.txn.update(key, value))
    }

    fn upsert(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.write(|| self.txn.upsert(key, value))
    }

    fn del(&self, key: &[u8]) -> Outcome<()> {
        self.write(|| self.txn.del(key))
    }

    fn merge(&self, key: &[u8], operand: &[u8]) -> Outcome<()> {
        self.write(|| self.txn.merge(key, operand))
    }

    fn reset_merge(&self, key: &[u8]) -> Outcome<()> {
        self.write(|| self.txn.reset_merge(key))
    }

    fn commit(self: Box<Self>) -> Outcome<()> {
        if self.doomed.get() {
            return Err(EngineError::Conflict);
        }
        self.txn.commit().map_err(|code| match deny(code) {
            // The record may be in the log: only the next opening tells.
            EngineError::Failed(code) => EngineError::Unknown(code),
            denial => denial,
        })
    }
}

type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

fn bounds(low: &Bound<Vec<u8>>, high: &Bound<Vec<u8>>) -> Bounds {
    (low.clone(), high.clone())
}

fn iterated(iter: Iter<'_>, scan: &Scan) -> Outcome<Iterated> {
    scan.iterated(iter.map(|item| Ok((item.key().to_vec(), item.val().to_vec()))))
}

fn walk(mut iter: Iter<'_>, scan: &Scan, mut visit: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
    for met in 0..scan.limit {
        let step =
            if scan.order.is_from_back(met) { iter.try_next_back() } else { iter.try_next() };
        match step.map_err(deny)? {
            Some(item) => visit(item.key(), item.val()),
            None => break,
        }
    }
    Ok(())
}

fn collected(iter: Iter<'_>, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut pairs = Vec::new();
    walk(iter, scan, |key, value| pairs.push((key.to_vec(), value.to_vec())))?;
    Ok(pairs)
}
