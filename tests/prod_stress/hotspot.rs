//! Hot keys and hot accounts, for longer than the fast layer has time.

use mace_prod::{
    case,
    history::{clients::clients, snapshot_readers::Watch},
    scenario::run::{
        goals::{commits_beside_snapshots, conflicts},
        session::Verbs,
    },
    settings::FindingId,
    workload::{Access, Bank, Mix},
};

const BANK: Bank = Bank { accounts: 6, opening: 100, moves: 2, merged_pct: 40 };

/// Sessions over which the work is spread.
const SESSIONS: u32 = 3;

case!(stress_hot_keys_stay_exact: [Defaults, Tiny, Relaxed, ManyWriters], |run| {
    let lengths = vec![32, 100, 255, 1024, 1500];
    let mix = Mix { keys: 400, access: Access::Hotspot { hot: 3 }, lengths, ..Mix::default() };
    let buckets = run.preset().bucket();
    run.keep_one_log_file();
    // Point reads follow the long histories of hot keys, and abort the process as scans do.
    run.buckets = buckets.checkpoints_when_asked_while(FindingId::SCAN_OVER_CHECKPOINT);
    for _ in 0..SESSIONS {
        run.session(|s| {
            s.open("a");
            s.fairly(|s| s.work("a", clients(0..3).mix(&mix, 120)));
            s.checkpoint("a");
            s.collect(2);
        });
        run.reopen();
    }
    run.check();
    run.must_reach(conflicts(1));
});

case!(stress_money_is_conserved: [Defaults, Tiny, Relaxed, ManyWriters], |run| {
    let auditors = [Watch::renewed("a", 100, 80), Watch::throughout("a", 101)];
    run.keep_one_log_file();
    run.serialise_maintenance();
    for number in 0..SESSIONS {
        run.session(|s| {
            s.open("a");
            if number == 0 {
                s.work("a", clients(0..1).open_accounts(BANK));
            }
            s.beside_upkeep("a", &auditors, |s| s.work("a", clients(1..5).transfer(BANK, 60)));
        });
        run.reopen();
    }
    run.check();
    run.conserves(BANK);
    run.must_reach(conflicts(1));
    run.must_reach(commits_beside_snapshots(1));
});
