//! On the durable route: a transaction that takes several log files. The program stands in for `fsync` and
//! `fdatasync` and notes how long each file was when it was synced. The power fails at the first sync of that
//! transaction's commit: the oldest log file ends where its last sync was, and the younger ones are whole, as
//! POSIX permits. The transaction was never acknowledged; it has to be whole or absent. Linux only.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, Options};
use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process,
    sync::Mutex,
};

/// How long each file was at its last sync.
static SYNCED: Mutex<BTreeMap<PathBuf, u64>> = Mutex::new(BTreeMap::new());
/// At the next sync the power fails: from where to where the folder is copied.
static FAILS: Mutex<Option<(PathBuf, PathBuf)>> = Mutex::new(None);

fn note(file: i32) -> i32 {
    let path = fs::read_link(format!("/proc/self/fd/{file}")).unwrap();
    if let Some((from, to)) = FAILS.lock().unwrap().take() {
        after_power_loss(&from, &to);
    }
    let length = fs::metadata(&path).unwrap().len();
    SYNCED.lock().unwrap().insert(path, length);
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

fn options(folder: &Path) -> Options {
    let mut options = Options::new(folder);
    options.concurrent_write = 1;
    options.wal_file_size = 4 << 10;
    options
}

/// Copies a folder; the log file that was synced last ends there.
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
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("group_wal_") {
            let length = path.metadata().unwrap().len();
            let synced = SYNCED.lock().unwrap().get(&path).copied();
            println!("{name}: {length} bytes, synced: {synced:?}");
            if let Some(synced) = synced {
                File::options().write(true).open(&copy).unwrap().set_len(synced).unwrap();
            }
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
    let txn = bucket.begin().unwrap();
    txn.put("first", "value").unwrap();
    txn.commit().unwrap();
    let txn = bucket.begin().unwrap();
    for key in 0..20_u64 {
        txn.put(key.to_be_bytes(), [7; 900]).unwrap();
    }
    *FAILS.lock().unwrap() = Some((live.clone(), lost.clone()));
    txn.commit().unwrap();
    let opened = Mace::new(options(&lost).validate().unwrap()).and_then(|db| db.open_bucket("b"));
    let there = opened.map(|bucket| {
        let view = bucket.view().unwrap();
        (0..20_u64).filter(|key| view.get(key.to_be_bytes()).is_ok()).count()
    });
    let _ = fs::remove_dir_all(&base);
    if !matches!(there, Ok(0 | 20)) {
        println!(
            "broken: of the transaction's 20 writes there are, after the power loss, {there:?}"
        );
        process::exit(1);
    }
    println!("kept: of the transaction's 20 writes there are {there:?}");
    process::exit(0);
}
