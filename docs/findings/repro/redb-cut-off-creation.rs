//! A process creates a database and is killed at its first `fdatasync`. The program starts itself again for that,
//! stands in for `fdatasync`, and sends itself SIGKILL there. Nothing that the process wrote is lost. Then a
//! database is created in the same file, twice. Linux only.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use redb::Database;
use std::{
    env, fs,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{self, Command},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
};

const SIGKILL: i32 = 9;

/// Whether this process is the one that is killed.
static IS_KILLED: AtomicBool = AtomicBool::new(false);

unsafe extern "C" {
    fn raise(signal: i32) -> i32;
}

#[unsafe(no_mangle)]
extern "C" fn fdatasync(_: i32) -> i32 {
    if IS_KILLED.load(SeqCst) {
        // SAFETY: the C library's own call; the process ends in it.
        unsafe { raise(SIGKILL) };
    }
    0
}

fn create(file: &Path) -> Result<(), redb::DatabaseError> {
    Database::create(file).map(drop)
}

fn main() {
    if let Some(file) = env::args_os().nth(1) {
        IS_KILLED.store(true, SeqCst);
        let created = create(file.as_ref());
        unreachable!("no fdatasync: {created:?}");
    }
    let folder = env::temp_dir().join(format!("redb-repro-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let control = create(&folder.join("control.redb"));
    assert!(control.is_ok(), "without a kill, as a control: {control:?}");
    let file = folder.join("db.redb");
    let ended = Command::new(env::current_exe().unwrap()).arg(&file).status().unwrap();
    assert_eq!(ended.signal(), Some(SIGKILL), "{ended}");
    let bytes = fs::read(&file).unwrap();
    println!("the killed process left {} bytes, beginning with {:?}", bytes.len(), &bytes[..9]);
    let created = [create(&file), create(&file)];
    let _ = fs::remove_dir_all(&folder);
    if created.iter().any(Result::is_err) {
        println!(
            "broken: nothing was ever stored, and creating the database again answers {created:?}"
        );
        process::exit(1);
    }
    println!("kept: the creation was begun again");
    process::exit(0);
}
