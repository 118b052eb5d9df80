//! The engine's failpoints: which there are, how one is armed in a child, and how often it was
//! hit. With `mace.rs` the only importer of the engine. Knows no recipe.
//!
//! The list is read out of the engine's source, as cargo resolved it, when the suite is built
//! (`build/extract.rs`).

use std::fmt::{Display, Formatter, Result as FmtResult};

/// The environment variable in which a child finds its rules.
pub const VARIABLE: &str = "MACE_FAILPOINT";

/// A position that no run comes to: a rule armed there counts and does nothing else.
pub const NEVER: u64 = 1_000_000_000;

/// A named failpoint in the engine's source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Its name.
    pub name: &'static str,
    /// What it can do.
    pub kind: Kind,
    /// Where it is consulted, as `file:line`.
    pub sites: &'static [&'static str],
}

/// What a failpoint can do besides ending the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Returns an error when it is told to.
    Check,
    /// Has no error to return.
    Crash,
    /// Its name stands apart from the call that consults it.
    Unseen,
}

include!(concat!(env!("OUT_DIR"), "/failpoints.rs"));

/// The named failpoints of the engine that the suite was built with.
pub const fn points() -> &'static [Point] {
    POINTS
}

/// Its filesystem operations, `mace_fs_…`, each a failpoint of its own.
pub const fn fs_ops() -> &'static [&'static str] {
    FS_OPS
}

/// The kinds of I/O error that a filesystem operation can be told to return.
pub const fn io_kinds() -> &'static [&'static str] {
    IO_KINDS
}

/// A hash of the engine's source (xxh3 of all files): two engines of one version differ in it.
pub const fn source_hash() -> u64 {
    HASH
}

/// What an armed failpoint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ends the process with SIGABRT, in silence.
    Abort,
    /// Panics in whichever thread came by.
    Panic,
    /// Returns an I/O error of the engine's default kind.
    Io,
    /// Returns an I/O error of this kind; named points have one kind only.
    IoKind(&'static str),
}

/// A failpoint armed at its n-th hit in a process, and only there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The failpoint, a filesystem operation with `[part of the path]` where that matters.
    pub point: String,
    /// What it does.
    pub action: Action,
    /// At which hit, from 1.
    pub nth: u64,
}

impl Rule {
    /// The failpoint armed at this hit.
    pub fn new(point: impl Into<String>, action: Action, nth: u64) -> Self {
        Self { point: point.into(), action, nth }
    }

    /// A rule that only counts.
    pub fn counting(point: impl Into<String>) -> Self {
        Self::new(point, Action::Abort, NEVER)
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        let Self { point, action, nth } = self;
        match action {
            Action::Abort => write!(f, "{point}=abort@{nth}"),
            Action::Panic => write!(f, "{point}=panic@{nth}"),
            Action::Io => write!(f, "{point}=io@{nth}"),
            Action::IoKind(kind) => write!(f, "{point}=io({kind})@{nth}"),
        }
    }
}

/// How often an armed point was consulted in this process. Filesystem operations are counted by
/// their rule, with its path part in brackets when it has one.
#[cfg(feature = "failpoints")]
pub fn hits(name: &str) -> u64 {
    if !name.starts_with("mace_fs_") {
        return mace::failpoint_testing::hit_count(name);
    }
    // The engine has no count by name for these; its snapshot has one line a rule.
    let (op, part) = match name.split_once('[') {
        Some((op, part)) => (op, format!("Some(\"{}\")", part.trim_end_matches(']'))),
        None => (name, "None".to_owned()),
    };
    let line = format!("{op} matcher={part} ");
    let snapshot = mace::failpoint_testing::snapshot();
    let found = snapshot.lines().find(|text| text.trim_start().starts_with(&line));
    let count = found.and_then(|text| text.rsplit_once("hits=")?.1.parse().ok());
    count.unwrap_or_default()
}

/// The plain engine has no failpoints.
#[cfg(not(feature = "failpoints"))]
pub fn hits(_: &str) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_prints_as_the_engine_reads_it() {
        let rule = |action| Rule::new("mace_fs_open[/data]", action, 3).to_string();
        assert_eq!(rule(Action::Abort), "mace_fs_open[/data]=abort@3");
        assert_eq!(rule(Action::Panic), "mace_fs_open[/data]=panic@3");
        assert_eq!(rule(Action::Io), "mace_fs_open[/data]=io@3");
        assert_eq!(rule(Action::IoKind("not_found")), "mace_fs_open[/data]=io(not_found)@3");
    }
}
