//! What happened: events of client transactions in the order of one counter, and what crash
//! children left behind. Judges no value; a malformed history is a bug of ours and panics.
//!
//! Stamps come from one atomic counter. A transaction's `begin` stamp is taken before the engine
//! is asked to begin, its `begun` stamp after the engine did, its `commit` stamp before the engine is asked to commit, its `end` stamp
//! after the engine answered. So if T2 saw T1 or wrote after it, then T1.commit < T2.commit, and
//! if T1.end < T2.begin then T1 returned before T2 began.

pub mod accounting;
pub mod child;
pub mod clients;
pub mod clock;
pub mod counters;
pub mod dump;
pub mod expected;
pub mod hold;
pub mod journal;
pub mod kill;
pub mod listen;
pub mod memory;
pub mod milestone;
pub mod oracle_name;
pub mod pauses;
pub mod script;
pub mod snapshot_readers;
pub mod ways;

pub use milestone::Milestone;
pub use oracle_name::OracleName;

use crate::{
    engine::EngineError,
    workload::{TxnId, Version},
};
use results::waits::Histogram;
use serde::{Deserialize, Serialize};

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A client is about to begin a transaction.
    Begin {
        /// Which.
        txn: TxnId,
        /// In which bucket.
        bucket: String,
        /// The counter.
        stamp: u64,
    },
    /// A client is about to commit; what the transaction read and wrote.
    Commit {
        /// Which.
        txn: TxnId,
        /// The counter.
        stamp: u64,
        /// The counter after the engine had begun it: its snapshot was taken before.
        begun: u64,
        /// First reads of keys at the snapshot, own writes excluded.
        reads: Vec<(KeyText, Seen)>,
        /// Writes in order.
        writes: Vec<(KeyText, Write)>,
        /// Its scans, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        scans: Vec<Scanned>,
    },
    /// The engine acknowledged the commit.
    Ok {
        /// Which.
        txn: TxnId,
        /// The counter.
        stamp: u64,
    },
    /// The transaction did not happen: dropped on purpose, or after a conflict or a refusal.
    Abort {
        /// Which.
        txn: TxnId,
        /// The counter.
        stamp: u64,
        /// What it had written before it was dropped, in order.
        writes: Vec<(KeyText, Write)>,
        /// The engine's denial, when there was one.
        denial: Option<EngineError>,
    },
    /// The commit's answer leaves open whether it happened.
    Info {
        /// Which.
        txn: TxnId,
        /// The counter.
        stamp: u64,
        /// The engine's denial.
        denial: EngineError,
    },
    /// The relaxed route's barrier returned: what was acknowledged before `asked` is durable.
    Synced {
        /// The counter before the barrier was asked for.
        asked: u64,
        /// The counter after it returned.
        stamp: u64,
    },
    /// A checkpoint of a bucket was written that was asked for.
    Checkpoint {
        /// The bucket.
        bucket: String,
        /// The counter before it was asked for.
        asked: u64,
        /// The counter after it was written.
        stamp: u64,
    },
    /// A bucket comes or goes.
    Bucket {
        /// Its name.
        name: String,
        /// What happens to it.
        change: BucketChange,
        /// The counter.
        stamp: u64,
    },
    /// A step of a process on its way.
    Milestone(Milestone),
    /// Something that a client saw while the engine was open and that breaks a promise.
    Wrong {
        /// The oracle in charge.
        oracle: OracleName,
        /// What was seen.
        witness: String,
    },
    /// A client is at the end of its work: the microseconds that each of its calls took. One that is killed does not
    /// come to say it.
    Waited(Box<Histogram>),
}

/// What happens to a bucket. A change that was asked for and not acknowledged when the process
/// died may or may not have happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BucketChange {
    /// The engine is about to be asked to create it.
    Creating,
    /// It was created.
    Created,
    /// The engine is about to be asked to delete it.
    Deleting,
    /// It was deleted.
    Deleted,
}

/// A key in a journal: bytes outside of printable ASCII, and `%`, as `%XX`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyText(pub String);

impl KeyText {
    /// The text of a key.
    pub fn new(key: &[u8]) -> Self {
        let mut text = String::with_capacity(key.len());
        for &byte in key {
            if byte.is_ascii_graphic() && byte != b'%' {
                text.push(char::from(byte));
            } else {
                text.push('%');
                text.extend([byte >> 4, byte & 15].map(|digit| HEX[usize::from(digit)]));
            }
        }
        Self(text)
    }

