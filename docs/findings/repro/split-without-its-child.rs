//! A client writes until its page divides. It is held where it asks for the memory of its n-th page, which its
//! allocator shows; meanwhile a checkpoint is written, and the process is killed. Another process reads all keys;
//! it is given five seconds, and takes some milliseconds otherwise.
//!
//! Measured: 3 of 3 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, Options, check_database};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    env, fs,
    io::Read,
    path::Path,
    process::{self, Command, Stdio},
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
        mpsc::channel,
    },
    thread,
    time::Duration,
};

/// The client's n-th request for so much memory is where it is held.
const PAGE: usize = 64 << 10;
const NOT_HELD: i32 = 3;

static REQUESTS: AtomicU64 = AtomicU64::new(0);
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
        if layout.size() >= PAGE && IS_CLIENT.try_with(Cell::get).unwrap_or(false) {
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

fn open(folder: &Path) -> Mace {
    Mace::new(Options::new(folder).validate().unwrap()).unwrap()
}

/// Writes, is held, writes a checkpoint and dies.
fn write(folder: &Path, nth: u64) -> ! {
    let db = open(folder);
    let small =
        BucketOptions { split_elems: 64, consolidate_threshold: 16, ..BucketOptions::default() };
    let bucket = db.new_bucket("b", small).unwrap();
    NTH.store(nth, SeqCst);
    let clients = bucket.clone();
    let client = thread::spawn(move || {
        IS_CLIENT.set(true);
        for first in (0..100_u64).step_by(10) {
            let txn = clients.begin().unwrap();
            for key in first..first + 10 {
                txn.put(key.to_be_bytes(), [7; 100]).unwrap();
            }
            txn.commit().unwrap();
        }
    });
    while !IS_HELD.load(SeqCst) {
        if client.is_finished() {
            process::exit(NOT_HELD);
        }
        thread::yield_now();
    }
    let (sender, done) = channel();
    thread::spawn(move || {
        bucket.checkpoint_and_wait();
        sender.send(()).unwrap();
    });
    // A checkpoint that waits for the client lets it go on.
    if done.recv_timeout(Duration::from_secs(1)).is_err() {
        NTH.store(0, SeqCst);
        done.recv().unwrap();
    }
    process::abort();
}

fn read(folder: &Path) {
    let db = open(folder);
    let bucket = db.open_bucket("b").unwrap();
    let view = bucket.view().unwrap();
    let there = (0..100_u64).filter(|key| view.get(key.to_be_bytes()).is_ok()).count();
    println!("read all, {there} keys are there");
}

/// Whether the process that reads ends in time, as the end of its output shows.
fn reads(folder: &Path) -> bool {
    let mut child = Command::new(env::current_exe().unwrap());
    let mut child = child.arg(folder).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let (sender, ended) = channel();
    thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        sender.send(text).unwrap();
    });
    let is_over = ended.recv_timeout(Duration::from_secs(5));
    if let Ok(text) = &is_over {
        print!("{text}");
    } else {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    assert!(is_over.is_err() || status.success(), "the reader ended with {status}");
    is_over.is_ok()
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    match arguments.as_slice() {
        [_, folder, nth] => write(Path::new(folder), nth.parse().unwrap()),
        [_, folder] => return read(Path::new(folder)),
        _ => {}
    }
    let base = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    let mut held = 0;
    for nth in 1..=16 {
        let folder = base.join(nth.to_string());
        let mut child = Command::new(env::current_exe().unwrap());
        let status = child.arg(&folder).arg(nth.to_string()).status().unwrap();
        if status.code() == Some(NOT_HELD) {
            break;
        }
        assert_eq!(status.code(), None, "the process ended with {status}");
        held += 1;
        if !reads(&folder) {
            let report = check_database(&Options::new(&folder));
            println!("the offline checker says: {:?}", report.summary());
            println!("broken: killed at page {nth}, reads of the recovered database never return");
            let _ = fs::remove_dir_all(&base);
            process::exit(1);
        }
    }
    let _ = fs::remove_dir_all(&base);
    assert!((1..16).contains(&held), "the client was held at {held} pages");
    println!("kept: killed at each page, the recovered database is read");
    process::exit(0);
}
