//! Large values that are overwritten and collected for many rounds, beside readers.

use mace_prod::{
    case,
    engine::{Need, RULES},
    history::{clients::Traffic, script::Step, snapshot_readers::Watch},
    oracle::space::Bound,
    scenario::run::{goals::collected_blob_files, session::Verbs},
    workload::Sweep,
};

const ROUNDS: u64 = 40;

/// Collections after which what was not collected will not be.
const COLLECTIONS: u32 = 400;

/// Overwrites of a key in each round, more than a chain of changes may be long.
const REWRITES: u64 = 6;

/// Bytes for pages that are not full and for the tables of each file.
const SLACK: u64 = 128 << 10;

case!(stress_blobs_are_collected_for_ever: [Tiny, Compressed, Relaxed, ManyWriters], |run| {
    if run.lacks(&[Need::Collection]) {
        return;
    }
    let fill = Sweep::fill(60, RULES.large, 10);
    run.serialise_maintenance();
    run.session(|s| {
        s.open("a");
        s.work("a", Traffic::sweep(fill.clone()));
        s.checkpoint("a");
        for round in 0..ROUNDS {
            // Another quarter of the keys each time, so that every file gets old and goes.
            let again = Sweep { first: round % 4, step: 4, per_txn: 5, ..fill.clone() };
            s.beside_upkeep("a", &[Watch::renewed("a", 100, 36)], |s| {
                (0..REWRITES).for_each(|_| s.work("a", Traffic::sweep(again.clone())));
                s.checkpoint("a");
            });
            s.step(Step::CollectUntil { data: 0, blob: round + 1, rounds: COLLECTIONS });
            s.sample("a");
        }
    });
    run.reopen();
    run.check();
    let round = 15 * REWRITES * u64::from(RULES.large);
    run.bounded(Bound { factor: 2, slack_bytes: 2 * round + SLACK });
    run.must_reach(collected_blob_files(1));
});
