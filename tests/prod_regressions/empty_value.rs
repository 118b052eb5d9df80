//! Cause: a record is a tombstone when it has no bytes (`Record::is_tombstone`,
//! `src/types/data.rs`), and nothing keeps a client from writing a value without bytes: only an
//! empty merge operand is refused.
//!
//! Sequence: put an empty value, commit, read the key.
//!
//! Symptom: put and commit answer that all is well, and the key is not there: neither to point
//! reads nor to scans, and a second `put` succeeds as well. An update with an empty value deletes.
//!
//! Broken promise: a commit that was acknowledged is there. That the key must not be empty is
//! documented at every call; that the value must not be is documented nowhere, and not refused.

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
