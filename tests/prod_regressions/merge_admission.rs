//! Cause: the newest version of a key alone decides whether a write is admitted
//! (`resolve_latest_meta_for_write` and `…_for_merge`, `src/index/txn.rs`), and versions are ordered by the
//! number of their transaction, not by the time of the write. Merges may coexist, so the newest version need
//! not be the only one that a write must not overlook. A transaction's own operand hides the operands of others
//! below it. An operand on top hides a plain write below it, or an operand of an older transaction.
//!
//! Sequence:
//! 1. Begin an older and a younger transaction.
//! 2. First form: merge one key in both and commit the older one. Then write the key plainly (or delete it) in
//!    the younger one, which cannot see that merge, and commit.
//! 3. Second form: merge the key in the younger one and commit, then merge it in the older one. In a third
//!    transaction write the key plainly, on top of the younger one's operand, and commit; then commit the older
//!    one.
//! 4. Third form: write the key plainly and then merge it in the younger one. Merge it in the older one and
//!    commit, then commit the younger one.
//! 5. Read the key.
//!
//! Symptom: all calls succeed, and the committed merge of the older transaction is gone. A transaction that
//! began before that merge was committed has overwritten it: a lost update.
//!
//! Broken promise: `TxnKV::merge`: "Concurrent merge/merge writes may coexist; other overlapping writes use
//! first-writer-wins".
//!
//! Ruled out: conflict detection as such. Where the other transaction's write is on top, every overlap of a
//! merge with a plain write, and of two plain writes, is refused with `AbortTx`. Races, recovery and
//! checkpoints have no part in it: one thread makes all the calls, and the same process reads the result.

use mace_prod::{
    engine::{
        Bucket, BucketOptions, Driver, EngineError, Merge, Outcome, Preset, mace::MaceDriver,
    },
    regression,
};

const FIRST: &str = "merges overlap with merges only, the first writer wins otherwise";

regression!(
    MERGE_ADMISSION_SEES_ONLY_THE_NEWEST_VERSION: no_plain_write_overlaps_a_merge,
    |finding| {
        let engine = MaceDriver.open(&finding.dir("db"), &Preset::Defaults.engine());
        let engine = engine.expect("a fresh database opens");
        let options = BucketOptions { merge: Merge::Sum, ..Preset::Defaults.bucket() };
        let bucket = engine.create_bucket("b", &options).expect("a fresh bucket");
        let bucket = bucket.as_ref();
        let found = [
            own_operand_hides(bucket),
            younger_operand_hides(bucket),
            operand_hides_a_write(bucket),
        ];
        let lost = [(Ok(()), number(0)), (Ok(()), number(0)), (Ok(()), number(6))];
        finding.shows(found == lost)?;
        let is_refused = |(answer, _): &Found| *answer == Err(EngineError::Conflict);
        finding.keeps(found.iter().all(is_refused), FIRST, &found)?;
        finding.came_to("a plain write beside a merge", 3);
        Ok(())
    }
);

type Found = (Outcome<()>, Vec<u8>);

fn number(value: u64) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

/// What the younger transaction's plain write was answered, and what is there in the end.
fn own_operand_hides(bucket: &dyn Bucket) -> Found {
    let key = b"own";
    let older = bucket.begin().expect("begins");
    let younger = bucket.begin().expect("begins");
    younger.merge(key, &number(1)).expect("the first operand");
    older.merge(key, &number(1)).expect("merges stand beside merges");
    older.commit().expect("a commit on a healthy disk");
    let answer = younger.upsert(key, &number(0));
    if answer.is_ok() {
        younger.commit().expect("a commit on a healthy disk");
    }
    (answer, bucket.view().expect("a view opens").get(key).expect("both wrote it"))
}

/// What the third transaction's plain write was answered, and what is there in the end.
fn younger_operand_hides(bucket: &dyn Bucket) -> Found {
    let key = b"younger";
    let older = bucket.begin().expect("begins");
    let younger = bucket.begin().expect("begins");
    younger.merge(key, &number(1)).expect("the first operand");
    younger.commit().expect("a commit on a healthy disk");
    older.merge(key, &number(1)).expect("merges stand beside merges");
    let third = bucket.begin().expect("begins");
    let answer = third.upsert(key, &number(0));
    if answer.is_ok() {
        third.commit().expect("a commit on a healthy disk");
    }
    older.commit().expect("a commit on a healthy disk");
    (answer, bucket.view().expect("a view opens").get(key).expect("all wrote it"))
}

/// What the older transaction's merge was answered, and what is there in the end.
fn operand_hides_a_write(bucket: &dyn Bucket) -> Found {
    let key = b"hidden";
    let older = bucket.begin().expect("begins");
    let younger = bucket.begin().expect("begins");
    younger.upsert(key, &number(5)).expect("nobody else wrote it");
    younger.merge(key, &number(1)).expect("its own");
    let answer = older.merge(key, &number(1));
    if answer.is_ok() {
        older.commit().expect("a commit on a healthy disk");
    }
    younger.commit().expect("a commit on a healthy disk");
    (answer, bucket.view().expect("a view opens").get(key).expect("one wrote it"))
}
