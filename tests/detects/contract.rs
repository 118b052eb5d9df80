//! The contract's own alarm, tested: an engine that defects in one named way must be caught by the
//! random lists of operations, and the honest model must not be. The defects wrap the model; the real
//! engine is not opened here.

use mace_prod::{
    engine::{
        Bucket, BucketOptions, Capabilities, Driver, Engine, EngineError, EngineOptions, Identity,
        Merge, Order, Outcome, Preset, Read, Reason, Scan, Txn, model::ModelDriver,
    },
    report::Figures,
    scenario::contract::strategy::{Effort, judge},
    settings::Seed,
    testdir::TestDir,
    verdict::Verdict,
};
use std::path::Path;

const EFFORT: Effort = Effort { lists: 30, operations: 120, shrinking: 300, attempts: 1 };

/// Keys of a tree of two levels in nodes of 64.
const INNER_NODE: usize = 4096;

/// One way of being wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    ScanSkipsItsLastPair,
    BackwardScanRepeatsAPair,
    ScanForgetsItsLimit,
    UpdateOfNothingSucceeds,
    PutOverwrites,
    DeletionLeavesTheKey,
    MergeCountsTwice,
    ViewSeesLaterCommits,
    DroppedTransactionIsCommitted,
    HeldBucketCanBeDeleted,
    OptionsAreForgotten,
    CommitIsLostAtReopening,
    CheckerComplains,
    ScanEndsBehindAnInnerNode,
}

struct Sinner {
    model: ModelDriver,
    defect: Defect,
}

impl Driver for Sinner {
    fn identity(&self) -> Identity {
        self.model.identity()
    }

    fn capabilities(&self) -> Capabilities {
        self.model.capabilities()
    }

    fn open(&self, dir: &Path, options: &EngineOptions) -> Outcome<Box<dyn Engine>> {
        if self.defect == Defect::CommitIsLostAtReopening
            && self.model.committed(dir).contains_key("main")
        {
            self.model.tamper(dir, "main", |pairs| drop(pairs.pop_last()));
        }
        Ok(Box::new(SinfulEngine { inner: self.model.open(dir, options)?, defect: self.defect }))
    }

    fn check(&self, dir: &Path) -> Outcome<Vec<String>> {
        if self.defect == Defect::CheckerComplains {
            return Ok(vec!["a page is missing".to_owned()]);
        }
        self.model.check(dir)
    }
}

struct SinfulEngine {
    inner: Box<dyn Engine>,
    defect: Defect,
}

impl Engine for SinfulEngine {
    fn create_bucket(&self, name: &str, options: &BucketOptions) -> Outcome<Box<dyn Bucket>> {
        let inner = self.inner.create_bucket(name, options)?;
        Ok(Box::new(SinfulBucket { inner, defect: self.defect }))
    }

    fn open_bucket(&self, name: &str, merge: Merge) -> Outcome<Box<dyn Bucket>> {
        let inner = self.inner.open_bucket(name, merge)?;
        Ok(Box::new(SinfulBucket { inner, defect: self.defect }))
    }

    fn bucket_options(&self, name: &str) -> Outcome<BucketOptions> {
        self.inner.bucket_options(name)
    }

    fn change_bucket_options(&self, name: &str, options: &BucketOptions) -> Outcome<()> {
        if self.defect == Defect::OptionsAreForgotten {
            return Ok(());
        }
        self.inner.change_bucket_options(name, options)
    }

    fn unload_bucket(&self, name: &str) -> Outcome<()> {
        self.inner.unload_bucket(name)
    }

    fn delete_bucket(&self, name: &str) -> Outcome<()> {
        match self.inner.delete_bucket(name) {
            Err(EngineError::Refused(Reason::Busy))
                if self.defect == Defect::HeldBucketCanBeDeleted =>
            {
                Ok(())
            }
            answer => answer,
        }
    }

    fn loaded_buckets(&self) -> Vec<String> {
        self.inner.loaded_buckets()
    }

    fn bucket_count(&self) -> u64 {
        self.inner.bucket_count()
    }

