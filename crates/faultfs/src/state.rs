//! What a crash leaves, in words: the way it was chosen, its damage, the state itself. Plain data that
//! the trace and the rules of persistence share; it knows neither.

use serde::{Deserialize, Serialize};
use std::fmt::{Display, Formatter, Result as FmtResult};

/// The way in which a state was chosen; they are explored in this order. Crashes during the recovery
/// from sampled states, which repeat the first five on the recovery, come before the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Step {
    /// Nothing is lost.
    Prefix,
    /// Everything that is not durable is lost.
    DropAll,
    /// One unit, one operation, one file or everything older is lost, the rest is there.
    DropOne,
    /// One of those is there, the rest is lost.
    KeepOne,
    /// One write is torn; the rest is there, or only its size.
    TearOne,
    /// A seeded choice at 10, 50 and 90 per cent.
    Random,
    /// Calls of different threads that overlapped, told in another order. Nothing comes after it,
    /// so that no recovery from such a state is cut off in turn.
    Permute,
}

impl Step {
    /// All, in order.
    pub const ALL: [Self; 7] = [
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

/// How a unit is damaged that is neither there nor lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tear {
    /// So many of its first sectors are there.
    First(u32),
    /// So many of its last sectors are there.
    Last(u32),
    /// Every other 4 KiB page is there, beginning with the first.
    EvenPages,
    /// Every other 4 KiB page is there, beginning with the second.
    OddPages,
    /// The middle third of its sectors is missing.
    Hole,
    /// Each sector by the toss of a seeded coin.
    Random(u64),
    /// So many of its first bytes are there; hostile.
    Bytes(u32),
    /// Its sectors hold something else; hostile.
    Garbage(Garbage),
    /// A rename gave the new name and did not take the old one; hostile.
    BothNames,
    /// A rename took the old name and did not give the new one; hostile.
    NoName,
}

/// What a sector holds that was being written when the power went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Garbage {
    /// Zeros.
    Zeros,
    /// A pattern that no store writes.
    Pattern,
    /// The bytes of the write before it to the same file: what finds a length trusted without a
    /// checksum.
    Stale,
}

/// What a crash leaves: events up to a cut, some units lost, some torn.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct State {
    /// How it was chosen.
    pub step: Step,
    /// How many events of the trace had happened.
    pub cut: u32,
    /// The units that are lost, ascending.
    pub lost: Vec<u32>,
    /// The units that are damaged, ascending.
    pub torn: Vec<(u32, Tear)>,
    /// Events before the cut, ascending, that had not happened: they overlapped the last one.
    pub hidden: Vec<u32>,
}

impl State {
    pub(crate) fn whole(step: Step, cut: u32) -> Self {
        Self { step, cut, lost: Vec::new(), torn: Vec::new(), hidden: Vec::new() }
    }

    /// How many units and events it does without.
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
