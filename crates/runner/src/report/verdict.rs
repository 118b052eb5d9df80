//! What became of a case, in the words that every report uses. A vocabulary: the judging is done
//! by `prod`.

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Did what it is there for.
    Passed,
    /// Met the known findings it is there for, and says so.
    Known,
    /// Did not do its work, with a reason.
    Skipped,
    /// Passed on a later attempt, which `CHAOS_FLAKY` lets pass.
    FlakyPassed,
    /// Passed on a later attempt only.
    Flaky,
    /// A promise broke, or the case could not tell.
    Failed,
    /// Past its limit, and killed.
    TimedOut,
    /// In the inventory, but without a result.
    Missing,
    /// Has a result, but is not in the inventory.
    Stray,
    /// A known finding's case that passed without meeting the finding.
    Vanished,
}

impl Verdict {
    /// Every verdict, from best to worst.
    pub const ALL: [Self; 10] = [
        Self::Passed,
        Self::Known,
        Self::Skipped,
        Self::FlakyPassed,
        Self::Flaky,
        Self::Failed,
        Self::TimedOut,
        Self::Missing,
        Self::Stray,
        Self::Vanished,
    ];

    /// Whether the run fails because of it.
    pub fn fails(self) -> bool {
        match self {
            Self::Passed | Self::Known | Self::Skipped | Self::FlakyPassed => false,
            Self::Flaky
            | Self::Failed
            | Self::TimedOut
            | Self::Missing
            | Self::Stray
            | Self::Vanished => true,
        }
    }

    /// The word that the reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Known => "known",
            Self::Skipped => "skipped",
            Self::FlakyPassed => "flaky-passed",
            Self::Flaky => "flaky",
            Self::Failed => "failed",
            Self::TimedOut => "timed-out",
            Self::Missing => "missing",
            Self::Stray => "stray",
            Self::Vanished => "vanished",
        }
    }

    /// The verdict that has this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.name() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict;

    #[test]
    fn words_are_read_back() {
        for verdict in Verdict::ALL {
            assert_eq!(Verdict::parse(verdict.name()), Some(verdict));
        }
        assert_eq!(Verdict::parse("green"), None);
    }
}
