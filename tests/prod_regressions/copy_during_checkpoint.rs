//! Cause: a copy is cut in two places (`copy_closure`, `src/store/checkpoint.rs`): the metadata
//! first, the log at the end. A checkpoint that ends in between writes its record into the log and
//! not into the metadata that was copied. Opening the copy looks for the last checkpoint record in
//! the log (`find_latest_checkpoint`, `src/store/recovery.rs`), starts reading there, and so leaves
//! out what that checkpoint wrote to pages which the copied metadata does not know.
//!
//! Sequence: commit, ask for a checkpoint and do not wait, copy, open the copy.
//!
//! Symptom: the copy opens without complaint and lacks commits that were acknowledged before the
//! copy was asked for. Of one transaction some writes are there and some are not. Measured in
//! every second copy with relaxed commits and several writers, in every fourth with one writer.
//!
//! Broken promise: `Mace::create_checkpoint`: "What the copy guarantees is completeness: every
//! commit the copied frontiers fold in is present", and a transaction is whole or absent.

use mace_prod::{
    engine::{Bucket, Driver, EngineOptions, Merge, Preset, Scan, mace::MaceDriver},
    oracle::{OracleName, Violation},
    scenario::Case,
    settings::{FindingId, tries},
    verdict::Verdict,
};
use std::{collections::BTreeSet, ffi::OsString, fs, path::Path};

const ID: FindingId = FindingId::COPY_DURING_CHECKPOINT;
/// Some more than a checkpoint's worth of bytes.
const KEYS: u16 = 160;

#[test]
fn a_copy_holds_every_commit_before_it() {
    Case::run(|case| {
        if !MaceDriver.capabilities().copy {
            return case.skip("this engine makes no copies");
        }
        // One log file is enough: rotation has no part in this.
        let options = EngineOptions { wal_file_bytes: 64 << 20, ..Preset::Relaxed.engine() };
        let engine = MaceDriver.open(&case.dir().join("db"), &options);
        let engine = engine.expect("a fresh database opens");
        let bucket = engine.create_bucket("b", &Preset::Relaxed.bucket()).expect("a fresh bucket");
        let mut ended = 0;
        let live = case.dir().join("db/data");
        let copy = case.dir().join("copy");
        let mut attempt = |number: u32, wait: bool| {
            let number = number as u8;
            commit(bucket.as_ref(), number);
            if wait {
                bucket.checkpoint_and_wait();
            } else {
                bucket.checkpoint();
            }
            let before = names(&live);
            engine.copy_to(&copy).expect("the case's folder takes files");
            ended += u64::from(!wait && !names(&live).is_subset(&before));
            missing(&copy, &options, number)
        };
        let quiet: Vec<u16> = (0..5).map(|number| attempt(number, true)).collect();
        if quiet != [0; 5] {
            let witness = format!("without a checkpoint under way, missing: {quiet:?}");
            let promise = "a copy holds every commit that was acknowledged before it";
            return Verdict::Violated(vec![Violation::new(OracleName::Contract, promise, witness)]);
        }
        if (5..5 + tries(ID)).any(|number| attempt(number, false) > 0) {
            case.known_finding(ID)
        } else {
            case.shows_nothing("a checkpoint that wrote its file beside a copy", ended, Vec::new())
        }
    });
}

fn commit(bucket: &dyn Bucket, number: u8) {
    let txn = bucket.begin().expect("a transaction begins");
    for key in 0..KEYS {
        txn.upsert(&key.to_be_bytes(), &[number; 1024]).expect("the only writer");
    }
    txn.commit().expect("a commit on a healthy disk");
}

/// The files in a folder.
fn names(folder: &Path) -> BTreeSet<OsString> {
    let entries = fs::read_dir(folder).expect("the database has the folder");
    entries.map(|entry| entry.expect("it can be listed").file_name()).collect()
}

/// How many writes of the last transaction are not in the copy, which is then removed.
fn missing(copy: &Path, options: &EngineOptions, number: u8) -> u16 {
    let copied = MaceDriver.open(copy, options).expect("a copy opens");
    let bucket = copied.open_bucket("b", Merge::None).expect("the bucket was copied");
    let pairs = bucket.view().expect("a view opens").scan(&Scan::all()).expect("a scan");
    let there = pairs.iter().filter(|(_, value)| value[..] == [number; 1024]).count();
    drop((bucket, copied));
    fs::remove_dir_all(copy).expect("what was made can be removed");
    KEYS - there as u16
}
