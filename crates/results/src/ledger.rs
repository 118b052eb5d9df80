//! The ledger of seeds: which root seeds ran on which engine, and what came of them. One JSON line
//! for each layer of a cycle, only ever appended to. It names no machine and no folder, so that the
//! ledgers of several machines can be merged. Text only; the file is the runner's.

use crate::{
    document::{self, Document, FormatError},
    outcome::{Outcome, word},
    seeds::Shard,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt};

/// A layer that ran with a seed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// [`Document::FORMAT`].
    pub version: u32,
    /// The number that the sequence of seeds follows from.
    pub soak_seed: u64,
    /// Place in that sequence, from 0.
    pub index: u64,
    /// The root seed at that place.
    pub seed: u64,
    /// What ran.
    #[serde(flatten)]
    pub subject: Subject,
    /// The layer.
    pub layer: String,
    /// What came of it.
    #[serde(rename = "verdict", with = "word")]
    pub outcome: Outcome,
    /// Cases of the layer.
    pub cases: u64,
    /// Those of them that failed.
    pub failed: u64,
}

impl Document for Entry {
    const FORMAT: u32 = 1;
}

/// What a seed ran on.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// The engine and its version.
    pub engine: String,
    /// Where its source came from: `registry`, or the commit of a checkout.
    pub source: String,
    /// The suite's cargo features.
    pub features: String,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let build = if self.features.is_empty() { "plain" } else { &self.features };
        write!(f, "{} ({}, {build})", self.engine, self.source)
    }
}

/// The entries of a ledger, oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger(pub Vec<Entry>);

impl Ledger {
    /// Reads a ledger.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        document::decode_lines(text).map(Self)
    }

    /// The text of a ledger.
    pub fn render(&self) -> String {
        self.0.iter().map(|entry| document::encode_line(entry) + "\n").collect()
    }

    /// Merges ledgers: every entry once, ordered by subject, seed and layer, so that the same
    /// ledgers give the same text in any order. Entries that differ in their outcome alone are all
    /// kept: the same seed passed once and failed once.
    pub fn merge(ledgers: impl IntoIterator<Item = Self>) -> Self {
        let entries: BTreeSet<_> = ledgers.into_iter().flat_map(|ledger| ledger.0).collect();
        Self(entries.into_iter().collect())
    }

    /// The number from which the newest seeds of this subject follow.
    pub fn soak_seed(&self, subject: &Subject) -> Option<u64> {
        let mut newest = self.0.iter().rev();
        newest.find(|entry| entry.subject == *subject).map(|entry| entry.soak_seed)
    }

    /// The next place in the sequence of `soak_seed` that `shard` has not run on this subject.
    pub fn next_index(&self, soak_seed: u64, subject: &Subject, shard: Shard) -> u64 {
        let same = |entry: &&Entry| entry.soak_seed == soak_seed && entry.subject == *subject;
        let used: BTreeSet<u64> = self.0.iter().filter(same).map(|entry| entry.index).collect();
        shard.next(&used)
    }
}

#[cfg(test)]
mod tests;
