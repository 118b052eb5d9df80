//! The ledgers of `prod detection`: what became of each way in which the engine was broken, one JSON line
//! each, only ever appended to, so that an interrupted run can go on. They name no machine, so that those of
//! several can be put behind one another. Text only; the files are the runner's.

use crate::{
    FormatError,
    document::{self, Document},
};
use serde::{Deserialize, Serialize};

/// What became of a broken engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detected {
    /// A case failed, where a reason was planted for that reason.
    Caught,
    /// No case failed, and one did not come to its end within its limit.
    TimedOut,
    /// A known finding no longer shows, and nothing else failed.
    NoLongerShows,
    /// Cases failed, and none of them for the reason that was planted.
    OtherReason,
    /// No case failed.
    NotCaught,
    /// Cases fail on the engine as it is, so that their failing says nothing.
    NoControl,
    /// The engine cannot be built.
    Unviable,
}

impl Detected {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Caught => "caught",
            Self::TimedOut => "caught by a time limit",
            Self::NoLongerShows => "a known finding no longer shows",
            Self::OtherReason => "caught for another reason",
            Self::NotCaught => "not caught",
            Self::NoControl => "the control fails",
            Self::Unviable => "does not build",
        }
    }

    /// Whether a layer has failed with it, for whatever reason.
    pub fn catches(self) -> bool {
        matches!(self, Self::Caught | Self::TimedOut | Self::OtherReason)
    }
}

/// An engine that was broken and run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// [`Document::FORMAT`].
    pub version: u32,
    /// How it was broken.
    pub name: String,
    /// Which text did that.
    pub hash: String,
    /// The engine.
    pub engine: String,
    /// The root seed of the run.
    pub seed: u64,
    /// What became of it.
    pub detected: Detected,
    /// The layer that ran last: of the case that failed, if one did.
    pub layer: String,
    /// The case that failed; empty when none did.
    pub case: String,
    /// What that case said.
    pub words: String,
    /// How long its build and its cases took.
    pub seconds: f64,
}

impl Document for Entry {
    const FORMAT: u32 = 2;
}

/// Reads a ledger.
pub fn parse(text: &str) -> Result<Vec<Entry>, FormatError> {
    document::decode_lines(text)
}
