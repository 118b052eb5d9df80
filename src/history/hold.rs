//! Holds a thread at a place: the one lever that moves an engine's own threads against each other in
//! every build of it, without a word in its source. A page is made in a buffer of its own size, so that
//! a large allocation on a thread of a certain name is a place in the engine's code; the way that led
//! to any request for memory, or a hook of the engine, is a closer one ([`ways`]). In a child with glibc so is
//! the waking of another thread. Linux only, where the
//! kernel says what a thread is called. Judges nothing.

use super::ways::{self, Kind, NAME};
use serde::{Deserialize, Serialize};
use std::{
    cell::Cell,
    fmt::Debug,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// A request for so many bytes or more is one for a page: the smallest pages are not larger.
pub const PAGE: usize = 1024;

/// Where a thread is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The thread's name, of which the kernel keeps fifteen bytes.
    pub thread: String,
    /// What it does there.
    pub at: At,
    /// How often it has done so, from the arming on; the first is 1.
    pub nth: u64,
}

/// What a thread does at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum At {
    /// It asks for so many bytes or more.
    Asking(usize),
    /// It asks for memory, or comes by a hook, at the end of this way.
    Way(u64),
    /// Amid an operation of a transaction it has woken a thread that waited for it, as who gives back a
    /// lock does. In children only: what is between an engine and the C library is theirs.
    Waking,
}

impl At {
    /// By a hook of the engine: its name, and the point.
    pub fn hook(name: &str) -> Self {
        Self::Way(ways::of_name(name))
    }
}

/// Whether a thread can be held here.
pub const fn is_possible() -> bool {
    cfg!(target_os = "linux")
}

/// What is done with whoever comes by: nothing, as long as no place is armed and nothing recorded.
static WATCH: AtomicU8 = AtomicU8::new(NOTHING);

const NOTHING: u8 = 0;
const ASKING: u8 = 1;
const WAY: u8 = 2;
const RECORDING: u8 = 3;
const WAKING: u8 = 4;

/// The least that has to be asked for.
static BYTES: AtomicUsize = AtomicUsize::new(0);

/// The way that has to be come.
static TOWARDS: AtomicU64 = AtomicU64::new(0);

/// How often a thread has to come by until it is held.
static LEFT: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static OPERATING: Cell<bool> = const { Cell::new(false) };
}

static STATE: Mutex<State> = Mutex::new(State { name: [0; NAME], now: Now::Free });

static CHANGED: Condvar = Condvar::new();

