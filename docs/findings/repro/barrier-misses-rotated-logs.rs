//! On the relaxed route: commits that take several log files, then `sync`. The program stands in for `fsync` and
//! `fdatasync`, notes how long each file was when it was synced, and does nothing else. Then the power fails: a
//! copy of the folder has of each log file what a sync covered. Linux only.
//!
//! Trace:
//!
//!     commit    20 are acknowledged; log files synced so far: 0
//!     fdatasync log/wal_0_4: 13 bytes are durable
//!     sync()    returned Ok
//!     power     log/wal_0_0: 4932 bytes, of which 0 were synced and stay
//!     power     log/wal_0_1: 4945 bytes, of which 0 were synced and stay
//!     power     log/wal_0_2: 4945 bytes, of which 0 were synced and stay
//!     power     log/wal_0_3: 4945 bytes, of which 0 were synced and stay
//!     power     log/wal_0_4: 13 bytes, of which 13 were synced and stay
//!     open      0 of the 20 commits are there
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, Options};
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process,
    sync::Mutex,
};

/// How long each file was at its last sync.
static SYNCED: Mutex<BTreeMap<PathBuf, u64>> = Mutex::new(BTreeMap::new());

/// One line of the trace.
fn trace(call: &str, said: &str) {
    println!("trace: {call:<9} {said}");
}

/// The names in a folder.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The log files of a database, the oldest first.
fn logs(folder: &Path) -> Vec<PathBuf> {
    let names = names(&folder.join("log")).into_iter().filter(|name| name.starts_with("wal_"));
    names.map(|name| folder.join("log").join(name)).collect()
}

fn note(call: &str, file: i32) -> i32 {
    let path = fs::read_link(format!("/proc/self/fd/{file}")).unwrap();
    let length = fs::metadata(&path).unwrap().len();
    let name = path.file_name().unwrap().to_str().unwrap();
    if path.ends_with(format!("live/log/{name}")) && name.starts_with("wal_") {
        trace(call, &format!("log/{name}: {length} bytes are durable"));
    }
    SYNCED.lock().unwrap().insert(path, length);
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

fn options(folder: &Path) -> Options {
    let mut options = Options::new(folder);
    options.sync_on_write = false;
    options.concurrent_write = 1;
    options.wal_file_size = 4 << 10;
    options
}

/// How many bytes of a file a sync covered.
fn synced(path: &Path) -> u64 {
    SYNCED.lock().unwrap().get(path).copied().unwrap_or(0)
}

/// Copies a folder; of a log file what a sync covered.
fn after_power_loss(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copy = to.join(path.file_name().unwrap());
        if path.is_dir() {
            after_power_loss(&path, &copy);
            continue;
        }
        fs::copy(&path, &copy).unwrap();
        if path.file_name().unwrap().to_string_lossy().starts_with("wal_") {
            File::options().write(true).open(&copy).unwrap().set_len(synced(&path)).unwrap();
        }
    }
}

fn main() {
    let base =
        fs::canonicalize(env::temp_dir()).unwrap().join(format!("mace-repro-{}", process::id()));
    let live = base.join("live");
    let lost = base.join("lost");
    let db = Mace::new(options(&live).validate().unwrap()).unwrap();
    let bucket = db.new_bucket("b", BucketOptions::default()).unwrap();
    for key in 0..20_u64 {
        let txn = bucket.begin().unwrap();
        txn.put(key.to_be_bytes(), [7; 900]).unwrap();
        txn.commit().unwrap();
    }
    let before = logs(&live).iter().filter(|log| synced(log) > 0).count();
    trace("commit", &format!("20 are acknowledged; log files synced so far: {before}"));
    db.sync().unwrap();
    trace("sync()", "returned Ok");
    for log in logs(&live) {
        let length = log.metadata().unwrap().len();
        let name = log.strip_prefix(&live).unwrap().display();
        let synced = synced(&log);
        trace("power", &format!("{name}: {length} bytes, of which {synced} were synced and stay"));
    }
    after_power_loss(&live, &lost);
    let opened = Mace::new(options(&lost).validate().unwrap()).unwrap();
    let there = match opened.open_bucket("b") {
        Err(_) => 0,
        Ok(bucket) => {
            let view = bucket.view().unwrap();
            (0..20_u64).filter(|key| view.get(key.to_be_bytes()).is_ok()).count()
        }
    };
    trace("open", &format!("{there} of the 20 commits are there"));
    let _ = fs::remove_dir_all(&base);
    if there < 20 {
        println!(
            "broken: `sync` returned Ok, and after the power loss {there} of 20 commits are there"
        );
        process::exit(1);
    }
    println!("kept: all 20 commits are there");
    process::exit(0);
}
