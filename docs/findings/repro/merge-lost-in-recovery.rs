//! An older transaction is open; a younger one merges a key and commits; a checkpoint; the older merges the
//! same key and commits; the process is killed. Without the checkpoint, as a control, both are there.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, Options, u64_add_operator};
use std::{
    env, fs,
    path::Path,
    process::{self, Command},
};

fn options(folder: &Path) -> Options {
    let mut options = Options::new(folder);
    options.concurrent_write = 1;
    options
}

fn merging() -> BucketOptions {
    BucketOptions { merge_operator: u64_add_operator(), ..BucketOptions::default() }
}

/// Both transactions; then the process dies.
fn work(folder: &Path, checkpoint: bool) -> ! {
    let db = Mace::new(options(folder).validate().unwrap()).unwrap();
    let bucket = db.new_bucket("b", merging()).unwrap();
    let older = bucket.begin().unwrap();
    let younger = bucket.begin().unwrap();
    younger.merge("sum", 1_u64.to_le_bytes()).unwrap();
    younger.commit().unwrap();
    if checkpoint {
        bucket.checkpoint_and_wait();
    }
    older.merge("sum", 2_u64.to_le_bytes()).unwrap();
    older.commit().unwrap();
    process::abort();
}

/// The sum after the process died.
fn recovered(folder: &Path, how: &str) -> u64 {
    let mut child = Command::new(env::current_exe().unwrap());
    assert!(!child.arg(folder).arg(how).status().unwrap().success());
    let db = Mace::new(options(folder).validate().unwrap()).unwrap();
    let bucket = db.open_bucket_with_options("b", merging()).unwrap();
    let value = bucket.view().unwrap().get("sum").unwrap().to_vec();
    u64::from_le_bytes(value.try_into().unwrap())
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let [_, folder, how] = arguments.as_slice() {
        work(Path::new(folder), how == "checkpoint");
    }
    let base = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    assert_eq!(recovered(&base.join("control"), "control"), 3);
    let sum = recovered(&base.join("checkpoint"), "checkpoint");
    let _ = fs::remove_dir_all(&base);
    if sum != 3 {
        println!("broken: 1 and 2 were merged and committed, and after the kill the sum is {sum}");
        process::exit(1);
    }
    println!("kept: the sum is 3");
    process::exit(0);
}
