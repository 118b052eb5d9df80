//! The turns of clients with equal work. A client that met a conflict waits until another client ended a
//! transaction, so that its attempts count turns of the others and not the whims of the scheduler: a client
//! that is taken off its processor in the middle of a transaction must not cost the others their budget.
//! And each client's share of the turns is noted. Judges nothing.

use crate::history::counters;
use serde::{Deserialize, Serialize};
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

/// What a client did beside others with as much work each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The client.
    pub client: u16,
    /// Transactions that it was to do.
    pub planned: u64,
    /// Transactions that the others were to do, all together.
    pub others: u64,
    /// How many of its own it had done when the first of them all had done its own.
    pub when_first_done: u64,
    /// The most that the others did during one attempt of it, less the part of its time in which it could
    /// have run and waited for a processor. Nothing where the system does not tell that time.
    pub overtaken: Option<u64>,
}

/// What the clients of one bucket are up to.
#[derive(Debug)]
pub(super) struct Turns {
    running: AtomicU64,
    ended: AtomicU64,
    /// Planned transactions that each client has done.
    done: Vec<AtomicU64>,
    /// The same when the first client had done all of its own.
    when_first_done: Mutex<Option<Vec<u64>>>,
}

/// A client at work; it is gone when this is.
pub(super) struct AtWork<'a> {
    turns: &'a Turns,
    place: usize,
}

/// An attempt that is under way.
pub(super) struct Underway {
    others: u64,
    waited: Option<u64>,
    since: Instant,
}

impl Turns {
    /// Clients that are all at work from the start, though their threads are yet to come.
    pub(super) fn of(clients: u16) -> Self {
        Self {
            running: AtomicU64::new(u64::from(clients)),
            ended: AtomicU64::new(0),
            done: (0..clients).map(|_| AtomicU64::new(0)).collect(),
            when_first_done: Mutex::new(None),
        }
    }

    /// One of them, by its place among them.
    pub(super) fn at_work(&self, place: u16) -> AtWork<'_> {
        AtWork { turns: self, place: usize::from(place) }
    }

    /// How many planned transactions this client had done when the first had done all of its own.
    pub(super) fn when_first_done(&self, place: usize) -> Option<u64> {
        let first = self.when_first_done.lock().unwrap_or_else(PoisonError::into_inner);
        first.as_ref().map(|done| done[place])
    }

    fn counts(&self) -> Vec<u64> {
        self.done.iter().map(|done| done.load(Ordering::SeqCst)).collect()
    }
}

impl AtWork<'_> {
    /// The client begins an attempt.
    pub(super) fn begins(&self) -> Underway {
        let waited = self.is_beside_others().then(counters::thread_kept_waiting).flatten();
        Underway { others: self.others(), waited, since: Instant::now() }
    }

    /// The attempt came to its end, in whatever way. How long it took, in nanoseconds.
    pub(super) fn ends(&self, underway: &Underway, share: &mut Share) -> u64 {
        let nanos = u64::try_from(underway.since.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1);
        if let Some(before) = underway.waited
            && let Some(after) = counters::thread_kept_waiting()
        {
            let own = nanos.saturating_sub(after - before);
            let others = u128::from(self.others() - underway.others);
            let overtaken = u64::try_from(others * u128::from(own) / u128::from(nanos)).ok();
            share.overtaken = share.overtaken.max(overtaken);
        }
        nanos
    }

    /// The client ended a transaction, in whatever way.
    pub(super) fn ended(&self) -> u64 {
        self.turns.ended.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The client has done a planned transaction.
    pub(super) fn did(&self) {
        self.turns.done[self.place].fetch_add(1, Ordering::SeqCst);
        self.ended();
    }

    /// The client has done all of its own.
    pub(super) fn did_all(&self) {
        let first = self.turns.when_first_done.lock();
        first.unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| self.turns.counts());
    }

    /// The client met a conflict: returns when another one ended a transaction since, or when
    /// there is no other one left.
    pub(super) fn conflicted(&self) {
        let since = self.ended();
        while self.turns.ended.load(Ordering::SeqCst) == since && self.is_beside_others() {
            thread::yield_now();
        }
    }

    fn is_beside_others(&self) -> bool {
        self.turns.running.load(Ordering::SeqCst) > 1
    }

    /// Planned transactions that the others have done.
    fn others(&self) -> u64 {
        let counts = self.turns.counts();
        counts.iter().sum::<u64>() - counts[self.place]
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.turns.running.fetch_sub(1, Ordering::SeqCst);
    }
}
