//! Deep databases: trees of three levels, a thousand pages, more data files than handles and tables of
//! files that are cached. Mixed traffic, eviction, collection and isolation as in the fast layer, where a
//! bucket is a page or two. What a run did not reach makes it inconclusive.

use mace_prod::{
    case,
    engine::{Need, Preset, options::DEEP_KEYS, under_test},
    history::{
        clients::{Traffic, clients},
        kill::Mark,
        script::Step,
        snapshot_readers::Watch,
    },
    scenario::{
        Case,
        contract::strategy::{Effort, judge},
        run::{
            Run,
            goals::{collected_data_files, commits_beside_snapshots, conflicts, counted},
            session::{Session, Verbs},
        },
    },
    settings::{FindingId, excludes},
    workload::{Access, Mix, Sweep},
};

/// Collections after which what was not collected will not be.
const COLLECTIONS: u32 = 400;

/// Keys of a stretch that is emptied: several pages of 64 at the most.
const EMPTIED: u64 = 256;

/// How many pages have to be joined, of some four in each of forty stretches.
const JOINS: u64 = 40;

/// Fills the bucket, twenty pairs in a transaction.
fn fill(s: &mut impl Verbs) {
    filled(s, 20);
}

/// The same with so many pairs in a transaction.
fn filled(s: &mut impl Verbs, per_txn: u64) {
    s.open("a");
    s.work("a", Traffic::sweep(Sweep::fill(DEEP_KEYS, 40, per_txn)));
    s.checkpoint("a");
}

/// Opens the database once more, wants all that was written and the depth that was promised.
fn reopen(run: &mut Run<'_>) {
    run.reopen();
    run.check();
    run.must_be_deep();
}

/// Random traffic over all keys, in which a page or two is hot.
fn mix() -> Mix {
    let lengths = vec![32, 40, 100, 300, 1024];
    Mix { keys: DEEP_KEYS, lengths, ..Mix::default() }
}

case!(stress_deep_mixed_work_adds_up: [Deep], |run| {
    let hot = Mix { keys: 64, access: Access::Zipfian, ..mix() };
    run.keep_one_log_file();
    run.serialise_maintenance();
    run.session(|s| {
        fill(s);
        let both = [("a", clients(1..4).mix(&mix(), 120))];
        s.work_in_each(&both);
        s.checkpoint("a");
        s.work("a", clients(4..8).mix(&hot, 40));
        // Every third key goes, which leaves no page empty.
        let third = Sweep { step: 3, deletes: true, ..Sweep::fill(DEEP_KEYS, 40, 20) };
        s.work("a", Traffic::sweep(third));
        s.collect(2);
        s.work_in_each(&both);
    });
    run.must_reach(conflicts(1));
    reopen(run);
});

// Pages that hold nothing any more are joined to their neighbours, and keys come back where these were.
case!(stress_deep_pages_are_joined: [Deep], |run| {
    run.buckets = run.buckets.clone().for_empty_pages();
    run.keep_one_log_file();
    run.serialise_maintenance();
    run.session(|s| {
        fill(s);
        for first in (0..DEEP_KEYS).step_by(EMPTIED as usize * 3) {
            let gone = Sweep { first, deletes: true, ..Sweep::fill(first + EMPTIED, 40, 20) };
            s.work("a", Traffic::sweep(gone));
        }
        s.collect(2);
        s.checkpoint("a");
        s.work_in_each(&[("a", clients(1..4).mix(&mix(), 120))]);
        s.work("a", Traffic::sweep(Sweep { step: 2, ..Sweep::fill(DEEP_KEYS, 40, 100) }));
    });
    run.must_join_pages(JOINS);
    reopen(run);
});

case!(stress_deep_pages_leave_and_come_back: [Deep], |run| {
    if run.lacks(&[Need::Sizes]) {
        return;
    }
    let mix = Mix { abort_pct: 0, ..mix() };
    let reader = Watch::throughout("a", 100).seldom();
    let mut reloads = 0;
    let mut counted_by_system = true;
    run.serialise_maintenance();
    run.session(|s| {
        fill(s);
        s.beside(std::slice::from_ref(&reader), |s| s.work("a", clients(1..3).mix(&mix, 200)));
        s.checkpoint("a");
        for _ in 0..3 {
            s.work("a", clients(1..3).mix(&mix, 60));
            match s.reload("a") {
                Some(bytes) => reloads += u64::from(bytes > 0),
                None => counted_by_system = false,
            }
        }
        s.checkpoint("a");
        // The evictor may still be folding a page: an abort, by that finding.
        if !excludes(FindingId::UNLOAD_RACES_THE_EVICTOR) {
            s.unload("a");
            s.open("a");
        }
        s.glance(&reader);
    });
    reopen(run);
    if counted_by_system {
        run.must_reach(counted("a page that had left", reloads));
    }
});

case!(stress_deep_work_survives_kills: [Deep], |run| {
    run.keep_one_log_file();
    // A process has a minute, and an engine may sync its file for each transaction.
    run.closed(|s| filled(s, 100));
    for mark in [Mark::Acked(60), Mark::Asked(90)] {
        run.killed(mark, |s| {
            s.open("a");
            s.work("a", clients(1..4).mix(&mix(), 12));
            s.checkpoint("a");
            s.work("a", clients(1..4).mix(&mix(), 30));
        });
    }
    reopen(run);
});

case!(stress_deep_files_are_collected: [Deep], |run| {
    if run.lacks(&[Need::Sizes]) {
        return;
    }
    run.serialise_maintenance();
    run.session(|s| {
        fill(s);
        let again = Sweep { step: 50, per_txn: 100, ..Sweep::fill(DEEP_KEYS, 40, 100) };
        for round in 1..=3 {
            rewritten(s, &again);
            s.step(Step::CollectUntil { data: round, blob: 0, rounds: COLLECTIONS });
        }
    });
    run.must_reach(collected_data_files(3));
    reopen(run);
});

/// Writes the same keys until every chain of changes was folded once.
fn rewritten(s: &mut Session<'_>, again: &Sweep) {
    (0..12).for_each(|_| s.work("a", Traffic::sweep(again.clone())));
    s.checkpoint("a");
}

case!(stress_deep_clients_are_snapshot_isolated: [Deep], |run| {
    let reader = [Watch::throughout("a", 1000).seldom()];
    let weights = [40, 6, 30, 8, 8, 8, 0];
    let mix = Mix { access: Access::Hotspot { hot: 24 }, weights, ..mix() };
    run.keep_one_log_file();
    run.serialise_maintenance();
    run.session(|s| {
        fill(s);
        s.beside(&reader, |s| {
            s.work_beside("a", clients(1..9).mix(&mix, 25), |script| {
                script.checkpoint("a");
                script.collect(1);
            });
        });
    });
    run.must_reach(conflicts(1));
    run.must_reach(commits_beside_snapshots(1));
    reopen(run);
});

/// The single client against an ordered map, over a bucket that is deep before its list begins.
#[test]
fn stress_deep_contract_holds() {
    let effort = Effort { lists: 2, operations: 120, shrinking: 60, attempts: 1 };
    Case::run(|case| {
        let dir = case.dir().to_owned();
        judge(under_test::driver(), &dir, Preset::Deep, case.seed(), effort, &mut case.figures)
    });
}
