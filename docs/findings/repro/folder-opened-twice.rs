//! A process opens a folder twice and commits through both handles; the second one writes a checkpoint, and the process
//! is gone with both open. Then the folder is opened once more.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, OpCode, Options};
use std::{
    env, fs,
    path::Path,
    process::{self, Command},
};

fn open(folder: &Path) -> Result<Mace, OpCode> {
    Mace::new(Options::new(folder).validate().unwrap())
}

fn store(mace: &Mace, mark: char, acknowledged: &mut Vec<String>) {
    let bucket = mace.open_bucket("b").unwrap();
    for number in 0..100 {
        let key = format!("{mark}{number:04}");
        let txn = bucket.begin().unwrap();
        txn.upsert(&key, [1; 100]).unwrap();
        txn.commit().unwrap();
        acknowledged.push(key);
    }
}

/// The process that opens the folder twice; it is gone with both open.
fn twice(folder: &Path, list: &Path) {
    let mut acknowledged = Vec::new();
    let first = open(folder).unwrap();
    drop(first.new_bucket("b", BucketOptions::default()).unwrap());
    store(&first, 'a', &mut acknowledged);
    let Ok(second) = open(folder) else {
        println!("kept: the second opening is refused");
        process::exit(0);
    };
    store(&first, 'b', &mut acknowledged);
    store(&second, 'c', &mut acknowledged);
    fs::write(list, acknowledged.join("\n")).unwrap();
    second.open_bucket("b").unwrap().checkpoint_and_wait();
    process::abort();
}

fn main() {
    let base = env::temp_dir().join(format!("mace-twice-{}", process::id()));
    if let Some(base) = env::args_os().nth(1) {
        return twice(&Path::new(&base).join("db"), &Path::new(&base).join("acknowledged"));
    }
    fs::create_dir_all(&base).unwrap();
    let ended = Command::new(env::current_exe().unwrap()).arg(&base).status().unwrap();
    if ended.success() {
        process::exit(0);
    }
    let list = fs::read_to_string(base.join("acknowledged")).unwrap();
    let again = open(&base.join("db")).unwrap();
    let bucket = again.open_bucket("b").unwrap();
    let view = bucket.view().unwrap();
    let lost: Vec<&str> = list.lines().filter(|key| view.get(key).is_err()).collect();
    println!(
        "broken: {} of {} acknowledged commits are lost: {:?} to {:?}",
        lost.len(),
        list.lines().count(),
        lost.first(),
        lost.last()
    );
    process::exit(1);
}
