//! A database is made and closed before anything is committed; the next opening commits, which is acknowledged.
//! The program stands in for `fsync` and `fdatasync`, notes which names a folder had when it was synced, and does
//! nothing else. Then the power fails: a copy of the folder lacks the log files whose names no sync covered. Linux
//! only.
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

fn note(file: i32) -> i32 {
    let path = fs::read_link(format!("/proc/self/fd/{file}")).unwrap();
    if let Ok(entries) = fs::read_dir(&path) {
        let paths = entries.map(|entry| entry.unwrap().path());
        NAMED.lock().unwrap().extend(paths);
    }
    0
}

#[unsafe(no_mangle)]
extern "C" fn fsync(file: i32) -> i32 {
    note(file)
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(file: i32) -> i32 {
    note(file)
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
            println!("{}: its folder was never synced with it", path.display());
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
    let db = open(&live);
    let bucket = db.open_bucket("b").unwrap();
    let txn = bucket.begin().unwrap();
    txn.put("key", "value").unwrap();
    txn.commit().unwrap();
    after_power_loss(&live, &lost);
    let read = open(&lost).open_bucket("b").unwrap().view().unwrap().get("key").map(drop);
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
