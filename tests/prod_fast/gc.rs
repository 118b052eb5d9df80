//! Garbage collection of data and of blobs: files go, what is left stays within a bound, and
//! readers beside it see exactly their snapshots.

use mace_prod::{
    case,
    engine::{Need, RULES},
    history::{clients::Traffic, script::Step, snapshot_readers::Watch},
    oracle::space::Bound,
    scenario::run::{
        Run,
        goals::{collected_blob_files, collected_data_files},
        session::Verbs,
    },
    workload::Sweep,
};

/// Rounds of overwriting and collecting; a file that stays after each of them shows.
const ROUNDS: u64 = 9;

/// Collections after which what was not collected will not be.
const COLLECTIONS: u32 = 400;

/// Bytes for pages that are not full and for the tables of each file.
const SLACK: u64 = 128 << 10;

case!(data_files_are_collected_beside_readers: [Tiny, Compressed, Relaxed], stress: [
    Defaults, OneWriter, ManyWriters
], |run| {
    let fill = Sweep::fill(400, 100, 50);
    let again = Sweep { step: 40, per_txn: 15, ..fill.clone() };
    overwrite_and_collect(run, &fill, &again, |data| Wanted { data, blob: 0 });
    run.must_reach(collected_data_files(1));
});

case!(blob_files_are_collected_beside_readers: [Tiny, Compressed, OneWriter], stress: [
    Defaults, Relaxed, ManyWriters
], |run| {
    let fill = Sweep::fill(40, RULES.large, 10);
    let again = Sweep { step: 4, per_txn: 5, ..fill.clone() };
    overwrite_and_collect(run, &fill, &again, |blob| Wanted { data: 0, blob });
    run.must_reach(collected_blob_files(1));
});

/// Files that are to be collected since the opening.
struct Wanted {
    data: u64,
    blob: u64,
}

/// Fills a bucket, then overwrites and collects round by round, beside readers and upkeep.
fn overwrite_and_collect(
    run: &mut Run<'_>,
    fill: &Sweep,
    again: &Sweep,
    wanted_after: impl Fn(u64) -> Wanted,
) {
    if run.lacks(&[Need::Collection]) {
        return;
    }
    // A leaf gives garbage once its chain of changes was folded, so the same few keys are written
    // until that is certain to have happened.
    let rewrites = u64::from(run.buckets.consolidate_deltas) / 8 + 4;
    run.serialise_maintenance();
    run.session(|s| {
        s.open("a");
        s.work("a", Traffic::sweep(fill.clone()));
        s.checkpoint("a");
        for round in 1..=ROUNDS {
            s.beside_upkeep("a", &[Watch::renewed("a", 100, 36)], |s| {
                (0..rewrites).for_each(|_| s.work("a", Traffic::sweep(again.clone())));
                s.checkpoint("a");
            });
            // No snapshot is open here, so that what was replaced can go.
            let Wanted { data, blob } = wanted_after(round);
            s.step(Step::CollectUntil { data, blob, rounds: COLLECTIONS });
            s.sample("a");
        }
    });
    run.reopen();
    run.check();
    // A file of dead data goes when the one after it was collected too, so that what two rounds
    // wrote may still be there.
    let round = again.plans().len() as u64 * again.per_txn * u64::from(again.length) * rewrites;
    run.bounded(Bound { factor: 2, slack_bytes: 2 * round + SLACK });
}
