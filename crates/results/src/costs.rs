//! What an operation of the benches costs in things that can be counted: as the bench program says it, as
//! the gate writes it, and what changed between two revisions. Plain data; nothing is counted here.

use crate::stats;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a case's timed work cost, all operations together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Costs {
    /// Operations of the work.
    pub operations: u64,
    /// File calls that reached the database's folder, by the symbol of each, on whichever thread.
    pub calls: BTreeMap<String, u64>,
    /// Bytes that they wrote.
    pub written_bytes: u64,
    /// Calls that wait for a disk: syncs, and writes that sync what they write.
    pub syncs: u64,
    /// Bytes written and not yet synced that such calls found in what they sync.
    pub synced_bytes: u64,
    /// Requests for memory by the client's thread.
    pub allocations: u64,
    /// What they asked for, in bytes.
    pub allocated_bytes: u64,
    /// The most that the thread held at a time beyond what it held before the work, in bytes.
    pub peak_bytes: u64,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// All of [`Costs::calls`].
    Calls,
    /// [`Costs::syncs`].
    Syncs,
    /// [`Costs::written_bytes`].
    WrittenBytes,
    /// [`Costs::synced_bytes`].
    SyncedBytes,
    /// [`Costs::allocations`].
    Allocations,
    /// [`Costs::allocated_bytes`].
    AllocatedBytes,
    /// [`Costs::peak_bytes`].
    PeakBytes,
}

impl Figure {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Calls,
        Self::Syncs,
        Self::WrittenBytes,
        Self::SyncedBytes,
        Self::Allocations,
        Self::AllocatedBytes,
        Self::PeakBytes,
    ];

    /// What it is called, wherever it is shown.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calls => "file calls",
            Self::Syncs => "syncs",
            Self::WrittenBytes => "bytes written",
            Self::SyncedBytes => "bytes synced",
            Self::Allocations => "allocations",
            Self::AllocatedBytes => "bytes allocated",
            Self::PeakBytes => "peak bytes",
        }
    }

    /// Its count.
    pub fn of(self, costs: &Costs) -> u64 {
        match self {
            Self::Calls => costs.calls.values().sum(),
            Self::Syncs => costs.syncs,
            Self::WrittenBytes => costs.written_bytes,
            Self::SyncedBytes => costs.synced_bytes,
            Self::Allocations => costs.allocations,
            Self::AllocatedBytes => costs.allocated_bytes,
            Self::PeakBytes => costs.peak_bytes,
        }
    }
}

/// By how much the costs of a case may grow, in per cent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Allowed {
    /// File calls and syncs.
    pub calls_pct: f64,
    /// Bytes written and synced.
    pub bytes_pct: f64,
    /// Requests for memory and their bytes.
    pub allocations_pct: f64,
    /// The peak.
    pub peak_pct: f64,
}

impl Allowed {
    fn of(&self, figure: Figure) -> f64 {
        match figure {
            Figure::Calls | Figure::Syncs => self.calls_pct,
            Figure::WrittenBytes | Figure::SyncedBytes => self.bytes_pct,
            Figure::Allocations | Figure::AllocatedBytes => self.allocations_pct,
            Figure::PeakBytes => self.peak_pct,
        }
    }
}

/// A count that is another one in head.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The case.
    pub case: String,
    /// What is counted.
    pub figure: Figure,
    /// Of base.
    pub base: u64,
    /// Of head.
    pub head: u64,
    /// The growth in per cent; that of nothing is 100.
    pub delta_pct: f64,
    /// It may be so many per cent.
    pub limit_pct: f64,
}

impl Change {
    /// Whether head costs more than it may: what was nothing may not grow.
    pub fn is_beyond(&self) -> bool {
        self.delta_pct > self.limit_pct || (self.base == 0 && self.head > 0)
    }
}

/// The costs of both revisions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Of base, by case.
    pub base: BTreeMap<String, Costs>,
    /// Of head, by case.
    pub head: BTreeMap<String, Costs>,
    /// The counts that differ, of the cases that both have.
    pub changes: Vec<Change>,
}

impl Compared {
    /// Compares them: every figure of every case that both have, for the same number of operations.
    pub fn new(
        base: BTreeMap<String, Costs>,
        head: BTreeMap<String, Costs>,
        allowed: &Allowed,
    ) -> Self {
        let mut changes = Vec::new();
        for (case, of_base) in &base {
            let of_head = head.get(case).filter(|head| head.operations == of_base.operations);
            let Some(of_head) = of_head else { continue };
            for figure in Figure::ALL {
                let base = figure.of(of_base);
                let head = figure.of(of_head);
                if base == head {
                    continue;
                }
                let grown =
                    if base == 0 { 100.0 } else { stats::delta_pct(base as f64, head as f64) };
                changes.push(Change {
                    case: case.clone(),
                    figure,
                    base,
                    head,
                    delta_pct: grown,
                    limit_pct: allowed.of(figure),
                });
            }
        }
        Self { base, head, changes }
    }

