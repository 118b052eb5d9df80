//! A hundred keys are written, and each is updated once in a transaction of its own. A view reads each key, and
//! scans from it.
//!
//! Measured: 10 of 10 runs of a release build, on two cores.

use mace::{BucketOptions, Mace, Options};
use std::{env, fs, process};

const KEYS: u64 = 100;

fn key(number: u64) -> String {
    format!("{number:04}")
}

fn main() {
    let folder = env::temp_dir().join(format!("mace-scan-{}", process::id()));
    let mace = Mace::new(Options::new(&folder).validate().unwrap()).unwrap();
    let bucket = mace.new_bucket("b", BucketOptions::new()).unwrap();
    let write = |numbers: std::ops::Range<u64>, value: &str| {
        let txn = bucket.begin().unwrap();
        numbers.for_each(|number| drop(txn.upsert(key(number), value).unwrap()));
        txn.commit().unwrap();
    };
    write(0..KEYS, "old");
    (0..KEYS).for_each(|number| write(number..number + 1, "new"));
    let view = bucket.view().unwrap();
    let read = |number: u64| view.get(key(number)).unwrap().slice().to_vec();
    let scanned = |number: u64| view.range(key(number)..).next().unwrap().val().to_vec();
    let stale: Vec<u64> = (0..KEYS).filter(|number| scanned(*number) != read(*number)).collect();
    drop(view);
    drop(bucket);
    drop(mace);
    let _ = fs::remove_dir_all(&folder);
    if !stale.is_empty() {
        println!("broken: a scan that begins at one of the keys {stale:?} meets its old value");
        process::exit(1);
    }
    println!("kept: a scan that begins at a key meets what a read of it does");
}
