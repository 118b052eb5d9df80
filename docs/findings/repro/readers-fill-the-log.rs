//! 20,000 transactions read one pair and write nothing, behind a checkpoint and before another one and a collection. As
//! many views do the same before, as a control.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{Bucket, BucketOptions, Mace, Options};
use std::{env, fs, path::Path, process};

/// How many read.
const READERS: u64 = 20_000;

/// Files and bytes of the log.
fn log(folder: &Path) -> (u64, u64) {
    let files = fs::read_dir(folder.join("log")).unwrap().flatten();
    let logs = files.filter(|file| file.file_name().to_string_lossy().contains("wal_"));
    let sizes = logs.map(|log| log.metadata().unwrap().len());
    sizes.fold((0, 0), |(files, bytes), size| (files + 1, bytes + size))
}

/// The same once a checkpoint was written and garbage was collected.
fn settled(folder: &Path, mace: &Mace, bucket: &Bucket) -> (u64, u64) {
    bucket.checkpoint_and_wait();
    mace.start_gc();
    log(folder)
}

fn main() {
    let folder = env::temp_dir().join(format!("mace-readers-{}", process::id()));
    let mut options = Options::new(&folder);
    options.concurrent_write = 1;
    options.wal_file_size = 16 << 10;
    let mace = Mace::new(options.validate().unwrap()).unwrap();
    let bucket = mace.new_bucket("b", BucketOptions::new()).unwrap();
    let txn = bucket.begin().unwrap();
    txn.put("key", "value").unwrap();
    txn.commit().unwrap();
    let before = settled(&folder, &mace, &bucket);
    for _ in 0..READERS {
        bucket.view().unwrap().get("key").unwrap();
    }
    assert_eq!(settled(&folder, &mace, &bucket), before, "views, as a control");
    for _ in 0..READERS {
        let txn = bucket.begin().unwrap();
        txn.get("key").unwrap();
        txn.commit().unwrap();
    }
    let behind = settled(&folder, &mace, &bucket);
    drop(bucket);
    drop(mace);
    let _ = fs::remove_dir_all(&folder);
    if behind != before {
        println!("broken: {before:?} files and bytes of log, and {behind:?} behind {READERS} readers");
        process::exit(1);
    }
    println!("kept: the log is as it was");
}
