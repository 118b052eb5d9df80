//! Seeded pauses: while several clients are at work their threads, and the engine's own, sleep for a
//! moment at some of the places that they come by, so that others get ahead of them where the
//! scheduler would seldom let them. Places are a client's step from one operation to the next, a request
//! for a page's worth of memory (in every build, in programs with
//! [`CountingAllocator`](super::kill::CountingAllocator)), and the engine's own hooks where its build
//! has them.
//!
//! Which places pause a thread follows from the plan's seed, the thread's name and how many places it
//! came by: the same seed gives the same plan. What it changes is left to the scheduler. Judges nothing.

use crate::{
    engine::hooks,
    history::{hold, ways},
    settings::Seed,
};
use std::{
    cell::Cell,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
    time::Duration,
};

/// The variable in which a child process finds its plan's seed.
pub(super) const VARIABLE: &str = "MACE_PROD_INTERNAL_PAUSES";

/// One place in so many pauses a thread.
const ONE_IN: u64 = 16;

/// The most that one thread sleeps while one lot of clients is at work, so that a long run is no
/// matter of pauses.
const MOST: u32 = 24;

/// How long a thread sleeps, in microseconds.
const MICROS: (u64, u64) = (100, 2000);

/// All of the first lots of clients meet pauses, and one in so many of the later ones.
const LOTS: u64 = 16;

/// The plan's seed; 0 is no plan.
static PLAN: AtomicU64 = AtomicU64::new(0);

/// How many lots of clients there were.
static LOT: AtomicU64 = AtomicU64::new(0);

/// How many lots that meet pauses are at work.
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// How many pauses were made.
static TAKEN: AtomicU64 = AtomicU64::new(0);

/// Where a thread is in its part of the plan.
#[derive(Clone, Copy)]
struct Turn {
    role: u64,
    lot: u64,
    places: u64,
    taken: u32,
}

thread_local! {
    // Without a destructor, and so without an allocation: an allocator asks for it.
    static TURN: Cell<Turn> = const { Cell::new(Turn { role: 0, lot: 0, places: 0, taken: 0 }) };
}

/// Pauses by this seed from now on, in this process and the children that it starts.
pub(crate) fn begin(seed: Seed) {
    PLAN.store(seed.derive("pauses").number().max(1), Ordering::SeqCst);
}

/// The plan's seed, for a child.
pub(super) fn plan() -> Option<u64> {
    Some(PLAN.load(Ordering::SeqCst)).filter(|seed| *seed > 0)
}

/// Goes on with the plan of the process that started this one, if it has one.
pub(super) fn inherit() {
    let seed = knobs::runtime::internal(VARIABLE);
    let seed = seed.map(|seed| seed.to_str().and_then(|seed| seed.parse().ok()));
    if let Some(seed) = seed {
        PLAN.store(seed.expect("the parent wrote a number"), Ordering::SeqCst);
    }
}

/// How many pauses this process made.
pub(crate) fn taken() -> u64 {
    TAKEN.load(Ordering::Relaxed)
}

/// Several clients that are at work; while it is there, threads pause.
#[derive(Debug)]
pub(super) struct Lot(bool);

impl Lot {
    /// So many clients begin.
    pub(super) fn of(clients: u16) -> Self {
        let is_planned = clients > 1 && plan().is_some();
        let number = if is_planned { LOT.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 };
        let pauses = is_planned && (number < LOTS || number.is_multiple_of(LOTS));
        if pauses {
            listen();
            OPEN.fetch_add(1, Ordering::SeqCst);
        }
        Self(pauses)
    }
}

