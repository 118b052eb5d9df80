//! Puts an empty value, commits, and reads the key.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, Options};
use std::{env, fs, process};

fn main() {
    let folder = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    let db = Mace::new(Options::new(&folder).validate().unwrap()).unwrap();
    let bucket = db.new_bucket("b", BucketOptions::default()).unwrap();
    let txn = bucket.begin().unwrap();
    txn.put("key", "").expect("an empty value is taken");
    txn.commit().expect("and committed");
    let read = bucket.view().unwrap().get("key").map(|value| value.to_vec());
    let _ = fs::remove_dir_all(&folder);
    if read != Ok(Vec::new()) {
        println!("broken: the commit was acknowledged, and reading the key answers {read:?}");
        process::exit(1);
    }
    println!("kept: the key has an empty value");
    process::exit(0);
}
