//! A database is made and closed before anything is committed; the next opening commits, which is acknowledged.
//! The program stands in for `fsync` and `fdatasync`, notes which names a folder had when it was synced, and does
//! nothing else. Then the power fails: a copy of the folder lacks the log files whose names no sync covered. Linux
//! only.
//!
//! Trace:
//!
//!     fsync     log: these names are durable: {"manifest"}
//!     close     log holds {"group_wal_1", "manifest"}
//!     fsync     log/group_wal_1: 89 bytes are durable
//!     commit    is acknowledged
//!     power     log/group_wal_1 is gone: no sync of log covered its name
//!     open      reading the key answers Err(NotFound)
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, Options};
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::Mutex,
};

/// The files whose folder was synced when they were in it.
static NAMED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// One line of the trace.
fn trace(call: &str, said: &str) {
    println!("trace: {call:<9} {said}");
}

/// The names in a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn note(call: &str, file: i32) -> i32 {
    let path = fs::read_link(format!("/proc/self/fd/{file}")).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    if path.ends_with("live/log") {
        trace(call, &format!("log: these names are durable: {:?}", names(&path)));
    } else if path.ends_with(format!("live/log/{name}")) && name.starts_with("group_wal_") {
        let length = fs::metadata(&path).unwrap().len();
        trace(call, &format!("log/{name}: {length} bytes are durable"));
    }
    if let Ok(entries) = fs::read_dir(&path) {
        let paths = entries.map(|entry| entry.unwrap().path());
        NAMED.lock().unwrap().extend(paths);
    }
    0
}

#[unsafe(no_mangle)]
extern "C" fn fsync(file: i32) -> i32 {
    note("fsync", file)
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(file: i32) -> i32 {
    note("fdatasync", file)
}

fn open(folder: &Path) -> Mace {
    Mace::new(Options::new(folder).validate().unwrap()).unwrap()
}

/// Copies a folder without the log files whose names were not synced.
fn after_power_loss(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copy = to.join(path.file_name().unwrap());
        let is_log = path.file_name().unwrap().to_string_lossy().starts_with("group_wal_");
        if path.is_dir() {
            after_power_loss(&path, &copy);
        } else if is_log && !NAMED.lock().unwrap().contains(&path) {
            let name = path.file_name().unwrap().display();
            trace("power", &format!("log/{name} is gone: no sync of log covered its name"));
        } else {
            fs::copy(&path, &copy).unwrap();
        }
    }
}

fn main() {
    let base =
        fs::canonicalize(env::temp_dir()).unwrap().join(format!("mace-repro-{}", process::id()));
    let live = base.join("live");
    let lost = base.join("lost");
    let db = open(&live);
    drop(db.new_bucket("b", BucketOptions::default()).unwrap());
    drop(db);
    trace("close", &format!("log holds {:?}", names(&live.join("log"))));
    let db = open(&live);
    let bucket = db.open_bucket("b").unwrap();
    let txn = bucket.begin().unwrap();
    txn.put("key", "value").unwrap();
    txn.commit().unwrap();
    trace("commit", "is acknowledged");
    after_power_loss(&live, &lost);
    let read = open(&lost).open_bucket("b").unwrap().view().unwrap().get("key").map(drop);
    trace("open", &format!("reading the key answers {read:?}"));
    let _ = fs::remove_dir_all(&base);
    if read.is_err() {
        println!(
            "broken: the commit was acknowledged, and after the power loss reading it answers {read:?}"
        );
        process::exit(1);
    }
    println!("kept: the commit is there");
    process::exit(0);
}
