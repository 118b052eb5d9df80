//! What a run amounts to. A run that never reached its fault, its crash or its commit count is
//! [`Verdict::Inconclusive`], and that fails. Prints nothing.

use crate::oracle::Violation;

/// What a run amounts to. Everything but [`Verdict::Pass`] fails the case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was found, and everything the case wanted to reach was reached.
    Pass,
    /// The engine broke promises; at least one violation.
    Violated(Vec<Violation>),
    /// The engine died where it was not asked to.
    Crashed(String),
    /// The engine made no progress within the deadline.
    Stuck(String),
    /// The case did not reach what it was there for.
    Inconclusive(String),
}

impl Verdict {
    /// The verdict of a run whose oracles found `violations`.
    pub fn from_violations(violations: Vec<Violation>) -> Self {
        if violations.is_empty() { Self::Pass } else { Self::Violated(violations) }
    }

    /// The first of two verdicts that is no pass; violations of both are joined.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Pass, other) => other,
            (Self::Violated(mut ours), Self::Violated(theirs)) => {
                ours.extend(theirs);
                Self::Violated(ours)
            }
            (ours, _) => ours,
        }
    }
}
