//! Concurrency: clients that meet on the same keys, and readers that hold snapshots beside them
//! while checkpoints are written and garbage is collected.

use mace_prod::{
    case,
    history::{clients::clients, snapshot_readers::Watch},
    scenario::run::{
        goals::{commits_beside_snapshots, conflicts},
        session::Verbs,
    },
    workload::{Access, Bank, Mix, plan::key},
};

/// Rounds after which clients that never met will not meet.
const ROUNDS: u32 = 20;

const BANK: Bank = Bank { accounts: 6, opening: 100, moves: 2, merged_pct: 40 };

// Transfers that meet, merged and written back, auditors that add up every snapshot.
case!(money_is_conserved: [Defaults, OneWriter, ManyWriters], stress: [
    Tiny, Compressed, Relaxed
], |run| {
    run.keep_one_log_file();
    run.serialise_maintenance();
    run.session(|s| {
        s.open("a");
        s.work("a", clients(0..1).open_accounts(BANK));
        let auditors = [Watch::renewed("a", 100, 40), Watch::throughout("a", 101)];
        for _ in 0..ROUNDS {
            s.beside_upkeep("a", &auditors, |s| s.work("a", clients(1..5).transfer(BANK, 25)));
            if s.conflicts() > 0 {
                break;
            }
        }
    });
    run.reopen();
    run.check();
    run.conserves(BANK);
    run.must_reach(conflicts(1));
    run.must_reach(commits_beside_snapshots(1));
});

// Views held open across others' commits, checkpoints, collection and eviction.
case!(a_snapshot_stands_still: [Tiny, Compressed, OneWriter], stress: [
    Defaults, Relaxed, ManyWriters
], |run| {
    let mix = Mix { keys: 48, ..Mix::default() };
    let readers = [Watch::throughout("a", 100), Watch::renewed("a", 101, 60)]
        .map(|reader| reader.of_keys((0..mix.keys).map(key)));
    run.keep_one_log_file();
    run.serialise_maintenance();
    run.session(|s| {
        s.open("a");
        s.work("a", clients(0..3).mix(&mix, 20));
        s.beside_upkeep("a", &readers, |s| s.work("a", clients(0..3).mix(&mix, 40)));
        s.beside(&readers, |s| {
            s.work("a", clients(3..6).mix(&mix, 10));
            s.checkpoint("a");
            s.collect(2);
        });
    });
    run.reopen();
    run.check();
    run.must_reach(commits_beside_snapshots(1));
});

// Clients that read and write back the same few keys.
case!(a_lost_update_is_refused_and_everybody_gets_on: [Tiny, OneWriter, ManyWriters], stress: [
    Defaults, Relaxed
], |run| {
    let mix = Mix {
        keys: 12,
        access: Access::Hotspot { hot: 2 },
        ops: 3,
        lengths: vec![40, 1200],
        weights: [10, 0, 60, 0, 20, 10, 0],
        abort_pct: 5,
        ..Mix::default()
    };
    run.keep_one_log_file();
    run.buckets = run.preset().bucket().checkpoints_when_asked();
    run.session(|s| {
        s.open("a");
        for _ in 0..ROUNDS {
            s.fairly(|s| s.work("a", clients(0..3).mix(&mix, 40)));
            if s.conflicts() > 0 {
                break;
            }
        }
    });
    run.reopen();
    run.must_reach(conflicts(1));
});
