//! What a known finding may take of what a run judges, as its entry states it. Data, and what makes it
//! usable; holds no run against it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Crash states of a recorded run.
    CrashStates,
    /// Runs on a failing disk.
    FaultRuns,
    /// Chaos cases: one process each that dies at a failpoint.
    Crashes,
    /// Operations of a contract case.
    Operations,
    /// Databases with one damage each.
    Damages,
}

impl Unit {
    /// Every unit.
    pub const ALL: [Self; 5] =
        [Self::CrashStates, Self::FaultRuns, Self::Crashes, Self::Operations, Self::Damages];

    /// The word for it in a sentence.
    pub const fn words(self) -> &'static str {
        match self {
            Self::CrashStates => "crash states",
            Self::FaultRuns => "runs on a failing disk",
            Self::Crashes => "chaos cases",
            Self::Operations => "operations",
            Self::Damages => "damaged databases",
        }
    }
}

/// How many were put down to the finding, of how many that were judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Put down to it.
    pub seen: u64,
    /// Judged.
    pub of: u64,
}

/// The share of one unit that a finding may take, as it was measured.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// What is counted.
    pub unit: Unit,
    /// In how many runs of the suite, each with a seed of its own.
    pub runs: u32,
    /// How many were judged in those runs, by all cases together.
    pub of: u64,
    /// The bound of the share of all cases together: the rate is above it in one of ten thousand
    /// measurements like this one.
    pub at_most: f64,
    /// How many times more the counts vary from run to run than independent ones would: 1 or more.
    pub spread: f64,
    /// The cases that put any down to it.
    #[serde(default)]
    pub cases: BTreeMap<String, Share>,
}

impl Budget {
    /// Whether it was measured in as many runs as it takes to see how far runs differ. A bound of fewer is
    /// printed and fails nothing.
    pub fn is_settled(&self) -> bool {
        self.runs >= 20
    }

    /// How many were put down to the finding in all runs.
    pub fn seen(&self) -> u64 {
        self.cases.values().map(|share| share.seen).sum()
    }

    /// The cases that put none down to it, together.
    pub fn others(&self) -> Share {
        let listed: u64 = self.cases.values().map(|share| share.of).sum();
        Share { seen: 0, of: self.of.saturating_sub(listed) }
    }

    /// What has to be corrected, if anything.
    pub(crate) fn remedy(&self) -> Option<&'static str> {
        let listed: u64 = self.cases.values().map(|share| share.of).sum();
        if self.runs == 0 {
            Some("say in how many runs its share was measured")
        } else if self.cases.values().any(|share| share.seen > share.of) {
            Some("say for each case how many it put down to the finding, of how many")
        } else if listed > self.of {
            Some("say in `of` how many all cases judged, those that are listed among them")
        } else if !(self.spread >= 1.0 && self.spread.is_finite()) {
            Some("say `spread = 1.0` or more")
        } else if !(self.at_most > 0.0 && self.at_most <= 1.0) {
            Some("say in `at_most` a share between 0 and 1")
        } else {
            None
        }
    }
}
