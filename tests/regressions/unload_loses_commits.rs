//! Cause: nothing keeps the evictor from a bucket that is being unloaded. It looks whether the
//! bucket is to be dropped, takes a reference (`target_bucket`, `src/map/evictor.rs`), and may then
//! fold and replace a page while the last checkpoint is being written. A page that is replaced
//! after the cut has an address above `snap_addr`; the checkpoint leaves it to the next one
//! (`CheckpointTask::snapshot`, `src/map/data.rs`), and there is none: unloading drops the rest
//! (`checkpoint_before_reclaim` and `reclaim`, `src/map/buffer.rs`). The log would have it all, but
//! loading a bucket does not read the log.
//!
//! Sequence: a bucket with a cache so small that the evictor works; commit, give the handle back,
//! unload the bucket, open it again.
//!
//! Symptom: some or all of the committed pairs are gone, in about one of five unloadings. Of those,
//! some are still gone after a clean close and another opening. After `checkpoint_and_wait` nothing
//! was ever lost, and nothing with a larger cache.
//!
//! Broken promise: a durable commit stays, and `Mace::drop_bucket` "unloads a bucket to release
//! memory".

use mace_prod::{
    engine::{
        BucketOptions, Denial, Driver, Engine, EngineOptions, Family, Merge, Reason, Scan,
        mace::MaceDriver,
    },
    oracle::Violation,
    scenario::Case,
    settings::tries,
    verdict::Verdict,
};

const ID: &str = "unload-races-the-evictor";
const PAIRS: usize = 319;

#[test]
fn unloading_a_bucket_keeps_its_commits() {
    Case::run(|case| {
        if cfg!(not(feature = "failpoints")) {
            // Seen in one of two runs. It belongs into a child, which does not take the case along.
            return case.skip("in the plain build the same race may abort the whole process");
        }
        let options =
            EngineOptions { wal_buffer_bytes: 1 << 20, writers: 4, ..Family::Defaults.engine() };
        let engine = MaceDriver.open(&case.dir().join("db"), &options);
        let engine = engine.expect("a fresh database opens");
        let calm = (0..8).map(|_| kept(engine.as_ref(), true)).find(|kept| *kept != PAIRS);
        if let Some(kept) = calm {
            let witness = format!("after a checkpoint, {kept} of {PAIRS} pairs");
            let promise = "a commit that was acknowledged stays";
            return Verdict::Violated(vec![Violation::new("contract", promise, witness)]);
        }
        if (0..tries(ID)).any(|_| kept(engine.as_ref(), false) != PAIRS) {
            case.known_finding(ID)
        } else {
            Verdict::Pass
        }
    });
}

/// How many of the committed pairs are there after a bucket was unloaded and opened again.
fn kept(engine: &dyn Engine, checkpoint: bool) -> usize {
    let options = BucketOptions {
        cache_bytes: 16 << 10,
        evict_pct: 80,
        consolidate_deltas: 16,
        ..Family::Defaults.bucket()
    };
    let bucket = engine.create_bucket("b", &options).expect("its predecessor is deleted");
    for (first, count, step, len) in [(56, 198, 3, 100), (187, 182, 1, 7)] {
        let txn = bucket.begin().expect("a transaction begins");
        for number in 0..count {
            let key = format!("run/{:05}", first + number * step);
            txn.upsert(key.as_bytes(), &vec![7; len]).expect("the only writer");
        }
        txn.commit().expect("a commit on a healthy disk");
    }
    if checkpoint {
        bucket.checkpoint_and_wait();
    }
    drop(bucket);
    engine.unload_bucket("b").expect("nothing holds it");
    let bucket = engine.open_bucket("b", Merge::None).expect("it is there");
    let pairs = bucket.view().expect("a view opens").scan(&Scan::all()).expect("a scan").len();
    drop(bucket);
    while engine.delete_bucket("b") == Err(Denial::Refused(Reason::Busy)) {
        std::thread::yield_now();
    }
    engine.collect_garbage();
    pairs
}
