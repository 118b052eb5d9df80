//! What failed besides cases. Data only.

use process::Outcome;
use std::fmt::Display;

/// What failed besides cases, in one line.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) outcome: Outcome,
    pub(crate) line: String,
}

impl Note {
    pub(crate) fn failed(line: &dyn Display) -> Self {
        Self { outcome: Outcome::Failed, line: line.to_string() }
    }

    pub(crate) fn broken(line: &dyn Display) -> Self {
        Self { outcome: Outcome::Broken, line: line.to_string() }
    }
}
