//! States found at reopenings, and what the engine promised of them. Verifies nothing and does not
//! judge.

use crate::{
    engine::{Capabilities, EngineOptions},
    history::{Event, History, Milestone, dump::Dump},
};
use serde::{Deserialize, Serialize};

/// Which acknowledgements a state must honour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Promise {
    /// All: the process died, or closed cleanly.
    Acked,
    /// Those before the last barrier of the relaxed route was asked for: the power failed.
    Synced,
    /// Those before this stamp: the state is that of a copy which was asked for then.
    AckedBefore(u64),
}

/// How many log streams a transaction may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Streams {
    /// One: what survives is a prefix.
    One,
    /// One for each writer group, with no promised order between them.
    Many,
}

/// A state found when the database was opened again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reopened {
    /// How many events of the history had happened.
    pub events: usize,
    /// What must have survived.
    pub promise: Promise,
    /// The state. It holds every bucket that is there and was ever named in the history.
    pub dump: Dump,
}

impl Reopened {
    /// The state found after all of `history` so far, and a death of the process or a clean close.
    pub fn after(history: &History, dump: Dump) -> Self {
        Self { events: history.events.len(), promise: Promise::Acked, dump }
    }

    /// The state of a copy that was asked for at this event: it holds all that was acknowledged before,
    /// and of what was asked for until the copy stood, or its process ended, it may hold more.
    pub fn of_copy(history: &History, asked: usize, dump: Dump) -> Self {
        let (before, since) = history.events.split_at(asked);
        let before = before.iter().filter_map(Event::stamp).max();
        let is_end = |event: &Event| {
            matches!(event, Event::Milestone(Milestone::Copied { .. } | Milestone::Started))
        };
        let events = asked + since.iter().position(is_end).unwrap_or(since.len());
        let promise = Promise::AckedBefore(before.map_or(0, |stamp| stamp + 1));
        Self { events, promise, dump }
    }

    /// Matches dumps with the `dumped` milestones of crash children, in order.
    ///
    /// # Panics
    /// When there are more dumps than milestones.
    pub fn at_milestones(history: &History, dumps: Vec<Dump>) -> Vec<Self> {
        let is_dump = |event: &Event| matches!(event, Event::Milestone(Milestone::Dumped));
        let mut marks = (0..history.events.len()).filter(|&at| is_dump(&history.events[at]));
        let promise = Promise::Acked;
        dumps
            .into_iter()
            .map(|dump| {
                let events = marks.next().expect("a dump has its milestone");
                Self { events, promise, dump }
            })
            .collect()
    }
}

/// What the engine was configured to promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expect {
    /// Over how many streams the log was spread.
    pub streams: Streams,
}

impl Expect {
    /// What an engine opened with these options promises: the durable route shares one stream.
    pub fn of(options: &EngineOptions, can: Capabilities) -> Self {
        let one = options.durable || options.writers <= 1 || !can.many_logs;
        Self { streams: if one { Streams::One } else { Streams::Many } }
    }
}
