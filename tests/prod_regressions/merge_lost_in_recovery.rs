//! Cause: when recovery meets a record in the log it asks the recovered page for the newest version
//! of the key and redoes the record only when that version is older than the record's transaction
//! (`Recovery::handle_update`, `src/store/recovery.rs`: `lost = v > ver`). For writes that exclude
//! each other this is right: a newer version on the page means that the record was overwritten.
//! Merges of one key may stand beside each other, so a younger transaction's operand can be on the
//! page while an older transaction's is only in the log.
//!
//! Sequence: an older and a younger transaction are open; the younger merges a key and commits; a
//! checkpoint writes it; the older merges the same key and commits; the process is killed.
//!
//! Symptom: after the reopening the key lacks the older transaction's operand. The other writes of
//! that transaction are there: it is torn.
//!
//! Broken promise: a commit that returned with `sync_on_write` survives, and "concurrent
//! merge/merge writes may coexist".

use mace_prod::{
    engine::{
        Bucket, BucketOptions, Driver, EngineOptions, Merge, Outcome, Preset, mace::MaceDriver,
    },
    oracle::{OracleName, Violation},
    scenario::Case,
    settings::FindingId,
    testdir::copy_tree,
    verdict::Verdict,
};

const ID: FindingId = FindingId::MERGE_LOST_IN_RECOVERY;

#[test]
fn a_committed_merge_survives_a_kill() {
    Case::run(|case| {
        // The control: without the checkpoint both operands come from the log.
        match (recovered(case, "control", false), recovered(case, "checkpoint", true)) {
            (Ok(3), Ok(1)) => case.known_finding(ID),
            (Ok(3), Ok(3)) => {
                case.shows_nothing("a recovery behind a younger merge", 1, Vec::new())
            }
            found => {
                let witness = format!("the sums without and with a checkpoint: {found:?}");
                let promise = "a commit that returned survives the death of the process";
                Verdict::Violated(vec![Violation::new(OracleName::Durability, promise, witness)])
            }
        }
    });
}

/// The number after an older transaction added 2 beside a younger one's 1, and a kill.
fn recovered(case: &Case, name: &str, checkpoint: bool) -> Outcome<u64> {
    let live = case.dir().join(name);
    let image = case.dir().join(format!("{name}-image"));
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
