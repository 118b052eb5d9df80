//! The ledger of seeds: which root seeds ran on which engine, and what came of them. One JSON line
//! for each layer of a cycle, only ever appended to; it names no machine and no folder, so that the
//! ledgers of several machines can be put together.

use crate::seeds::Shard;
use process::{
    Error, Outcome, Result,
    engine::Engine,
    store::{self, Lines},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// The form of the lines.
const VERSION: u32 = 1;

/// A layer that ran with a seed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The form of the line.
    pub version: u32,
    /// The number that the row of seeds follows from.
    pub soak_seed: u64,
    /// Place in that row, from 0.
    pub index: u64,
    /// The root seed at that place.
    pub seed: u64,
    /// What ran.
    #[serde(flatten)]
    pub subject: Subject,
    /// The layer.
    pub layer: String,
    /// What came of it: `passed`, `failed`, `broken`, `interrupted`.
    pub verdict: String,
    /// Cases of the layer.
    pub cases: u64,
    /// Those of them that failed.
    pub failed: u64,
}

/// What a seed ran on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// The engine and its version.
    pub engine: String,
    /// Where its source came from: `registry`, or the commit of a checkout.
    pub source: String,
    /// The suite's cargo features.
    pub features: String,
}

impl Subject {
    /// The engine that cargo resolved, built with these features.
    pub fn of(engine: &Engine, features: &str) -> Self {
        let source = match &engine.checkout {
            None => "registry".to_owned(),
            Some(checkout) => {
                let commit = checkout.commit.as_deref().unwrap_or("no commit");
                format!("checkout, {commit}")
            }
        };
        let engine = engine.name();
        Self { engine, source, features: features.to_owned() }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let build = if self.features.is_empty() { "plain" } else { &self.features };
        write!(f, "{} ({}, {build})", self.engine, self.source)
    }
}

/// The word of a verdict.
pub fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Unclear => "inconclusive",
        Outcome::Failed => "failed",
        Outcome::Broken => "broken",
        Outcome::Interrupted(_) => "interrupted",
    }
}

/// A ledger that can be appended to.
#[derive(Debug)]
pub struct Ledger {
    entries: Vec<Entry>,
    lines: Lines,
}

impl Ledger {
    /// Reads the ledger and opens it for appending; one that is not there is begun.
    pub fn open(path: &Path) -> Result<Self> {
        let lines = Lines::open(path)?;
        Ok(Self { entries: read(path)?, lines })
    }

    /// Appends an entry; it is on the disk when this returns.
    pub fn append(&mut self, entry: Entry) -> Result<()> {
        self.lines.append(&line(&entry))?;
        self.entries.push(entry);
        Ok(())
    }

    /// The number from which the newest seeds of this subject follow.
    pub fn soak_seed(&self, subject: &Subject) -> Option<u64> {
        let mut newest = self.entries.iter().rev();
        newest.find(|entry| entry.subject == *subject).map(|entry| entry.soak_seed)
    }

    /// The next place in the row of `soak_seed` that `shard` has not run on this subject.
    pub fn next_index(&self, soak_seed: u64, subject: &Subject, shard: Shard) -> u64 {
        let same = |entry: &&Entry| entry.soak_seed == soak_seed && entry.subject == *subject;
        let used: BTreeSet<u64> =
            self.entries.iter().filter(same).map(|entry| entry.index).collect();
        shard.next(&used)
    }
}

impl Entry {
    /// An entry of the current form.
    pub fn new(soak_seed: u64, (index, seed): (u64, u64), subject: Subject, layer: &str) -> Self {
        Self {
            version: VERSION,
            soak_seed,
            index,
            seed,
            subject,
            layer: layer.to_owned(),
            verdict: String::new(),
            cases: 0,
            failed: 0,
        }
    }
}

fn line(entry: &Entry) -> String {
    serde_json::to_string(entry).expect("an entry is plain data")
}

/// The entries of a ledger, oldest first. A last line without its end was being written when its
/// writer died and is left out; any other line that is no entry is an error.
pub fn read(path: &Path) -> Result<Vec<Entry>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read the ledger", path, "make it readable", error)),
    };
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    let entry = |(index, line): (usize, &str)| {
        let entry: std::result::Result<Entry, String> =
            serde_json::from_str(line).map_err(|error| error.to_string());
        let entry = entry.and_then(|entry| match entry.version {
            VERSION => Ok(entry),
            other => Err(format!("form {other} instead of {VERSION}")),
        });
        entry.map_err(|why| {
            let what = format!("line {} is no entry ({why})", index + 1);
            Error::new(what, path.display(), "remove that line, or move the ledger away")
        })
    };
    whole.lines().enumerate().map(entry).collect()
}

/// Puts ledgers together: every entry once, ordered by subject, seed and layer, so that the same
/// ledgers give the same text in whatever order they come. Entries that differ in their verdict
/// alone are all kept: the same seed passed once and failed once.
pub fn merge(ledgers: &[PathBuf]) -> Result<Vec<Entry>> {
    let mut all = BTreeSet::new();
    for path in ledgers {
        if !path.is_file() {
            return Err(Error::new("no such ledger", path.display(), "name a file that is there"));
        }
        all.extend(read(path)?);
    }
    Ok(all.into_iter().collect())
}

/// Writes entries as a ledger, replacing what is there.
pub fn write(path: &Path, entries: &[Entry]) -> Result<()> {
    let text: String = entries.iter().map(|entry| line(entry) + "\n").collect();
    store::replace(path, &text)
}

#[cfg(test)]
mod tests;
