//! A pair is persisted in a keyspace. Another one is deleted, and a sync of the folder of fjall's own keyspace
//! fails with `EIO` meanwhile: the first one, the second, and so on. Then a keyspace is made. The program stands in
//! for `fsync` and `fdatasync`; a name that is new in the folder when its sync fails is lost, whatever is synced
//! later, as POSIX permits. The power fails behind one of the later syncs of the folder: a copy of the database
//! lacks that name. Linux only.
//!
//! Trace:
//!
//!     fsync     keyspaces/0: EIO, and these new names are lost: {"v4"}
//!     delete    answers Err(Storage(Io(Os { code: 5, kind: Uncategorized, message: "Input/output error" })))
//!     fsync     keyspaces/0: returns 0, and of those it has {"v4"}
//!     fsync     keyspaces/0/current: is durable
//!     fsync     keyspaces/0: returns 0, and of those it has {"v4"}
//!     power     these names in keyspaces/0 are gone: {"v4"}
//!     open      is the pair there: Err(Storage(Io(Os { code: 2, kind: NotFound, message: "No such file or directory" })))
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use fjall::{Database, Error, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::{
    collections::BTreeSet,
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process,
    sync::Mutex,
};

/// The folder of fjall's own keyspace: what its syncs came to.
struct Syncs {
    /// How many of them from now on one fails; 0 for none.
    fails: usize,
    /// The names that were there when one returned 0.
    named: BTreeSet<PathBuf>,
    /// The names that were new when one failed.
    lost: BTreeSet<PathBuf>,
    /// What a power loss leaves behind those that came later, and how long the trace was then.
    left: Vec<(PathBuf, usize)>,
    /// What happened, from the first failure on.
    trace: Vec<String>,
}

impl Syncs {
    /// Adds a line to the trace.
    fn trace(&mut self, call: &str, said: &str) {
        self.trace.push(format!("trace: {call:<9} {said}"));
    }
}

const NONE: Syncs = Syncs {
    fails: 0,
    named: BTreeSet::new(),
    lost: BTreeSet::new(),
    left: Vec::new(),
    trace: Vec::new(),
};

static SYNCS: Mutex<Syncs> = Mutex::new(NONE);

const EIO: i32 = 5;

unsafe extern "C" {
    fn __errno_location() -> *mut i32;
}

/// The names of files, as the trace has them.
fn names(paths: &BTreeSet<PathBuf>) -> BTreeSet<&OsStr> {
    paths.iter().filter_map(|path| path.file_name()).collect()
}

fn note(call: &str, file: i32) -> i32 {
    let path = fs::read_link(format!("/proc/self/fd/{file}")).unwrap();
    if path.ends_with("live/keyspaces/0/current") {
        let mut syncs = SYNCS.lock().unwrap();
        if !syncs.lost.is_empty() {
            syncs.trace(call, "keyspaces/0/current: is durable");
        }
    }
    if !path.ends_with("live/keyspaces/0") {
        return 0;
    }
    let entries = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
    let there: BTreeSet<PathBuf> = entries.collect();
    let mut syncs = SYNCS.lock().unwrap();
    let fails = syncs.fails == 1;
    syncs.fails = syncs.fails.saturating_sub(1);
    if fails {
        syncs.lost = there.difference(&syncs.named).cloned().collect();
        let what =
            format!("keyspaces/0: EIO, and these new names are lost: {:?}", names(&syncs.lost));
        syncs.trace(call, &what);
        // SAFETY: the C library's own place for the error of this thread.
        unsafe { *__errno_location() = EIO };
        return -1;
    }
    syncs.named.extend(there.iter().cloned());
    if !syncs.lost.is_empty() {
        let live = path.parent().unwrap().parent().unwrap();
        let left = live.with_file_name(format!("left-{}", syncs.left.len()));
        after_power_loss(live, &left, &syncs.lost);
        let there = syncs.lost.intersection(&there).cloned().collect();
        let what = format!("keyspaces/0: returns 0, and of those it has {:?}", names(&there));
        syncs.trace(call, &what);
        let length = syncs.trace.len();
        syncs.left.push((left, length));
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

/// Copies a folder without the names that were lost.
fn after_power_loss(from: &Path, to: &Path, lost: &BTreeSet<PathBuf>) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copy = to.join(path.file_name().unwrap());
        if path.is_dir() {
            after_power_loss(&path, &copy, lost);
        } else if !lost.contains(&path) {
            fs::copy(&path, &copy).unwrap();
        }
    }
}

fn keyspace(db: &Database, name: &str) -> Result<Keyspace, Error> {
    db.keyspace(name, KeyspaceCreateOptions::default)
}

/// Deletes a keyspace while a sync fails, and makes another one; whether there were fewer syncs than that.
fn work(live: &Path, nth: usize) -> bool {
    let db = Database::builder(live).open().unwrap();
    let deleted = keyspace(&db, "deleted").unwrap();
    keyspace(&db, "kept").unwrap().insert("key", "value").unwrap();
    db.persist(PersistMode::SyncAll).unwrap();
    SYNCS.lock().unwrap().fails = nth;
    let answer = db.delete_keyspace(deleted);
    println!("with sync {nth} failing the deletion returns {answer:?}");
    {
        let mut syncs = SYNCS.lock().unwrap();
        syncs.trace("delete", &format!("answers {answer:?}"));
        if std::mem::take(&mut syncs.fails) > 0 {
            return true;
        }
    }
    let made = keyspace(&db, "made").map(drop);
    println!("and the next keyspace is made: {made:?}");
    false
}

/// Whether the pair is there.
fn read(left: &Path) -> Result<bool, Error> {
    keyspace(&Database::builder(left).open()?, "kept")?.contains_key("key")
}

fn main() {
    let base =
        fs::canonicalize(env::temp_dir()).unwrap().join(format!("fjall-repro-{}", process::id()));
    let mut broken: Option<Vec<String>> = None;
    for nth in 1.. {
        *SYNCS.lock().unwrap() = NONE;
        let is_over = work(&base.join("live"), nth);
        let mut syncs = std::mem::replace(&mut *SYNCS.lock().unwrap(), NONE);
        for (number, (left, length)) in syncs.left.iter().enumerate() {
            let read = read(left);
            println!("a power loss behind sync {number} after it: {read:?}");
            if !matches!(read, Ok(true)) && broken.is_none() {
                syncs.trace.truncate(*length);
                let gone = names(&syncs.lost);
                syncs.trace("power", &format!("these names in keyspaces/0 are gone: {gone:?}"));
                syncs.trace("open", &format!("is the pair there: {read:?}"));
                broken = Some(syncs.trace);
                break;
            }
        }
        fs::remove_dir_all(&base).unwrap();
        if is_over {
            assert!(nth > 1, "no sync of the folder failed");
            break;
        }
    }
    if let Some(trace) = broken {
        println!("{}", trace.join("\n"));
        println!(
            "broken: a sync failed, later ones were believed, and after a power loss the database is refused, or \
             the pair is gone"
        );
        process::exit(1);
    }
    println!("kept: after each power loss the pair is there");
    process::exit(0);
}
