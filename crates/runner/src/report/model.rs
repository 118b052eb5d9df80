//! What the report shows, whatever file it came from. Data and the questions that more than one
//! view asks of it; no files, no formats.

use crate::report::{Verdict, wire};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Everything that was found.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Model {
    /// The last validation run.
    pub results: Option<Results>,
    /// Accepted findings, whether or not they showed.
    pub known: Vec<Known>,
    /// The performance gate and its snapshots.
    pub perf: Option<Perf>,
    /// The long run.
    pub soak: Option<Soak>,
    /// The effective knobs: the run's, or those of this moment when no run left its own.
    pub knobs: Vec<wire::Setting>,
    /// Files that are there and cannot be used.
    pub problems: Vec<Problem>,
    /// What was not there, with the command that makes it.
    pub absent: Vec<(&'static str, &'static str)>,
}

/// A file that is there and cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, relative to the workspace.
    pub file: String,
    /// What is wrong with it.
    pub what: String,
}

/// Which kind of report the results were read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The merged report of `prod`: checked against the inventory, known findings apart.
    Prod,
    /// nextest's own reports: nobody has checked that no case is missing.
    Nextest,
}

/// A validation run.
#[derive(Debug, Clone)]
pub struct Results {
    /// Which kind of report this is.
    pub source: Source,
    /// The record beside the report, when there is one.
    pub record: Option<wire::Run>,
    /// The layers in the order in which they ran.
    pub layers: Vec<Layer>,
}

/// A layer in a build.
#[derive(Debug, Clone, Default)]
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

/// A case with its verdict.
#[derive(Debug, Clone)]
pub struct Case {
    /// The test binary.
    pub binary: String,
    /// The name in that binary.
    pub name: String,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, in one line.
    pub message: Option<String>,
    /// All that it said, cut to its end when that is long.
    pub story: String,
    /// How long it ran.
    pub time: Duration,
    /// Attempts in all.
    pub attempts: u32,
    /// Its own seed, derived from the root seed.
    pub seed: Option<String>,
    /// The one command that runs it again.
    pub repro: Option<String>,
    /// Known findings that it met.
    pub known: Vec<String>,
    /// What it counted.
    pub figures: BTreeMap<String, f64>,
}

/// An accepted finding.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its id.
    pub id: String,
    /// What is wrong, in one line.
    pub summary: String,
    /// The regression case that exercises it.
    pub case: String,
    /// The engine versions and builds that it was confirmed on.
    pub confirmed: String,
    /// The input that random cases leave out because of it.
    pub leaves_out: Option<String>,
    /// The story at the head of its regression file; empty when there is no such file.
    pub story: String,
    /// The layers in which it showed.
    pub seen: BTreeSet<String>,
}

/// Snapshots, the comparison, and what came before.
#[derive(Debug, Clone, Default)]
pub struct Perf {
    /// Which comparison or snapshot this is, in words.
    pub title: String,
    /// The gate's verdict and its figures as (what, value); empty for a snapshot alone.
    pub facts: Vec<(String, String)>,
    /// The cases.
    pub cases: Vec<PerfCase>,
    /// Medians of earlier snapshots in nanoseconds by case, oldest first.
    pub history: BTreeMap<String, Vec<f64>>,
}

/// One benchmark.
#[derive(Debug, Clone, Default)]
pub struct PerfCase {
    /// Group, sizes and threads, as Criterion calls it.
    pub id: String,
    /// The base's estimate in nanoseconds.
    pub base_ns: Option<f64>,
    /// The head's, or the snapshot's.
    pub head_ns: Option<f64>,
    /// The ends of the interval around `head_ns`.
    pub head_interval_ns: Option<(f64, f64)>,
    /// `(head - base) / base * 100`: positive is slower.
    pub delta_pct: Option<f64>,
    /// The ends of the interval around `delta_pct`.
    pub delta_interval_pct: Option<(f64, f64)>,
    /// The gate's word on it.
    pub verdict: Option<String>,
}

