//! A crash state: how it was chosen, its damage, the state itself. Plain data that the trace and
//! the rules of persistence share; it depends on neither.

use serde::{Deserialize, Serialize};
use std::fmt::{Display, Formatter, Result as FmtResult};

/// How a state was chosen. Steps are explored in this order. Crashes during recovery, which repeat
/// the first five steps on the recovery's trace, come before the last step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Step {
    /// Nothing is lost.
    Prefix,
    /// Everything that is not durable is lost.
    DropAll,
    /// One unit, one operation, one file or everything older is lost; the rest is there.
    DropOne,
    /// One of those is there; the rest is lost.
    KeepOne,
    /// One write is torn; the rest is there, or only its size.
    TearOne,
    /// A seeded choice at 10, 50 and 90 per cent.
    Random,
    /// Overlapping calls of different threads, reordered. This step is last, so no recovery from
    /// such a state is cut off in turn.
    Permute,
}

impl Step {
    /// All steps, in order.
    pub const ALL: &[Self] = &[
        Self::Prefix,
        Self::DropAll,
        Self::DropOne,
        Self::KeepOne,
        Self::TearOne,
        Self::Random,
        Self::Permute,
    ];
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.pad(match self {
            Self::Prefix => "prefix",
            Self::DropAll => "drop-all",
            Self::DropOne => "drop-one",
            Self::KeepOne => "keep-one",
            Self::TearOne => "tear-one",
            Self::Random => "random",
            Self::Permute => "permute",
        })
    }
}

/// The damage of a unit that is neither whole nor lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Tear {
    /// Only this many of its first sectors are there.
    First(u32),
    /// Only this many of its last sectors are there.
    Last(u32),
    /// Every other 4 KiB page is there, beginning with the first.
    EvenPages,
    /// Every other 4 KiB page is there, beginning with the second.
    OddPages,
    /// The middle third of its sectors is missing.
    Hole,
    /// Each sector is there or not, by the toss of a seeded coin.
    Random(u64),
    /// Only this many of its first bytes are there; hostile.
    Bytes(u32),
    /// Its sectors hold other bytes; hostile.
    Garbage(Garbage),
    /// A rename added the new name and did not remove the old one; hostile.
    BothNames,
    /// A rename removed the old name and did not add the new one; hostile.
    NoName,
}

/// The content of a sector that was being written when the power failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Garbage {
    /// Zeros.
    Zeros,
    /// A pattern that no store writes.
    Pattern,
    /// The bytes of the previous write to the same file. They expose a length that is trusted
    /// without a checksum.
    Stale,
}

/// A crash state: the events up to a cut, with some units lost and some torn.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct State {
    /// How it was chosen.
    pub step: Step,
    /// How many events of the trace had happened.
    pub cut: u32,
    /// The units that are lost, ascending.
    pub lost: Vec<u32>,
    /// The units that are damaged, ascending.
    pub torn: Vec<(u32, Tear)>,
    /// Events before the cut, ascending, that had not happened although later ones had: they
    /// overlapped the last one.
    pub hidden: Vec<u32>,
}

impl State {
    pub(crate) fn whole(step: Step, cut: u32) -> Self {
        Self { step, cut, lost: Vec::new(), torn: Vec::new(), hidden: Vec::new() }
    }

    /// How many units and events the state lacks.
    pub fn damage(&self) -> usize {
        self.lost.len() + self.torn.len() + self.hidden.len()
    }
}

impl Tear {
    /// Whether only the harshest profile allows it.
    pub(crate) fn is_hostile(self) -> bool {
        matches!(self, Self::Bytes(_) | Self::Garbage(_) | Self::BothNames | Self::NoName)
    }
}