    fn collect_garbage(&self) {
        self.inner.collect_garbage();
    }

    fn set_collection(&self, on: bool) {
        self.inner.set_collection(on);
    }

    fn collected(&self) -> (u64, u64) {
        self.inner.collected()
    }

    fn sync(&self) -> Outcome<()> {
        self.inner.sync()
    }

    fn copy_to(&self, target: &Path) -> Outcome<()> {
        self.inner.copy_to(target)
    }
}

struct SinfulBucket {
    inner: Box<dyn Bucket>,
    defect: Defect,
}

impl Bucket for SinfulBucket {
    fn begin(&self) -> Outcome<Box<dyn Txn + '_>> {
        Ok(Box::new(SinfulTxn { inner: Some(self.inner.begin()?), defect: self.defect }))
    }

    fn view(&self) -> Outcome<Box<dyn Read + '_>> {
        Ok(Box::new(SinfulView { bucket: self, inner: self.inner.view()? }))
    }

    fn checkpoint(&self) {
        self.inner.checkpoint();
    }

    fn checkpoint_and_wait(&self) {
        self.inner.checkpoint_and_wait();
    }

    fn id(&self) -> Option<u64> {
        self.inner.id()
    }
}

struct SinfulView<'a> {
    bucket: &'a SinfulBucket,
    inner: Box<dyn Read + 'a>,
}

impl Read for SinfulView<'_> {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        if self.bucket.defect == Defect::ViewSeesLaterCommits {
            return self.bucket.inner.view()?.get(key);
        }
        self.inner.get(key)
    }

    fn scan(&self, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        sinful_scan(self.bucket.defect, self.inner.as_ref(), scan)
    }
}

fn sinful_scan(defect: Defect, inner: &dyn Read, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut pairs = inner.scan(scan)?;
    match defect {
        Defect::ScanSkipsItsLastPair if pairs.len() > 3 => drop(pairs.pop()),
        Defect::ScanEndsBehindAnInnerNode => pairs.truncate(INNER_NODE),
        Defect::BackwardScanRepeatsAPair if scan.order == Order::Backward => {
            pairs.extend(pairs.last().cloned());
        }
        Defect::ScanForgetsItsLimit => {
            return inner.scan(&Scan { limit: scan.limit.saturating_add(1), ..scan.clone() });
        }
        _ => {}
    }
    Ok(pairs)
}

struct SinfulTxn<'a> {
    inner: Option<Box<dyn Txn + 'a>>,
    defect: Defect,
}

impl SinfulTxn<'_> {
    fn inner(&self) -> &dyn Txn {
        self.inner.as_deref().expect("a transaction ends once")
    }
}

impl Drop for SinfulTxn<'_> {
    fn drop(&mut self) {
        if self.defect == Defect::DroppedTransactionIsCommitted
            && let Some(inner) = self.inner.take()
        {
            let _ = inner.commit();
        }
    }
}

impl Read for SinfulTxn<'_> {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        self.inner().get(key)
    }

    fn scan(&self, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        sinful_scan(self.defect, self.inner(), scan)
    }
}

impl Txn for SinfulTxn<'_> {
    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        if self.defect == Defect::PutOverwrites {
            return self.inner().upsert(key, value);
        }
        self.inner().put(key, value)
    }

    fn update(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        match self.inner().update(key, value) {
            Err(EngineError::Absent) if self.defect == Defect::UpdateOfNothingSucceeds => Ok(()),
            answer => answer,
        }
    }

    fn upsert(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.inner().upsert(key, value)
    }

    fn del(&self, key: &[u8]) -> Outcome<()> {
        if self.defect == Defect::DeletionLeavesTheKey {
            return self.inner().get(key).map(|_| ());
        }
        self.inner().del(key)
    }

    fn merge(&self, key: &[u8], operand: &[u8]) -> Outcome<()> {
        if self.defect == Defect::MergeCountsTwice {
            self.inner().merge(key, operand)?;
        }
        self.inner().merge(key, operand)
    }

    fn reset_merge(&self, key: &[u8]) -> Outcome<()> {
        self.inner().reset_merge(key)
    }

    fn commit(mut self: Box<Self>) -> Outcome<()> {
        self.inner.take().expect("a transaction ends once").commit()
    }
}

