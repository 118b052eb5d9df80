//! Deaths at counted points: a child that is to be killed counts its own journal, or what it
//! allocates, and sends itself SIGKILL. Nothing runs after that, in no thread.

use crate::history::{Event, hold, memory, pauses};
use serde::{Deserialize, Serialize};
use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

/// Where a child is killed. Whatever other clients are doing at that moment stays undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mark {
    /// After so many acknowledged commits of this process.
    Acked(u64),
    /// After so many commits of this process were about to be asked for.
    Asked(u64),
    /// While the database is being opened, at this allocation.
    Opening(u64),
}

/// Counts events until a mark.
#[derive(Debug)]
pub struct Countdown {
    mark: Mark,
    left: AtomicU64,
}

impl Countdown {
    /// Counts until this mark.
    pub fn new(mark: Mark) -> Self {
        let (Mark::Acked(left) | Mark::Asked(left) | Mark::Opening(left)) = mark;
        Self { mark, left: AtomicU64::new(left) }
    }

    /// Whether this event is the one to die after.
    pub fn ends_with(&self, event: &Event) -> bool {
        let counts = match self.mark {
            Mark::Acked(_) => matches!(event, Event::Ok { .. }),
            Mark::Asked(_) => matches!(event, Event::Commit { .. }),
            Mark::Opening(_) => false,
        };
        counts && self.left.fetch_sub(1, Ordering::SeqCst) == 1
    }
}

/// Dies now.
#[cfg(unix)]
pub fn die() {
    use rustix::process::{Signal, getpid, kill_process};
    let _ = kill_process(getpid(), Signal::KILL);
}

/// Dies now.
#[cfg(not(unix))]
pub fn die() {
    std::process::abort();
}

/// The system's allocator, counting. The child program uses it, so that an opening can be killed at
/// a counted point of whatever it does, on whichever thread, in every build of an engine, and so that
/// a thread can be held ([`hold`]); and so do the programs whose clients meet pauses ([`pauses`]), or that
/// measure what they hold and ask for ([`memory`]).
#[derive(Debug)]
pub struct CountingAllocator;

/// Whether allocations are counted: all threads would count in one place.
static COUNTS: AtomicBool = AtomicBool::new(false);

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

/// The allocation to die at; none is number 0.
static LAST_ALLOCATION: AtomicU64 = AtomicU64::new(0);

fn count_allocation(bytes: usize) {
    memory::asked(bytes);
    if COUNTS.load(Ordering::Relaxed) {
        let number = ALLOCATIONS.fetch_add(1, Ordering::Relaxed) + 1;
        if number == LAST_ALLOCATION.load(Ordering::Relaxed) {
            die();
        }
    }
    hold::asked_for(bytes);
    if bytes >= hold::PAGE {
        pauses::came_by();
    }
}

/// A size, which no allocation makes greater than `isize::MAX`.
const fn signed(bytes: usize) -> i64 {
    (bytes as u64).cast_signed()
}

// SAFETY: every call is passed on to the system's allocator as it came; counting, dying and holding a
// thread allocate nothing.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count_allocation(layout.size());
        memory::changed(signed(layout.size()));
        // SAFETY: the caller keeps the contract of `alloc`, which is the same there.
        unsafe { System.alloc(layout) }
    }

    // The default would write zeros over large buffers that the system hands out as zeros.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count_allocation(layout.size());
        memory::changed(signed(layout.size()));
        // SAFETY: the caller keeps the contract of `alloc_zeroed`, which is the same there.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count_allocation(size);
        memory::changed(signed(size) - signed(layout.size()));
        // SAFETY: `pointer` came from the system's allocator, and the caller keeps the contract.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        memory::changed(-signed(layout.size()));
        // SAFETY: `pointer` came from `alloc` above, hence from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Counts the allocations of an opening.
#[derive(Debug)]
pub struct Opening(u64);

impl Opening {
    /// Counts from now on, and kills the process at the mark.
    pub fn begin(mark: Option<Mark>) -> Self {
        COUNTS.store(true, Ordering::SeqCst);
        let before = ALLOCATIONS.load(Ordering::SeqCst);
        if let Some(Mark::Opening(allocations)) = mark {
            LAST_ALLOCATION.store(before + allocations, Ordering::SeqCst);
        }
        Self(before)
    }

    /// The database is open. Says how many allocations that took.
    pub fn opened(self) -> u64 {
        LAST_ALLOCATION.store(0, Ordering::SeqCst);
        COUNTS.store(false, Ordering::SeqCst);
        ALLOCATIONS.load(Ordering::SeqCst) - self.0
    }
}
