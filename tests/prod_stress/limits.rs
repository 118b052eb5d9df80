//! Work on both sides of limits that the engine's source has beside those of its documentation: the ring of
//! the log, many buckets in one recovery, many views, long histories. docs/limits.md lists them all.

use mace_prod::{
    case,
    history::{
        Event, History, Write, clients::clients, kill::Mark, script::buckets_named,
        snapshot_readers::Watch,
    },
    scenario::run::{
        Run,
        goals::{commits_beside_snapshots, conflicts, counted},
        session::Verbs,
    },
    workload::Mix,
};
use std::collections::BTreeMap;

/// A ring for records of the log, in bytes.
const RING: u32 = 8 << 10;

/// More bytes than the head of a record and a key of ours have together.
const HEAD: u32 = 160;

/// Buckets of one recovery; the engine recovers sixteen at a time.
const BUCKETS: u16 = 24;

/// Views that are open at once; the engine has places for 32.
const VIEWS: u16 = 40;

/// Bytes of one key's history; 128 KiB make one page of it.
const HISTORY: u64 = 128 << 10;

/// The lengths of all values that were written.
fn lengths(history: &History) -> Vec<u32> {
    let writes = history.events.iter().flat_map(|event| match event {
        Event::Commit { writes, .. } => writes.as_slice(),
        _ => &[],
    });
    writes.filter_map(|(_, write)| length(write)).collect()
}

const fn length(write: &Write) -> Option<u32> {
    match write {
        Write::Set(version) => Some(version.len),
        _ => None,
    }
}

fn must_hold(run: &mut Run<'_>, what: &'static str, is_it: impl Fn(u32) -> bool) {
    let count = lengths(&run.history()).into_iter().filter(|len| is_it(*len)).count();
    run.must_reach(counted(what, count as u64));
}

// Each length of a record from below the ring's to above it, and one of three rings.
case!(stress_records_beyond_the_ring_survive_kills: [Tiny, Relaxed, ManyWriters], |run| {
    let mut lengths: Vec<u32> = (RING - HEAD..=RING).collect();
    lengths.extend([3 * RING; 8]);
    let mix = Mix { keys: 40, lengths, binary: true, ..Mix::default() };
    run.options.wal_buffer_bytes = u64::from(RING);
    run.keep_one_log_file();
    for mark in [Mark::Acked(90), Mark::Asked(120)] {
        run.killed(mark, |s| {
            s.open("a");
            s.work("a", clients(0..3).mix(&mix, 60));
        });
    }
    run.reopen();
    run.check();
    must_hold(run, "a record that fits the ring", |len| len <= RING - HEAD + 16);
    must_hold(run, "a record longer than the ring", |len| len >= RING);
});

case!(stress_long_binary_keys_survive_kills: [Tiny, Compressed, Relaxed], |run| {
    let mix = Mix { keys: 1200, binary: true, ..Mix::default() };
    run.keep_one_log_file();
    for mark in [Mark::Acked(80), Mark::Asked(160)] {
        run.killed(mark, |s| {
            s.open("a");
            s.work("a", clients(0..3).mix(&mix, 40));
            s.checkpoint("a");
            s.work("a", clients(0..3).mix(&mix, 40));
        });
    }
    run.reopen();
    run.check();
});

case!(stress_many_buckets_recover_together: [Tiny, Relaxed], |run| {
    let mix = Mix { keys: 20, abort_pct: 0, ..Mix::default() };
    let names: Vec<String> = (0..BUCKETS).map(|number| format!("b{number}")).collect();
    let work = |client: u16| clients(client..client + 1).mix(&mix, 14);
    let parts: Vec<_> =
        names.iter().zip(0..).map(|(name, client)| (name.as_str(), work(client))).collect();
    run.keep_one_log_file();
    run.killed(Mark::Acked(300), |s| {
        for name in &names {
            s.open(name);
        }
        s.work_in_each(&parts);
    });
    run.reopen();
    run.check();
    let named = buckets_named(&run.history()).len() as u64;
    run.must_reach(counted("a bucket", named).times(u64::from(BUCKETS)));
});

case!(stress_many_views_see_long_histories: [Defaults, Tiny, Compressed], |run| {
    let weights = [5, 0, 60, 0, 0, 3, 0];
    let mix = Mix { keys: 2, lengths: vec![900, 1000], weights, ..Mix::default() };
    let views: Vec<Watch> =
        (0..VIEWS).map(|view| Watch::throughout("a", 1000 + view).seldom()).collect();
    run.keep_one_log_file();
    run.serialise_maintenance();
    run.session(|s| {
        s.open("a");
        s.work("a", clients(0..1).mix(&mix, 20));
        s.beside(&views, |s| {
            for _ in 0..2 {
                s.work("a", clients(0..3).mix(&mix, 30));
                s.checkpoint("a");
                s.collect(1);
            }
        });
    });
    let mut bytes: BTreeMap<String, u64> = BTreeMap::new();
    for event in &run.history().events {
        let Event::Commit { writes, .. } = event else { continue };
        for (key, write) in writes {
            *bytes.entry(key.0.clone()).or_default() += u64::from(length(write).unwrap_or_default());
        }
    }
    let long = bytes.values().filter(|bytes| **bytes > HISTORY).count() as u64;
    run.must_reach(counted("a history of more than a page", long));
    run.must_reach(commits_beside_snapshots(u64::from(VIEWS)));
    run.must_reach(conflicts(1));
    run.reopen();
    run.check();
});
