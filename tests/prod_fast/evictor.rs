//! Eviction under a cache that holds a fraction of the data: pages leave, come back whole, and no
//! reader notices. The reader itself shows that pages had left: values are too small for blob files
//! and nothing was reopened, so bytes that it reads from files are those of pages that come back.

use mace_prod::{
    case,
    engine::Need,
    history::{
        clients::{Traffic, clients},
        snapshot_readers::Watch,
    },
    scenario::run::{Run, goals::counted, session::Verbs},
    workload::{Mix, Sweep},
};

/// Keys of the bucket; with their values three times what the cache holds.
const KEYS: u64 = 900;

/// Readings after which a database whose pages stay is given up for a new one, and how many there
/// are at the most: on busy processors the evictor may never come to its turn between two readings.
const READINGS: u32 = 200;
const DATABASES: u32 = 8;

case!(evicted_pages_come_back_whole: [Tiny, Compressed], stress: [
    Relaxed, OneWriter, ManyWriters
], |run| {
    if run.lacks(&[Need::Sizes]) {
        return;
    }
    run.on_new_databases(DATABASES, "evictor", evicted);
});

fn evicted(run: &mut Run<'_>) {
    let mix = Mix { keys: KEYS, lengths: vec![100, 200, 300], abort_pct: 0, ..Mix::default() };
    let mut reloaded = None;
    run.serialise_maintenance();
    run.session(|s| {
        s.open("a");
        s.work("a", Traffic::sweep(Sweep::fill(KEYS, 200, 30)));
        s.checkpoint("a");
        s.beside(&[Watch::throughout("a", 100)], |s| {
            s.work("a", clients(1..2).mix(&mix, 80));
            s.checkpoint("a");
        });
        for _ in 0..READINGS {
            // Writers in one corner are what makes the engine evict; a reader keeps pages warm.
            s.work("a", Traffic::sweep(Sweep::fill(16, 200, 2)));
            reloaded = s.reload("a");
            if reloaded != Some(0) {
                break;
            }
        }
    });
    run.reopen();
    run.check();
    // Nothing where the system does not count them.
    if let Some(bytes) = reloaded {
        run.figures.add("bytes_reloaded", bytes);
        run.must_reach(counted("a page that had left", bytes));
    }
}
