//! What is armed: a failpoint, what it does there and at which of its hits. Runs nothing.

use super::recipes;
use crate::engine::{Preset, failpoint::Action};

/// The engine's prefix of names.
pub(crate) const PREFIX: &str = "mace_";

/// At which of its hits a point is armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The first.
    First,
    /// One of the first quarter: others go on with what it spoils.
    Early,
    /// One in the middle.
    Middle,
    /// The last.
    Last,
}

impl Position {
    /// Which of so many hits it stands for, from 1, and whether that is the first although another is
    /// meant: too few hits, and positions coincide.
    pub fn of(self, hits: u64) -> (u64, bool) {
        let nth = match self {
            Self::First => 1,
            Self::Early => hits.div_ceil(4),
            Self::Middle => hits.div_ceil(2),
            Self::Last => hits,
        };
        (nth, self != Self::First && nth == 1)
    }
}

/// What is armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The point without the engine's prefix; of a filesystem operation on certain paths, with
    /// their common part in brackets.
    pub point: &'static str,
    /// What it does.
    pub action: Action,
    /// At which hit.
    pub position: Position,
    /// Whether the bucket is a deep one.
    pub in_deep: bool,
}

impl Fault {
    /// The point as the engine and its rules name it.
    pub fn full_name(&self) -> String {
        format!("{PREFIX}{}", self.point)
    }

    /// The configuration that the case runs in: the positions of one point take different ones.
    pub(super) fn preset(&self) -> Preset {
        match self.position {
            _ if self.in_deep => Preset::Deep,
            Position::First => Preset::OneWriter,
            Position::Early => Preset::Tiny,
            Position::Middle => Preset::Compressed,
            Position::Last if recipes::DURABLE_ONLY.contains(&self.point) => Preset::Tiny,
            Position::Last => Preset::Relaxed,
        }
    }

    /// What the engine's own checks say after this fault because the fault itself was not true: the
    /// engine was told that a file is not there, so it left the file and forgot it.
    pub(super) fn contradictions(&self) -> &'static [&'static str] {
        match (self.point, self.action) {
            ("fs_remove_file", Action::IoKind("not_found")) => {
                &["does not match its oldest segment", "is missing segment(s)"]
            }
            ("fs_remove_file[/data/]", Action::IoKind("not_found")) => &[
                "is named by no stat record, orphan marker or obsolete entry",
                "unaccounted retained Data file",
            ],
            _ => &[],
        }
    }
}
