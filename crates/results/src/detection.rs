//! The ledger of planted defects: what became of each, one JSON line a defect, only ever appended to, so
//! that an interrupted run can go on. Text only; the file is the runner's.

use crate::{
    FormatError,
    document::{self, Document},
};
use serde::{Deserialize, Serialize};

/// What became of a planted defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Detected {
    /// A case failed and said what was planted.
    Caught,
    /// Cases failed, and none of them for the reason that was planted.
    OtherReason,
    /// No case failed.
    NotCaught,
    /// The same cases fail without the defect, so that their failing says nothing.
    NoControl,
}

impl Detected {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Caught => "caught",
            Self::OtherReason => "caught for another reason",
            Self::NotCaught => "not caught",
            Self::NoControl => "the control fails",
        }
    }
}

/// A defect that was planted and run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// [`Document::FORMAT`].
    pub version: u32,
    /// The defect.
    pub name: String,
    /// Which text of its file was planted.
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

/// The line of an entry.
pub fn line(entry: &Entry) -> String {
    document::encode_line(entry) + "\n"
}
