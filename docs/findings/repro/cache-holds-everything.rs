//! 200,000 pairs of 100 bytes in a bucket with a `cache_capacity` of 1 MiB, written down by a checkpoint. A database that
//! was just opened reads each page ten times, one page after the other. The bytes are those that the thread read from
//! files, as Linux counts them: what a page in memory answers is not among them. A bucket of 1,000 pairs, which fits
//! in its cache, is the control: reading it again reads no file.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, Options};
use std::{env, fs, path::Path, process};

/// How many pairs are stored.
const PAIRS: u64 = 200_000;

/// How many pairs fit in the cache.
const FEW: u64 = 1000;

/// How often each page is read.
const PASSES: u32 = 10;

/// Fewer pairs than a page holds lie between two that are read.
const STEP: usize = 16;

fn open(folder: &Path) -> Mace {
    Mace::new(Options::new(folder).validate().unwrap()).unwrap()
}

fn fill(folder: &Path, name: &str, pairs: u64) {
    let mace = open(folder);
    let options =
        BucketOptions { cache_capacity: 1 << 20, split_elems: 64, ..BucketOptions::new() };
    let bucket = mace.new_bucket(name, options).unwrap();
    for first in (0..pairs).step_by(1000) {
        let txn = bucket.begin().unwrap();
        for key in first..first + 1000 {
            txn.put(key.to_be_bytes(), [7; 100]).unwrap();
        }
        txn.commit().unwrap();
    }
    bucket.checkpoint_and_wait();
}

/// Bytes that this thread has read from files so far.
fn bytes_read() -> u64 {
    let counts = fs::read_to_string("/proc/thread-self/io").expect("Linux counts them");
    counts.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
}

/// The bytes that the first pass over all pages reads, and those that the last one reads.
fn passes(folder: &Path, name: &str, pairs: u64) -> (u64, u64) {
    let mace = open(folder);
    let bucket = mace.open_bucket(name).unwrap();
    let pass = || {
        let before = bytes_read();
        for key in (0..pairs).step_by(STEP) {
            let view = bucket.view().unwrap();
            assert_eq!(view.get(key.to_be_bytes()).unwrap().slice(), [7; 100]);
        }
        bytes_read() - before
    };
    let first = pass();
    (first, (1..PASSES).map(|_| pass()).last().unwrap())
}

fn main() {
    let folder = env::temp_dir().join(format!("mace-cache-{}", process::id()));
    fill(&folder, "few", FEW);
    fill(&folder, "many", PAIRS);
    let (few, few_again) = passes(&folder, "few", FEW);
    assert!(few_again < few / 2, "{few} bytes, and {few_again} once they are cached");
    let (first, last) = passes(&folder, "many", PAIRS);
    let _ = fs::remove_dir_all(&folder);
    println!("each page read for the first time: {first} bytes of files, for the tenth: {last}");
    if last < first / 2 {
        println!("broken: more than half of the bucket is in memory");
        process::exit(1);
    }
    println!("kept: most of the bucket is not in memory");
}
