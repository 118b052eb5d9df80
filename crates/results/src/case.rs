//! What became of a case, in the words that every report uses, and the cases of a layer. Data, and
//! the questions that more than one reader asks of it; judges nothing.

use crate::marker::{self, Figures};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{fmt, time::Duration};

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CaseOutcome {
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
    /// A promise broke.
    Failed,
    /// Could not tell.
    Inconclusive,
    /// Past its limit, and killed.
    TimedOut,
    /// In the inventory, but without a result.
    Missing,
    /// Has a result, but is not in the inventory.
    Unexpected,
    /// A known finding's case that passed without meeting the finding.
    NotReproduced,
}

impl CaseOutcome {
    /// Every outcome, from best to worst.
    pub const ALL: [Self; 11] = [
        Self::Passed,
        Self::Known,
        Self::Skipped,
        Self::FlakyPassed,
        Self::Flaky,
        Self::Failed,
        Self::Inconclusive,
        Self::TimedOut,
        Self::Missing,
        Self::Unexpected,
        Self::NotReproduced,
    ];

    /// What tables count, by the names of their columns.
    pub const COLUMNS: [(&str, &[Self]); 7] = [
        ("passed", &[Self::Passed]),
        ("failed", &[Self::Failed, Self::Inconclusive, Self::Unexpected, Self::NotReproduced]),
        ("missing", &[Self::Missing]),
        ("timed out", &[Self::TimedOut]),
        ("flaky", &[Self::Flaky, Self::FlakyPassed]),
        ("known", &[Self::Known]),
        ("skipped", &[Self::Skipped]),
    ];

    /// Whether the run fails because of it.
    pub fn fails(self) -> bool {
        self >= Self::Flaky
    }

    /// The word for it, wherever one is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Known => "known",
            Self::Skipped => "skipped",
            Self::FlakyPassed => "flaky-passed",
            Self::Flaky => "flaky",
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
            Self::TimedOut => "timed-out",
            Self::Missing => "missing",
            Self::Unexpected => "unexpected",
            Self::NotReproduced => "not-reproduced",
        }
    }

    /// The outcome that has this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == word)
    }
}

impl fmt::Display for CaseOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A case by the binary it is in and its name there. Written as a pair.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaseId {
    /// The test binary.
    pub binary: String,
    /// The name in that binary.
    pub name: String,
}

impl Serialize for CaseId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.binary, &self.name).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for CaseId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (binary, name) = Deserialize::deserialize(deserializer)?;
        Ok(Self { binary, name })
    }
}

/// A case with its outcome.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Which case.
    pub id: CaseId,
    /// What became of it.
    pub outcome: CaseOutcome,
    /// Why, in one line. Always there when the outcome fails or skips.
    pub message: Option<String>,
    /// How long it ran.
    pub time: Duration,
    /// Attempts in all; 0 for a case without a result.
    pub attempts: usize,
    /// Its own seed, derived from the root seed.
    pub seed: Option<u64>,
    /// The one command that runs it again, where it failed.
    pub repro: Option<String>,
    /// Known findings that it met.
    pub known: Vec<String>,
    /// What it counted.
    pub figures: Figures,
    /// All that it said, where it failed and was read from a report.
    pub story: String,
}

impl Case {
    /// A case that ended like this at its first attempt, in no time, and says nothing.
    pub fn new(id: CaseId, outcome: CaseOutcome) -> Self {
        Self {
            id,
            outcome,
            message: None,
            time: Duration::ZERO,
            attempts: 1,
            seed: None,
            repro: None,
            known: Vec::new(),
            figures: Figures::new(),
            story: String::new(),
        }
    }
}

/// A layer in a build.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layer {
    /// Its name in the reports.
    pub label: String,
    /// `failpoints`, `plain`, or empty when the report does not say.
    pub build: String,
    /// The engine under test, or empty.
    pub engine: String,
    /// The root seed, or empty.
    pub root_seed: String,
    /// From the start of nextest to its end, or the sum over the cases.
    pub wall: Duration,
    /// Its cases.
    pub cases: Vec<Case>,
}

impl Layer {
    /// How many of its cases ended in one of these ways.
    pub fn count(&self, outcomes: &[CaseOutcome]) -> usize {
        self.cases.iter().filter(|case| outcomes.contains(&case.outcome)).count()
    }

    /// The cases that fail the run.
    pub fn failures(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().filter(|case| case.outcome.fails())
    }

    /// Sums over the cases.
    pub fn figures(&self) -> Figures {
        let mut sums = Figures::new();
        self.cases.iter().for_each(|case| marker::add(&mut sums, &case.figures));
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::{CaseId, CaseOutcome};

    #[test]
    fn words_are_read_back() {
        for outcome in CaseOutcome::ALL {
            assert_eq!(CaseOutcome::parse(outcome.name()), Some(outcome));
        }
        assert_eq!(CaseOutcome::parse("green"), None);
    }

    #[test]
    fn every_outcome_is_in_one_column_and_in_order() {
        for outcome in CaseOutcome::ALL {
            let columns = CaseOutcome::COLUMNS.iter();
            assert_eq!(columns.filter(|(_, all)| all.contains(&outcome)).count(), 1, "{outcome}");
        }
        assert!(CaseOutcome::ALL.is_sorted());
        let passes = CaseOutcome::ALL.into_iter().filter(|outcome| !outcome.fails());
        let passes: Vec<_> = passes.map(CaseOutcome::name).collect();
        assert_eq!(passes, ["passed", "known", "skipped", "flaky-passed"]);
    }

    #[test]
    fn an_id_is_written_as_a_pair() {
        let id = CaseId { binary: "b".into(), name: "a::c".into() };
        let text = serde_json::to_string(&id).unwrap();
        assert_eq!(text, r#"["b","a::c"]"#);
        assert_eq!(serde_json::from_str::<CaseId>(&text).unwrap(), id);
    }
}