impl Drop for Lot {
    fn drop(&mut self) {
        if self.0 {
            OPEN.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// Has the engine's hooks tell of threads that come by, here and where they may be held.
pub(super) fn listen() {
    hooks::listen(|hook, point| {
        came_by();
        hold::hooked(hook, point);
    });
}

/// The calling thread is this client from now on: threads of clients have no names of their own.
pub(super) fn as_client(number: u16) {
    let role = u64::from(number) + 1;
    TURN.set(Turn { role, ..TURN.get() });
}

/// The calling thread comes by a place, and may sleep there. Asks for no memory.
#[inline]
pub(super) fn came_by() {
    if OPEN.load(Ordering::Relaxed) > 0 {
        pause_here();
    }
}

#[cold]
fn pause_here() {
    let mut turn = TURN.get();
    let lot = LOT.load(Ordering::Relaxed);
    if turn.lot != lot {
        turn = Turn { role: turn.role, lot, places: 0, taken: 0 };
    }
    if turn.role == 0 {
        // What this asks for may come by here again.
        TURN.set(Turn { role: u64::MAX, ..turn });
        turn.role = role_of(&ways::name());
    }
    turn.places += 1;
    let length = length(PLAN.load(Ordering::Relaxed), turn).filter(|_| turn.taken < MOST);
    turn.taken += u32::from(length.is_some());
    TURN.set(turn);
    if let Some(length) = length {
        TAKEN.fetch_add(1, Ordering::Relaxed);
        rest(length);
    }
}

/// Sleeps about so long: nothing is waited for, and a signal may end it.
#[cfg(unix)]
fn rest(length: Duration) {
    let length = length.try_into().expect("a pause is short");
    let _ = rustix::thread::nanosleep(&length);
}

/// Gives way: there is no sleep to be had that asks for no memory.
#[cfg(not(unix))]
fn rest(_: Duration) {
    std::thread::yield_now();
}

/// How long a thread sleeps at this place by this plan, if it does.
fn length(plan: u64, turn: Turn) -> Option<Duration> {
    let mut rng =
        Seed::new(plan ^ turn.role.rotate_left(32) ^ (turn.lot << 48) ^ turn.places).rng();
    let pauses = rng.below(ONE_IN) == 0;
    pauses.then(|| Duration::from_micros(rng.between(MICROS.0, MICROS.1)))
}

/// A thread's part, told by its name: FNV-1a (Fowler, Noll, Vo), away from the numbers of clients.
fn role_of(name: &[u8]) -> u64 {
    let hash = name.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash | 1 << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The places, of so many, where this thread sleeps by this plan, and for how long.
    fn planned(plan: u64, role: u64, lot: u64) -> Vec<(u64, Duration)> {
        let at = |places| Some((places, length(plan, Turn { role, lot, places, taken: 0 })?));
        (1..=1000).filter_map(at).collect()
    }

    #[test]
    fn a_seed_plans_the_pauses_of_each_thread() {
        let one = planned(7, 1, 1);
        assert_eq!(one, planned(7, 1, 1));
        for other in [planned(8, 1, 1), planned(7, 2, 1), planned(7, 1, 2)] {
            assert_ne!(one, other);
        }
        assert!((40..=90).contains(&one.len()), "{} of 1000 places", one.len());
        let bounds = Duration::from_micros(MICROS.0)..=Duration::from_micros(MICROS.1);
        assert!(one.iter().all(|(_, length)| bounds.contains(length)));
        assert_ne!(role_of(b"evictor"), role_of(b"checkpoint"));
    }

    #[test]
    fn threads_pause_while_several_clients_are_at_work() {
        let come_by = |number| {
            as_client(number);
            (0..1000).for_each(|_| came_by());
        };
        let lot = Lot::of(2);
        come_by(1);
        assert_eq!(taken(), 0, "there is no plan");
        drop(lot);
        begin(Seed::new(7));
        let alone = Lot::of(1);
        come_by(1);
        assert_eq!(taken(), 0, "one client meets nobody");
        drop(alone);
        let lot = Lot::of(2);
        come_by(1);
        assert_eq!(taken(), u64::from(MOST));
        drop(lot);
        come_by(1);
        assert_eq!(taken(), u64::from(MOST), "nobody is at work");
        // Not every lot of a long run.
        let lots = (0..160).map(|_| Lot::of(2).0);
        assert_eq!(lots.filter(|pauses| *pauses).count(), 14 + 10);
    }
}
