//! Cause: when recovery meets a record in the log, it asks the recovered page for the newest version of the
//! key, and redoes the record only when that version is older than the record's transaction
//! (`Recovery::handle_update`, `src/store/recovery.rs`: `lost = v > ver`). For writes that exclude each other
//! this is right: a newer version on the page means that the record was overwritten. Merges of one key may
//! coexist, so a younger transaction's operand can be on the page while an older transaction's operand is only
//! in the log.
//!
//! Sequence:
//! 1. Begin an older transaction, and then a younger one.
//! 2. Merge a key in the younger one, and commit.
//! 3. Write a checkpoint.
//! 4. Merge the same key in the older one, and commit.
//! 5. Kill the process, and open the database.
//!
//! Symptom: the key lacks the older transaction's operand. The other writes of that transaction are there, so
//! it is torn.
//!
//! Broken promise: a commit that returned with `sync_on_write` survives, and "Concurrent merge/merge writes may
//! coexist" (`TxnKV::merge`).
//!
//! Ruled out: merging and recovery as such. Without the checkpoint both operands are there after the kill.

use mace_prod::{
    engine::{
        Bucket, BucketOptions, Driver, EngineOptions, Merge, Outcome, Preset, mace::MaceDriver,
    },
    regression,
    scenario::regression::Regression,
    testdir::copy_tree,
};

const SURVIVES: &str = "a commit that returned survives the death of the process";

regression!(MERGE_LOST_IN_RECOVERY: a_committed_merge_survives_a_kill, |finding| {
    // The control: without the checkpoint both operands come from the log.
    let control = recovered(finding, "control", false);
    let found = (control, recovered(finding, "checkpoint", true));
    finding.answers(&found, &(Ok(3), Ok(1)), &(Ok(3), Ok(3)), SURVIVES)
});

/// The number after an older transaction added 2 beside a younger one's 1, and a kill.
fn recovered(finding: &Regression<'_>, name: &str, checkpoint: bool) -> Outcome<u64> {
    let live = finding.dir(name);
    let image = finding.dir(&format!("{name}-image"));
    let options = EngineOptions { collect_every_ms: None, ..Preset::OneWriter.engine() };
    let engine = MaceDriver.open(&live, &options)?;
    let merging = BucketOptions { merge: Merge::Sum, ..Preset::OneWriter.bucket() };
    let bucket = engine.create_bucket("b", &merging)?;
    let older = bucket.begin()?;
    add(bucket.as_ref(), 1)?;
    if checkpoint {
        bucket.checkpoint_and_wait();
    }
    older.merge(b"sum", &2_u64.to_le_bytes())?;
    older.commit()?;
    // The engine rests, so its files are what a killed process leaves.
    copy_tree(&live, &image).expect("the case's folder takes files");
    let engine = MaceDriver.open(&image, &options)?;
    let bucket = engine.open_bucket("b", Merge::Sum)?;
    let value = bucket.view()?.get(b"sum")?;
    Ok(u64::from_le_bytes(value.try_into().expect("a sum has eight bytes")))
}

fn add(bucket: &dyn Bucket, number: u64) -> Outcome<()> {
    let txn = bucket.begin()?;
    txn.merge(b"sum", &number.to_le_bytes())?;
    txn.commit()
}
