//! What a case must reach so that its pass says something: a run that did not get there is
//! inconclusive, and that fails. Everything is counted from the evidence, never from the plan.

use super::session::Evidence;
use crate::{
    engine::{Capabilities, EngineError, options::DEEP_KEYS},
    history::{Event, History, Milestone},
    oracle::judge::overlaps,
    report::Figures,
    verdict::Verdict,
};
use std::{collections::BTreeMap, fs, ops::Range, path::Path};

/// Something that has to have happened so many times in a run.
#[derive(Clone, Debug)]
pub struct Goal {
    what: &'static str,
    least: u64,
    count: Count,
}

#[derive(Clone, Copy, Debug)]
enum Count {
    Conflicts,
    CommitsBesideSnapshots,
    CommitsBesideCheckpoints,
    OpenAcrossCheckpoints,
    BesideCopies(Beside),
    DataFiles,
    BlobFiles,
    /// Each way in which transactions get in one another's way.
    Overlaps,
    /// What the case counted itself.
    Counted(u64),
}

/// What may come to its end while a copy is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    Commit,
    Drop,
    Checkpoint,
}

/// So many attempts met a conflict; where one transaction at a time writes, so many waited for another one.
pub const fn conflicts(least: u64) -> Goal {
    Goal { what: "a conflict", least, count: Count::Conflicts }
}

/// So many snapshots were still open when others had committed.
pub const fn commits_beside_snapshots(least: u64) -> Goal {
    Goal { what: "a commit beside an open snapshot", least, count: Count::CommitsBesideSnapshots }
}

/// So many transactions had work to do while a checkpoint was written, and committed.
pub const fn commits_beside_checkpoints(least: u64) -> Goal {
    Goal { what: "a commit beside a checkpoint", least, count: Count::CommitsBesideCheckpoints }
}

/// So many transactions were open before a checkpoint was asked for, and asked to commit after it was
/// written.
pub const fn open_across_checkpoints(least: u64) -> Goal {
    let what = "a transaction that is open across a checkpoint";
    Goal { what, least, count: Count::OpenAcrossCheckpoints }
}

/// So many commits were acknowledged while a copy was made.
pub const fn commits_beside_copies(least: u64) -> Goal {
    Goal { what: "a commit beside a copy", least, count: Count::BesideCopies(Beside::Commit) }
}

/// So many transactions were dropped while a copy was made.
pub const fn drops_beside_copies(least: u64) -> Goal {
    Goal { what: "a drop beside a copy", least, count: Count::BesideCopies(Beside::Drop) }
}

/// So many checkpoints that clients asked for were over while a copy was made.
pub const fn checkpoints_beside_copies(least: u64) -> Goal {
    let count = Count::BesideCopies(Beside::Checkpoint);
    Goal { what: "a checkpoint beside a copy", least, count }
}

/// So many data files were collected.
pub const fn collected_data_files(least: u64) -> Goal {
    Goal { what: "a collected data file", least, count: Count::DataFiles }
}

/// So many blob files were collected.
pub const fn collected_blob_files(least: u64) -> Goal {
    Goal { what: "a collected blob file", least, count: Count::BlobFiles }
}

/// A conflict, an overlap and a write skew were there, as the checker of isolation sees them, as far as the
/// engine lets them happen.
pub const fn every_overlap() -> Goal {
    Goal { what: "an overlap", least: 1, count: Count::Overlaps }
}

/// What the case counted itself is there at all.
pub const fn counted(what: &'static str, count: u64) -> Goal {
    Goal { what, least: 1, count: Count::Counted(count) }
}

/// How deep a bucket is, by what a reopening found and by the files that are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Pairs of the largest bucket.
    pub pairs: u64,
    /// Levels of the tree, at the least.
    pub levels: u64,
    /// Pages, at the least.
    pub pages: u64,
    /// Data files.
    pub files: u64,
}

/// How often the pages of a deep bucket are divided, at the least, where the engine counts it.
pub const DEEP_SPLITS: u64 = 900;

/// Data files of a database in this folder.
pub fn data_files(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir.join("data")).into_iter().flatten().flatten();
    let is_data = |name: &str| name.starts_with("data_");
    entries.filter(|entry| entry.file_name().to_str().is_some_and(is_data)).count() as u64
}

