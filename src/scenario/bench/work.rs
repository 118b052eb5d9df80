//! What a bench is: the work, its size, and why a batch of it is no measurement. Runs nothing.

use crate::{
    engine::EngineError,
    error::Error,
    settings::{BenchProfile, Seed},
    workload::records::{Records, Tally},
};
use std::fmt;

/// What a batch does while the clock runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Writes every record once, each in a transaction of its own, on the relaxed route.
    Put,
    /// Reads every record once, in random order, at a snapshot.
    Get,
    /// Scans all records in order, each client its share.
    Scan,
    /// Writes records in transactions that return when they are on disk.
    Commit,
    /// Removes every record, each in a transaction of its own.
    Delete,
    /// Opens a database that was closed, and its bucket.
    ReopenClean,
    /// Opens a database whose process was killed, and its bucket.
    ReopenKilled,
}

impl Work {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Put,
        Self::Get,
        Self::Scan,
        Self::Commit,
        Self::Delete,
        Self::ReopenClean,
        Self::ReopenKilled,
    ];

    /// The group that the bench belongs to.
    pub const fn group(self) -> &'static str {
        match self {
            Self::Put => "Put",
            Self::Get => "Get",
            Self::Scan => "Scan",
            Self::Commit => "Commit",
            Self::Delete => "Delete",
            Self::ReopenClean | Self::ReopenKilled => "Reopen",
        }
    }

    /// Whether several clients can share the work; opening is done by one.
    pub const fn is_shared(self) -> bool {
        !matches!(self, Self::ReopenClean | Self::ReopenKilled)
    }

    /// How many of so many records a batch takes: a commit that waits for a disk takes as long as
    /// a few hundred others. In a small batch they are more, or a comparison would have one commit for
    /// all its clients.
    pub fn items(self, total: u64) -> u64 {
        match self {
            Self::Commit => total.div_ceil(200).max(LEAST_COMMITS).min(total),
            _ => total,
        }
    }
}

/// The commits of a batch, where there are as many records.
const LEAST_COMMITS: u64 = 32;

/// One bench: the work, the records and how many clients share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bench {
    /// The work.
    pub work: Work,
    /// Size of a key in bytes.
    pub key_bytes: usize,
    /// Size of a value in bytes.
    pub value_bytes: usize,
    /// Clients.
    pub clients: usize,
    /// Records that the profile asks for; the batch takes [`Work::items`] of them.
    pub total: u64,
}

impl Bench {
    /// The profile's cases of this work.
    pub fn of(profile: &BenchProfile, work: Work) -> Vec<Self> {
        let threads: &[u64] = if work.is_shared() { &profile.threads } else { &[1] };
        let sizes = profile.sizes.iter();
        let pairs = sizes.flat_map(|size| threads.iter().map(move |clients| (size, *clients)));
        let case = |((key, value), clients): (&(u64, u64), u64)| Self {
            work,
            key_bytes: *key as usize,
            value_bytes: *value as usize,
            clients: clients as usize,
            total: profile.total,
        };
        pairs.map(case).collect()
    }

    /// The middle and last part of the case's name: `K16-V16` and `4`, or `clean`.
    pub fn parameters(&self) -> (String, String) {
        let last = match self.work {
            Work::ReopenClean => "clean".to_owned(),
            Work::ReopenKilled => "killed".to_owned(),
            _ => self.clients.to_string(),
        };
        (format!("K{}-V{}", self.key_bytes, self.value_bytes), last)
    }

    /// The case's name, such as `Put/K16-V16/1`.
    pub fn name(&self) -> String {
        let (size, last) = self.parameters();
        format!("{}/{size}/{last}", self.work.group())
    }

    /// The records. The seed is the same for every case and every run, so that two runs of a case
    /// do the same work.
    pub fn records(&self) -> Result<Records, Wrong> {
        let items = self.work.items(self.total);
        Records::draw(Seed::new(1), items, self.key_bytes, self.value_bytes).ok_or_else(|| {
            Wrong(format!("keys of {} bytes cannot name {items} records", self.key_bytes))
        })
    }

    /// Operations of a batch: what its cost is divided by. An opening is one.
    pub fn operations(&self) -> u64 {
        match self.work {
            Work::ReopenClean | Work::ReopenKilled => 1,
            _ => self.work.items(self.total),
        }
    }

    /// How many calls each client makes in a batch, as an alteration counts them.
    pub fn calls(&self) -> u64 {
        match self.work {
            Work::Scan | Work::ReopenClean | Work::ReopenKilled => 1,
            Work::Put | Work::Get | Work::Commit | Work::Delete => {
                (self.work.items(self.total) / self.clients.max(1) as u64).max(1)
            }
        }
    }
}

/// Why a batch is no measurement: in one line.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong(pub(super) String);

impl Wrong {
    pub(super) fn tally(what: &str, found: Tally, right: Tally) -> Result<(), Self> {
        if found == right {
            return Ok(());
        }
        Err(Self(if found.entries == right.entries {
            format!("{} records {what}, but not those that were written", found.entries)
        } else {
            format!("{} of {} records {what}", found.entries, right.entries)
        }))
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<EngineError> for Wrong {
    fn from(denial: EngineError) -> Self {
        Self(format!("the engine answered: {denial}"))
    }
}

impl From<Error> for Wrong {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}
