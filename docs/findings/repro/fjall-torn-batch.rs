//! A batch is committed with `SyncAll`, then a second one. The program stands in for `fsync` and `fdatasync` and
//! notes the journal as it was when it was synced. The power fails at the sync of the second commit: one sector in
//! the middle of its batch is as it was at the journal's last sync, and all else is there. Linux only.
//!
//! Trace:
//!
//!     fsync     0.jnl: 128 of its first 128 sectors are new, and durable now
//!     fsync     0.jnl: 17 of its first 128 sectors are new, and durable now
//!     commit    the first one is acknowledged
//!     fsync     0.jnl: the power fails before it returns
//!     power     0.jnl: 17 sectors from 16 to 32 are new and not synced
//!     power     0.jnl: sector 24 has its old bytes, all else stays
//!     open      the number of keys is Err(JournalRecovery(ChecksumMismatch))
//!     open      the number of keys is Err(JournalRecovery(ChecksumMismatch))
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use fjall::{Database, Error, KeyspaceCreateOptions, PersistMode};
use std::{
    env,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process,
    sync::Mutex,
};

const SECTOR: usize = 512;

/// The journal's beginning at its last sync.
static SYNCED: Mutex<Vec<u8>> = Mutex::new(Vec::new());
/// At the next sync of the journal the power fails: from where to where the database is copied.
static FAILS: Mutex<Option<(PathBuf, PathBuf)>> = Mutex::new(None);

/// The first bytes of the journal, which has 64 MiB of zeros behind them.
fn beginning(path: &Path) -> Vec<u8> {
    let mut bytes = vec![0; 64 << 10];
    let length = File::open(path).unwrap().read_at(&mut bytes, 0).unwrap();
    bytes.truncate(length);
    bytes
}

/// One line of the trace.
fn trace(call: &str, said: &str) {
    println!("trace: {call:<9} {said}");
}

/// Which sectors differ from what they were.
fn written(before: &[u8], bytes: &[u8]) -> Vec<usize> {
    let differs = |sector: &usize| {
        let range = sector * SECTOR..(sector + 1) * SECTOR;
        before.get(range.clone()) != bytes.get(range)
    };
    (0..bytes.len() / SECTOR).filter(differs).collect()
}

fn note(call: &str, file: i32) -> i32 {
    let path = fs::read_link(format!("/proc/self/fd/{file}")).unwrap();
    if path.extension().is_some_and(|extension| extension == "jnl") {
        let bytes = beginning(&path);
        let name = path.file_name().unwrap();
        if let Some((from, to)) = FAILS.lock().unwrap().take() {
            trace(call, &format!("{}: the power fails before it returns", name.display()));
            copy(&from, &to);
            lose_a_sector(&to.join(name), &bytes);
        } else if path.parent().unwrap().ends_with("live") {
            let new = written(&SYNCED.lock().unwrap(), &bytes).len();
            let all = bytes.len() / SECTOR;
            let what = format!("{new} of its first {all} sectors are new, and durable now");
            trace(call, &format!("{}: {what}", name.display()));
        }
        *SYNCED.lock().unwrap() = bytes;
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

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// Gives the sector in the middle of what no sync covered back what it had at the last one.
fn lose_a_sector(journal: &Path, bytes: &[u8]) {
    let synced = SYNCED.lock().unwrap();
    let written = written(&synced, bytes);
    let lost = written[written.len() / 2];
    let at = lost * SECTOR;
    let name = journal.file_name().unwrap().display();
    let [first, last] = [written[0], written[written.len() - 1]];
    let new = format!("{} sectors from {first} to {last} are new and not synced", written.len());
    trace("power", &format!("{name}: {new}"));
    trace("power", &format!("{name}: sector {lost} has its old bytes, all else stays"));
    let journal = File::options().write(true).open(journal).unwrap();
    journal.write_all_at(&synced[at..at + SECTOR], at as u64).unwrap();
}

/// How many of the keys there are.
fn count(folder: &Path) -> Result<usize, Error> {
    Database::builder(folder).open()?.keyspace("k", KeyspaceCreateOptions::default)?.len()
}

fn main() {
    let base =
        fs::canonicalize(env::temp_dir()).unwrap().join(format!("fjall-repro-{}", process::id()));
    let live = base.join("live");
    let lost = base.join("lost");
    let db = Database::builder(&live).open().unwrap();
    let keyspace = db.keyspace("k", KeyspaceCreateOptions::default).unwrap();
    // Each number once, so that there is nothing to compress.
    let value: Vec<u8> = (0..4096_u16).flat_map(|number| number.to_be_bytes()).collect();
    let commit = |key: &str| {
        let mut batch = db.batch().durability(Some(PersistMode::SyncAll));
        batch.insert(&keyspace, key, value.as_slice());
        batch.commit().unwrap();
    };
    commit("first");
    trace("commit", "the first one is acknowledged");
    *FAILS.lock().unwrap() = Some((live.clone(), lost.clone()));
    commit("second");
    assert!(FAILS.lock().unwrap().is_none(), "the second commit did not sync the journal");
    let there = count(&lost);
    trace("open", &format!("the number of keys is {there:?}"));
    let again = count(&lost);
    trace("open", &format!("the number of keys is {again:?}"));
    let _ = fs::remove_dir_all(&base);
    if !matches!(there, Ok(1 | 2)) {
        println!(
            "broken: one commit was acknowledged and one was not; after the power loss the database \
             answers {there:?}, and again {again:?}"
        );
        process::exit(1);
    }
    println!("kept: after the power loss the number of commits is {there:?}");
    process::exit(0);
}
