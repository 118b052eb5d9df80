//! Cause: a transaction is aborted when the checkpoints since its begin are as many as `max_ckpt_per_txn`
//! (`TxnKV::should_abort`, `src/index/txn.rs`: `>=`), not when they are more.
//!
//! Sequence:
//! 1. Open a database with a limit of two checkpoints and one writer group, and begin a transaction.
//! 2. Commit another transaction, write a checkpoint, and write in the first transaction.
//! 3. Do that once more.
//!
//! Symptom: the write behind the second checkpoint is refused as a conflict, and so is the transaction's
//! commit. With a limit of one no checkpoint can be spanned, and with a limit of zero no transaction can write.
//!
//! Broken promise: `max_ckpt_per_txn` is the "number of checkpoints a transaction can span", and a transaction
//! that "exceeds this limit" is aborted.
//!
//! Ruled out: a conflict with the other transactions, which write other keys. The write behind the first
//! checkpoint is taken, and the write behind the third is refused, as documented.

use mace_prod::{
    engine::{Driver, EngineError, EngineOptions, Preset, mace::MaceDriver},
    regression,
    scenario::claims::store,
};

/// Checkpoints that a transaction can span.
const LIMIT: u8 = 2;

regression!(TRANSACTION_ENDS_EARLY: a_transaction_spans_its_checkpoints, |finding| {
    let limit = usize::from(LIMIT);
    let options =
        EngineOptions { checkpoints_per_txn: limit, writers: 1, ..Preset::Defaults.engine() };
    let engine = MaceDriver.open(&finding.dir("db"), &options).expect("a fresh database opens");
    let bucket = engine.create_bucket("a", &Preset::Defaults.bucket()).expect("a fresh bucket");
    let txn = bucket.begin().expect("a healthy bucket");
    let mut answers = Vec::new();
    for passed in 1..=LIMIT + 1 {
        // A checkpoint counts for a group that wrote since the last one.
        store(bucket.as_ref(), &[passed], b"another's").expect("a healthy bucket");
        bucket.checkpoint_and_wait();
        answers.push(txn.put(&[b'k', passed], b"own"));
    }
    let ended = Err(EngineError::Conflict);
    let early = vec![Ok(()), ended.clone(), ended.clone()];
    let right = vec![Ok(()), Ok(()), ended];
    finding.answers(&answers, &early, &right, "a transaction spans as many checkpoints as its limit")
});
