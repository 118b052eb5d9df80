//! Bytes that this process holds, or one thread of it asks for: what its allocator gave out and got back.
//! Counted only while somebody measures, since all that counts does so in one place, and only in programs
//! with [`CountingAllocator`](super::kill::CountingAllocator). Judges nothing.

use std::{
    cell::Cell,
    hint::black_box,
    sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
};

static COUNTS: AtomicBool = AtomicBool::new(false);

/// Whether the marked thread alone counts.
static MARKED_ONLY: AtomicBool = AtomicBool::new(false);

static HELD: AtomicI64 = AtomicI64::new(0);

static PEAK: AtomicI64 = AtomicI64::new(0);

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

static ALLOCATED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// Constant and without a destructor: reading it asks for no memory.
    static MARKED: Cell<bool> = const { Cell::new(false) };
}

/// So many bytes were asked for, in one request. The caller is an allocator, so nothing here asks for
/// memory.
#[inline]
pub(super) fn asked(bytes: usize) {
    if counts() {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        ALLOCATED.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// More bytes are held, or fewer.
#[inline]
pub(super) fn changed(by: i64) {
    if counts() {
        let held = HELD.fetch_add(by, Ordering::Relaxed) + by;
        PEAK.fetch_max(held, Ordering::Relaxed);
    }
}

#[inline]
fn counts() -> bool {
    COUNTS.load(Ordering::Relaxed) && (!MARKED_ONLY.load(Ordering::Relaxed) || MARKED.get())
}

/// Counts while it is there; one at a time.
#[derive(Debug)]
pub struct Measuring(());

/// What was asked for while somebody measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Requests; one that makes what there is larger or smaller is one.
    pub allocations: u64,
    /// What they asked for in all, in bytes.
    pub bytes: u64,
    /// The most that was held at a time beyond what was held at the beginning, in bytes.
    pub peak_bytes: u64,
}

impl Measuring {
    /// Counts from now on; nothing in a program whose allocator does not count.
    ///
    /// # Panics
    /// When somebody measures already.
    pub fn begin() -> Option<Self> {
        Self::of(false)
    }

    /// The same for this thread alone: what it asks for and gives back.
    ///
    /// # Panics
    /// When somebody measures already.
    pub fn this_thread() -> Option<Self> {
        Self::of(true)
    }

    fn of(marked_only: bool) -> Option<Self> {
        assert!(!COUNTS.swap(true, Ordering::SeqCst), "one measurement at a time");
        MARKED_ONLY.store(marked_only, Ordering::SeqCst);
        MARKED.set(true);
        HELD.store(0, Ordering::SeqCst);
        let measuring = Self(());
        let probe = black_box(vec![0_u8; 1 << 20]);
        let counts = measuring.held() >= 1 << 19;
        drop(probe);
        for counter in [&ALLOCATIONS, &ALLOCATED] {
            counter.store(0, Ordering::SeqCst);
        }
        PEAK.store(measuring.held(), Ordering::SeqCst);
        counts.then_some(measuring)
    }

    /// Bytes that are held beyond those of the beginning; negative where what was held then was given
    /// back.
    pub fn held(&self) -> i64 {
        HELD.load(Ordering::SeqCst)
    }

    /// What was asked for since the beginning.
    pub fn asked(&self) -> Asked {
        Asked {
            allocations: ALLOCATIONS.load(Ordering::SeqCst),
            bytes: ALLOCATED.load(Ordering::SeqCst),
            peak_bytes: PEAK.load(Ordering::SeqCst).max(0).cast_unsigned(),
        }
    }
}

impl Drop for Measuring {
    fn drop(&mut self) {
        MARKED.set(false);
        COUNTS.store(false, Ordering::SeqCst);
    }
}
