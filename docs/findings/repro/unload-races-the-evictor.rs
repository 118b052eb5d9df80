//! A bucket with a cache so small that the evictor works. The evictor is held where it asks for the memory of the
//! page that it folds, which the program's allocator shows; meanwhile the bucket is unloaded. Then the evictor goes
//! on, and the bucket is opened again. Linux only.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{Bucket, BucketOptions, Mace, Options};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    env, fs,
    path::Path,
    process::{self, Command},
    sync::{
        atomic::{AtomicBool, Ordering::SeqCst},
        mpsc::channel,
    },
    thread,
    time::{Duration, Instant},
};

/// The evictor asks for so much when it folds a page.
const ROOM: usize = 64 << 10;
const NOT_HELD: i32 = 3;

static IS_ARMED: AtomicBool = AtomicBool::new(false);
static IS_HELD: AtomicBool = AtomicBool::new(false);

unsafe extern "C" {
    fn prctl(option: i32, ...) -> i32;
}

/// Whether this is the engine's evictor, by the name that the kernel has for the thread.
fn is_evictor() -> bool {
    const PR_GET_NAME: i32 = 16;
    let mut name = [0_u8; 16];
    // SAFETY: a name takes sixteen bytes at the most.
    unsafe { prctl(PR_GET_NAME, name.as_mut_ptr()) };
    name.starts_with(b"evictor\0")
}

struct Holding;

#[global_allocator]
static ALLOCATOR: Holding = Holding;

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Holding {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() >= ROOM && IS_ARMED.load(SeqCst) && is_evictor() {
            IS_HELD.store(true, SeqCst);
            while IS_ARMED.load(SeqCst) {
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

/// Waits until the evictor is held; ends the process when it is not.
fn hold_evictor(make_it_due: impl FnOnce()) {
    IS_ARMED.store(true, SeqCst);
    make_it_due();
    let begun = Instant::now();
    while !IS_HELD.load(SeqCst) {
        if begun.elapsed() > Duration::from_secs(15) {
            process::exit(NOT_HELD);
        }
        thread::yield_now();
    }
}

/// Does something while the evictor is held; what waits for the evictor lets it go on.
fn beside_evictor(work: impl FnOnce() + Send + 'static) {
    let (sender, done) = channel();
    thread::spawn(move || {
        work();
        sender.send(()).unwrap();
    });
    if done.recv_timeout(Duration::from_secs(1)).is_err() {
        IS_ARMED.store(false, SeqCst);
        done.recv().unwrap();
    }
}

fn open(folder: &Path) -> Mace {
    Mace::new(Options::new(folder).validate().unwrap()).unwrap()
}

/// Overwrites so many keys, in transactions of twenty.
fn overwrite(bucket: &Bucket, keys: u64, round: u8) {
    for first in (0..keys).step_by(20) {
        let txn = bucket.begin().unwrap();
        for key in first..keys.min(first + 20) {
            txn.upsert(key.to_be_bytes(), [round; 900]).unwrap();
        }
        txn.commit().unwrap();
    }
}

/// How many of the forty pairs are there after the unloading.
fn unload(folder: &Path) -> usize {
    let db = open(folder);
    let small = BucketOptions {
        cache_capacity: 16 << 10,
        cache_evict_pct: 80,
        consolidate_threshold: 64,
        ..BucketOptions::default()
    };
    let bucket = db.new_bucket("b", small).unwrap();
    overwrite(&bucket, 40, 1);
    overwrite(&bucket, 40, 2);
    hold_evictor(|| overwrite(&bucket, 1, 3));
    drop(bucket);
    let unloading = db.clone();
    beside_evictor(move || unloading.drop_bucket("b").unwrap());
    IS_ARMED.store(false, SeqCst);
    let bucket = db.open_bucket("b").unwrap();
    let view = bucket.view().unwrap();
    (0..40_u64).filter(|key| view.get(key.to_be_bytes()).is_ok()).count()
}

fn main() {
    if let Some(folder) = env::args().nth(1) {
        let there = unload(Path::new(&folder));
        println!("{there} of 40 pairs are there");
        process::exit(i32::from(there != 40));
    }
    let base = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    for attempt in 0..5 {
        let mut child = Command::new(env::current_exe().unwrap());
        let status = child.arg(base.join(attempt.to_string())).status().unwrap();
        if status.code() == Some(NOT_HELD) {
            continue;
        }
        let _ = fs::remove_dir_all(&base);
        if !status.success() {
            println!(
                "broken: committed pairs are gone after the unloading, or the engine aborted ({status})"
            );
            process::exit(1);
        }
        println!("kept: all pairs are there after the unloading");
        return;
    }
    println!("the evictor was never held");
    process::exit(NOT_HELD);
}
