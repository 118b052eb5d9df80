//! Holds a thread where it asks for memory: the one lever that moves an engine's own threads against
//! each other in every build of it, without a word in its source. A page is made in a buffer of its
//! own size, so that a large allocation on a thread of a certain name is a place in the engine's
//! code. Linux only, where the kernel says what a thread is called. Judges nothing.

use serde::{Deserialize, Serialize};
use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Where a thread is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The thread's name, of which the kernel keeps fifteen bytes.
    pub thread: String,
    /// What it asks for has at least so many bytes.
    pub bytes: usize,
    /// How often it has asked for so many, from the arming on; the first is 1.
    pub nth: u64,
}

/// Whether a thread can be held here.
pub const fn is_possible() -> bool {
    cfg!(target_os = "linux")
}

/// Bytes of a thread's name that the kernel keeps.
const NAME: usize = 15;

/// The least that has to be asked for; nothing is armed at 0.
static BYTES: AtomicUsize = AtomicUsize::new(0);

/// How many such requests are left until the one that is held.
static LEFT: AtomicU64 = AtomicU64::new(0);

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
        BYTES.store(place.bytes.max(1), Ordering::SeqCst);
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
        BYTES.store(0, Ordering::SeqCst);
        state().now = Now::Free;
        CHANGED.notify_all();
    }
}

/// Says what is about to be asked for; the caller is an allocator, so nothing here asks for memory.
pub(super) fn asked_for(bytes: usize) {
    let least = BYTES.load(Ordering::Relaxed);
    if least == 0 || bytes < least {
        return;
    }
    let mut state = state();
    if state.now != Now::Armed || name() != Some(state.name) {
        return;
    }
    if LEFT.fetch_sub(1, Ordering::SeqCst) != 1 {
        return;
    }
    BYTES.store(0, Ordering::SeqCst);
    state.now = Now::Held;
    CHANGED.notify_all();
    let freed = CHANGED.wait_while(state, |state| state.now == Now::Held);
    drop(freed.unwrap_or_else(PoisonError::into_inner));
}

/// What the kernel calls the calling thread.
#[cfg(target_os = "linux")]
pub(super) fn name() -> Option<[u8; NAME]> {
    use rustix::{
        fs::{Mode, OFlags, open},
        io::read,
    };
    let file = open(c"/proc/thread-self/comm", OFlags::RDONLY, Mode::empty()).ok()?;
    // The name and the end of its line.
    let mut line = [0; NAME + 1];
    let mut name = [0; NAME];
    let length = read(&file, &mut line).ok()?.saturating_sub(1);
    name[..length].copy_from_slice(&line[..length]);
    Some(name)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn name() -> Option<[u8; NAME]> {
    None
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::thread::Builder;

    #[test]
    fn a_thread_is_held_by_its_name_at_its_nth_request() {
        let place = Place { thread: "asks-for-memory".to_owned(), bytes: 100, nth: 2 };
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
