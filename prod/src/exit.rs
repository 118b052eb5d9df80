//! The one exit code of a run, and what nextest's codes mean in it. Numbers only: no text.

use nextest_metadata::NextestExitCode;
use std::process::ExitCode;

/// How a run, or a part of it, ended; the worse is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// Every case passed or is a known finding.
    Passed,
    /// A case failed, or a known finding vanished.
    Failed,
    /// Usage, configuration or build.
    Broken,
    /// Ended by this signal, after cleaning up.
    Interrupted(i32),
}

impl Outcome {
    /// What nextest's exit code says; `None` is nextest itself killed by a signal.
    pub(crate) fn of_nextest(code: Option<i32>) -> Self {
        match code {
            Some(NextestExitCode::OK) => Self::Passed,
            Some(NextestExitCode::TEST_RUN_FAILED) => Self::Failed,
            // 4, 92, 94-96, 101-105, clap's 2: nothing that a case did.
            _ => Self::Broken,
        }
    }

    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Broken => 2,
            Self::Interrupted(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn nextests_codes_become_the_contracts() {
        for (nextest, ours) in [
            (Some(0), 0),
            (Some(100), 1),
            (Some(2), 2),
            (Some(4), 2),
            (Some(92), 2),
            (Some(94), 2),
            (Some(95), 2),
            (Some(96), 2),
            (Some(101), 2),
            (Some(102), 2),
            (Some(103), 2),
            (Some(104), 2),
            (Some(105), 2),
            (None, 2),
        ] {
            assert_eq!(Outcome::of_nextest(nextest).code(), ours, "{nextest:?}");
        }
        assert_eq!(Outcome::Interrupted(2).code(), 130);
        assert_eq!(Outcome::Interrupted(15).code(), 143);
    }

    #[test]
    fn the_worst_part_decides() {
        let parts = [Outcome::Failed, Outcome::Passed, Outcome::Broken];
        assert_eq!(parts.into_iter().max(), Some(Outcome::Broken));
        assert!(Outcome::Interrupted(2) > Outcome::Broken);
    }
}
