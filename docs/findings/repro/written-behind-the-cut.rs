//! Six clients write in one writer group. One of them is held when it has given back the lock of the group's log and woken
//! the next: another commit and a checkpoint follow, then it goes on, all clients commit, and the process
//! aborts. The folder is opened again. Five rounds, each in a folder and a process of its own.
//!
//! It holds the thread in the C library's `syscall`, through which locks wake: Linux with glibc.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, Options};
use std::{
    cell::Cell,
    env,
    ffi::{c_char, c_long, c_void},
    fs,
    mem::transmute,
    path::Path,
    process::{self, Command, Stdio},
    sync::atomic::{AtomicU8, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

const ROUNDS: usize = 5;
const CLIENTS: u64 = 6;
const WRITES: u64 = 6;
const KEYS: u64 = 512;

/// How the process ends in which no client came by.
const NOT_HELD: i32 = 3;
/// What it says when all commits have returned.
const RETURNED: &str = "all commits have returned";

const IDLE: u8 = 0;
const ARMED: u8 = 1;
const HELD: u8 = 2;
static HOLD: AtomicU8 = AtomicU8::new(IDLE);

thread_local! {
    static WRITING: Cell<bool> = const { Cell::new(false) };
}

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}

type Syscall = unsafe extern "C" fn(c_long, c_long, c_long, c_long, c_long, c_long, c_long) -> c_long;

const FUTEX: c_long = if cfg!(target_arch = "aarch64") { 98 } else { 202 };
const WAKE: c_long = 1;

// SAFETY: it does what the C library's function of this name does, which is called.
#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    // SAFETY: -1 asks for the next function of this name, and what is found has this type.
    let next: Syscall = unsafe { transmute(dlsym(-1_isize as *mut c_void, c"syscall".as_ptr())) };
    // SAFETY: the caller's own arguments.
    let answer = unsafe { next(number, a, b, c, d, e, f) };
    if number == FUTEX
        && b & 127 == WAKE
        && answer > 0
        && WRITING.get()
        && HOLD.compare_exchange(ARMED, HELD, SeqCst, SeqCst).is_ok()
    {
        // A checkpoint may wait for this thread, which goes on after a second.
        let held = Instant::now();
        while HOLD.load(SeqCst) == HELD && held.elapsed() < Duration::from_secs(1) {
            thread::yield_now();
        }
    }
    answer
}

fn open(folder: &Path) -> Mace {
    let mut options = Options::new(folder);
    options.concurrent_write = 1;
    // A long record is written to the file while the lock of the log is held: others wait for it.
    options.wal_buffer_size = 8 << 10;
    Mace::new(options.validate().unwrap()).unwrap()
}

fn key(client: u64, number: u64) -> String {
    format!("{client:02}/{number:04}")
}

/// The process that commits, and is gone with the database open.
fn commit(folder: &Path) {
    let mace = open(folder);
    let bucket = mace.new_bucket("b", BucketOptions::new()).unwrap();
    for client in 0..=CLIENTS {
        let txn = bucket.begin().unwrap();
        (0..KEYS).for_each(|number| drop(txn.upsert(key(client, number), "old").unwrap()));
        txn.commit().unwrap();
    }
    bucket.checkpoint_and_wait();
    HOLD.store(ARMED, SeqCst);
    thread::scope(|scope| {
        for client in 1..=CLIENTS {
            let bucket = &bucket;
            scope.spawn(move || {
                let txn = bucket.begin().unwrap();
                for number in 0..WRITES {
                    thread::yield_now();
                    WRITING.set(true);
                    txn.upsert(key(client, number * 80), [b'n'; 300_000]).unwrap();
                    WRITING.set(false);
                }
                txn.commit().unwrap();
            });
        }
        let asked = Instant::now();
        while HOLD.load(SeqCst) != HELD && asked.elapsed() < Duration::from_secs(1) {
            thread::yield_now();
        }
        if HOLD.load(SeqCst) != HELD {
            process::exit(NOT_HELD);
        }
        let txn = bucket.begin().unwrap();
        txn.upsert(key(0, 0), "quick").unwrap();
        txn.commit().unwrap();
        bucket.checkpoint_and_wait();
        HOLD.store(IDLE, SeqCst);
    });
    println!("{RETURNED}");
    process::abort();
}

fn main() {
    if let Some(folder) = env::args().nth(1) {
        return commit(Path::new(&folder));
    }
    let own = env::current_exe().unwrap();
    let mut held = 0;
    for round in 1..=ROUNDS {
        let folder = env::temp_dir().join(format!("mace-repro-{}-{round}", process::id()));
        let child = Command::new(&own).arg(&folder).stderr(Stdio::inherit()).output().unwrap();
        if child.status.code() == Some(NOT_HELD) {
            let _ = fs::remove_dir_all(&folder);
            continue;
        }
        let said = String::from_utf8_lossy(&child.stdout);
        assert_eq!(said.trim_end(), RETURNED, "the process ended with {}", child.status);
        held += 1;
        let mace = open(&folder);
        let bucket = mace.open_bucket("b").unwrap();
        let view = bucket.view().unwrap();
        let is_old = |key: &String| view.get(key).unwrap().slice() == b"old";
        let written = (1..=CLIENTS).flat_map(|client| (0..WRITES).map(move |at| key(client, at * 80)));
        let lost: Vec<String> = written.filter(is_old).collect();
        drop(view);
        drop(bucket);
        drop(mace);
        let _ = fs::remove_dir_all(&folder);
        if !lost.is_empty() {
            println!("broken: after round {round} acknowledged writes of {lost:?} are lost");
            process::exit(1);
        }
    }
    assert!(held > 0, "no client was held in {ROUNDS} processes");
    println!("kept: every acknowledged commit of {held} processes is there");
}
