//! A process has a folder open. Another process opens it with `tmp_store`, and is refused.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, OpCode, Options};
use std::{
    env, fs,
    path::Path,
    process::{self, Command},
};

fn open(folder: &Path, is_temporary: bool) -> Result<Mace, OpCode> {
    let mut options = Options::new(folder);
    options.tmp_store = is_temporary;
    Mace::new(options.validate()?)
}

fn store(mace: &Mace, key: &str) {
    let bucket = mace.open_bucket("b").unwrap();
    let txn = bucket.begin().unwrap();
    txn.put(key, "value").unwrap();
    txn.commit().unwrap();
}

/// How another process is refused.
fn refused(folder: &Path, is_temporary: bool) {
    let mut other = Command::new(env::current_exe().unwrap());
    let ended = other.arg(folder).arg(is_temporary.to_string()).status().unwrap();
    assert!(ended.success(), "the folder is in use");
}

fn main() {
    let mut arguments = env::args().skip(1);
    if let (Some(folder), Some(is_temporary)) = (arguments.next(), arguments.next()) {
        let refused = open(Path::new(&folder), is_temporary == "true").map(drop);
        process::exit(i32::from(refused != Err(OpCode::Again)));
    }
    let folder = env::temp_dir().join(format!("mace-refused-{}", process::id()));
    let mace = open(&folder, false).unwrap();
    drop(mace.new_bucket("b", BucketOptions::new()).unwrap());
    store(&mace, "before");
    refused(&folder, false);
    assert!(folder.join("log/manifest").exists(), "a plain opening, as a control");
    refused(&folder, true);
    let is_there = folder.exists();
    store(&mace, "behind");
    if !is_there {
        println!("broken: the folder is gone, and the process that has it open commits");
        // The engine could not be closed.
        process::exit(1);
    }
    drop(mace);
    let _ = fs::remove_dir_all(&folder);
    println!("kept: the folder is there");
}
