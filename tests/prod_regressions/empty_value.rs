//! Cause: a record is a tombstone when it has no bytes (`Record::is_tombstone`, `src/types/data.rs`), and
//! nothing keeps a client from writing a value without bytes: only an empty merge operand is refused.
//!
//! Sequence:
//! 1. Put an empty value, and commit.
//! 2. Read the key.
//!
//! Symptom: `put` and `commit` return success, but the key is absent for point reads and for scans, and a
//! second `put` of it succeeds as well. An update with an empty value deletes the key.
//!
//! Broken promise: an acknowledged commit is there. That a key must not be empty is documented at every call.
//! That a value must not be empty is documented nowhere, and such a value is not refused.
//!
//! Ruled out: the writing and the reading. A value of one byte, which the same calls wrote before, is found by
//! the scan that does not find the empty one. The process stays alive, and one client makes all the calls.

use mace_prod::{
    engine::{Bucket, Driver, EngineError, Preset, Scan, mace::MaceDriver},
    regression,
};

regression!(EMPTY_VALUE_IS_A_DELETION: an_empty_value_is_a_value, |finding| {
    let engine = MaceDriver.open(&finding.dir("db"), &Preset::Defaults.engine());
    let engine = engine.expect("a fresh database opens");
    let bucket = engine.create_bucket("b", &Preset::Defaults.bucket()).expect("a fresh bucket");
    write(bucket.as_ref(), b"one", b"1");
    write(bucket.as_ref(), b"empty", b"");
    let view = bucket.view().expect("a view opens");
    let keys = view.scan(&Scan::all()).expect("a scan").len();
    // The point read, and the number of keys scanned.
    let found = (view.get(b"empty"), keys);
    let deleted = (Err(EngineError::Absent), 1);
    finding.answers(&found, &deleted, &(Ok(Vec::new()), 2), "an acknowledged commit is there")
});

fn write(bucket: &dyn Bucket, key: &[u8], value: &[u8]) {
    let txn = bucket.begin().expect("a transaction begins");
    txn.put(key, value).expect("nothing says that the value is illegal");
    txn.commit().expect("a commit on a healthy disk");
}
