//! Stores values whose records have 262,144 bytes in a bucket with compression, with more or less noise, until the record of
//! one takes 131,073 to 131,075 bytes of its file. Another process reads them.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, Options};
use std::{
    env, fs,
    path::Path,
    process::{self, Command, Stdio},
};

/// What zstd takes for a block and the engine reads at a time, in bytes.
const BLOCK: usize = 128 << 10;
/// What a file has beside one record, in bytes: its table and its end.
const BESIDE: usize = 72;
/// Zeros at the end of the first block: with fewer zstd stores it as it is.
const ROOM: usize = 2600;

fn open(folder: &Path) -> Mace {
    Mace::new(Options::new(folder).validate().unwrap()).unwrap()
}

/// Bytes that no compressor makes shorter (xorshift).
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..len).map(|_| byte()).collect()
}

/// Two blocks with the record's head, and so much noise in the second.
fn value(noise: &[u8], head: usize, second: usize) -> Vec<u8> {
    let first = BLOCK - head - ROOM;
    let mut value = vec![0; 2 * BLOCK - head];
    value[..first].copy_from_slice(&noise[..first]);
    value[BLOCK - head..][..second].copy_from_slice(&noise[first..first + second]);
    value
}

/// Bytes of all blob files.
fn blob_bytes(folder: &Path) -> usize {
    let files = fs::read_dir(folder.join("data")).unwrap().flatten();
    let blobs = files.filter(|file| file.file_name().to_string_lossy().starts_with("blob_"));
    blobs.map(|blob| blob.metadata().unwrap().len() as usize).sum()
}

/// Stores values until the record of one has the length; its key.
fn store(folder: &Path) -> Option<u32> {
    let mace = open(folder);
    let mut options = BucketOptions::new();
    options.enable_compression = true;
    let bucket = mace.new_bucket("b", options).unwrap();
    let store = |key: u32, value: &[u8]| {
        let before = blob_bytes(folder);
        let txn = bucket.begin().unwrap();
        txn.put(key.to_be_bytes(), value).unwrap();
        txn.commit().unwrap();
        bucket.checkpoint_and_wait();
        blob_bytes(folder) - before - BESIDE
    };
    let noise = noise(2 * BLOCK);
    // Nothing but noise is not compressed: what a record has in front of a value.
    let head = store(0, &noise) - noise.len();
    let mut second = ROOM;
    for key in 1..=32 {
        let record = store(key, &value(&noise, head, second));
        if (BLOCK + 1..=BLOCK + 3).contains(&record) {
            return Some(key);
        }
        second = (second + BLOCK + 2).saturating_sub(record).min(2 * ROOM);
    }
    None
}

/// The process that reads a value.
fn read(folder: &Path, key: u32) {
    let bucket = open(folder).open_bucket("b").unwrap();
    let view = bucket.view().unwrap();
    view.get(key.to_be_bytes()).unwrap();
}

fn main() {
    let mut arguments = env::args().skip(1);
    if let (Some(folder), Some(key)) = (arguments.next(), arguments.next()) {
        return read(Path::new(&folder), key.parse().unwrap());
    }
    let folder = env::temp_dir().join(format!("mace-blocks-{}", process::id()));
    let last = store(&folder).expect("a record has the length");
    let reads = |key: u32| {
        let mut child = Command::new(env::current_exe().unwrap());
        child.arg(&folder).arg(key.to_string()).stderr(Stdio::null());
        child.status().unwrap()
    };
    let others = (1..last).all(|key| reads(key).success());
    assert!(others, "the others, as a control");
    let ended = reads(last);
    let _ = fs::remove_dir_all(&folder);
    if !ended.success() {
        println!("broken: the process that reads value {last} ends with {ended}");
        process::exit(1);
    }
    println!("kept: value {last} is read");
}
