//! A client reads while files are collected. The program stands in for `open` and holds the client where it opens
//! one of the files that are collected, until the collection is over or half a second has passed; each file is
//! tried in a process of its own. Linux only.
//!
//! Measured: 7 of 8 runs of a release build, on two cores.

use mace::{Bucket, BucketOptions, Mace, Options};
use std::{
    cell::Cell,
    env,
    ffi::{CStr, c_char},
    fs,
    path::Path,
    process::{self, Command},
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

/// The name of the file at which the client is held.
static FILE: OnceLock<String> = OnceLock::new();
static IS_HELD: AtomicBool = AtomicBool::new(false);
static IS_COLLECTED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static IS_CLIENT: Cell<bool> = const { Cell::new(false) };
}

unsafe extern "C" {
    fn openat(folder: i32, path: *const c_char, flags: i32, ...) -> i32;
}

/// # Safety
/// As for the C library's own.
#[unsafe(no_mangle)]
unsafe extern "C" fn open(path: *const c_char, flags: i32, mode: u32) -> i32 {
    const AT_FDCWD: i32 = -100;
    if IS_CLIENT.try_with(Cell::get).unwrap_or(false) {
        // SAFETY: the caller gives a path.
        let name = unsafe { CStr::from_ptr(path) }.to_string_lossy();
        if FILE.get().is_some_and(|file| name.ends_with(file)) && !IS_HELD.swap(true, SeqCst) {
            let begun = Instant::now();
            while !IS_COLLECTED.load(SeqCst) && begun.elapsed() < Duration::from_millis(500) {
                thread::yield_now();
            }
        }
    }
    // SAFETY: as the caller says.
    unsafe { openat(AT_FDCWD, path, flags, mode) }
}

fn database(folder: &Path) -> Mace {
    let mut options = Options::new(folder);
    options.concurrent_write = 4;
    options.gc_timeout = 24 * 60 * 60 * 1000;
    options.data_file_size = 32 << 10;
    options.blob_file_size = 32 << 10;
    options.data_garbage_ratio = 1;
    options.blob_garbage_ratio = 1;
    options.lru_capacity = 64 << 10;
    Mace::new(options.validate().unwrap()).unwrap()
}

fn overwrite(bucket: &Bucket, step: usize) {
    let keys: Vec<u64> = (0..120).step_by(step).collect();
    for keys in keys.chunks(8) {
        let txn = bucket.begin().unwrap();
        for key in keys {
            txn.upsert(key.to_be_bytes(), [7; 5000]).unwrap();
        }
        txn.commit().unwrap();
    }
    bucket.checkpoint_and_wait();
}

fn make(folder: &Path) {
    let db = database(folder);
    let small = BucketOptions {
        cache_capacity: 64 << 10,
        split_elems: 64,
        consolidate_threshold: 16,
        ..BucketOptions::default()
    };
    let bucket = db.new_bucket("b", small).unwrap();
    overwrite(&bucket, 1);
    (0..3).for_each(|_| overwrite(&bucket, 2));
}

/// Reads everything while files are collected.
fn read(folder: &Path, file: &str) {
    FILE.set(format!("/{file}")).unwrap();
    let db = database(folder);
    let bucket = db.open_bucket("b").unwrap();
    let client = thread::spawn(move || {
        IS_CLIENT.set(true);
        let view = bucket.view().unwrap();
        (0..120_u64).for_each(|key| drop(view.get(key.to_be_bytes()).unwrap()));
    });
    while !IS_HELD.load(SeqCst) && !client.is_finished() {
        thread::yield_now();
    }
    db.start_gc();
    db.start_gc();
    IS_COLLECTED.store(true, SeqCst);
    client.join().unwrap();
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    match arguments.as_slice() {
        [_, folder] => return make(Path::new(folder)),
        [_, folder, file] => return read(Path::new(folder), file),
        _ => {}
    }
    let base = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    let run = |arguments: &[&Path]| {
        Command::new(env::current_exe().unwrap()).args(arguments).status().unwrap()
    };
    assert!(run(&[&base.join("listed")]).success());
    let listed = fs::read_dir(base.join("listed/data")).unwrap();
    let names = listed.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = names.filter(|name| name.starts_with("blob_")).collect();
    files.sort();
    for file in &files {
        let folder = base.join(file);
        assert!(run(&[&folder]).success());
        let status = run(&[&folder, Path::new(file)]);
        if !status.success() {
            println!("broken: the process died when its client read from {file} ({status})");
            let _ = fs::remove_dir_all(&base);
            process::exit(1);
        }
    }
    let _ = fs::remove_dir_all(&base);
    println!("kept: the client read from each of {} files while they were collected", files.len());
    process::exit(0);
}
