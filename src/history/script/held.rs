//! The step that holds a thread of the engine while other steps are taken: those come to an end, or
//! they wait for the thread that is held, which lets it go. Judges nothing.

use super::{PATIENCE, Runner, Step};
use crate::{
    engine::Outcome,
    history::{
        Milestone,
        counters::{self, Thread},
        hold::{Hold, Place},
    },
    settings::Seed,
};
use std::{
    panic::resume_unwind,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, Builder},
    time::{Duration, Instant},
};

/// The name of the thread that takes the leading steps; its clients have it from there.
pub const LEAD: &str = "lead";

/// Whoever makes a leaf of mace-kv, to fold, divide or merge pages, asks for so many bytes or more first: room
/// for its rows. Small keys and values ask for nothing else so large.
pub const LEAF: usize = 64 << 10;

/// How long a thread is waited for that may not come by, after the leading steps. The engine's evictor
/// looks for work five times a second.
const COMING: Duration = Duration::from_secs(2);

/// A thread that gave up its processor so often waits for one that is held; the engine's waiting
/// looks again each millisecond.
const WAITING: u64 = 20;

/// In so many looks one after the other nobody was at work: all who are not done wait.
const LOOKS: u32 = 8;

/// The longest that a thread is held: others that spin for it are always at work.
const MOST: Duration = Duration::from_millis(300);

/// Between two looks at a thread.
pub(super) const LOOK: Duration = Duration::from_millis(1);

impl Runner<'_> {
    /// See [`Step::Hold`].
    pub(super) fn hold(
        &mut self,
        place: &Place,
        lead: &[Step],
        amid: &[Step],
        seed: Seed,
    ) -> Outcome<()> {
        let hold = Hold::arm(place);
        let engine = self.engine;
        let dir = self.dir;
        let recorder = self.recorder;
        thread::scope(|scope| {
            let leading = move || Runner::new(engine, dir, recorder, seed).run(lead);
            let leading = Builder::new().name(LEAD.to_owned()).spawn_scoped(scope, leading);
            let leading = leading.expect("the system has room for a thread");
            let asked = Instant::now();
            let mut met = false;
            while !met && asked.elapsed() < PATIENCE {
                let over = leading.is_finished();
                // Where the leading thread itself is to be held, nobody is left who could come by.
                let may_come = over && place.thread != LEAD;
                met = hold.is_held_within(if may_come { COMING } else { LOOK });
                if over {
                    break;
                }
            }
            // The leading steps give their handles back, unless they are what is held, or wait for it.
            if met && place.thread != LEAD {
                until_waiting(|| leading.is_finished());
                met = leading.is_finished();
            }
            let done = if met {
                self.reach(Milestone::Held { thread: place.thread.clone() });
                self.amid(hold, amid)
            } else {
                drop(hold);
                Ok(())
            };
            match leading.join() {
                Ok(theirs) => done.and(theirs),
                Err(panic) => resume_unwind(panic),
            }
        })
    }

    /// Takes steps, and lets go when they have ended or wait.
    fn amid(&mut self, hold: Hold, steps: &[Step]) -> Outcome<()> {
        let own = Thread::own();
        let over = AtomicBool::new(false);
        let waits = || own.as_ref().and_then(Thread::waits).unwrap_or(u64::MAX);
        let before = waits();
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) && waits().saturating_sub(before) < WAITING {
                    thread::park_timeout(LOOK);
                }
                drop(hold);
            });
            let done = self.run(steps);
            over.store(true, Ordering::SeqCst);
            done
        })
    }
}

/// Waits until this is so, or nobody is at work, or it took too long.
pub(super) fn until_waiting(is_so: impl Fn() -> bool) {
    let asked = Instant::now();
    let mut idle = 0;
    while !is_so() && idle < LOOKS && asked.elapsed() < MOST {
        thread::park_timeout(LOOK);
        let is_busy = counters::is_anyone_at_work().unwrap_or(true);
        idle = if is_busy { 0 } else { idle + 1 };
    }
}
