//! A process commits sixty transactions in small log files, with a checkpoint after half of them, and is gone. The
//! two newest log files are swapped, and the folder is opened again.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, OpCode, Options};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{self, Command},
};

const COMMITS: usize = 60;

fn open(folder: &Path) -> Result<Mace, OpCode> {
    let mut options = Options::new(folder);
    options.concurrent_write = 1;
    options.wal_file_size = 4 << 10;
    Mace::new(options.validate().unwrap())
}

/// The process that commits, and is gone with the database open.
fn commit(folder: &Path) {
    let mace = open(folder).unwrap();
    let bucket = mace.new_bucket("b", BucketOptions::default()).unwrap();
    for number in 0..COMMITS {
        let txn = bucket.begin().unwrap();
        txn.put(format!("{number:04}"), [1; 100]).unwrap();
        txn.commit().unwrap();
        if number == COMMITS / 2 {
            bucket.checkpoint_and_wait();
        }
    }
    process::abort();
}

/// How many of the commits are there.
fn count(folder: &Path) -> Result<usize, OpCode> {
    let bucket = open(folder)?.open_bucket("b")?;
    let view = bucket.view()?;
    Ok((0..COMMITS).filter(|number| view.get(format!("{number:04}")).is_ok()).count())
}

fn main() {
    if let Some(folder) = env::args_os().nth(1) {
        return commit(Path::new(&folder));
    }
    let folder = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    Command::new(env::current_exe().unwrap()).arg(&folder).status().unwrap();
    let log = |number: usize| folder.join(format!("log/group_wal_{number}"));
    let logs: Vec<PathBuf> = (1..=COMMITS).map(log).filter(|path| path.exists()).collect();
    let [.., older, newest] = logs.as_slice() else { panic!("the log has one file") };
    fs::rename(older, folder.join("aside")).unwrap();
    fs::rename(newest, older).unwrap();
    fs::rename(folder.join("aside"), newest).unwrap();
    let there = count(&folder);
    fs::remove_dir_all(&folder).unwrap();
    match there {
        Ok(there) if there < COMMITS => {
            let lost = COMMITS - there;
            println!(
                "broken: the opening succeeds, and {lost} of {COMMITS} acknowledged commits are lost"
            );
            process::exit(1);
        }
        answer => println!("kept: the opening is answered {answer:?}"),
    }
    process::exit(0);
}
