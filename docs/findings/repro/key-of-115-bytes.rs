//! Writes one key of each length around the limits where a length needs another byte, and catches the panics.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, Options};
use std::{
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    process,
};

fn main() {
    let base = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    let mut panicked = Vec::new();
    for length in [114, 115, 116, 16_369, 16_370, 16_371, 16_372] {
        let folder = base.join(length.to_string());
        let db = Mace::new(Options::new(&folder).validate().unwrap()).unwrap();
        let bucket = db.new_bucket("b", BucketOptions::default()).unwrap();
        let write = || {
            let txn = bucket.begin().unwrap();
            txn.put(vec![b'k'; length], "value").unwrap();
            txn.commit().unwrap();
        };
        if catch_unwind(AssertUnwindSafe(write)).is_err() {
            panicked.push(length);
            // Its locks are held for ever: it cannot be closed.
            std::mem::forget((bucket, db));
        }
    }
    let _ = fs::remove_dir_all(&base);
    if !panicked.is_empty() {
        println!("broken: writing keys of {panicked:?} bytes panicked");
        process::exit(1);
    }
    println!("kept: keys of every length were written");
    process::exit(0);
}
