//! A batch moves 10 from one of two balances to the other. The client that commits it is held at one of its
//! requests for memory, which its allocator shows: the first one, the second, and so on. Meanwhile another keyspace
//! is compacted, as a worker does by itself, and a snapshot is opened. It is read, the client goes on, and it is
//! read again.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use fjall::{Database, Keyspace, KeyspaceCreateOptions, Readable, Snapshot};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    env, fs, process,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    thread,
};

static REQUESTS: AtomicU64 = AtomicU64::new(0);
/// Which of the client's requests is where it is held.
static NTH: AtomicU64 = AtomicU64::new(0);
static IS_HELD: AtomicBool = AtomicBool::new(false);

thread_local! {
    static IS_CLIENT: Cell<bool> = const { Cell::new(false) };
}

struct Holding;

#[global_allocator]
static ALLOCATOR: Holding = Holding;

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Holding {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if IS_CLIENT.try_with(Cell::get).unwrap_or(false) {
            let nth = REQUESTS.fetch_add(1, SeqCst) + 1;
            while nth == NTH.load(SeqCst) {
                IS_HELD.store(true, SeqCst);
                thread::yield_now();
            }
        }
        // SAFETY: as the caller says.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller says.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// What both keys have in a snapshot.
fn read(snapshot: &Snapshot, accounts: &Keyspace) -> [u64; 2] {
    ["a", "b"].map(|key| {
        let value = snapshot.get(accounts, key).unwrap().unwrap();
        u64::from_be_bytes(value.as_ref().try_into().unwrap())
    })
}

/// Commits the balances of both keys.
fn commit(db: &Database, accounts: &Keyspace, balances: [u64; 2]) {
    let mut batch = db.batch();
    batch.insert(accounts, "a", balances[0].to_be_bytes());
    batch.insert(accounts, "b", balances[1].to_be_bytes());
    IS_CLIENT.set(true);
    batch.commit().unwrap();
    IS_CLIENT.set(false);
}

fn main() {
    let folder = env::temp_dir().join(format!("fjall-repro-{}", process::id()));
    let db = Database::builder(&folder).open().unwrap();
    let accounts = db.keyspace("accounts", KeyspaceCreateOptions::default).unwrap();
    let other = db.keyspace("other", KeyspaceCreateOptions::default).unwrap();
    other.insert("key", "value").unwrap();
    other.rotate_memtable_and_wait().unwrap();
    commit(&db, &accounts, [1000, 1000]);
    let mut held = 0;
    let mut torn = Vec::new();
    for nth in 1..=64 {
        REQUESTS.store(0, SeqCst);
        IS_HELD.store(false, SeqCst);
        NTH.store(nth, SeqCst);
        let moved = [1000 - 10 * nth, 1000 + 10 * nth];
        torn.extend(thread::scope(|scope| {
            let client = scope.spawn(|| commit(&db, &accounts, moved));
            while !IS_HELD.load(SeqCst) && !client.is_finished() {
                thread::yield_now();
            }
            held += u64::from(IS_HELD.load(SeqCst));
            other.major_compact().unwrap();
            let snapshot = db.snapshot();
            let first = read(&snapshot, &accounts);
            NTH.store(0, SeqCst);
            client.join().unwrap();
            let again = read(&snapshot, &accounts);
            let is_whole = first == again && first[0] + first[1] == 2000;
            (!is_whole).then_some((nth, first, again))
        }));
    }
    let _ = fs::remove_dir_all(&folder);
    for (nth, first, again) in &torn {
        println!("held at request {nth}: the snapshot reads {first:?}, and then {again:?}");
    }
    if !torn.is_empty() {
        println!(
            "broken: snapshots amid a commit hold a part of it, or change, of two balances that are 2000 in all"
        );
        process::exit(1);
    }
    assert!((1..64).contains(&held), "a commit was held at {held} requests");
    println!("kept: snapshots amid a commit, held at each of its requests for memory, are whole");
    process::exit(0);
}
