//! A bucket with a cache so small that the evictor works. Most of its keys are deleted, so that pages shrink, and two
//! readers reach these pages and merge them; in a process of its own.
//!
//! Measured: 10 of 12 runs of a release build, on two cores beside other work.

use mace::{Bucket, BucketOptions, Mace, Options};
use std::{
    env, fs,
    path::Path,
    process::{self, Command, Stdio},
    thread,
};

const KEYS: u64 = 2000;

/// Writes all keys and deletes all but each sixty-fourth, so that pages shrink.
fn write_and_delete(bucket: &Bucket, round: u8) {
    for first in (0..KEYS).step_by(50) {
        let txn = bucket.begin().unwrap();
        for key in first..first + 50 {
            txn.upsert(key.to_be_bytes(), [round; 60]).unwrap();
        }
        txn.commit().unwrap();
    }
    for first in (0..KEYS).step_by(50) {
        let txn = bucket.begin().unwrap();
        for key in (first..first + 50).filter(|key| key % 64 != 0) {
            let _ = txn.del(key.to_be_bytes());
        }
        txn.commit().unwrap();
    }
}

/// Pages shrink and are merged by two readers, beside the evictor.
fn work(folder: &Path) {
    let mut options = Options::new(folder);
    options.sync_on_write = false;
    let db = Mace::new(options.validate().unwrap()).unwrap();
    let small = BucketOptions {
        cache_capacity: 16 << 10,
        cache_evict_pct: 80,
        consolidate_threshold: 16,
        split_elems: 64,
        ..BucketOptions::default()
    };
    let bucket = db.new_bucket("b", small).unwrap();
    for round in 0..200 {
        write_and_delete(&bucket, round);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..3 {
                        let view = bucket.view().unwrap();
                        for key in 0..KEYS {
                            let _ = view.get(key.to_be_bytes());
                        }
                    }
                });
            }
        });
    }
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let [_, folder] = arguments.as_slice() {
        return work(Path::new(folder));
    }
    let folder = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    let mut child = Command::new(env::current_exe().unwrap());
    let ended = child.arg(&folder).stderr(Stdio::inherit()).status().unwrap();
    let _ = fs::remove_dir_all(&folder);
    if !ended.success() {
        println!("broken: the process that deletes and reads died");
        process::exit(1);
    }
    println!("kept: the process came to its end");
    process::exit(0);
}