impl Depth {
    /// Of a database in this folder whose largest bucket holds so many pairs, `in_a_node` of them in a node at the
    /// most.
    pub fn of_database(pairs: u64, in_a_node: u16, dir: &Path) -> Self {
        Self::of(pairs, u64::from(in_a_node), data_files(dir))
    }

    /// Of a database in this folder whose history says how many pairs its last whole reading met.
    pub fn as_told(history: &History, in_a_node: u16, dir: &Path) -> Self {
        let told = history.events.iter().rev().find_map(|event| match event {
            Event::Milestone(Milestone::Read { pairs }) => Some(*pairs),
            _ => None,
        });
        Self::of_database(told.unwrap_or_default(), in_a_node, dir)
    }

    /// Of so many keys, when a node holds so many and no more (`BucketOptions::split_elems`).
    pub fn of(keys: u64, in_a_node: u64, files: u64) -> Self {
        let mut depth = Self { pairs: keys, levels: 1, pages: keys.div_ceil(in_a_node), files };
        let mut nodes = depth.pages;
        while nodes > 1 {
            nodes = nodes.div_ceil(in_a_node);
            depth.levels += 1;
            depth.pages += nodes;
        }
        depth
    }

    /// What a case has to reach that is told to be deep.
    pub const LEAST: Self = Self { pairs: DEEP_KEYS / 2, levels: 3, pages: 350, files: 60 };

    /// That it reached it. An engine that takes no sizes divides its pairs as it likes: of that one only their
    /// number is wanted.
    pub fn goals(self, can: Capabilities) -> Vec<Goal> {
        if !can.sized {
            return vec![counted("a pair", self.pairs).times(Self::LEAST.pairs)];
        }
        vec![
            counted("a level of the tree", self.levels).times(Self::LEAST.levels),
            counted("a page", self.pages).times(Self::LEAST.pages),
            counted("a data file", self.files).times(Self::LEAST.files),
        ]
    }

    /// Whether it reached it, where no run has the goals.
    pub fn verdict(self, can: Capabilities) -> Verdict {
        let goals = self.goals(can);
        let verdict = |goal: &Goal| goal.verdict(&History::default(), &Evidence::default(), can);
        goals.iter().map(verdict).fold(Verdict::Pass, Verdict::and)
    }

    /// Adds it to what a case counted.
    pub fn count(self, figures: &mut Figures, can: Capabilities) {
        if !can.sized {
            return figures.add("deep.pairs", self.pairs);
        }
        for (name, count) in
            [("deep.levels", self.levels), ("deep.pages", self.pages), ("deep.files", self.files)]
        {
            figures.add(name, count);
        }
    }
}

impl Goal {
    /// The same, so many times.
    #[must_use]
    pub const fn times(self, least: u64) -> Self {
        Self { least, ..self }
    }

    /// Whether the run got there.
    pub fn verdict(&self, history: &History, evidence: &Evidence, can: Capabilities) -> Verdict {
        let seen = match self.count {
            Count::Conflicts if !can.conflicts() => overlaps(history).overlaps,
            Count::Conflicts => conflicts_of(history),
            Count::CommitsBesideSnapshots => overtaken(history, evidence),
            Count::CommitsBesideCheckpoints => beside_checkpoints(history, |work, written| {
                work.start < written.end && work.end > written.start
            }),
            Count::OpenAcrossCheckpoints => beside_checkpoints(history, |work, written| {
                work.start < written.start && work.end > written.end
            }),
            Count::BesideCopies(beside) => beside_copies(history, beside),
            Count::DataFiles => evidence.data_files,
            Count::BlobFiles => evidence.blob_files,
            Count::Counted(count) => count,
            Count::Overlaps => {
                let happens = |what: &&str| match *what {
                    "conflict" => can.conflicts(),
                    "write skew" => can.skews(),
                    _ => true,
                };
                let missing = overlaps(history).missing().into_iter().filter(happens);
                return missing.map(|what| reached(what, 0)).fold(Verdict::Pass, Verdict::and);
            }
        };
        if seen > 0 && seen < self.least {
            let least = self.least;
            let what = self.what;
            return Verdict::Inconclusive(format!("{what} was seen {seen} times, not {least}"));
        }
        reached(self.what, seen)
    }
}

