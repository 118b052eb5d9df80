//! On the durable route: a transaction that takes several log files. The program stands in for `fsync` and
//! `fdatasync` and notes how long each file was when it was synced. The power fails at the first sync of that
//! transaction's commit: the oldest log file that was not synced to its end has half of the rest, and the younger
//! ones are whole. The transaction was never acknowledged, and the next opening does not show it. That opening
//! commits another one, which is acknowledged, and ends as well: once by a kill, once by a power loss that takes
//! the truncation of the torn file, unless it was synced. Linux only.
//!
//! Trace:
//!
//!     fsync     log/group_wal_1: 91 bytes are durable
//!     commit    the first one is acknowledged
//!     fsync     log/group_wal_1 of 4919 bytes: the power fails before it returns
//!     power     log/group_wal_1: 4919 bytes, of which 2505 stay, 91 of them synced
//!     power     log/group_wal_2, log/group_wal_3, log/group_wal_4, log/group_wal_5: all bytes stay, 0 of them synced
//!     open      0 of the torn transaction's 20 writes are there
//!     truncate  log/group_wal_1: from 2505 to 2030 bytes, not synced
//!     fsync     log/group_wal_5: 111 bytes are durable
//!     commit    that of the second process is acknowledged
//!     kill      all bytes stay as the second process left them
//!     open      17 of the 20 writes, with the acknowledged one
//!     power     log/group_wal_1 has its 2505 bytes again: it was not synced since it was cut
//!     open      0 of the 20 writes, without the acknowledged one
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, OpCode, Options};
use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

const WRITES: u64 = 20;

/// How long each file was at its last sync.
static SYNCED: Mutex<BTreeMap<PathBuf, u64>> = Mutex::new(BTreeMap::new());
/// At the next sync the power fails: from where to where the folder is copied.
static FAILS: Mutex<Option<(PathBuf, PathBuf)>> = Mutex::new(None);
/// Whether the database that is written is one whose syncs count.
static TRACED: AtomicBool = AtomicBool::new(true);

/// One line of the trace.
fn trace(call: &str, said: &str) {
    println!("trace: {call:<9} {said}");
}

fn note(call: &str, file: i32) -> i32 {
    let path = fs::read_link(format!("/proc/self/fd/{file}")).unwrap();
    let length = fs::metadata(&path).unwrap().len();
    let name = path.file_name().unwrap().to_str().unwrap();
    let mut is_traced = name.starts_with("group_wal_") && TRACED.load(SeqCst);
    if let Some((from, to)) = FAILS.lock().unwrap().take() {
        let at = path.strip_prefix(&from).unwrap().display();
        trace(call, &format!("{at} of {length} bytes: the power fails before it returns"));
        copy(&from, &to);
        tear(&from, &to);
        is_traced = false;
        TRACED.store(false, SeqCst);
    }
    if is_traced {
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

fn open(folder: &Path) -> Result<Mace, OpCode> {
    let mut options = Options::new(folder);
    options.concurrent_write = 1;
    options.wal_file_size = 4 << 10;
    Mace::new(options.validate()?)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copied = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &copied);
        } else {
            fs::copy(&path, &copied).unwrap();
        }
    }
}

/// The log files of a database, the oldest first, with their lengths.
fn logs(folder: &Path) -> Vec<(PathBuf, u64)> {
    let file = |number: u64| folder.join(format!("log/group_wal_{number}"));
    let files = (1..).map(file).take_while(|path| path.exists());
    files.map(|path| (path.clone(), fs::metadata(path).unwrap().len())).collect()
}

/// Leaves half of what no sync covered in the oldest log file that has such bytes.
fn tear(live: &Path, lost: &Path) {
    let mut is_torn = false;
    let mut younger = Vec::new();
    let mut covered = 0;
    for (path, length) in logs(live) {
        let name = path.strip_prefix(live).unwrap();
        let synced = SYNCED.lock().unwrap().get(&path).copied().unwrap_or(0);
        if is_torn {
            younger.push(name.display().to_string());
            covered += synced;
        } else if synced < length {
            let kept = synced + (length - synced) / 2;
            File::options().write(true).open(lost.join(name)).unwrap().set_len(kept).unwrap();
            let what = format!("{length} bytes, of which {kept} stay, {synced} of them synced");
            trace("power", &format!("{}: {what}", name.display()));
            is_torn = true;
        }
    }
    if !younger.is_empty() {
        let younger = younger.join(", ");
        trace("power", &format!("{younger}: all bytes stay, {covered} of them synced"));
    }
}

