//! With eight open files, one for each shard of their cache, sixteen clients read values from more files than that.
//! The program stands in for `open` and makes it take two milliseconds, as a slow disk does. A client alone reads as
//! many values and opens each file a few times; sixteen are given three times as long, and five seconds at least.
//! Tried up to ten times. Linux only.
//!
//! Measured: 3 of 3 runs of a release build, on two cores beside other work.

use mace::{Bucket, BucketOptions, Mace, Options};
use std::{
    env,
    ffi::{CStr, c_char},
    fs,
    io::Read,
    path::Path,
    process::{self, Command, Stdio},
    sync::{
        atomic::{AtomicU64, Ordering::SeqCst},
        mpsc::channel,
    },
    thread,
    time::{Duration, Instant},
};

const KEYS: u64 = 120;
const READS: u64 = 400;

/// How often a file of values was opened.
static OPENED: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" {
    fn openat(folder: i32, path: *const c_char, flags: i32, ...) -> i32;
}

/// # Safety
/// As for the C library's own.
#[unsafe(no_mangle)]
unsafe extern "C" fn open(path: *const c_char, flags: i32, mode: u32) -> i32 {
    const AT_FDCWD: i32 = -100;
    // SAFETY: the caller gives a path.
    if unsafe { CStr::from_ptr(path) }.to_string_lossy().contains("/blob_") {
        OPENED.fetch_add(1, SeqCst);
        let begun = Instant::now();
        let delay = Duration::from_millis(2);
        while begun.elapsed() < delay {
            thread::park_timeout(delay);
        }
    }
    // SAFETY: as the caller says.
    unsafe { openat(AT_FDCWD, path, flags, mode) }
}

fn database(folder: &Path) -> Mace {
    let mut options = Options::new(folder);
    options.data_file_size = 32 << 10;
    options.blob_file_size = 32 << 10;
    options.lru_capacity = 64 << 10;
    options.data_handle_cache_capacity = 8;
    options.blob_handle_cache_capacity = 8;
    Mace::new(options.validate().unwrap()).unwrap()
}

fn make(folder: &Path) {
    let db = database(folder);
    let bucket = db.new_bucket("b", BucketOptions::default()).unwrap();
    for key in 0..KEYS {
        let txn = bucket.begin().unwrap();
        txn.put(key.to_be_bytes(), [7; 5000]).unwrap();
        txn.commit().unwrap();
    }
    bucket.checkpoint_and_wait();
}

fn read(folder: &Path, clients: u64) {
    let db = database(folder);
    let bucket = db.open_bucket("b").unwrap();
    let client = |number: u64, bucket: Bucket| {
        let view = bucket.view().unwrap();
        for nth in 0..READS / clients {
            let key = (number * 31 + nth * 47) % KEYS;
            view.get(key.to_be_bytes()).unwrap();
        }
    };
    thread::scope(|scope| {
        for number in 0..clients {
            let bucket = bucket.clone();
            scope.spawn(move || client(number, bucket));
        }
    });
    println!("{clients} clients opened files {} times", OPENED.load(SeqCst));
}

/// How often so many clients opened files; none when they did not return in time.
fn openings(folder: &Path, clients: u64, limit: Duration) -> Option<u64> {
    let mut child = Command::new(env::current_exe().unwrap());
    child.arg(folder).arg(clients.to_string());
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = child.stdout.take().unwrap();
    let (sender, ended) = channel();
    thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).unwrap();
        sender.send(text).unwrap();
    });
    let said = ended.recv_timeout(limit).ok();
    if said.is_none() {
        child.kill().unwrap();
    }
    child.wait().unwrap();
    let said = said?;
    print!("{said}");
    said.split_whitespace().nth(4)?.parse().ok()
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    match arguments.as_slice() {
        [_, folder] => return make(Path::new(folder)),
        [_, folder, clients] => return read(Path::new(folder), clients.parse().unwrap()),
        _ => {}
    }
    let base = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    assert!(Command::new(env::current_exe().unwrap()).arg(&base).status().unwrap().success());
    let begun = Instant::now();
    let alone = openings(&base, 1, Duration::from_secs(60)).expect("one client returns");
    let limit = (begun.elapsed() * 3).max(Duration::from_secs(5));
    let mut shown = None;
    for attempt in 1..=10 {
        let together = openings(&base, 16, limit);
        if together.is_none_or(|together| together > 2 * alone) {
            shown = Some((attempt, together));
            break;
        }
    }
    let _ = fs::remove_dir_all(&base);
    if let Some((attempt, together)) = shown {
        println!(
            "broken: attempt {attempt}, openings by one client: {alone}, by sixteen: {together:?}"
        );
        process::exit(1);
    }
    println!("kept: sixteen clients open files about as often as one");
    process::exit(0);
}
