//! A pair is persisted in a keyspace. Another one is deleted, and a sync of the folder of fjall's own keyspace
//! fails with `EIO` meanwhile: the first one, the second, and so on. Then a keyspace is made. The program stands in
//! for `fsync` and `fdatasync`; a name that is new in the folder when its sync fails is lost, whatever is synced
//! later, as POSIX permits. The power fails behind one of the later syncs of the folder: a copy of the database
//! lacks that name. Linux only.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use fjall::{Database, Error, Keyspace, KeyspaceCreateOptions, PersistMode};
use std::{
    collections::BTreeSet,
    env, fs,
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
    /// What a power loss leaves behind those that came later.
    left: Vec<PathBuf>,
}

const NONE: Syncs =
    Syncs { fails: 0, named: BTreeSet::new(), lost: BTreeSet::new(), left: Vec::new() };

static SYNCS: Mutex<Syncs> = Mutex::new(NONE);

const EIO: i32 = 5;

unsafe extern "C" {
    fn __errno_location() -> *mut i32;
}

fn note(file: i32) -> i32 {
    let path = fs::read_link(format!("/proc/self/fd/{file}")).unwrap();
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
        println!("a sync fails with these names new: {:?}", syncs.lost);
        // SAFETY: the C library's own place for the error of this thread.
        unsafe { *__errno_location() = EIO };
        return -1;
    }
    syncs.named.extend(there);
    if !syncs.lost.is_empty() {
        let live = path.parent().unwrap().parent().unwrap();
        let left = live.with_file_name(format!("left-{}", syncs.left.len()));
        after_power_loss(live, &left, &syncs.lost);
        syncs.left.push(left);
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
    let is_over = std::mem::take(&mut SYNCS.lock().unwrap().fails) > 0;
    if !is_over {
        println!("and the next keyspace is made: {:?}", keyspace(&db, "made").map(drop));
    }
    is_over
}

/// Whether the pair is there.
fn read(left: &Path) -> Result<bool, Error> {
    keyspace(&Database::builder(left).open()?, "kept")?.contains_key("key")
}

fn main() {
    let base =
        fs::canonicalize(env::temp_dir()).unwrap().join(format!("fjall-repro-{}", process::id()));
    let mut is_broken = false;
    for nth in 1.. {
        *SYNCS.lock().unwrap() = NONE;
        let is_over = work(&base.join("live"), nth);
        let left = std::mem::take(&mut SYNCS.lock().unwrap().left);
        for (number, left) in left.iter().enumerate() {
            let read = read(left);
            println!("a power loss behind sync {number} after it: {read:?}");
            is_broken |= !matches!(read, Ok(true));
        }
        fs::remove_dir_all(&base).unwrap();
        if is_over {
            assert!(nth > 1, "no sync of the folder failed");
            break;
        }
    }
    if is_broken {
        println!(
            "broken: a sync failed, later ones were believed, and after a power loss the database is refused, or \
             the pair is gone"
        );
        process::exit(1);
    }
    println!("kept: after each power loss the pair is there");
    process::exit(0);
}
