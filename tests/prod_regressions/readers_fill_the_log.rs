//! Cause: each transaction writes a record to the log when it begins and one when it ends, even when it only
//! reads (`record_begin`, `record_commit` and `record_abort`, called in `src/index/txn.rs`): 26 bytes together.
//! Log files are recycled below the floor that a checkpoint leaves (`process_shared_wal_clean`,
//! `src/store/gc.rs`). That floor is at most the last update that is in pages, and a read-only transaction does
//! not move it.
//!
//! Sequence:
//! 1. Open a database with log files of 16 KiB, store a pair, and write a checkpoint.
//! 2. Read the pair in each of 2,000 transactions; commit half of them and drop the others.
//! 3. Write a checkpoint, and collect garbage.
//!
//! Symptom: the log has grown by 26 bytes for each transaction, and the checkpoint and the collection give none
//! of its files back.
//!
//! Broken promise: "If no logical group or task pins an older file, complete files before the current append
//! file can be recycled" (docs/design.md, 8.4), and files stay bounded. That a writer appends a record when it
//! starts is documented (5.1); a bound for the log is not.
//!
//! Ruled out: reading itself. As many reads in views leave the log as it is.

use mace_prod::{
    engine::{Bucket, Driver, Outcome, Preset, mace::MaceDriver},
    regression,
    scenario::claims::store,
};
use std::{fs, path::Path};

/// How many look in each way.
const LOOKS: u64 = 1000;

/// What a transaction that only looks leaves in the log, in bytes.
const RECORDS: u64 = 26;

const KEY: &[u8] = b"key";

/// Bytes of a database's log.
fn log_bytes(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir.join("log")).expect("a database has a log").flatten();
    let logs = entries.filter(|entry| entry.file_name().to_string_lossy().contains("wal_"));
    logs.map(|log| log.metadata().map_or(0, |meta| meta.len())).sum()
}

fn with_views(bucket: &dyn Bucket) -> Outcome<()> {
    (0..2 * LOOKS).try_for_each(|_| bucket.view()?.get(KEY).map(drop))
}

fn with_transactions(bucket: &dyn Bucket) -> Outcome<()> {
    for turn in 0..2 * LOOKS {
        let txn = bucket.begin()?;
        txn.get(KEY)?;
        if turn % 2 == 0 {
            txn.commit()?;
        }
    }
    Ok(())
}

regression!(READERS_FILL_THE_LOG: transactions_that_look_leave_no_log, |finding| {
    let options = Preset::OneWriter.engine();
    let dir = finding.dir("db");
    let engine = MaceDriver.open(&dir, &options).expect("a fresh database opens");
    let bucket = engine.create_bucket("a", &Preset::OneWriter.bucket()).expect("a fresh bucket");
    let bucket = bucket.as_ref();
    store(bucket, KEY, b"value").expect("a healthy bucket");
    let settled = || {
        bucket.checkpoint_and_wait();
        engine.collect_garbage();
        log_bytes(&dir)
    };
    let before = settled();
    let looked = with_views(bucket);
    let behind_views = settled();
    finding.expects(looked == Ok(()) && behind_views == before, &(&looked, before, behind_views))?;
    let looked = with_transactions(bucket);
    let behind = settled();
    finding.expects(looked == Ok(()), &looked)?;
    finding.shows(behind >= before + 2 * LOOKS * RECORDS)?;
    let promise = "a log that nobody writes to does not grow";
    finding.keeps(behind == before, promise, &(before, behind))?;
    finding.came_to("a transaction that only looked", 2 * LOOKS);
    Ok(())
});
