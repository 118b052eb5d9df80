//! The anomalies by name, and the findings. A finding is a value; only a history that no recorder
//! could have made is an error.

use crate::history::{Key, Version};
use std::fmt::{Display, Formatter, Result as FmtResult};

/// What levels of isolation forbid, the gravest first: snapshot isolation all but the cycle of
/// anti-dependencies.
///
/// Names and definitions: Adya, "Weak Consistency" (MIT, 1999) for G0 to G-single; Cerone and
/// Gotsman, "Analysing Snapshot Isolation" (PODC 2016) for the rule that every cycle needs two
/// adjacent anti-dependencies; Bailis et al. for the fractured read; Elle for G-nonadjacent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Anomaly {
    /// A read returned a value that nobody wrote there.
    NeverWritten,
    /// Two reads of a list of which neither begins with the other.
    IncompatibleOrder,
    /// A transaction's own reads and writes contradict each other.
    Internal,
    /// A scan is out of order, repeats a key, leaves its range, or contradicts what its own
    /// transaction read or wrote.
    RangeRead,
    /// G0: a cycle of write dependencies.
    DirtyWrite,
    /// G1a: a read of an aborted write.
    AbortedRead,
    /// G1b: a read of a write that its own transaction replaced later.
    IntermediateRead,
    /// G1c: a cycle of write and read dependencies.
    CyclicInformationFlow,
    /// Two transactions replaced the same version.
    LostUpdate,
    /// A transaction saw one write of another transaction and missed a second one.
    FracturedRead,
    /// G-single: a transaction missed work on which the work that it saw depends.
    GSingle,
    /// Two transactions saw two independent writes in opposite orders.
    LongFork,
    /// G-nonadjacent: a cycle with several anti-dependencies, no two of them adjacent.
    GNonadjacent,
    /// G2: a cycle with anti-dependencies, two of them adjacent, such as write skew. Only serialisable
    /// levels forbid it.
    AntiDependencyCycle,
    /// A scan missed a key of its transaction's snapshot, or met a key that the snapshot does not
    /// hold.
    Phantom,
    /// Work from before a reopening of the database is missing after it.
    NotExtended,
    /// A session does not see its own earlier work.
    SessionOrder,
    /// A transaction does not see work that was acknowledged before it began.
    RealTimeOrder,
}

impl Anomaly {
    /// All anomalies, the gravest first.
    pub const ALL: &[Self] = &[
        Self::NeverWritten,
        Self::IncompatibleOrder,
        Self::Internal,
        Self::RangeRead,
        Self::DirtyWrite,
        Self::AbortedRead,
        Self::IntermediateRead,
        Self::CyclicInformationFlow,
        Self::LostUpdate,
        Self::FracturedRead,
        Self::GSingle,
        Self::LongFork,
        Self::GNonadjacent,
        Self::AntiDependencyCycle,
        Self::Phantom,
        Self::NotExtended,
        Self::SessionOrder,
        Self::RealTimeOrder,
    ];

    /// The name as shown in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeverWritten => "value never written",
            Self::IncompatibleOrder => "incompatible order",
            Self::Internal => "internal inconsistency",
            Self::RangeRead => "range read",
            Self::DirtyWrite => "dirty write (G0)",
            Self::AbortedRead => "aborted read (G1a)",
            Self::IntermediateRead => "intermediate read (G1b)",
            Self::CyclicInformationFlow => "cyclic information flow (G1c)",
            Self::LostUpdate => "lost update",
            Self::FracturedRead => "fractured read",
            Self::GSingle => "G-single",
            Self::LongFork => "long fork",
            Self::GNonadjacent => "G-nonadjacent",
            Self::AntiDependencyCycle => "anti-dependency cycle (G2)",
            Self::Phantom => "phantom",
            Self::NotExtended => "history not extended",
            Self::SessionOrder => "session order",
            Self::RealTimeOrder => "real-time order",
        }
    }

    /// The promise that it breaks, in one sentence.
    pub const fn promise(self) -> &'static str {
        match self {
            Self::NeverWritten => "a value that is read was written, at this key, in full",
            Self::IncompatibleOrder => "of two reads of a list one begins with the other",
            Self::Internal => "a transaction sees its own writes, and the same value each time",
            Self::RangeRead => "a scan meets each key of its range once, in order, as it is",
            Self::DirtyWrite => "nobody writes over work that is not committed",
            Self::AbortedRead => "nobody sees work that was dropped",
            Self::IntermediateRead => "nobody sees a write that its own transaction replaced",
            Self::CyclicInformationFlow => "nobody sees work that is not committed",
            Self::LostUpdate => "of two transactions that replace one version, one is refused",
            Self::FracturedRead => "a snapshot holds all of a transaction or nothing of it",
            Self::GSingle => "a snapshot holds all that led to what it holds",
            Self::LongFork => "snapshots are ordered: of two, one holds all that the other holds",
            Self::GNonadjacent => "every snapshot is a state that the database was in",
            Self::AntiDependencyCycle => "the transactions could have run one after the other",
            Self::Phantom => "a scan meets exactly the keys that its snapshot holds",
            Self::NotExtended => "what was acknowledged before a reopening is there after it",
            Self::SessionOrder => "a session sees its own earlier work",
            Self::RealTimeOrder => "a snapshot holds all that was acknowledged before it began",
        }
    }
}

