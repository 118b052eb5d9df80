//! A transaction writes behind each of three checkpoints, where it can span two.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, OpCode, Options};
use std::{env, fs, process};

fn main() {
    let folder = env::temp_dir().join(format!("mace-early-{}", process::id()));
    let mut options = Options::new(&folder);
    options.max_ckpt_per_txn = 2;
    options.concurrent_write = 1;
    let mace = Mace::new(options.validate().unwrap()).unwrap();
    let bucket = mace.new_bucket("b", BucketOptions::new()).unwrap();
    let long = bucket.begin().unwrap();
    let mut answers = Vec::new();
    for passed in 1..=3 {
        // A checkpoint counts for a writer group that wrote since the last one.
        let other = bucket.begin().unwrap();
        other.put(format!("other {passed}"), "value").unwrap();
        other.commit().unwrap();
        bucket.checkpoint_and_wait();
        answers.push(long.put(format!("long {passed}"), "value"));
    }
    drop(long);
    drop(bucket);
    drop(mace);
    let _ = fs::remove_dir_all(&folder);
    if answers != [Ok(()), Ok(()), Err(OpCode::AbortTx)] {
        println!("broken: behind one, two and three checkpoints of two it is answered {answers:?}");
        process::exit(1);
    }
    println!("kept: it spans two checkpoints");
}
