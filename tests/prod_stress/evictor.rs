//! Eviction, unloading and reloading, round by round, of a bucket whose cache holds a fraction of
//! its data.

use mace_prod::{
    case,
    engine::Need,
    history::{
        clients::{Traffic, clients},
        snapshot_readers::Watch,
    },
    scenario::run::{goals::counted, session::Verbs},
    settings::{FindingId, Settings, excludes},
    workload::{Mix, Sweep, plan::key},
};

/// Keys of the bucket; with their values three times what the cache holds.
const KEYS: u64 = 600;

/// Rounds from one unloading to the next, and from one reading of everything to the next.
const UNLOAD_EVERY: u64 = 8;
const READ_EVERY: u64 = 16;

case!(stress_evicted_and_unloaded_pages_come_back_whole: [Tiny, Compressed, Relaxed], |run| {
    if run.lacks(&[Need::Sizes]) {
        return;
    }
    let mix = Mix { keys: KEYS, lengths: vec![100, 200, 300], abort_pct: 0, ..Mix::default() };
    let reader = Watch::throughout("a", 100).of_keys((0..KEYS).map(key));
    let mut reloads = 0;
    let mut counted_by_system = true;
    run.serialise_maintenance();
    run.session(|s| {
        s.open("a");
        s.work("a", Traffic::sweep(Sweep::fill(KEYS, 200, 30)));
        for round in 1..=Settings::get().evictor_stress_rounds {
            s.work("a", Traffic::sweep(Sweep::fill(16, 200, 4)));
            s.work("a", clients(1..2).mix(&mix, 4));
            if round % READ_EVERY == 0 {
                match s.reload("a") {
                    Some(bytes) => reloads += u64::from(bytes > 0),
                    None => counted_by_system = false,
                }
                s.glance(&reader);
            }
            if round % UNLOAD_EVERY == 0 {
                s.checkpoint("a");
                // The evictor may still be folding a page: an abort, by that finding.
                if !excludes(FindingId::UNLOAD_RACES_THE_EVICTOR) {
                    s.unload("a");
                    s.open("a");
                }
            }
        }
    });
    run.reopen();
    run.check();
    run.figures.add("reloads", reloads);
    if counted_by_system {
        run.must_reach(counted("a page that had left", reloads));
    }
});
