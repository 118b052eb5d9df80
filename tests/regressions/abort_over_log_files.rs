//! Cause: an opening reads the log from the latest checkpoint on and takes the first file in which
//! it meets a transaction for the transaction's first (`pin_file`, `src/store/recovery.rs`; the
//! comment there knows that "txn may have begun before the last checkpoint"). To clean up after an
//! aborted transaction it then follows the chain of its records backwards, and calls a step into
//! an earlier file corruption (`validate_abort_clean_link`, `src/store/gc.rs`).
//!
//! Sequence: a transaction writes; others commit until the log has gone on to another file; the
//! transaction writes again and is dropped; the database is closed, cleanly. The checkpoint at the
//! end need not wait for a transaction that is over, so that the next opening begins to read
//! between its records. (A process killed while the transaction is open does no harm: until then
//! the checkpoints wait for it.)
//!
//! Symptom: every later opening fails with `Corruption`. The offline checker has no complaint.
//! Nothing short of removing log files opens the database again: all data are lost to the user.
//!
//! Broken promise: "Graceful close leaves everything in data files", and a database that was
//! closed can be opened. With default options the transaction has to span 64 MiB of log.

use mace_prod::{
    engine::{Denial, Driver, Family, mace::MaceDriver},
    oracle::Violation,
    scenario::Case,
    verdict::Verdict,
};

const ID: &str = "abort-over-log-files";

/// How the long transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Committed,
    Dropped,
}

#[test]
fn a_database_opens_after_a_long_transaction_was_dropped() {
    Case::run(|case| {
        // Committed instead of dropped, the same transaction does no harm.
        if let Err(denial) = reopened_after(case, End::Committed) {
            return wrong(&format!("after a commit: {denial}"));
        }
        match reopened_after(case, End::Dropped) {
            Ok(()) => Verdict::Pass,
            Err(Denial::Failed(code)) if code == "Corruption" => case.known_finding(ID),
            Err(denial) => wrong(&format!("after a drop: {denial}")),
        }
    });
}

fn wrong(witness: &str) -> Verdict {
    let promise = "a database that was closed can be opened";
    Verdict::Violated(vec![Violation::new("recovery", promise, witness)])
}

fn reopened_after(case: &Case, end: End) -> Result<(), Denial> {
    let family = Family::OneWriter;
    let dir = case.dir().join(format!("{end:?}"));
    let engine = MaceDriver.open(&dir, &family.engine()).expect("a fresh database opens");
    let bucket = engine.create_bucket("b", &family.bucket()).expect("a fresh bucket");
    let commit = |number: u8| {
        let short = bucket.begin().expect("a transaction begins");
        short.upsert(&[b'k', number], &[7; 900]).expect("nobody else wrote it");
        short.commit().expect("a commit on a healthy disk");
    };
    let long = bucket.begin().expect("a transaction begins");
    long.put(b"first", b"1").expect("nobody else wrote it");
    // More than two log files of 16 KiB.
    (0..50).for_each(commit);
    bucket.checkpoint_and_wait();
    long.put(b"second", b"2").expect("nobody else wrote it");
    if end == End::Committed {
        long.commit().expect("a commit on a healthy disk");
    } else {
        drop(long);
    }
    drop((bucket, engine));
    MaceDriver.open(&dir, &family.engine()).map(|_| ())
}