fn verdict(driver: &dyn Driver, seed: u64, effort: Effort) -> Verdict {
    verdict_in(Preset::Tiny, driver, seed, effort)
}

fn verdict_in(preset: Preset, driver: &dyn Driver, seed: u64, effort: Effort) -> Verdict {
    let dir = TestDir::new("detects-contract").expect("a folder for the list of operations");
    let seed = Seed::new(seed).derive("contract");
    judge(driver, dir.path(), preset, seed, effort, &mut Figures::default())
}

#[track_caller]
fn is_caught(defect: Defect) {
    let verdict = verdict(&Sinner { model: ModelDriver::default(), defect }, 1, EFFORT);
    let Verdict::Violated(found) = verdict else { panic!("{defect:?} passed: {verdict:?}") };
    assert_eq!(found.len(), 1);
    let operations = found[0].witness.lines().count() - 1;
    // A person has to be able to follow it; the defects need three operations and some luck.
    assert!(operations <= 30, "{defect:?} was caught, but not shrunk: {}", found[0].witness);
}

#[test]
fn the_honest_model_passes() {
    let effort = Effort { lists: 2, ..EFFORT };
    for seed in 0..60 {
        assert_eq!(verdict(&ModelDriver::default(), seed, effort), Verdict::Pass, "seed {seed}");
    }
}

#[test]
fn a_scan_that_skips_is_caught() {
    is_caught(Defect::ScanSkipsItsLastPair);
}

#[test]
fn a_scan_that_repeats_is_caught() {
    is_caught(Defect::BackwardScanRepeatsAPair);
}

#[test]
fn a_scan_without_its_limit_is_caught() {
    is_caught(Defect::ScanForgetsItsLimit);
}

#[test]
fn an_update_of_nothing_that_succeeds_is_caught() {
    is_caught(Defect::UpdateOfNothingSucceeds);
}

#[test]
fn a_put_that_overwrites_is_caught() {
    is_caught(Defect::PutOverwrites);
}

#[test]
fn a_deletion_that_leaves_the_key_is_caught() {
    is_caught(Defect::DeletionLeavesTheKey);
}

#[test]
fn a_merge_that_counts_twice_is_caught() {
    is_caught(Defect::MergeCountsTwice);
}

#[test]
fn a_view_that_sees_later_commits_is_caught() {
    is_caught(Defect::ViewSeesLaterCommits);
}

#[test]
fn a_dropped_transaction_that_is_committed_is_caught() {
    is_caught(Defect::DroppedTransactionIsCommitted);
}

#[test]
fn a_held_bucket_that_can_be_deleted_is_caught() {
    is_caught(Defect::HeldBucketCanBeDeleted);
}

#[test]
fn options_that_are_forgotten_are_caught() {
    is_caught(Defect::OptionsAreForgotten);
}

#[test]
fn a_commit_that_is_lost_at_reopening_is_caught() {
    is_caught(Defect::CommitIsLostAtReopening);
}

#[test]
fn a_complaint_of_the_checker_is_caught() {
    is_caught(Defect::CheckerComplains);
}

#[test]
fn a_scan_behind_an_inner_node_is_caught_when_deep() {
    let effort = Effort { lists: 1, operations: 60, shrinking: 10, attempts: 1 };
    let honest = verdict_in(Preset::Deep, &ModelDriver::default(), 1, effort);
    assert_eq!(honest, Verdict::Pass);
    let defect = Defect::ScanEndsBehindAnInnerNode;
    let sinner = || Sinner { model: ModelDriver::default(), defect };
    assert_eq!(
        verdict(&sinner(), 1, effort),
        Verdict::Pass,
        "no list makes so many pairs by itself"
    );
    let found = verdict_in(Preset::Deep, &sinner(), 1, effort);
    assert!(matches!(found, Verdict::Violated(_)), "{found:?}");
}
