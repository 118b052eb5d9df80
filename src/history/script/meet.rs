//! The steps of the sweep of holds: one records which places threads come by while acts are taken, the
//! other one holds a thread at such a place until others have done something. Judges nothing.

use super::{
    Meeting, Runner, Step, Then,
    held::{LEAD, LOOK, until_waiting},
};
use crate::{
    engine::Outcome,
    history::{
        Milestone,
        hold::{Hold, Place, Recording},
        pauses, ways,
    },
    settings::Seed,
};
use std::{
    panic::resume_unwind,
    path::{Path, PathBuf},
    thread::{self, Builder, ScopedJoinHandle},
    time::Duration,
};

/// The name of the thread that acts while another one is held; its clients have it from there.
pub const OTHER: &str = "other";

/// The file beside the database that a recording is written to.
const PLACES: &str = "places";

/// How long a thread of the engine is waited for once the act is over: the evictor looks for work five
/// times a second.
const COMING: Duration = Duration::from_millis(250);

/// The file of a recording of the database in `dir`.
pub fn places_of(dir: &Path) -> PathBuf {
    dir.with_file_name(PLACES)
}

impl<'a> Runner<'a> {
    /// See [`Step::Record`].
    pub(super) fn record(&mut self, acts: &[Vec<Step>], seed: Seed) -> Outcome<()> {
        pauses::listen();
        for (number, act) in acts.iter().enumerate() {
            ways::set_act(number as u64);
            let recording = Recording::begin();
            let done = self.led(seed, number, act);
            if act.is_empty() {
                // The engine's own threads look for work.
                thread::park_timeout(COMING);
            }
            drop(recording);
            done?;
        }
        let places = ways::recorded();
        let path = places_of(self.dir);
        let text = serde_json::to_vec(&places).expect("places are plain data");
        std::fs::write(&path, text)
            .unwrap_or_else(|error| panic!("{}", crate::error::Error::new("write", &path, error)));
        self.reach(Milestone::Recorded { places: places.len() as u64 });
        Ok(())
    }

    /// Takes an act on a thread of its own.
    fn led(&self, seed: Seed, number: usize, act: &[Step]) -> Outcome<()> {
        thread::scope(|scope| joined(self.spawn(scope, LEAD, seed, number, act)))
    }

    fn spawn<'scope>(
        &self,
        scope: &'scope thread::Scope<'scope, '_>,
        name: &str,
        seed: Seed,
        number: usize,
        steps: &'scope [Step],
    ) -> ScopedJoinHandle<'scope, Outcome<()>>
    where
        'a: 'scope,
    {
        let engine = self.engine;
        let dir = self.dir;
        let recorder = self.recorder;
        let seed = seed.derive(&format!("{name} {number}"));
        let work = move || Runner::new(engine, dir, recorder, seed).run(steps);
        let spawned = Builder::new().name(name.to_owned()).spawn_scoped(scope, work);
        spawned.expect("the system has room for a thread")
    }

    /// See [`Step::Meet`].
    pub(super) fn meet(&mut self, meeting: &Meeting, seed: Seed) -> Outcome<()> {
        pauses::listen();
        let Meeting { acts, during, .. } = meeting;
        for (number, act) in acts[..*during].iter().enumerate() {
            self.led(seed, number, act)?;
        }
        if self.held_during(meeting, seed)? {
            return Ok(());
        }
        for (number, act) in acts.iter().enumerate().skip(during + 1) {
            self.led(seed, number, act)?;
        }
        Ok(())
    }

    /// Whether the database is to be closed now.
    fn held_during(&mut self, meeting: &Meeting, seed: Seed) -> Outcome<bool> {
        let Meeting { acts, during, place, amid, then } = meeting;
        let hold = Hold::arm(place);
        thread::scope(|scope| {
            let lead = self.spawn(scope, LEAD, seed, *during, &acts[*during]);
            if !comes(&hold, place, &lead) {
                drop(hold);
                return joined(lead).map(|()| false);
            }
            // The lead gives its handles back, unless it is what is held, or waits for it.
            until_waiting(|| lead.is_finished());
            let met = || Milestone::Held { thread: place.thread.clone() };
            if *then == Then::Close {
                self.reach(met());
                if !lead.is_finished() {
                    // It waits for who is held, and the closing comes behind it.
                    self.reach(Milestone::Blocked { thread: place.thread.clone() });
                    drop(hold);
                    return joined(lead).map(|()| false);
                }
                let over = Builder::new().spawn(move || {
                    until_waiting(|| false);
                    drop(hold);
                });
                over.expect("the system has room for a thread");
                return joined(lead).map(|()| true);
            }
            let other = self.spawn(scope, OTHER, seed, *during, amid);
            until_waiting(|| other.is_finished());
            self.reach(met());
            let is_blocked = !other.is_finished();
            if is_blocked {
                self.reach(Milestone::Blocked { thread: place.thread.clone() });
            } else if *then == Then::Die {
                self.dies();
            }
            drop(hold);
            joined(other).and(joined(lead))?;
            if *then == Then::Die {
                self.dies();
            }
            Ok(false)
        })
    }
}

impl Runner<'_> {
    /// Ends the process, as it was told.
    fn dies(&self) -> ! {
        self.reach(Milestone::Scripted { commits: self.tally.committed() });
        std::process::abort();
    }
}

fn joined(thread: ScopedJoinHandle<'_, Outcome<()>>) -> Outcome<()> {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Whether the thread that is to be held comes by.
fn comes(hold: &Hold, place: &Place, lead: &ScopedJoinHandle<'_, Outcome<()>>) -> bool {
    while !lead.is_finished() {
        if hold.is_held_within(LOOK) {
            return true;
        }
    }
    hold.is_held_within(if place.thread == LEAD { Duration::ZERO } else { COMING })
}