impl Display for Anomaly {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.write_str(self.name())
    }
}

/// Why one transaction comes before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Why {
    /// The second transaction replaced a version that the first one wrote.
    Ww,
    /// The second transaction read a version that the first one wrote.
    Wr,
    /// The first transaction read a version that the second one replaced (an anti-dependency).
    Rw,
    /// Both are transactions of one session.
    Session,
    /// The first transaction ended before the second one began.
    RealTime,
    /// Like `RealTime`, with a reopening of the database in between.
    Reopening,
}

impl Why {
    /// The edge's name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ww => "ww",
            Self::Wr => "wr",
            Self::Rw => "rw",
            Self::Session => "session",
            Self::RealTime => "real time",
            Self::Reopening => "reopening",
        }
    }
}

/// One step of a cycle: why `from` comes before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Edge {
    /// The number of the earlier transaction.
    pub from: u32,
    /// The number of the later transaction.
    pub to: u32,
    /// The kind of the edge.
    pub why: Why,
    /// The key that proves it; `None` for time orders.
    pub key: Option<Key>,
    /// The version that links both: written by `from` (`ww`, `wr`), or read by it (`rw`). `None`
    /// for a key without a value.
    pub version: Option<Version>,
    /// The version with which `to` replaced it (`ww`, `rw`).
    pub then: Option<Version>,
    /// Whether a scan proves it by a key that it did not meet.
    pub scan: bool,
}

/// What proves an anomaly.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Evidence {
    /// A transaction read a version that it must not read.
    Read {
        /// The reader.
        txn: u32,
        /// The key.
        key: Key,
        /// The version.
        version: Version,
        /// The writer, if there is one.
        writer: Option<u32>,
    },
    /// A transaction saw two different values at one key.
    Differs {
        /// The transaction.
        txn: u32,
        /// The key.
        key: Key,
        /// The version seen first.
        first: Option<Version>,
        /// The version seen later.
        then: Option<Version>,
    },
    /// A scan was out of order, or left its range, at this key.
    Disorder {
        /// The transaction.
        txn: u32,
        /// The key.
        key: Key,
    },
    /// The shortest cycle that was found.
    Cycle(Vec<Edge>),
}

/// One anomaly that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The anomaly.
    pub anomaly: Anomaly,
    /// The evidence.
    pub evidence: Evidence,
}

/// A history that no recorder could have made: a bug of the recorder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Malformed {
    /// The transaction that shows the defect.
    pub txn: u32,
    /// The defect.
    pub what: &'static str,
}

impl Display for Malformed {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        let Self { txn, what } = self;
        write!(f, "the history is malformed at transaction {txn}: {what}")
    }
}

impl std::error::Error for Malformed {}

/// Violations found so far. The first of each kind are kept; all are counted.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) kept: Vec<Violation>,
    pub(crate) counts: std::collections::BTreeMap<Anomaly, u64>,
}

/// How many violations of each kind are kept.
const KEPT: u64 = 10;

impl Found {
    pub(crate) fn add(&mut self, anomaly: Anomaly, evidence: Evidence) {
        let count = self.counts.entry(anomaly).or_default();
        *count += 1;
        if *count <= KEPT {
            self.kept.push(Violation { anomaly, evidence });
        }
    }
}
