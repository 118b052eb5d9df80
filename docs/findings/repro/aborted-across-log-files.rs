//! Drops a transaction that spans two log files, checkpoints, collects until its versions are gone, closes
//! cleanly, and opens again.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, OpCode, Options};
use std::{
    env, fs,
    path::Path,
    process, thread,
    time::{Duration, Instant},
};

fn options(folder: &Path) -> Options {
    let mut options = Options::new(folder);
    options.concurrent_write = 1;
    options.wal_file_size = 16 << 10;
    options
}

fn main() {
    let folder = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    let db = Mace::new(options(&folder).validate().unwrap()).unwrap();
    let bucket = db.new_bucket("b", BucketOptions::default()).unwrap();
    let txn = bucket.begin().unwrap();
    for key in 0..30_u64 {
        txn.put(key.to_be_bytes(), [7; 900]).unwrap();
    }
    drop(txn);
    let txn = bucket.begin().unwrap();
    txn.put("other", "value").unwrap();
    txn.commit().unwrap();
    bucket.checkpoint_and_wait();
    drop(bucket);
    // Busy until the dropped versions are gone.
    let begun = Instant::now();
    while db.drop_bucket("b") == Err(OpCode::Again) && begun.elapsed() < Duration::from_secs(60) {
        db.start_gc();
        thread::yield_now();
    }
    drop(db);
    let opened = Mace::new(options(&folder).validate().unwrap()).map(drop);
    let _ = fs::remove_dir_all(&folder);
    if opened.is_err() {
        println!("broken: the database was closed cleanly, and opening it answers {opened:?}");
        process::exit(1);
    }
    println!("kept: the database opens");
    process::exit(0);
}