/// The verdict of a run that never got to where it was to go.
pub fn reached(what: &str, count: u64) -> Verdict {
    match count {
        0 => Verdict::Inconclusive(format!("the run never came to {what}")),
        _ => Verdict::Pass,
    }
}

fn conflicts_of(history: &History) -> u64 {
    let conflict =
        |event: &&Event| matches!(event, Event::Abort { denial: Some(EngineError::Conflict), .. });
    history.events.iter().filter(conflict).count() as u64
}

/// How many transactions, from the stamp after they had begun to the one before their commit, stood in
/// this relation to a checkpoint of their bucket, from the stamp before it was asked for to the one after it
/// was written.
fn beside_checkpoints(
    history: &History,
    relation: impl Fn(&Range<u64>, &Range<u64>) -> bool,
) -> u64 {
    let events = || history.events.iter();
    let of: BTreeMap<_, _> = events()
        .filter_map(|event| match event {
            Event::Begin { txn, bucket, .. } => Some((*txn, bucket)),
            _ => None,
        })
        .collect();
    let written: Vec<_> = events()
        .filter_map(|event| match event {
            Event::Checkpoint { bucket, asked, stamp } => Some((bucket, *asked..*stamp)),
            _ => None,
        })
        .collect();
    let is_beside = |event: &&Event| match event {
        Event::Commit { txn, begun, stamp, .. } => written.iter().any(|(bucket, written)| {
            of.get(txn) == Some(bucket) && relation(&(*begun..*stamp), written)
        }),
        _ => false,
    };
    events().filter(is_beside).count() as u64
}

/// How much of this came to its end between the asking for a copy and its end.
fn beside_copies(history: &History, beside: Beside) -> u64 {
    let mut is_copied = false;
    let mut count = 0;
    for event in &history.events {
        match event {
            Event::Milestone(Milestone::Copying { .. }) => is_copied = true,
            Event::Milestone(Milestone::Copied { .. } | Milestone::Started) => is_copied = false,
            _ => {}
        }
        let is_it = match event {
            Event::Ok { .. } => beside == Beside::Commit,
            Event::Abort { denial: None, .. } => beside == Beside::Drop,
            Event::Checkpoint { .. } => beside == Beside::Checkpoint,
            _ => false,
        };
        count += u64::from(is_copied && is_it);
    }
    count
}

/// How many of the snapshots were still open when others had committed.
fn overtaken(history: &History, evidence: &Evidence) -> u64 {
    let acked: Vec<u64> = history
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Ok { stamp, .. } => Some(*stamp),
            _ => None,
        })
        .collect();
    let overtaken = evidence.snapshots.iter().filter(|snapshot| {
        // Its own acknowledgement is among them.
        let after = acked.partition_point(|&stamp| stamp <= snapshot.opened);
        acked.partition_point(|&stamp| stamp < snapshot.closed) > after + 1
    });
    overtaken.count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_has_as_many_levels_as_its_nodes_force() {
        let levels = |keys| Depth::of(keys, 64, 0).levels;
        assert_eq!([0, 1, 64, 65, 4096, 4097].map(levels), [1, 1, 1, 2, 2, 3]);
        let depth = Depth { pairs: 36_000, levels: 3, pages: 563 + 9 + 1, files: 7 };
        assert_eq!(Depth::of(36_000, 64, 7), depth);
    }

    #[test]
    fn an_engine_without_sizes_needs_the_pairs_alone() {
        let sized = Capabilities { sized: true, ..Capabilities::LEAST };
        let flat = Depth::of(DEEP_KEYS, 64, 0);
        assert_eq!(flat.verdict(Capabilities::LEAST), Verdict::Pass);
        assert!(matches!(flat.verdict(sized), Verdict::Inconclusive(_)));
        let few = Depth::of(100, 64, 60);
        assert!(matches!(few.verdict(Capabilities::LEAST), Verdict::Inconclusive(_)));
    }
}
