//! The counts of an exploration and their text form. Decides nothing.

use crate::{finding::Finding, persist::Profile, state::Step, trace::Summary};
use std::{
    collections::BTreeMap,
    fmt::{Display, Formatter, Result as FmtResult},
    time::Duration,
};

/// How many states of one step had which result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// States that the step generates at the chosen crash points.
    pub possible: u64,
    /// Left out because of the step's limit, by a seeded sample.
    pub left_out: u64,
    /// Not legal under the exploration's profile.
    pub illegal: u64,
    /// Same image and same promises as an earlier state.
    pub duplicate: u64,
    /// Belongs to another shard (`Explore::shard`).
    pub elsewhere: u64,
    /// Rebuilt, reopened and judged.
    pub judged: u64,
    /// Judged, and something was found.
    pub failed: u64,
}

/// The result of an exploration.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The tally of each depth and step.
    pub tallies: BTreeMap<(u8, Step), Tally>,
    /// How many judged states are legal on each profile.
    pub profiles: BTreeMap<Profile, u64>,
    /// Crash points of the trace: how many were tried, and how many there are.
    pub points: (u64, u64),
    /// Pending units that were only kept or lost together, over all crash points.
    pub beyond_window: u64,
    /// Recoveries to be cut off in turn: how many were wanted, and how many were traced.
    pub nested: (u64, u64),
    /// Why recoveries could not be traced, each reason once.
    pub untraced: Vec<String>,
    /// Distinct findings, in the order of discovery.
    pub findings: Vec<Finding>,
    /// The trace's own counts.
    pub trace: Summary,
    /// Whether the states were on a memory filesystem.
    pub in_memory: bool,
    /// How many workers ran at once.
    pub workers: usize,
    /// How long the exploration took, without shrinking.
    pub elapsed: Duration,
}

impl Report {
    /// States that were rebuilt, reopened and judged.
    pub fn judged(&self) -> u64 {
        self.tallies.values().map(|tally| tally.judged).sum()
    }

    /// States that the rules generated and a limit excluded.
    pub fn left_out(&self) -> u64 {
        self.tallies.values().map(|tally| tally.left_out).sum()
    }

    /// Judged states per second.
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
            writeln!(f, "{hits}")?;
        }
        for finding in &self.findings {
            write!(f, "FINDING {finding}")?;
        }
        Ok(())
    }
}
