//! Bytes that this process holds: what its allocator gave out and did not get back. Counted only while
//! somebody measures, since all threads count in one place, and only in programs with
//! [`CountingAllocator`](super::kill::CountingAllocator). Judges nothing.

use std::{
    hint::black_box,
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
};

static COUNTS: AtomicBool = AtomicBool::new(false);

static HELD: AtomicI64 = AtomicI64::new(0);

/// More bytes are held, or fewer. The caller is an allocator, so nothing here asks for memory.
#[inline]
pub(super) fn changed(by: i64) {
    if COUNTS.load(Ordering::Relaxed) {
        HELD.fetch_add(by, Ordering::Relaxed);
    }
}

/// Counts while it is there; one at a time.
#[derive(Debug)]
pub struct Measuring(());

impl Measuring {
    /// Counts from now on; nothing in a program whose allocator does not count.
    ///
    /// # Panics
    /// When somebody measures already.
    pub fn begin() -> Option<Self> {
        assert!(!COUNTS.swap(true, Ordering::SeqCst), "one measurement at a time");
        HELD.store(0, Ordering::SeqCst);
        let measuring = Self(());
        let probe = black_box(vec![0_u8; 1 << 20]);
        let counts = measuring.held() >= 1 << 19;
        drop(probe);
        counts.then_some(measuring)
    }

    /// Bytes that are held beyond those of the beginning; negative where what was held then was given
    /// back.
    pub fn held(&self) -> i64 {
        HELD.load(Ordering::SeqCst)
    }
}

impl Drop for Measuring {
    fn drop(&mut self) {
        COUNTS.store(false, Ordering::SeqCst);
    }
}