    /// The key.
    ///
    /// # Panics
    /// When the text was not made by [`KeyText::new`].
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.0.len());
        let mut rest = self.0.as_bytes();
        while let Some((&first, tail)) = rest.split_first() {
            rest = tail;
            if first == b'%' {
                let digits = std::str::from_utf8(&tail[..2]).expect("two digits after %");
                bytes.push(u8::from_str_radix(digits, 16).expect("two digits after %"));
                rest = &tail[2..];
            } else {
                bytes.push(first);
            }
        }
        bytes
    }
}

const HEX: [char; 16] =
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];

/// What a read returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Seen {
    /// The key was not there.
    Absent,
    /// This version.
    Version(Version),
    /// A merged number.
    Sum(u64),
    /// A list of elements, the oldest first; never empty.
    List(Vec<Version>),
    /// A set of elements, in ascending order; never empty.
    Set(Vec<Version>),
    /// Bytes that nobody wrote at this key: their length and first bytes, as text.
    Garbage(String),
}

impl Seen {
    /// The write that the key showed: of a list the last element; none of what merges made.
    pub fn version(&self) -> Option<Version> {
        match self {
            Self::Version(version) => Some(*version),
            Self::List(elements) => elements.last().copied(),
            Self::Absent | Self::Sum(_) | Self::Set(_) | Self::Garbage(_) => None,
        }
    }

    /// All the writes that the key showed.
    pub fn versions(&self) -> &[Version] {
        match self {
            Self::Version(version) => std::slice::from_ref(version),
            Self::List(elements) | Self::Set(elements) => elements,
            Self::Absent | Self::Sum(_) | Self::Garbage(_) => &[],
        }
    }
}

/// A scan of a transaction, as its snapshot is: its own writes are not in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scanned {
    /// All keys that start with this were asked for.
    pub prefix: KeyText,
    /// From the last to the first.
    pub backward: bool,
    /// What it met, in the order in which it did.
    pub met: Vec<(KeyText, Seen)>,
    /// Keys that the transaction knows by this scan alone, those that it did not meet among them.
    pub first: Vec<KeyText>,
}

/// What a write did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Write {
    /// Stored this version.
    Set(Version),
    /// Removed the key.
    Del,
    /// Added to a number.
    Add(u64),
    /// Added this element to a set.
    Include(Version),
}

/// Everything that happened to one database, over all its processes.
///
/// Events of one process are in the order of their stamps; stamps go on growing from one process
/// to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// The events, by stamp.
    pub events: Vec<Event>,
}

impl Event {
    /// The event's stamp; milestones and findings stand where they were recorded and have none.
    pub fn stamp(&self) -> Option<u64> {
        match self {
            Self::Begin { stamp, .. }
            | Self::Commit { stamp, .. }
            | Self::Ok { stamp, .. }
            | Self::Abort { stamp, .. }
            | Self::Info { stamp, .. }
            | Self::Synced { stamp, .. }
            | Self::Checkpoint { stamp, .. }
            | Self::Bucket { stamp, .. } => Some(*stamp),
            Self::Milestone(_) | Self::Wrong { .. } | Self::Waited(_) => None,
        }
    }
}

impl History {
    /// A history of events that several threads recorded: by stamp, and those without one stay
    /// behind all the events that they were recorded after.
    pub fn ordered(events: Vec<Event>) -> Self {
        let mut last = 0;
        let mut keyed: Vec<(u64, Event)> = events
            .into_iter()
            .map(|event| {
                // A thread may record after others what it stamped before them.
                let at = event.stamp().unwrap_or(last);
                last = last.max(at);
                (at, event)
            })
            .collect();
        keyed.sort_by_key(|(stamp, _)| *stamp);
        Self { events: keyed.into_iter().map(|(_, event)| event).collect() }
    }

    /// The highest stamp, 0 in an empty history.
    pub fn last_stamp(&self) -> u64 {
        self.events.iter().filter_map(Event::stamp).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_milestone_follows_all_recorded_before_it() {
        let txn = TxnId { client: 0, seq: 1 };
        let closed = || Event::Milestone(Milestone::Closed);
        let late = Event::Ok { txn, stamp: 4 };
        let recorded = vec![Event::Ok { txn, stamp: 5 }, late.clone(), closed()];
        let ordered = History::ordered(recorded).events;
        assert_eq!(ordered, [late, Event::Ok { txn, stamp: 5 }, closed()]);
    }

    #[test]
    fn a_key_survives_its_text() {
        let key: Vec<u8> = (0..=255).collect();
        assert_eq!(KeyText::new(&key).bytes(), key);
        assert_eq!(KeyText::new(b"a/7%").0, "a/7%25");
    }
}
