//! A transaction of 160 writes is committed, a checkpoint is asked for and not waited for, and a copy is made and
//! opened, again and again until one lacks writes, 150 times at the most. Five copies behind a checkpoint that is
//! waited for, as a control, lack none. So that it is quick, the program stands in for `fsync` and `fdatasync`, which
//! do nothing. Unix only.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{Bucket, BucketOptions, Mace, Options};
use std::{env, fs, path::Path, process};

const WRITES: u64 = 160;
const COPIES: u8 = 150;

#[unsafe(no_mangle)]
extern "C" fn fsync(_: i32) -> i32 {
    0
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(_: i32) -> i32 {
    0
}

fn open(folder: &Path) -> Mace {
    let mut options = Options::new(folder);
    options.concurrent_write = 1;
    Mace::new(options.validate().unwrap()).unwrap()
}

fn commit(bucket: &Bucket, value: u8) {
    let txn = bucket.begin().unwrap();
    for key in 0..WRITES {
        txn.upsert(key.to_be_bytes(), [value; 1000]).unwrap();
    }
    txn.commit().unwrap();
}

/// How many writes of the last transaction are not in a copy that is made now.
fn missing(db: &Mace, copy: &Path, value: u8) -> usize {
    db.create_checkpoint(copy).unwrap();
    let copied = open(copy);
    let bucket = copied.open_bucket("b").unwrap();
    let view = bucket.view().unwrap();
    let is_missing = |key: &u64| {
        view.get(key.to_be_bytes()).map_or(true, |found| found.slice() != [value; 1000])
    };
    let missing = (0..WRITES).filter(is_missing).count();
    drop(view);
    drop((bucket, copied));
    fs::remove_dir_all(copy).unwrap();
    missing
}

fn main() {
    let base = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    let copy = base.join("copy");
    let db = open(&base.join("db"));
    let bucket = db.new_bucket("b", BucketOptions::default()).unwrap();
    for value in 0..5 {
        commit(&bucket, value);
        bucket.checkpoint_and_wait();
        assert_eq!(missing(&db, &copy, value), 0);
    }
    let found = (5..5 + COPIES).map(|value| {
        commit(&bucket, value);
        bucket.checkpoint();
        missing(&db, &copy, value)
    });
    let found = found.enumerate().find(|found| found.1 > 0);
    drop((bucket, db));
    let _ = fs::remove_dir_all(&base);
    if let Some((number, missing)) = found {
        println!(
            "broken: copy {} lacks {missing} of {WRITES} writes that were acknowledged before it was asked for",
            number + 1
        );
        process::exit(1);
    }
    println!("kept: {COPIES} copies have all writes that were acknowledged before");
    process::exit(0);
}