/// A long run.
#[derive(Debug, Clone, Default)]
pub struct Soak {
    /// Cycles in order.
    pub cycles: Vec<Cycle>,
    /// The names of the columns that hold numbers, in the order of the file.
    pub columns: Vec<String>,
    /// What its cases counted, over all cycles.
    pub figures: BTreeMap<String, f64>,
    /// What its summary says as (what, value).
    pub facts: Vec<(String, String)>,
    /// What its summary says about each aspect, with the figures behind it.
    pub verdicts: Vec<(String, String)>,
    /// What failed in it.
    pub failures: Vec<SoakFailure>,
}

/// A failure in a long run, as its summary says it.
#[derive(Debug, Clone, Deserialize)]
pub struct SoakFailure {
    /// The cycle; the one after the last for the check at the end.
    pub cycle: u64,
    /// The layer or step.
    pub part: String,
    /// The case, where it was one.
    #[serde(default)]
    pub case: Option<String>,
    /// In a word.
    pub verdict: String,
    /// Why, in one line.
    pub message: String,
    /// The root seed of the cycle.
    pub seed: u64,
    /// The command that repeats it, where there is one.
    #[serde(default)]
    pub repro: Option<String>,
}

/// One cycle.
#[derive(Debug, Clone, Default)]
pub struct Cycle {
    /// Its number.
    pub number: u64,
    /// Whether a part of it failed.
    pub failed: bool,
    /// Its columns that hold numbers.
    pub values: BTreeMap<String, f64>,
}

/// One point of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Where it stands: a cycle, or a snapshot's place in history.
    pub at: f64,
    /// Its value; `None` is a gap.
    pub value: Option<f64>,
    /// Whether what it stands for failed.
    pub failed: bool,
}

impl Layer {
    /// How many of its cases ended so.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.cases.iter().filter(|case| case.verdict == verdict).count()
    }

    /// How many of its cases fail the run.
    pub fn failures(&self) -> usize {
        self.cases.iter().filter(|case| case.verdict.fails()).count()
    }

    /// Sums over the cases.
    pub fn figures(&self) -> BTreeMap<&str, f64> {
        let mut sums = BTreeMap::new();
        for (name, amount) in self.cases.iter().flat_map(|case| &case.figures) {
            *sums.entry(name.as_str()).or_default() += amount;
        }
        sums
    }
}

impl Results {
    /// Every case with its layer.
    pub fn cases(&self) -> impl Iterator<Item = (&Layer, &Case)> {
        self.layers.iter().flat_map(|layer| layer.cases.iter().map(move |case| (layer, case)))
    }

    /// The cases that fail the run.
    pub fn failures(&self) -> impl Iterator<Item = (&Layer, &Case)> {
        self.cases().filter(|(_, case)| case.verdict.fails())
    }

    /// The cases that took longest, the longest first.
    pub fn slowest(&self, count: usize) -> Vec<(&Layer, &Case)> {
        let mut cases: Vec<_> = self.cases().collect();
        cases.sort_by_key(|(_, case)| std::cmp::Reverse(case.time));
        cases.truncate(count);
        cases
    }

    /// What failed besides cases.
    pub fn notes(&self) -> &[String] {
        self.record.as_ref().map_or(&[], |record| &record.notes)
    }

    /// `passed`, `failed`, `broken` or `interrupted`: the record's word, else from the cases.
    pub fn outcome(&self) -> &str {
        let from_cases = || if self.failures().next().is_some() { "failed" } else { "passed" };
        self.record.as_ref().map_or_else(from_cases, |record| &record.outcome)
    }

    /// The engine under test, or empty.
    pub fn engine(&self) -> &str {
        let first = || self.layers.first().map_or("", |layer| &layer.engine);
        self.record.as_ref().map_or_else(first, |record| &record.engine)
    }

    /// The root seed, or empty.
    pub fn root_seed(&self) -> &str {
        let first = || self.layers.first().map_or("", |layer| &layer.root_seed);
        self.record.as_ref().map_or_else(first, |record| &record.root_seed)
    }
}
