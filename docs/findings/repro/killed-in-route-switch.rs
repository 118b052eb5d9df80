//! Works on the durable route, on the relaxed one, on both again, and opens on the durable route in a process that
//! dies at its n-th request for memory, for each tenth of the requests that such an opening makes; then opens once
//! more. Without a death, as a control, it opens.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, OpCode, Options};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    env, fs,
    path::Path,
    process::{self, Command},
    sync::atomic::{AtomicU64, Ordering::SeqCst},
};

/// How often memory was asked for, and at which time the process dies.
static ASKED: AtomicU64 = AtomicU64::new(0);
static LAST: AtomicU64 = AtomicU64::new(u64::MAX);

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if ASKED.fetch_add(1, SeqCst) + 1 == LAST.load(SeqCst) {
            process::abort();
        }
        // SAFETY: as the caller says.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller says.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn open(folder: &Path, durable: bool) -> Result<Mace, OpCode> {
    let mut options = Options::new(folder);
    options.sync_on_write = durable;
    options.concurrent_write = 4;
    Mace::new(options.validate()?)
}

fn work(folder: &Path, durable: bool) {
    let db = open(folder, durable).unwrap();
    let bucket = db.open_bucket("b").or_else(|_| db.new_bucket("b", BucketOptions::default()));
    let bucket = bucket.unwrap();
    for round in 0..2 {
        for key in 0..4_u64 {
            let txn = bucket.begin().unwrap();
            txn.upsert(key.to_be_bytes(), [7; 100]).unwrap();
            txn.commit().unwrap();
        }
        if round == 0 {
            bucket.checkpoint_and_wait();
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let [_, folder, last] = arguments.as_slice() {
        LAST.store(ASKED.load(SeqCst) + last.parse::<u64>().unwrap(), SeqCst);
        let _ = open(Path::new(folder), true);
        return;
    }
    let base = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    let made = base.join("made");
    for durable in [true, false, true, false] {
        work(&made, durable);
    }
    copy(&made, &base.join("control"));
    let before = ASKED.load(SeqCst);
    open(&base.join("control"), true).expect("an opening that nothing disturbs");
    let requests = ASKED.load(SeqCst) - before;
    let mut killed = 0;
    let mut refused = Vec::new();
    for tenth in 1..10 {
        let folder = base.join(tenth.to_string());
        copy(&made, &folder);
        let last = (requests * tenth / 10).to_string();
        let child = Command::new(env::current_exe().unwrap()).arg(&folder).arg(last).status();
        if child.unwrap().success() {
            continue;
        }
        killed += 1;
        if open(&folder, true).is_err() {
            refused.push(tenth);
        }
    }
    let _ = fs::remove_dir_all(&base);
    if !refused.is_empty() {
        println!(
            "broken: killed after {refused:?} tenths of the switch, it can never be opened again"
        );
        process::exit(1);
    }
    assert!(killed > 0, "no opening was killed");
    println!("kept: after a kill in {killed} tenths of the switch it opens");
    process::exit(0);
}
