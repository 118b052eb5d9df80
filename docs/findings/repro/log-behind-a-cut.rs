//! On the durable route: a transaction that takes several log files. The program stands in for `fsync` and
//! `fdatasync` and notes how long each file was when it was synced. The power fails at the first sync of that
//! transaction's commit: the oldest log file that was not synced to its end has half of the rest, and the younger
//! ones are whole. The transaction was never acknowledged, and the next opening does not show it. That opening
//! commits another one, which is acknowledged, and ends as well: once by a kill, once by a power loss that takes
//! the truncation of the torn file, unless it was synced. Linux only.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, OpCode, Options};
use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process,
    sync::Mutex,
};

const WRITES: u64 = 20;

/// How long each file was at its last sync.
static SYNCED: Mutex<BTreeMap<PathBuf, u64>> = Mutex::new(BTreeMap::new());
/// At the next sync the power fails: from where to where the folder is copied.
static FAILS: Mutex<Option<(PathBuf, PathBuf)>> = Mutex::new(None);

fn note(file: i32) -> i32 {
    let path = fs::read_link(format!("/proc/self/fd/{file}")).unwrap();
    if let Some((from, to)) = FAILS.lock().unwrap().take() {
        copy(&from, &to);
        tear(&from, &to);
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
    for (path, length) in logs(live) {
        let synced = SYNCED.lock().unwrap().get(&path).copied().unwrap_or(0);
        println!("{}: {length} bytes, of which {synced} are synced", path.display());
        if synced < length {
            let kept = synced + (length - synced) / 2;
            let log = File::options().write(true).open(lost.join(path.strip_prefix(live).unwrap()));
            log.unwrap().set_len(kept).unwrap();
            println!("the power fails: {kept} bytes of it are there");
            return;
        }
    }
}

/// Brings back the ends of log files that were cut off without a sync.
fn untruncate(torn: &[(PathBuf, u64)], before: &Path, live: &Path, lost: &Path) {
    for (path, length) in torn {
        let is_synced = SYNCED.lock().unwrap().contains_key(path);
        if !is_synced && fs::metadata(path).is_ok_and(|now| now.len() < *length) {
            println!("the power fails: {} is as long as before", path.display());
            let name = path.strip_prefix(live).unwrap();
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
    println!("the first recovery shows {} writes of the torn transaction", first.0);
    let bucket = db.open_bucket("b").unwrap();
    let txn = bucket.begin().unwrap();
    txn.put("acknowledged", "value").unwrap();
    txn.commit().unwrap();
    let mut broken = Vec::new();
    for end in ["kill", "power loss"] {
        let third = base.join(end);
        copy(&second, &third);
        if end == "power loss" {
            untruncate(&before, &torn, &second, &third);
        }
        let seen = open(&third).map(|db| shown(&db));
        println!("after the {end} the next recovery shows {seen:?}");
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
