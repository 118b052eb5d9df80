//! A database of ten thousand files: data files that hold a record each, and log files that hold one or two. It is killed,
//! opened again and read by processes that may have few files open at once.

use mace_prod::{
    case,
    engine::{BucketOptions, EngineOptions, Need},
    history::{clients::Traffic, kill::Mark},
    scenario::run::{Run, goals::counted, session::Verbs},
    settings::{FindingId, excludes},
    workload::Sweep,
};
use std::fs;

/// Data and log files, at the least.
const FILES: u64 = 10_000;

/// Files that a process may have open: eight of data and eight of blobs by the options, a log for each of four writer
/// groups, those of one checkpoint, and what a process has anyway. A checkpoint has eight of its files open by the options,
/// or, while `checkpoint-opens-every-file` is there, all that it writes: a change of each page, and some that are folded
/// or divided.
fn open_files() -> u64 {
    let written =
        if excludes(FindingId::CHECKPOINT_OPENS_EVERY_FILE) { 3 * PAGES } else { HANDLES as u64 };
    2 * HANDLES as u64 + 4 + written + 40
}

/// Open files of data, and of blobs, that the caches may hold.
const HANDLES: usize = 8;

/// Files that a process may have open which checks: those that the engine's default options allow for data, since the
/// checker takes none of ours, and what a process has anyway.
const OPEN_TO_CHECK: u64 = 128 + 40;

/// Keys, sixty-four of which make a page at the most.
const KEYS: u64 = 6000;

/// Pages that a checkpoint writes at least; each is in a file of its own then, which stays open until it is synced.
const PAGES: u64 = 100;

/// Checkpoints.
const CHECKPOINTS: u64 = 64;

/// Pairs that are in the log alone, one or two in each file.
const LOGGED: u64 = 9000;

/// How many files a folder of the database has whose names have this in them.
fn files(run: &Run<'_>, folder: &str, name: &str) -> u64 {
    let entries = fs::read_dir(run.dir().join(folder)).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_string_lossy().contains(name)).count() as u64
}

case!(stress_ten_thousand_files_are_opened_again: [Tiny], |run| {
    if run.lacks(&[Need::Sizes]) {
        return;
    }
    if !cfg!(unix) {
        return run.skip("a process has no limit of open files here");
    }
    let usual = EngineOptions { file_handles: HANDLES, ..run.preset().engine() };
    let bucket = run.buckets.clone().checkpoints_when_asked();
    run.buckets = BucketOptions { consolidate_deltas: 32, ..bucket };
    run.closed(|s| {
        s.open("a");
        s.work("a", Traffic::sweep(Sweep::fill(KEYS, 40, PAGES)));
        s.checkpoint("a");
    });
    run.open_files = Some(open_files());
    run.options = EngineOptions { data_file_bytes: 1, ..usual.clone() };
    run.closed(|s| {
        s.open("a");
        for first in 0..CHECKPOINTS {
            // A key in every page.
            let sweep = Sweep { first, step: KEYS / PAGES, ..Sweep::fill(KEYS, 40, PAGES) };
            s.work("a", Traffic::sweep(sweep));
            s.checkpoint("a");
        }
    });
    let large = EngineOptions { data_file_bytes: 1 << 20, ..usual.clone() };
    run.options = EngineOptions { wal_file_bytes: 1 << 10, ..large.clone() };
    run.killed(Mark::Asked(LOGGED / 20 - 1), |s| {
        s.open("a");
        s.work("a", Traffic::sweep(Sweep { first: KEYS, ..Sweep::fill(KEYS + LOGGED, 900, 20) }));
    });
    let data = files(run, "data", "data_");
    let logs = files(run, "log", "wal_");
    run.figures.add("files.data", data);
    run.figures.add("files.log", logs);
    run.must_reach(counted("a data or log file", data + logs).times(FILES));
    run.reopen();
    if !excludes(FindingId::CHECKER_OPENS_EVERY_FILE) {
        run.open_files = Some(OPEN_TO_CHECK);
        run.check();
        run.open_files = Some(open_files());
    }
    run.closed(|s| {
        s.open("a");
        s.checkpoint("a");
        s.collect(3);
    });
    let recycled = logs.saturating_sub(files(run, "log", "wal_"));
    run.must_reach(counted("a log file that was recycled", recycled).times(logs / 2));
    let collected = data.saturating_sub(files(run, "data", "data_"));
    run.must_reach(counted("a data file that was collected", collected).times(data / 2));
    run.reopen();
});
