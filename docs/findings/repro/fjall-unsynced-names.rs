//! Two power losses. A pair is persisted with `SyncAll` in a new keyspace; in the second one its value is in a file
//! of blobs, to which its memtable was flushed. The program stands in for `fsync` and `fdatasync`, notes which
//! names a folder had when it was synced, and does nothing else. Then the power fails: a copy of the database lacks
//! the folders of keyspaces, or the files of blobs, whose names no sync covered; all else is there. Linux only.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use fjall::{Database, Error, KeyspaceCreateOptions, KvSeparationOptions, PersistMode};
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process,
    sync::Mutex,
};

/// What was in its folder when the folder was synced.
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

/// Copies a folder without the names in folders called `weak` that were not synced.
fn after_power_loss(from: &Path, to: &Path, weak: &str) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copy = to.join(path.file_name().unwrap());
        if from.ends_with(weak) && !NAMED.lock().unwrap().contains(&path) {
            println!("{}: its folder was never synced with it", path.display());
        } else if path.is_dir() {
            after_power_loss(&path, &copy, weak);
        } else {
            fs::copy(&path, &copy).unwrap();
        }
    }
}

/// What a power loss keeps of a pair that was persisted, when names in folders called `weak` go.
fn pair_behind(base: &Path, weak: &str) -> Result<Option<usize>, Error> {
    let live = base.join(format!("live-{weak}"));
    let lost = base.join(format!("lost-{weak}"));
    let options = || {
        let blobs = KvSeparationOptions::default();
        KeyspaceCreateOptions::default().with_kv_separation((weak == "blobs").then_some(blobs))
    };
    let db = Database::builder(&live).open().unwrap();
    let keyspace = db.keyspace("k", options).unwrap();
    keyspace.insert("key", [7; 6000]).unwrap();
    db.persist(PersistMode::SyncAll).unwrap();
    keyspace.rotate_memtable_and_wait().unwrap();
    after_power_loss(&live, &lost, weak);
    let db = Database::builder(&lost).open()?;
    let value = db.keyspace("k", options)?.get("key")?;
    Ok(value.map(|value| value.len()))
}

fn main() {
    let base =
        fs::canonicalize(env::temp_dir()).unwrap().join(format!("fjall-repro-{}", process::id()));
    let control = pair_behind(&base, "none");
    assert!(matches!(control, Ok(Some(6000))), "without a loss, as a control: {control:?}");
    let read = ["keyspaces", "blobs"].map(|weak| {
        let read = pair_behind(&base, weak);
        println!("without names in {weak} that were not synced, reading the pair answers {read:?}");
        read
    });
    let _ = fs::remove_dir_all(&base);
    if !read.iter().all(|read| matches!(read, Ok(Some(6000)))) {
        println!("broken: the pair was persisted and is lost in the power loss");
        process::exit(1);
    }
    println!("kept: the pair is there");
    process::exit(0);
}
