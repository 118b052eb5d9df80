//! The one exit code of a run. Numbers only: no text.

use std::process::ExitCode;

/// How a run, or a part of it, ended; the worse is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Every case passed or is a known finding; no case is slower.
    Passed,
    /// The perf gate could not tell. Never a pass.
    Unclear,
    /// A case failed, a known finding vanished, or the perf gate failed.
    Failed,
    /// Usage, configuration or build.
    Broken,
    /// Ended by this signal, after cleaning up.
    Interrupted(i32),
}

impl Outcome {
    /// The exit code of the contract.
    pub fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Broken => 2,
            Self::Unclear => 3,
            Self::Interrupted(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }
}

impl Outcome {
    /// The word that the reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Unclear => "unclear",
            Self::Failed => "failed",
            Self::Broken => "broken",
            Self::Interrupted(_) => "interrupted",
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
    fn the_codes_are_the_contracts() {
        let codes = [Outcome::Passed, Outcome::Failed, Outcome::Broken, Outcome::Unclear];
        assert_eq!(codes.map(Outcome::code), [0, 1, 2, 3]);
        assert_eq!(Outcome::Interrupted(2).code(), 130);
        assert_eq!(Outcome::Interrupted(15).code(), 143);
    }

    #[test]
    fn the_worst_part_decides() {
        let parts = [Outcome::Failed, Outcome::Passed, Outcome::Broken, Outcome::Unclear];
        assert_eq!(parts.into_iter().max(), Some(Outcome::Broken));
        assert!(Outcome::Failed > Outcome::Unclear && Outcome::Unclear > Outcome::Passed);
        assert!(Outcome::Interrupted(2) > Outcome::Broken);
    }
}
