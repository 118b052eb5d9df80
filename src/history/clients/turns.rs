//! Lets a client that met a conflict wait until another client ended a transaction, so that its
//! attempts count turns of the others and not the whims of the scheduler: a client that is taken
//! off its processor in the middle of a transaction must not cost the others their budget. Judges
//! nothing.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

/// What the clients of one bucket are up to.
#[derive(Debug, Default)]
pub(super) struct Turns {
    running: AtomicU64,
    ended: AtomicU64,
}

/// A client at work; it is gone when this is.
pub(super) struct AtWork<'a>(&'a Turns);

impl Turns {
    /// Clients that are all at work from the start, though their threads are yet to come.
    pub(super) fn of(clients: u16) -> Self {
        Self { running: AtomicU64::new(u64::from(clients)), ended: AtomicU64::new(0) }
    }

    /// One of them.
    pub(super) fn at_work(&self) -> AtWork<'_> {
        AtWork(self)
    }
}

impl AtWork<'_> {
    /// The client ended a transaction, in whatever way.
    pub(super) fn ended(&self) -> u64 {
        self.0.ended.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The client met a conflict: returns when another one ended a transaction since, or when
    /// there is no other one left.
    pub(super) fn conflicted(&self) {
        let since = self.ended();
        while self.0.ended.load(Ordering::SeqCst) == since
            && self.0.running.load(Ordering::SeqCst) > 1
        {
            thread::yield_now();
        }
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}
