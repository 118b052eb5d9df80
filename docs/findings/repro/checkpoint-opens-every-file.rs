//! A process that may have fifty files open stores pairs, each in a data file of its own, and writes a checkpoint: of
//! eight pairs, and of a hundred. The second aborts it. The limit is set by the shell's `ulimit -n`.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, Options};
use std::{
    env, fs,
    path::Path,
    process::{self, Command},
};

const OPEN: u64 = 50;

fn files(folder: &Path) -> usize {
    fs::read_dir(folder.join("data")).unwrap().count()
}

fn work(folder: &Path, pairs: u64) {
    let mut options = Options::new(folder);
    options.data_file_size = 1;
    options.data_handle_cache_capacity = 8;
    options.blob_handle_cache_capacity = 8;
    options.concurrent_write = 4;
    let db = Mace::new(options.validate().unwrap()).unwrap();
    let bucket = db.new_bucket("b", BucketOptions::default()).unwrap();
    for key in 0..pairs {
        let txn = bucket.begin().unwrap();
        txn.put(key.to_be_bytes(), [7; 40]).unwrap();
        txn.commit().unwrap();
    }
    bucket.checkpoint_and_wait();
    println!("a checkpoint of {pairs} pairs: {} files, at most {OPEN} open", files(folder));
}

fn ends_well(folder: &Path, pairs: u64) -> bool {
    let limited = format!("ulimit -n {OPEN} && exec \"$0\" \"$@\"");
    let mut child = Command::new("sh");
    child
        .arg("-c")
        .arg(limited)
        .arg(env::current_exe().unwrap())
        .arg(folder)
        .arg(pairs.to_string());
    child.status().unwrap().success()
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let [_, folder, pairs] = arguments.as_slice() {
        return work(Path::new(folder), pairs.parse().unwrap());
    }
    let base = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    assert!(ends_well(&base.join("few"), 8), "the limit is enough for a checkpoint of a few files");
    let ended = ends_well(&base.join("many"), 100);
    let made = files(&base.join("many"));
    let _ = fs::remove_dir_all(&base);
    if !ended {
        println!("broken: the process died in its checkpoint, at file {made}");
        process::exit(1);
    }
    println!("kept: the checkpoint was written");
    process::exit(0);
}
