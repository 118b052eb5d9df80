//! The cases of a part, as nextest reported them and as they were judged. Data only.

use quick_junit::TestCase;
use results::{Case, CaseId, Layer, Outcome, marker::Markers};
use std::collections::BTreeMap;

/// A case in a report of nextest's own, not yet judged.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// What nextest's words and the markers of the attempt that counts say.
    pub(crate) case: Case,
    pub(crate) markers: Markers,
    /// The element itself, with its output and its earlier attempts.
    pub(crate) element: TestCase,
}

/// A part with an outcome of each of its cases.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) layer: Layer,
    pub(crate) outcome: Outcome,
    /// nextest's elements of the cases that have a result.
    pub(crate) elements: BTreeMap<CaseId, TestCase>,
    /// The longest that a yardstick saw the machine away meanwhile, in microseconds; `None` where nobody measured.
    pub(crate) machine_away_us: Option<u64>,
    /// Whether all cases of the part were to run, and nextest could run them.
    pub(crate) is_whole: bool,
}
