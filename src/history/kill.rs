//! Deaths at counted points: a child that is to be killed counts its own journal, or the calls
//! with which it writes, and sends itself SIGKILL. Nothing runs after that, in no thread.

use crate::history::{Event, journal::Recorder, reach};
use serde::{Deserialize, Serialize};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// Where a child is killed. Whatever other clients are doing at that moment stays undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mark {
    /// After so many acknowledged commits of this process.
    Acked(u64),
    /// After so many commits of this process were about to be asked for.
    Asked(u64),
    /// While the database is being opened, after so many calls that write.
    Opening(u64),
}

/// The start of the phase that a child records before it kills itself.
pub const KILLED: &str = "killed";

/// The start of the phase that says with how many calls an opening wrote.
pub const OPENING_WRITES: &str = "opening_writes ";

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

/// Watches an opening from the side and kills the process at the mark.
#[derive(Debug)]
pub struct Opening {
    writes_before: u64,
    over: Arc<AtomicBool>,
}

impl Opening {
    /// Watches from now on.
    pub fn watch(recorder: &Arc<Recorder>, mark: Option<Mark>) -> Self {
        let writes_before = reach::process_writes().unwrap_or_default();
        let over = Arc::new(AtomicBool::new(false));
        if let Some(Mark::Opening(writes)) = mark {
            let (recorder, over) = (Arc::clone(recorder), Arc::clone(&over));
            std::thread::spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    let written = reach::process_writes().unwrap_or_default() - writes_before;
                    if written >= writes {
                        recorder.record(Event::Phase { name: format!("{KILLED} {written}") });
                        die();
                    }
                }
            });
        }
        Self { writes_before, over }
    }

    /// The database is open; with how many calls the opening wrote, where they are counted.
    pub fn opened(self) -> Option<u64> {
        self.over.store(true, Ordering::SeqCst);
        Some(reach::process_writes()? - self.writes_before)
    }
}
