//! From the rows and snapshots of a long run to judgements with their figures: does a resource grow
//! without bound, do the benches get slower. Pure: no file, no clock, no printing.
//!
//! What it judges: memory, open files, threads and disk of the process that keeps one database open
//! over the run, each process apart from the one before it; and the pace of the benches over the
//! whole run, each machine apart from the one before it.
//!
//! What it does not judge, and why: commit latency, which is recorded, because one machine's disk
//! moves it more than any engine does; growth that a process shows within one cycle and gives back;
//! anything in the warm-up, because caches fill there.

mod growth;
mod pace;

pub use growth::{Resource, growth};
pub use pace::{Reading, pace};

use crate::{document::words, marker::Figures, outcome::Outcome};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What was found out about one aspect of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// Which aspect: `memory`, `open files`, `pace`, ….
    pub aspect: String,
    /// What it came to.
    #[serde(rename = "verdict")]
    pub trend: Trend,
    /// The figures behind it, in words, in one line.
    pub because: String,
    /// The same figures by name, with the unit in the name.
    pub figures: Figures,
}

/// What one aspect came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// Judged, and nothing found.
    Steady,
    /// A resource grows without bound, or the benches got slower.
    Found,
    /// There was too little to judge by, or too much noise. Never a pass.
    Inconclusive,
    /// Not asked for, or not to be had on this platform; the reason says which.
    NotJudged,
}

impl Trend {
    /// The word for it, wherever a person reads one.
    pub fn name(self) -> String {
        words(&self)
    }
}

impl Judgement {
    fn new(aspect: &str, trend: Trend, because: impl Into<String>) -> Self {
        let aspect = aspect.to_owned();
        Self { aspect, trend, because: because.into(), figures: Figures::new() }
    }

    /// An aspect that was not asked for, or cannot be had here.
    pub fn not_judged(aspect: &str, why: &str) -> Self {
        Self::new(aspect, Trend::NotJudged, why)
    }

    fn with(mut self, figures: impl IntoIterator<Item = (&'static str, f64)>) -> Self {
        self.figures.extend(figures.into_iter().map(|(name, figure)| (name.to_owned(), figure)));
        self
    }

    /// What it means for the run's exit code.
    pub fn outcome(&self) -> Outcome {
        match self.trend {
            Trend::Steady | Trend::NotJudged => Outcome::Passed,
            Trend::Found => Outcome::Failed,
            Trend::Inconclusive => Outcome::Inconclusive,
        }
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.trend {
            // What fails the run stands out.
            Trend::Found => self.trend.name().to_uppercase(),
            _ => self.trend.name(),
        };
        write!(f, "{:11} {word:12} {}", self.aspect, self.because)
    }
}

#[cfg(test)]
mod tests;