    /// How many cases were compared.
    pub fn cases(&self) -> usize {
        self.base.keys().filter(|case| self.is_in_both(case)).count()
    }

    /// The cases that were not: one side lacks them, or does another number of operations.
    pub fn alone(&self) -> impl Iterator<Item = &String> {
        let new = self.head.keys().filter(|case| !self.base.contains_key(*case));
        self.base.keys().filter(|case| !self.is_in_both(case)).chain(new)
    }

    fn is_in_both(&self, case: &str) -> bool {
        let operations = |side: &BTreeMap<String, Costs>| Some(side.get(case)?.operations);
        operations(&self.base) == operations(&self.head)
    }

    /// What costs more than it may.
    pub fn beyond(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.is_beyond())
    }
}

#[cfg(test)]
mod tests {
    use super::{Allowed, Compared, Costs, Figure};

    fn costs() -> Costs {
        Costs {
            operations: 2000,
            calls: [("pwrite64".to_owned(), 2000), ("fdatasync".to_owned(), 2000)].into(),
            written_bytes: 226_000,
            syncs: 2000,
            synced_bytes: 226_000,
            allocations: 8000,
            allocated_bytes: 640_000,
            peak_bytes: 50_000,
        }
    }

    fn compared(head: Costs, allowed: &Allowed) -> Compared {
        let table = |costs| [("Commit/K16-V16/1".to_owned(), costs)].into();
        Compared::new(table(costs()), table(head), allowed)
    }

    #[test]
    fn every_rise_of_every_figure_is_beyond_nothing() {
        let none = Allowed::default();
        assert_eq!(compared(costs(), &none).changes, []);
        for figure in Figure::ALL {
            let mut head = costs();
            *match figure {
                Figure::Calls => head.calls.get_mut("pwrite64").unwrap(),
                Figure::Syncs => &mut head.syncs,
                Figure::WrittenBytes => &mut head.written_bytes,
                Figure::SyncedBytes => &mut head.synced_bytes,
                Figure::Allocations => &mut head.allocations,
                Figure::AllocatedBytes => &mut head.allocated_bytes,
                Figure::PeakBytes => &mut head.peak_bytes,
            } += 1;
            let found = compared(head.clone(), &none);
            let beyond: Vec<_> = found.beyond().map(|change| change.figure).collect();
            assert_eq!((beyond.as_slice(), found.cases()), ([figure].as_slice(), 1));
            // What costs less is shown, and no rise.
            let table = |costs| [("Commit/K16-V16/1".to_owned(), costs)].into();
            let fallen = Compared::new(table(head), table(costs()), &none);
            assert_eq!((fallen.changes.len(), fallen.beyond().count()), (1, 0));
        }
    }

    #[test]
    fn a_figure_has_the_threshold_of_its_kind() {
        let head = Costs {
            written_bytes: 237_300,
            allocations: 8800,
            peak_bytes: 51_000,
            syncs: 2020,
            ..costs()
        };
        let beyond = |[calls_pct, bytes_pct, allocations_pct, peak_pct]: [f64; 4]| {
            let allowed = Allowed { calls_pct, bytes_pct, allocations_pct, peak_pct };
            let found = compared(head.clone(), &allowed);
            found.beyond().map(|change| change.figure).collect::<Vec<_>>()
        };
        assert_eq!(beyond([1.0, 5.0, 10.0, 2.0]), []);
        assert_eq!(beyond([0.9, 5.0, 10.0, 2.0]), [Figure::Syncs]);
        assert_eq!(beyond([1.0, 4.9, 10.0, 2.0]), [Figure::WrittenBytes]);
        assert_eq!(beyond([1.0, 5.0, 9.9, 2.0]), [Figure::Allocations]);
        assert_eq!(beyond([1.0, 5.0, 10.0, 1.9]), [Figure::PeakBytes]);
    }

    #[test]
    fn what_was_nothing_and_another_number_of_operations() {
        let first = Costs { syncs: 0, ..costs() };
        let table = |costs| [("Put/K16-V16/1".to_owned(), costs)].into();
        let found = Compared::new(table(first), table(costs()), &Allowed::default());
        assert_eq!(found.beyond().map(|change| change.delta_pct).collect::<Vec<_>>(), [100.0]);
        let fewer = compared(Costs { operations: 100, ..Costs::default() }, &Allowed::default());
        assert_eq!((fewer.cases(), fewer.changes.len()), (0, 0));
        assert_eq!(fewer.alone().collect::<Vec<_>>(), ["Commit/K16-V16/1"]);
        let other = [("Get/K16-V16/1".to_owned(), costs())].into();
        let disjoint = Compared::new(fewer.base, other, &Allowed::default());
        assert_eq!(disjoint.alone().collect::<Vec<_>>(), ["Commit/K16-V16/1", "Get/K16-V16/1"]);
    }
}
