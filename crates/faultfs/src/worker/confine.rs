//! Limits for a process that runs a store: memory, output, time after a panic. Starts no process
//! and judges nothing.

use crate::judge::Outcome;
use rustix::process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit};
use std::{
    fs::{self, File},
    os::fd::AsRawFd,
    panic::{AssertUnwindSafe, catch_unwind, set_hook},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How long the work may go on after a panic on another thread: when a store's background thread is
/// gone, its callers may wait for ever. No outcome depends on the length.
const AFTER_PANIC: Duration = Duration::from_millis(300);

/// The message of the newest panic. The hook runs on the thread that panicked.
static LAST_PANIC: Mutex<Option<String>> = Mutex::new(None);

/// The number of the current piece of work.
static AT_WORK: AtomicU64 = AtomicU64::new(0);

/// Confines this process, a fork, for the rest of its life.
pub(super) fn confine(log: &File, memory: u64) {
    // A worker must not outlive its parent, leave core files or exhaust the machine's memory.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    let limit = |bytes| Rlimit { current: Some(bytes), maximum: Some(bytes) };
    let own = data_bytes().unwrap_or(0);
    let _ = setrlimit(Resource::Data, limit(own + memory));
    let _ = setrlimit(Resource::Core, limit(0));
    for fd in [1, 2] {
        // SAFETY: both descriptors are open; what is printed belongs to this worker's log.
        unsafe { libc::dup2(log.as_raw_fd(), fd) };
    }
    let own = thread::current().id();
    set_hook(Box::new(move |panic| {
        let text = panic.to_string();
        let _ = rustix::io::write(rustix::stdio::stderr(), text.as_bytes());
        *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
        if thread::current().id() != own {
            end_later();
        }
    }));
}

/// Aborts the process if its current work is still running after a while.
fn end_later() {
    let at = AT_WORK.load(Ordering::SeqCst);
    thread::spawn(move || {
        let begun = Instant::now();
        while begun.elapsed() < AFTER_PANIC {
            thread::park_timeout(AFTER_PANIC.saturating_sub(begun.elapsed()));
        }
        if AT_WORK.load(Ordering::SeqCst) == at {
            std::process::abort();
        }
    });
}

/// Runs one piece of work and returns its outcome.
pub(super) fn guarded(work: impl FnOnce() -> Result<(), String>) -> Outcome {
    AT_WORK.fetch_add(1, Ordering::SeqCst);
    let outcome = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => Outcome::Sound,
        Ok(Err(why)) => Outcome::Broken(why),
        Err(_) => {
            let mut last = LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner);
            Outcome::Panicked(last.take().unwrap_or_default())
        }
    };
    AT_WORK.fetch_add(1, Ordering::SeqCst);
    outcome
}

/// Private memory of this process, in bytes: the sixth number of `/proc/self/statm`, in pages.
fn data_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(5)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
