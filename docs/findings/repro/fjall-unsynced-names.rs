//! Two power losses. A pair is persisted with `SyncAll` in a new keyspace; in the second one its value is in a file
//! of blobs, to which its memtable was flushed. The program stands in for `fsync` and `fdatasync`, notes which
//! names a folder had when it was synced, and does nothing else. Then the power fails: a copy of the database lacks
//! the folders of keyspaces, or the files of blobs, whose names no sync covered; all else is there. Linux only.
//!
//! Trace:
//!
//!     fsync     keyspaces: these names are durable: {}
//!     persist   returned Ok
//!     power     keyspaces/0 is gone: no sync of its folder covered the name
//!     power     keyspaces/1 is gone: no sync of its folder covered the name
//!     open      the pair is not there
//!     fsync     keyspaces/1/blobs: these names are durable: {}
//!     persist   returned Ok
//!     fsync     keyspaces/1/blobs/0: 480 bytes are durable
//!     power     keyspaces/1/blobs/0 is gone: no sync of its folder covered the name
//!     open      opening or reading fails
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
/// The database whose syncs the trace shows, and what the folders are called that matter in it.
static TRACED: Mutex<Option<(PathBuf, &str)>> = Mutex::new(None);

/// One line of the trace.
fn trace(call: &str, said: &str) {
    println!("trace: {call:<9} {said}");
}

/// Says what a sync makes durable, if that matters to the names in folders called `weak`.
fn trace_sync(call: &str, path: &Path, live: &Path, weak: &str) {
    let Ok(name) = path.strip_prefix(live) else { return };
    if name.ends_with(weak) {
        let names: BTreeSet<_> =
            fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        trace(call, &format!("{}: these names are durable: {names:?}", name.display()));
    } else if path.parent().unwrap().ends_with(weak) && path.is_file() {
        let length = path.metadata().unwrap().len();
        trace(call, &format!("{}: {length} bytes are durable", name.display()));
    }
}

fn note(call: &str, file: i32) -> i32 {
    let path = fs::read_link(format!("/proc/self/fd/{file}")).unwrap();
    if let Some((live, weak)) = &*TRACED.lock().unwrap() {
        trace_sync(call, &path, live, weak);
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

/// Copies a folder without the names in folders called `weak` that were not synced.
fn after_power_loss(from: &Path, to: &Path, weak: &str) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copy = to.join(path.file_name().unwrap());
        if from.ends_with(weak) && !NAMED.lock().unwrap().contains(&path) {
            let is_live = |folder: &&Path| folder.ends_with(format!("live-{weak}"));
            let name = path.strip_prefix(path.ancestors().find(is_live).unwrap()).unwrap();
            let what = "is gone: no sync of its folder covered the name";
            trace("power", &format!("{} {what}", name.display()));
        } else if path.is_dir() {
            after_power_loss(&path, &copy, weak);
        } else {
            fs::copy(&path, &copy).unwrap();
        }
    }
}

/// What a power loss keeps of a pair that was persisted, when names in folders called `weak` go.
fn pair_behind(base: &Path, weak: &'static str) -> Result<Option<usize>, Error> {
    let live = base.join(format!("live-{weak}"));
    let lost = base.join(format!("lost-{weak}"));
    let options = || {
        let blobs = KvSeparationOptions::default();
        KeyspaceCreateOptions::default().with_kv_separation((weak == "blobs").then_some(blobs))
    };
    let is_control = weak == "none";
    if !is_control {
        *TRACED.lock().unwrap() = Some((live.clone(), weak));
    }
    let db = Database::builder(&live).open().unwrap();
    let keyspace = db.keyspace("k", options).unwrap();
    keyspace.insert("key", [7; 6000]).unwrap();
    db.persist(PersistMode::SyncAll).unwrap();
    if !is_control {
        trace("persist", "returned Ok");
    }
    keyspace.rotate_memtable_and_wait().unwrap();
    *TRACED.lock().unwrap() = None;
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
        println!("without those names in {weak}, the pair's length is {read:?}");
        trace(
            "open",
            match &read {
                Ok(Some(_)) => "the pair is there",
                Ok(None) => "the pair is not there",
                // Which error it is depends on how far its threads were.
                Err(_) => "opening or reading fails",
            },
        );
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
