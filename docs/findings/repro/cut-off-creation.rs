//! Makes what a process leaves that is killed while it creates a database: two folders, and a manifest that has
//! its size and no header yet. Then opens that folder.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{Mace, Options};
use std::{
    env,
    fs::{self, File},
    process,
};

fn main() {
    let folder = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    fs::create_dir_all(folder.join("data")).unwrap();
    fs::create_dir_all(folder.join("log")).unwrap();
    File::create(folder.join("log/manifest")).unwrap().set_len(8192).unwrap();
    let opened = Mace::new(Options::new(&folder).validate().unwrap()).map(drop);
    let _ = fs::remove_dir_all(&folder);
    if opened.is_err() {
        println!("broken: nothing was ever stored, and opening answers {opened:?}");
        process::exit(1);
    }
    println!("kept: the creation was begun again");
    process::exit(0);
}
