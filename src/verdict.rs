//! What a run amounts to. A run that never reached its fault, its crash or its commit count is
//! [`Verdict::Inconclusive`], and that fails. Prints nothing.

use crate::{oracle::Violation, settings::FindingId};

/// What a run amounts to. Everything but [`Verdict::Pass`] and [`Verdict::Known`] fails the case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was found, and everything the case wanted to reach was reached.
    Pass,
    /// A known finding showed itself, as it should on this engine version; it is counted apart.
    Known(FindingId),
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

    /// The first of two verdicts that fails, or else a known finding; violations of both are joined.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (known @ Self::Known(_), Self::Pass) => known,
            (Self::Pass | Self::Known(_), other) => other,
            (Self::Violated(mut ours), Self::Violated(theirs)) => {
                ours.extend(theirs);
                Self::Violated(ours)
            }
            (ours, _) => ours,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_finding_hides_nothing_that_fails() {
        let known = || Verdict::Known(FindingId::SHORT_LOG_FILE);
        let stuck = || Verdict::Stuck("so".to_owned());
        for verdict in [known().and(stuck()), stuck().and(known())] {
            assert_eq!(verdict, stuck());
        }
        for verdict in [known().and(Verdict::Pass), Verdict::Pass.and(known())] {
            assert_eq!(verdict, known());
        }
    }
}
