//! One thread creates a bucket. It is held where it asks for memory, which its allocator shows: at its last
//! request of a kilobyte or more, the one before it, and so on. Meanwhile another thread opens the bucket by its name and
//! commits, and the process is killed. The folder is opened again.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, OpCode, Options};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    env, fs,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{self, Command},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    sync::mpsc::channel,
    thread,
    time::Duration,
};

/// The creator's n-th request for so much memory is where it is held.
const LARGE: usize = 1 << 10;
/// A creation has fewer of them.
const MOST: u64 = 64;

const COMMITS: usize = 20;
const SIGABRT: i32 = 6;
const NOT_HELD: i32 = 3;
const NOT_OPENED: i32 = 4;

static REQUESTS: AtomicU64 = AtomicU64::new(0);
static NTH: AtomicU64 = AtomicU64::new(0);
static IS_HELD: AtomicBool = AtomicBool::new(false);

thread_local! {
    static IS_CREATOR: Cell<bool> = const { Cell::new(false) };
}

struct Holding;

#[global_allocator]
static ALLOCATOR: Holding = Holding;

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Holding {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= LARGE && IS_CREATOR.try_with(Cell::get).unwrap_or(false) {
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

fn open(folder: &Path) -> Result<Mace, OpCode> {
    Mace::new(Options::new(folder).validate().unwrap())
}

/// The process that creates and commits, and is gone with the database open.
fn work(folder: &Path, nth: u64) -> ! {
    let db = open(folder).unwrap();
    NTH.store(nth, SeqCst);
    let creator = db.clone();
    let creator = thread::spawn(move || {
        IS_CREATOR.set(true);
        creator.new_bucket("b", BucketOptions::default()).map(drop)
    });
    while !IS_HELD.load(SeqCst) {
        if creator.is_finished() {
            process::exit(NOT_HELD);
        }
        thread::yield_now();
    }
    let (sender, done) = channel();
    thread::spawn(move || sender.send(commit(&db)).unwrap());
    // An opening that waits for the creator lets it go on.
    let is_done = done.recv_timeout(Duration::from_millis(200)).unwrap_or_else(|_| {
        NTH.store(0, SeqCst);
        done.recv().unwrap()
    });
    if !is_done {
        process::exit(NOT_OPENED);
    }
    process::abort();
}

/// Commits in the bucket, if it can be opened.
fn commit(db: &Mace) -> bool {
    let Ok(bucket) = db.open_bucket("b") else { return false };
    for number in 0..COMMITS {
        let txn = bucket.begin().unwrap();
        txn.put(format!("{number:04}"), [1; 100]).unwrap();
        txn.commit().unwrap();
    }
    true
}

/// How many of the commits are there.
fn count(folder: &Path) -> Result<usize, OpCode> {
    let bucket = open(folder)?.open_bucket("b")?;
    let view = bucket.view()?;
    Ok((0..COMMITS).filter(|number| view.get(format!("{number:04}")).is_ok()).count())
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let [_, folder, nth] = arguments.as_slice() {
        work(Path::new(folder), nth.parse().unwrap());
    }
    let base = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    let mut lost = None;
    let mut openings = 0;
    for nth in (1..=MOST).rev() {
        let folder = base.join(nth.to_string());
        let mut child = Command::new(env::current_exe().unwrap());
        let status = child.arg(&folder).arg(nth.to_string()).status().unwrap();
        if matches!(status.code(), Some(NOT_HELD | NOT_OPENED)) {
            continue;
        }
        assert!(nth < MOST, "a creation has more requests");
        assert_eq!(status.signal(), Some(SIGABRT), "the process ended with {status}");
        openings += 1;
        let there = count(&folder);
        if there != Ok(COMMITS) {
            lost = Some((nth, there));
            break;
        }
    }
    let _ = fs::remove_dir_all(&base);
    if let Some((nth, there)) = lost {
        println!(
            "broken: with the creator held at request {nth}, {COMMITS} commits were acknowledged; after \
             the kill the folder has {there:?}"
        );
        process::exit(1);
    }
    assert!(openings > 0, "the bucket could not be opened before its creation had returned");
    println!("kept: of {openings} openings beside a creation no acknowledged commit is lost");
    process::exit(0);
}
