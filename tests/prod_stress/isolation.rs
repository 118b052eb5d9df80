//! Isolation under pressure: clients that fight over few keys, snapshots that stay open, and
//! checkpoints, eviction and collection all the time. One history over several openings.

use mace_prod::{
    case,
    history::{
        clients::{Traffic, clients},
        snapshot_readers::Watch,
    },
    scenario::run::{
        Run,
        goals::{commits_beside_snapshots, every_overlap},
        session::Verbs,
    },
    workload::{
        Access, Lists, Mix,
        elements::{list_key, set_key},
        plan::key,
    },
};

const SESSIONS: u16 = 3;

const KEYS: u64 = 24;

/// Lists, and sets, that clients fight over.
const LISTS: u64 = 4;

case!(stress_long_histories_are_snapshot_isolated: [Defaults, Tiny, Relaxed], |run| {
    let keys: Vec<_> = (0..KEYS).map(key).collect();
    isolated(run, &keys, |first, access| {
        let weights = [40, 6, 30, 8, 8, 8, 0];
        let mix = Mix { keys: KEYS, access, weights, ..Mix::default() };
        clients(first..first + 8).mix(&mix, 25)
    });
});

case!(stress_lists_and_sets_are_snapshot_isolated: [Defaults, Tiny, Relaxed], |run| {
    let keys: Vec<_> = (0..LISTS).flat_map(|at| [list_key(at), set_key(at)]).collect();
    isolated(run, &keys, |first, access| {
        clients(first..first + 8).lists(&Lists { access, ..Lists::of(LISTS) }, 12)
    });
});

/// Clients over these keys, by Zipf's law and over one hot key.
fn isolated(run: &mut Run<'_>, keys: &[Vec<u8>], traffic: impl Fn(u16, Access) -> Traffic) {
    let readers = [Watch::throughout("a", 1000), Watch::renewed("a", 1001, 200)]
        .map(|reader| reader.of_keys(keys.iter().cloned()));
    run.keep_one_log_file();
    run.serialise_maintenance();
    for number in 0..SESSIONS {
        let access = if number == 1 { Access::Hotspot { hot: 1 } } else { Access::Zipfian };
        run.session(|s| {
            s.open("a");
            s.beside(&readers, |s| {
                s.work_beside("a", traffic(number * 16, access), |script| {
                    script.checkpoint("a");
                    script.collect(1);
                    script.checkpoint("a");
                });
            });
        });
        run.reopen();
    }
    run.check();
    run.must_reach(every_overlap());
    run.must_reach(commits_beside_snapshots(1));
}
