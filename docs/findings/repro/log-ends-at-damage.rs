//! A process commits a hundred transactions in small log files and is gone. One bit of the second log file is
//! flipped, and the folder is opened again.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, OpCode, Options};
use std::{
    env, fs,
    path::Path,
    process::{self, Command},
};

const COMMITS: usize = 100;

fn open(folder: &Path) -> Result<Mace, OpCode> {
    let mut options = Options::new(folder);
    options.wal_file_size = 8 << 10;
    Mace::new(options.validate().unwrap())
}

/// The process that commits, and is gone with the database open.
fn commit(folder: &Path) {
    let mace = open(folder).unwrap();
    let bucket = mace.new_bucket("b", BucketOptions::default()).unwrap();
    for number in 0..COMMITS {
        let txn = bucket.begin().unwrap();
        txn.put(format!("{number:04}"), [1; 200]).unwrap();
        txn.commit().unwrap();
    }
    process::abort();
}

fn main() {
    if let Some(folder) = env::args_os().nth(1) {
        return commit(Path::new(&folder));
    }
    let folder = env::temp_dir().join(format!("mace-log-damage-{}", process::id()));
    Command::new(env::current_exe().unwrap()).arg(&folder).status().unwrap();
    let log = folder.join("log/group_wal_2");
    let mut bytes = fs::read(&log).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&log, bytes).unwrap();
    let mace = match open(&folder) {
        Ok(mace) => mace,
        Err(code) => {
            println!("kept: the opening is answered {code:?}");
            return;
        }
    };
    let bucket = mace.open_bucket("b").unwrap();
    let view = bucket.view().unwrap();
    let lost = (0..COMMITS).filter(|number| view.get(format!("{number:04}")).is_err()).count();
    println!("broken: the opening succeeds, and {lost} of {COMMITS} acknowledged commits are lost");
    process::exit(1);
}