/// Brings back the ends of log files that were cut off without a sync.
fn untruncate(torn: &[(PathBuf, u64)], before: &Path, live: &Path, lost: &Path) {
    for (path, length) in torn {
        let is_synced = SYNCED.lock().unwrap().contains_key(path);
        if !is_synced && fs::metadata(path).is_ok_and(|now| now.len() < *length) {
            let name = path.strip_prefix(live).unwrap();
            let what = format!("has its {length} bytes again: it was not synced since it was cut");
            trace("power", &format!("{} {what}", name.display()));
            fs::copy(before.join(name), lost.join(name)).unwrap();
        }
    }
}

/// How many writes of the torn transaction an opening shows, and whether that which was acknowledged is there.
fn shown(db: &Mace) -> (usize, bool) {
    let bucket = db.open_bucket("b").unwrap();
    let view = bucket.view().unwrap();
    let torn = (0..WRITES).filter(|key| view.get(key.to_be_bytes()).is_ok()).count();
    (torn, view.get("acknowledged").is_ok())
}

fn main() {
    let base =
        fs::canonicalize(env::temp_dir()).unwrap().join(format!("mace-repro-{}", process::id()));
    let live = base.join("live");
    let torn = base.join("torn");
    let db = open(&live).unwrap();
    let bucket = db.new_bucket("b", BucketOptions::default()).unwrap();
    let txn = bucket.begin().unwrap();
    txn.put("first", "value").unwrap();
    txn.commit().unwrap();
    trace("commit", "the first one is acknowledged");
    let txn = bucket.begin().unwrap();
    for key in 0..WRITES {
        txn.put(key.to_be_bytes(), [7; 900]).unwrap();
    }
    *FAILS.lock().unwrap() = Some((live.clone(), torn.clone()));
    txn.commit().unwrap();

    // The second process; a copy of its folder while it runs is what a kill leaves.
    let second = base.join("second");
    copy(&torn, &second);
    let before = logs(&second);
    let db = open(&second).expect("the first recovery opens it");
    let first = shown(&db);
    trace("open", &format!("{} of the torn transaction's {WRITES} writes are there", first.0));
    for ((path, before), (_, now)) in before.iter().zip(logs(&second)) {
        if now < *before {
            let name = path.strip_prefix(&second).unwrap().display();
            let what =
                if SYNCED.lock().unwrap().contains_key(path) { "synced" } else { "not synced" };
            trace("truncate", &format!("{name}: from {before} to {now} bytes, {what}"));
        }
    }
    let bucket = db.open_bucket("b").unwrap();
    let txn = bucket.begin().unwrap();
    txn.put("acknowledged", "value").unwrap();
    TRACED.store(true, SeqCst);
    txn.commit().unwrap();
    TRACED.store(false, SeqCst);
    trace("commit", "that of the second process is acknowledged");
    let mut broken = Vec::new();
    for end in ["kill", "power loss"] {
        let third = base.join(end);
        copy(&second, &third);
        if end == "power loss" {
            untruncate(&before, &torn, &second, &third);
        } else {
            trace("kill", "all bytes stay as the second process left them");
        }
        let seen = open(&third).map(|db| shown(&db));
        let what = match &seen {
            Ok((torn, true)) => format!("{torn} of the {WRITES} writes, with the acknowledged one"),
            Ok((torn, false)) => {
                format!("{torn} of the {WRITES} writes, without the acknowledged one")
            }
            Err(error) => format!("answers {error:?}"),
        };
        trace("open", &what);
        match seen {
            Ok((torn, _)) if torn != first.0 => {
                broken
                    .push(format!("after the {end} {torn} writes that it had left out are there"));
            }
            Ok((_, false)) => {
                broken.push(format!("after the {end} an acknowledged commit is gone"))
            }
            Ok(_) => {}
            Err(error) => broken.push(format!("after the {end} opening answers {error:?}")),
        }
    }
    let _ = fs::remove_dir_all(&base);
    if !broken.is_empty() {
        println!("broken: behind the first recovery, {}", broken.join("; "));
        process::exit(1);
    }
    println!("kept: after both ends the acknowledged commit is there, and no more of the torn one");
    process::exit(0);
}
