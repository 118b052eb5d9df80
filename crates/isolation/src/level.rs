//! Levels of isolation: their names, which of them includes which, and what each forbids. Judges no
//! history.

use crate::anomaly::Anomaly;
use std::fmt::{Display, Formatter, Result as FmtResult};

/// A level of isolation.
///
/// Definitions: Adya, "Weak Consistency" (MIT, 1999), PL-2 and PL-3 without predicates; Cerone and Gotsman
/// (PODC 2016) for snapshot isolation; *strong* and *strict* add real-time order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Level {
    /// Nobody sees work that is not committed.
    ReadCommitted,
    /// Each transaction reads one state that the database was in, and of two that replace one version
    /// one is refused.
    SnapshotIsolation,
    /// The same, and that state holds all that was acknowledged before the transaction began.
    StrongSnapshotIsolation,
    /// The transactions could have run one after the other.
    Serialisable,
    /// The same, in an order in which none comes before one that was over when it began.
    StrictSerialisable,
}

/// What a cycle is made of that a level forbids, beside dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) anti: Anti,
    /// Real-time order.
    pub(crate) time: bool,
}

/// Which anti-dependencies a forbidden cycle may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anti {
    None,
    /// Any of which no two are adjacent.
    Apart,
    Any,
}

impl Rule {
    /// That of strong snapshot isolation.
    pub(crate) const STRONG: Self = Self { anti: Anti::Apart, time: true };
}

impl Level {
    /// All levels, the weakest first.
    pub const ALL: &[Self] = &[
        Self::ReadCommitted,
        Self::SnapshotIsolation,
        Self::StrongSnapshotIsolation,
        Self::Serialisable,
        Self::StrictSerialisable,
    ];

    /// The name as shown in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadCommitted => "read committed",
            Self::SnapshotIsolation => "snapshot isolation",
            Self::StrongSnapshotIsolation => "strong snapshot isolation",
            Self::Serialisable => "serialisable",
            Self::StrictSerialisable => "strict serialisable",
        }
    }

    /// The level of this name, with blanks or hyphens between its words.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.replace('-', " ");
        Self::ALL.iter().copied().find(|level| level.name() == text)
    }

    /// Whether whatever satisfies this level satisfies the other one too.
    pub fn includes(self, other: Self) -> bool {
        let apart = (self, other) == (Self::Serialisable, Self::StrongSnapshotIsolation);
        self >= other && !apart
    }

    pub(crate) fn rule(self) -> Rule {
        let anti = match self {
            Self::ReadCommitted => Anti::None,
            Self::SnapshotIsolation | Self::StrongSnapshotIsolation => Anti::Apart,
            Self::Serialisable | Self::StrictSerialisable => Anti::Any,
        };
        let time = matches!(self, Self::StrongSnapshotIsolation | Self::StrictSerialisable);
        Rule { anti, time }
    }

    /// Whether it forbids what a read, or two writes, show without a cycle.
    pub(crate) fn forbids(self, anomaly: Anomaly) -> bool {
        let beyond = matches!(anomaly, Anomaly::Internal | Anomaly::LostUpdate);
        !beyond || self != Self::ReadCommitted
    }
}

impl Display for Level {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Level;

    #[test]
    fn levels_include_one_another() {
        let of = |level: Level| {
            Level::ALL.iter().map(|other| level.includes(*other)).collect::<Vec<_>>()
        };
        let [read, snapshot, strong, serial, strict] = *Level::ALL else { panic!("another level") };
        assert_eq!(of(read), [true, false, false, false, false]);
        assert_eq!(of(snapshot), [true, true, false, false, false]);
        assert_eq!(of(strong), [true, true, true, false, false]);
        assert_eq!(of(serial), [true, true, false, true, false]);
        assert_eq!(of(strict), [true; 5]);
    }

    #[test]
    fn a_level_is_read_by_its_name() {
        for level in Level::ALL {
            assert_eq!(Level::parse(level.name()), Some(*level));
            assert_eq!(Level::parse(&level.name().replace(' ', "-")), Some(*level));
        }
        assert_eq!(Level::parse("snapshot"), None);
    }
}
