//! Checkpoints beside clients in processes that are killed: clients update keys that are there, each in
//! a range of its own, while one checkpoint after the other is written beside them and in the middle of
//! their transactions.
//!
//! Two known findings lose a page that is folded or divided while a checkpoint begins
//! (`history-ahead-of-its-page`, `split-without-its-child`). Here no page is: the bucket is filled and
//! closed before, in the order of its keys, so that each leaf was just folded; a leaf takes 256 changes
//! until the next fold and gets fewer. All else that a checkpoint can do wrong beside clients shows. Where
//! all clients share one writer group, open transactions lie behind what was written of others.
//!
//! A third one loses what is written beside a cut by clients that share a bucket and a writer group
//! (`written-behind-the-cut`): on an engine that has it each client has a bucket to itself.
//!
//! In one case a client is held while it folds a page, so that a checkpoint leaves the page to the next
//! one, which never comes.

use mace_prod::{
    case,
    engine::{BucketOptions, EngineOptions, Merge, Need},
    history::{
        Event,
        clients::{Traffic, clients},
        hold::{self, At, Place},
        kill::Mark,
        script::{
            Step,
            held::{LEAD, LEAF},
        },
    },
    scenario::run::{
        Run,
        goals::{commits_beside_checkpoints, counted, open_across_checkpoints},
        session::{Script, Verbs},
    },
    settings::{FindingId, excludes},
    workload::{Mix, Sweep},
};
use std::ops::Range;

/// Keys that each client has to itself.
const KEYS: u64 = 1024;

/// Keys of a transaction that fills the bucket: a leaf is folded after so many changes, and few of them
/// then wait for the next fold, markers included.
const FILLED: u64 = 256;

/// Acknowledged commits after which a process is killed: with three processes, a fill and what is under
/// way the leaf of the markers gets some 170 changes.
const COMMITS: u64 = 40;

/// The same for each bucket where every client has one: a checkpoint is then beside the commits of one client
/// only. With three processes a client changes some 400 keys, a leaf of its keys or of its markers 100.
const COMMITS_OF_A_CLIENT: u64 = 25;

/// Checkpoints that a process would write beside its clients, were it not killed before.
const CHECKPOINTS: usize = 2000;

/// The same where a commit comes before each of them: more than a process acknowledges before it is killed.
const PACED: usize = 100;

/// Keys of the leaf that is folded across a cut.
const FOLDED: u64 = 40;

case!(checkpoints_beside_clients_survive_kills: [Tiny, Relaxed], stress: [
    Defaults, OneWriter, ManyWriters
], |run| {
    killed_beside_checkpoints(run, 1..4);
});

case!(checkpoints_beside_many_clients_survive_kills: [ManyWriters], stress: [
    Defaults, OneWriter
], |run| {
    killed_beside_checkpoints(run, 1..9);
});

// On the engine as it is the folded page is left to the next checkpoint; where a cut waits for those at
// work it is written with this one.
case!(a_fold_across_a_checkpoint_survives_a_kill: [Defaults, Relaxed, OneWriter], |run| {
    if run.lacks(&[Need::Sizes]) {
        return;
    }
    if !hold::is_possible() {
        return run.skip("threads can be held on Linux only");
    }
    run.buckets = BucketOptions { consolidate_deltas: 16, ..BucketOptions::default() };
    let fill = Traffic::sweep(Sweep::fill(FOLDED, 100, 10));
    let place = Place { thread: LEAD.to_owned(), at: At::Asking(LEAF), nth: 1 };
    let lead = run.script(|s| {
        s.open("a");
        s.work("a", fill);
    });
    let amid = run.script(|s| s.checkpoint("a"));
    run.died(|s| {
        s.open("a");
        s.step(Step::Hold { place, lead, amid });
    });
    run.reopen();
    run.check();
    let is_held = |event: &&Event| matches!(event, Event::Milestone(reached) if reached.is_held());
    let held = run.history().events.iter().filter(is_held).count() as u64;
    run.must_reach(counted("a fold that is held across a checkpoint", held));
});

fn killed_beside_checkpoints(run: &mut Run<'_>, numbers: Range<u16>) {
    if run.lacks(&[Need::Checkpoints]) {
        return;
    }
    let parts = parts(numbers);
    run.keep_one_log_file();
    run.options.file_handles = EngineOptions::default().file_handles;
    run.buckets = BucketOptions { merge: Merge::Sum, ..BucketOptions::default() };
    run.closed(|s| {
        for (bucket, traffic) in &parts {
            let first = u64::from(traffic.first_client);
            let end = first + u64::from(traffic.clients);
            let fill = Sweep { first: first * KEYS, ..Sweep::fill(end * KEYS, 100, FILLED) };
            s.open(bucket);
            s.work(bucket, Traffic::sweep(fill));
            s.checkpoint(bucket);
        }
    });
    // An engine without sizes may have nothing to write at a checkpoint, and be through with all of them before the
    // kill: so a commit comes before each. In mace-kv these would fold the leaf.
    let between = (!run.can().sized).then(|| Traffic::sweep(Sweep::fill(1, 100, 1)));
    let commits = COMMITS.max(COMMITS_OF_A_CLIENT * parts.len() as u64);
    for mark in [Mark::Acked(commits), Mark::Asked(commits), Mark::Acked(commits / 2)] {
        run.killed(mark, |s| {
            for (bucket, _) in &parts {
                s.open(bucket);
            }
            work(s, &parts, &parts, between.as_ref());
        });
    }
    run.reopen();
    run.check();
    // Those between checkpoints are beside none.
    let beside = if between.is_some() { COMMITS / 4 } else { COMMITS };
    run.must_reach(commits_beside_checkpoints(beside));
    run.must_reach(open_across_checkpoints(3));
}

/// The buckets and who works in each: one for all, or, where the engine loses what is written beside a cut by
/// several clients of one bucket, one for each.
fn parts(numbers: Range<u16>) -> Vec<(String, Traffic)> {
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
    if !excludes(FindingId::WRITTEN_BEHIND_THE_CUT) {
        return vec![("a".to_owned(), clients(numbers).mix(&mix, 4))];
    }
    let alone = |number| (format!("a{number}"), clients(number..number + 1).mix(&mix, 4));
    numbers.map(alone).collect()
}

/// Work in the buckets of `left`, beside checkpoints of all.
fn work(
    s: &mut Script,
    left: &[(String, Traffic)],
    all: &[(String, Traffic)],
    between: Option<&Traffic>,
) {
    if let [(bucket, traffic), rest @ ..] = left {
        return s.work_beside(bucket, traffic.clone(), |s| work(s, rest, all, between));
    }
    for _ in 0..if between.is_some() { PACED } else { CHECKPOINTS } {
        for (bucket, _) in all {
            if let Some(traffic) = between {
                s.work(bucket, traffic.clone());
            }
            s.checkpoint(bucket);
        }
    }
}
