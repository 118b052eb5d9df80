//! Stores pairs in a data file each: eight, and two hundred. A process that may have 168 files open reads them all, with
//! default options, closes the database and checks it. Two hundred files are called damaged. The limit is set by the
//! shell's `ulimit -n`.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, Options, check_database};
use std::{
    env, fs,
    path::Path,
    process::{self, Command},
};

/// The default of `data_handle_cache_capacity`, and 40.
const OPEN: u64 = 168;

fn make(folder: &Path, pairs: u64) {
    let mut options = Options::new(folder);
    options.data_file_size = 1;
    let db = Mace::new(options.validate().unwrap()).unwrap();
    let bucket = db.new_bucket("b", BucketOptions::default()).unwrap();
    for key in 0..pairs {
        let txn = bucket.begin().unwrap();
        txn.put(key.to_be_bytes(), [7; 40]).unwrap();
        txn.commit().unwrap();
    }
    bucket.checkpoint_and_wait();
}

fn read(folder: &Path, pairs: u64) {
    let db = Mace::new(Options::new(folder).validate().unwrap()).unwrap();
    let bucket = db.open_bucket("b").unwrap();
    let view = bucket.view().unwrap();
    (0..pairs).for_each(|key| assert_eq!(view.get(key.to_be_bytes()).unwrap().slice(), [7; 40]));
}

/// Whether the checker finds nothing.
fn is_sound(folder: &Path) -> bool {
    let files = fs::read_dir(folder.join("data")).unwrap().count();
    let report = check_database(&Options::new(folder));
    println!("{files} files, at most {OPEN} open: {} complaints", report.diagnostics.len());
    for found in report.diagnostics.iter().take(3) {
        println!("    {}: {}", found.category.name(), found.detail);
    }
    report.is_ok()
}

fn passes(base: &Path, pairs: u64) -> bool {
    let folder = base.join(pairs.to_string());
    make(&folder, pairs);
    let limited = format!("ulimit -n {OPEN} && exec \"$0\" \"$@\"");
    let mut child = Command::new("sh");
    child
        .arg("-c")
        .arg(limited)
        .arg(env::current_exe().unwrap())
        .arg(folder)
        .arg(pairs.to_string());
    match child.status().unwrap().code() {
        Some(0) => true,
        Some(3) => false,
        other => panic!("the reader ended with {other:?}"),
    }
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let [_, folder, pairs] = arguments.as_slice() {
        read(Path::new(folder), pairs.parse().unwrap());
        process::exit(if is_sound(Path::new(folder)) { 0 } else { 3 });
    }
    let base = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    assert!(passes(&base, 8), "the limit is enough to check a few files");
    let passes = passes(&base, 200);
    let _ = fs::remove_dir_all(&base);
    if !passes {
        println!("broken: the checker calls a sound database damaged");
        process::exit(1);
    }
    println!("kept: a sound database passes its check");
    process::exit(0);
}
