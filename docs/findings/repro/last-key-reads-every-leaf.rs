//! 100,000 pairs, written down by a checkpoint. The greatest key is asked for by two scans in descending order, each by
//! a database that was just opened: one with an upper bound behind it, as a control, and one without. The bytes are those
//! that the thread read from files, as Linux counts them.
//!
//! Measured: 3 of 3 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, Options};
use std::{env, fs, path::Path, process};

/// How many pairs.
const PAIRS: u64 = 100_000;

fn open(folder: &Path) -> Mace {
    Mace::new(Options::new(folder).validate().unwrap()).unwrap()
}

/// Bytes that this thread has read from files so far.
fn bytes_read() -> u64 {
    let counts = fs::read_to_string("/proc/thread-self/io").expect("Linux counts them");
    counts.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

/// The bytes that a scan reads to return the greatest key.
fn last(folder: &Path, is_bounded: bool) -> u64 {
    let mace = open(folder);
    let bucket = mace.open_bucket("b").unwrap();
    let view = bucket.view().unwrap();
    let before = bytes_read();
    let mut iter = if is_bounded {
        view.range(..=PAIRS.to_be_bytes())
    } else {
        view.range::<Vec<u8>, _>(..)
    };
    let key = iter.try_next_back().unwrap().unwrap().key().to_vec();
    assert_eq!(key, (PAIRS - 1).to_be_bytes());
    bytes_read() - before
}

fn main() {
    let folder = env::temp_dir().join(format!("mace-last-key-{}", process::id()));
    let mace = open(&folder);
    let bucket = mace.new_bucket("b", BucketOptions::new()).unwrap();
    for first in (0..PAIRS).step_by(1000) {
        let txn = bucket.begin().unwrap();
        for key in first..first + 1000 {
            txn.put(key.to_be_bytes(), [7; 40]).unwrap();
        }
        txn.commit().unwrap();
    }
    bucket.checkpoint_and_wait();
    drop(bucket);
    drop(mace);
    let bounded = last(&folder, true);
    let unbounded = last(&folder, false);
    let _ = fs::remove_dir_all(&folder);
    if unbounded > 10 * bounded {
        println!("broken: {unbounded} bytes read for the last key, and {bounded} with an upper bound");
        process::exit(1);
    }
    println!("kept: {unbounded} bytes read for the last key, and {bounded} with an upper bound");
}
