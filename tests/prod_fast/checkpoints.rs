//! Checkpoints beside clients in processes that are killed: clients update keys that are there, each in
//! a range of its own, while one checkpoint after the other is written beside them and in the middle of
//! their transactions.
//!
//! Two known findings lose a page that is folded or divided while a checkpoint begins
//! (`history-ahead-of-its-page`, `split-without-its-child`). Here no page is: the bucket is filled and
//! closed before, in the order of its keys, so that each leaf was just folded; a leaf takes 256 changes
//! until the next fold and gets fewer. All else that a checkpoint can do wrong beside clients shows.

use mace_prod::{
    case,
    engine::{BucketOptions, EngineOptions, Merge},
    history::{
        clients::{Clients, Traffic, clients},
        kill::Mark,
        script::Step,
    },
    scenario::run::{
        Run,
        goals::{commits_beside_checkpoints, open_across_checkpoints},
        session::{Script, Verbs},
    },
    workload::{Mix, Sweep},
};

/// Keys that each client has to itself.
const KEYS: u64 = 512;

/// Keys of a transaction that fills the bucket: a leaf is folded after so many changes, and few of them
/// then wait for the next fold, markers included.
const FILLED: u64 = 256;

/// Acknowledged commits after which a process is killed: with three processes, a fill and what is under
/// way the leaf of the markers gets some 170 changes.
const COMMITS: u64 = 40;

/// Checkpoints that a process would write beside its clients, were it not killed before.
const CHECKPOINTS: usize = 2000;

case!(checkpoints_beside_clients_survive_kills: [Defaults, Tiny, Relaxed, ManyWriters], |run| {
    killed_beside_checkpoints(run, clients(1..4));
});

case!(checkpoints_beside_many_clients_survive_kills: [Defaults, ManyWriters], |run| {
    killed_beside_checkpoints(run, clients(1..9));
});

fn killed_beside_checkpoints(run: &mut Run<'_>, clients: Clients) {
    let mix = Mix {
        keys: KEYS,
        ops: 8,
        lengths: vec![40, 100, 300],
        weights: [10, 1, 0, 0, 40, 0, 0],
        abort_pct: 0,
        checkpoint_pct: 20,
        apart: true,
        ..Mix::default()
    };
    let traffic = clients.mix(&mix, 4);
    let filled = KEYS * (u64::from(traffic.clients) + 1);
    run.keep_one_log_file();
    run.options.file_handles = EngineOptions::default().file_handles;
    run.buckets = BucketOptions { merge: Merge::Sum, ..BucketOptions::default() };
    run.closed(|s| {
        s.open("a");
        s.work("a", Traffic::sweep(Sweep::fill(filled, 100, FILLED)));
        s.checkpoint("a");
    });
    for mark in [Mark::Acked(COMMITS), Mark::Asked(COMMITS), Mark::Acked(COMMITS / 2)] {
        run.killed(mark, |s| work(s, &traffic));
    }
    run.reopen();
    run.check();
    run.must_reach(commits_beside_checkpoints(COMMITS));
    run.must_reach(open_across_checkpoints(3));
}

fn work(s: &mut Script, traffic: &Traffic) {
    s.open("a");
    s.work_beside("a", traffic.clone(), |script| {
        let bucket = || "a".to_owned();
        script.steps((0..CHECKPOINTS).map(|_| Step::Checkpoint { bucket: bucket() }).collect());
    });
}
