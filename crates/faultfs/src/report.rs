//! What an exploration did, in numbers, and how that reads. Counts; decides nothing.

use crate::{finding::Finding, persist::Profile, state::Step, trace::Summary};
use std::{
    collections::BTreeMap,
    fmt::{Display, Formatter, Result as FmtResult},
    time::Duration,
};

/// What became of the states of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// States that the rules of the step give at the chosen crash points.
    pub possible: u64,
    /// Left out because the step has a limit; chosen by the seed.
    pub left_out: u64,
    /// Not legal under the profile of the exploration.
    pub illegal: u64,
    /// The same image with the same promises as one before.
    pub duplicate: u64,
    /// Another part's, when the exploration is one of several (`Explore::shard`).
    pub elsewhere: u64,
    /// Rebuilt, reopened and judged.
    pub judged: u64,
    /// Judged, and something was found.
    pub failed: u64,
}

/// What an exploration did.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// For each depth and step.
    pub tallies: BTreeMap<(u8, Step), Tally>,
    /// How many judged states are legal on each profile.
    pub profiles: BTreeMap<Profile, u64>,
    /// Crash points of the trace that were tried, of all there are.
    pub points: (u64, u64),
    /// Pending units that were only kept and dropped together, over all crash points.
    pub beyond_window: u64,
    /// Recoveries that were cut off in turn: wanted, and traced.
    pub nested: (u64, u64),
    /// Why recoveries could not be traced, each once.
    pub untraced: Vec<String>,
    /// Distinct findings, in the order of discovery.
    pub findings: Vec<Finding>,
    /// What the trace itself counted.
    pub trace: Summary,
    /// Whether the states stood on a memory filesystem.
    pub in_memory: bool,
    /// Workers at once.
    pub workers: usize,
    /// How long the exploration took, shrinking left out.
    pub elapsed: Duration,
}

impl Report {
    /// States that were rebuilt, reopened and judged.
    pub fn judged(&self) -> u64 {
        self.tallies.values().map(|tally| tally.judged).sum()
    }

    /// States that the rules gave and that were left out by a limit.
    pub fn left_out(&self) -> u64 {
        self.tallies.values().map(|tally| tally.left_out).sum()
    }

    /// Judged states a second.
    pub fn rate(&self) -> f64 {
        self.judged() as f64 / self.elapsed.as_secs_f64().max(f64::EPSILON)
    }

    pub(crate) fn tally(&mut self, depth: u8, step: Step) -> &mut Tally {
        self.tallies.entry((depth, step)).or_default()
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        writeln!(
            f,
            "{} states judged in {:.1?}: {:.0} states/s with {} worker(s){}",
            self.judged(),
            self.elapsed,
            self.rate(),
            self.workers,
            if self.in_memory { ", in memory" } else { ", on disk" }
        )?;
        writeln!(f, "crash points: {} of {}", self.points.0, self.points.1)?;
        writeln!(
            f,
            "depth step        possible  left-out   illegal duplicate elsewhere    judged    failed"
        )?;
        for ((depth, step), tally) in &self.tallies {
            let Tally { possible, left_out, illegal, duplicate, elsewhere, judged, failed } = tally;
            writeln!(
                f,
                "{depth:<5} {step:<9} {possible:>10}{left_out:>10}{illegal:>10}{duplicate:>10}{elsewhere:>10}{judged:>10}{failed:>10}"
            )?;
        }
        let (wanted, traced) = self.nested;
        writeln!(f, "recoveries cut off in turn: {traced} of {wanted}")?;
        self.untraced.iter().try_for_each(|why| writeln!(f, "  not traced: {why}"))?;
        writeln!(
            f,
            "pending units beyond the window, kept and dropped together: {}",
            self.beyond_window
        )?;
        for (profile, count) in &self.profiles {
            writeln!(f, "legal on {profile:<13} {count:>9}")?;
        }
        for refusal in &self.trace.refused {
            writeln!(f, "refused {}: {}", refusal.call, refusal.why)?;
        }
        for hits in &self.trace.rules {
            writeln!(f, "rule {}: fired {} of {}", hits.rule, hits.fired, hits.matched)?;
        }
        for finding in &self.findings {
            write!(f, "FINDING {finding}")?;
        }
        Ok(())
    }
}