struct State {
    name: [u8; NAME],
    now: Now,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Now {
    Free,
    Armed,
    Held,
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An armed place; letting go of it frees the thread.
#[derive(Debug)]
pub struct Hold(());

impl Hold {
    /// Holds the first thread that comes by `place` from now on.
    ///
    /// # Panics
    /// When a place is armed already.
    pub fn arm(place: &Place) -> Self {
        let mut state = state();
        assert!(state.now == Now::Free, "one place at a time");
        state.name = [0; NAME];
        for (to, from) in state.name.iter_mut().zip(place.thread.bytes()) {
            *to = from;
        }
        state.now = Now::Armed;
        LEFT.store(place.nth, Ordering::SeqCst);
        let watch = match place.at {
            At::Asking(bytes) => {
                BYTES.store(bytes, Ordering::SeqCst);
                ASKING
            }
            At::Way(way) => {
                TOWARDS.store(way, Ordering::SeqCst);
                WAY
            }
            At::Waking => WAKING,
        };
        WATCH.store(watch, Ordering::SeqCst);
        Self(())
    }

    /// Waits until a thread is held, and says whether one is after that time.
    pub fn is_held_within(&self, most: Duration) -> bool {
        let held = CHANGED.wait_timeout_while(state(), most, |state| state.now != Now::Held);
        held.unwrap_or_else(PoisonError::into_inner).0.now == Now::Held
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        WATCH.store(NOTHING, Ordering::SeqCst);
        state().now = Now::Free;
        CHANGED.notify_all();
    }
}

/// While it is there, the ways of all threads are recorded.
#[derive(Debug)]
pub struct Recording(());

impl Recording {
    /// Begins, where nothing is armed.
    pub fn begin() -> Self {
        WATCH.store(RECORDING, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        WATCH.store(NOTHING, Ordering::SeqCst);
    }
}

/// Says what is about to be asked for; the caller is an allocator, so nothing here asks for memory.
#[inline]
pub(super) fn asked_for(bytes: usize) {
    let watch = WATCH.load(Ordering::Relaxed);
    if watch != NOTHING {
        let local = 0_u8;
        let from = std::ptr::from_ref(&local).addr();
        ways::once(|| asked_under(watch, bytes, from));
    }
}

#[cold]
fn asked_under(watch: u8, bytes: usize, from: usize) {
    match watch {
        ASKING if bytes >= BYTES.load(Ordering::Relaxed) => hold_here(|| true),
        WAY => hold_here(|| ways::here(from) == TOWARDS.load(Ordering::Relaxed)),
        RECORDING if bytes >= PAGE => ways::record_request(Kind::Page, from),
        RECORDING => ways::record_request(Kind::Small, from),
        _ => {}
    }
}

/// Says that a thread of the engine comes by a hook.
pub(super) fn hooked(hook: &str, point: &dyn Debug) {
    match WATCH.load(Ordering::Relaxed) {
        WAY => ways::once(|| {
            hold_here(|| ways::of_hook(hook, point) == TOWARDS.load(Ordering::Relaxed));
        }),
        RECORDING => ways::once(|| ways::record_hook(hook, point)),
        _ => {}
    }
}

/// Says that the calling thread has woken another one.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn woke() {
    if WATCH.load(Ordering::Relaxed) == WAKING && OPERATING.get() {
        ways::once(|| hold_here(|| true));
    }
}

/// Does an operation of a transaction, which is neither its begin nor its end.
pub(super) fn operating<T>(operation: impl FnOnce() -> T) -> T {
    OPERATING.set(true);
    let done = operation();
    OPERATING.set(false);
    done
}

/// Holds the calling thread when it is the armed one, and came by often enough.
fn hold_here(is_there: impl FnOnce() -> bool) {
    let name = ways::name();
    let is_armed = |state: &State| state.now == Now::Armed && name[..NAME] == state.name;
    if !is_armed(&state()) || !is_there() {
        return;
    }
    let mut state = state();
    if !is_armed(&state) || LEFT.fetch_sub(1, Ordering::SeqCst) != 1 {
        return;
    }
    WATCH.store(NOTHING, Ordering::SeqCst);
    state.now = Now::Held;
    CHANGED.notify_all();
    let freed = CHANGED.wait_while(state, |state| state.now == Now::Held);
    drop(freed.unwrap_or_else(PoisonError::into_inner));
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::thread::Builder;

    #[test]
    fn a_thread_is_held_by_its_name_at_its_nth_request() {
        let place = Place { thread: "asks-for-memory".to_owned(), at: At::Asking(100), nth: 2 };
        let hold = Hold::arm(&place);
        let asks =
            |requests: &'static [usize]| move || requests.iter().copied().for_each(asked_for);
        let other = Builder::new().name("another".to_owned()).spawn(asks(&[100, 100])).unwrap();
        other.join().unwrap();
        let few = Builder::new().name(place.thread.clone()).spawn(asks(&[99, 100])).unwrap();
        few.join().unwrap();
        assert!(!hold.is_held_within(Duration::ZERO), "the second request has not come");
        let waiting = Builder::new().name(place.thread.clone()).spawn(asks(&[100])).unwrap();
        assert!(hold.is_held_within(Duration::from_secs(30)));
        assert!(!waiting.is_finished());
        drop(hold);
        waiting.join().unwrap();
    }
}
