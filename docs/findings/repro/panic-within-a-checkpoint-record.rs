//! On the relaxed route: a transaction is begun and writes; a checkpoint panics between its log record and its length,
//! which only the engine's own failpoint does; the transaction writes more and is dropped; the process dies. Without
//! the panic, as a control, the database opens.
//!
//! Features: failpoints
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, OpCode, Options};
use std::{
    env, fs, panic,
    path::Path,
    process::{self, Command},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
};

const RULE: &str = "mace_wal_after_checkpoint_write=panic@1";

static HAS_PANICKED: AtomicBool = AtomicBool::new(false);

fn open(folder: &Path) -> Result<Mace, OpCode> {
    let mut options = Options::new(folder);
    options.sync_on_write = false;
    options.concurrent_write = 1;
    Mace::new(options.validate()?)
}

/// Writes around a checkpoint, drops what was written, and dies.
fn work(folder: &Path, panics: bool) -> ! {
    panic::set_hook(Box::new(|info| {
        println!("a thread of the engine panics: {info}");
        HAS_PANICKED.store(true, SeqCst);
    }));
    let db = open(folder).unwrap();
    let bucket = db.new_bucket("b", BucketOptions::default()).unwrap();
    let txn = bucket.begin().unwrap();
    txn.put("before", "value").unwrap();
    if panics {
        bucket.checkpoint();
        while !HAS_PANICKED.load(SeqCst) {
            thread::yield_now();
        }
    } else {
        bucket.checkpoint_and_wait();
    }
    for number in 0..10_u64 {
        txn.put(number.to_be_bytes(), "value").unwrap();
    }
    drop(txn);
    process::abort();
}

/// Whether the database opens after the process died.
fn opens(folder: &Path, rule: &str) -> Result<(), OpCode> {
    let mut child = Command::new(env::current_exe().unwrap());
    let status = child.arg(folder).arg(rule).env("MACE_FAILPOINT", rule).status().unwrap();
    assert_eq!(status.code(), None);
    open(folder).map(drop)
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let [_, folder, rule] = arguments.as_slice() {
        work(Path::new(folder), rule == RULE);
    }
    let base = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    assert_eq!(opens(&base.join("control"), ""), Ok(()));
    let opened = opens(&base.join("panic"), RULE);
    let _ = fs::remove_dir_all(&base);
    if let Err(error) = opened {
        println!("broken: after the panic and the kill the database cannot be opened: {error:?}");
        process::exit(1);
    }
    println!("kept: after the panic and the kill the database opens");
}
