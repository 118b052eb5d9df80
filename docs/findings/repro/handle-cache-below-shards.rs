//! A process of its own writes forty values, checkpoints and reads them: with a cache of eight open files, and
//! of seven. The second never ends; it is given ten times as long as the first, and five seconds at least.
//!
//! Measured: 3 of 3 runs of a release build, on two cores beside other work.

use mace::{BucketOptions, Mace, Options};
use std::{
    env, fs,
    io::Read,
    path::Path,
    process::{self, Command, Stdio},
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant},
};

fn work(folder: &Path, handles: usize) {
    let mut options = Options::new(folder);
    options.data_handle_cache_capacity = handles;
    options.blob_handle_cache_capacity = handles;
    options.lru_capacity = 64 << 10;
    let db = Mace::new(options.validate().unwrap()).unwrap();
    let bucket = db.new_bucket("b", BucketOptions::default()).unwrap();
    let txn = bucket.begin().unwrap();
    for key in 0..40_u64 {
        txn.put(key.to_be_bytes(), [7; 3000]).unwrap();
    }
    txn.commit().unwrap();
    bucket.checkpoint_and_wait();
    let view = bucket.view().unwrap();
    for key in 0..40_u64 {
        view.get(key.to_be_bytes()).unwrap();
    }
    println!("read all with {handles} handles");
}

/// Whether the process with so many handles ends in time, as the end of its output shows.
fn ends(base: &Path, handles: usize, limit: Duration) -> bool {
    let mut child = Command::new(env::current_exe().unwrap());
    child.arg(base.join(handles.to_string())).arg(handles.to_string());
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let (sender, ended) = channel();
    thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        sender.send(text).unwrap();
    });
    let is_over = ended.recv_timeout(limit);
    if let Ok(text) = &is_over {
        print!("{text}");
    } else {
        child.kill().unwrap();
    }
    child.wait().unwrap();
    is_over.is_ok_and(|text| text.contains("read all"))
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let [_, folder, handles] = arguments.as_slice() {
        return work(Path::new(folder), handles.parse().unwrap());
    }
    let base = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    let begun = Instant::now();
    assert!(ends(&base, 8, Duration::from_secs(60)), "eight handles are enough");
    let limit = (begun.elapsed() * 10).max(Duration::from_secs(5));
    let ended = ends(&base, 7, limit);
    let _ = fs::remove_dir_all(&base);
    if !ended {
        println!("broken: with 7 handles the reader had not returned after {limit:?}");
        process::exit(1);
    }
    println!("kept: with 7 handles the reader returned");
    process::exit(0);
}
