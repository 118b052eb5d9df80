//! What the report shows, whatever file it came from. Data and the questions that more than one
//! view asks of it; no files, no formats.

use knobs::findings::{Build, Finding, Findings, Promise, Severity};
use results::{
    Case, CaseOutcome, Layer, Outcome,
    absorbed::Absorbed,
    marker::Figures,
    run::{LayerRun, Run, Setting},
    standing::Standing,
    state::Failure,
};
use std::collections::{BTreeMap, BTreeSet};

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
    pub knobs: Vec<Setting>,
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
    pub record: Option<Run>,
    /// The layers in the order in which they ran.
    pub layers: Vec<Layer>,
}

/// An accepted finding.
#[derive(Debug, Clone)]
pub struct Known {
    /// Its id.
    pub id: String,
    /// What is wrong, in one line.
    pub summary: String,
    /// The promise that it breaks.
    pub promise: Promise,
    /// What it costs.
    pub severity: Severity,
    /// What it takes, in words.
    pub takes: String,
    /// The oldest version of the engine that is known to have it.
    pub since: Option<String>,
    /// What a user of the engine can do about it.
    pub workaround: Option<String>,
    /// Where the engine's maintainers track it.
    pub tracker: Option<String>,
    /// The command that shows our fix for it, where there is one.
    pub fix: Option<String>,
    /// The regression case that exercises it.
    pub case: String,
    /// The engine versions and builds that it was confirmed on.
    pub confirmed: String,
    /// The input that random cases leave out because of it.
    pub excludes: Option<String>,
    /// The story at the head of its regression file; empty when there is no such file.
    pub story: String,
    /// The layers in which it showed.
    pub seen: BTreeSet<String>,
    /// What the run put down to it, held against its budgets.
    pub absorbed: Vec<Absorbed>,
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

/// The fact of a comparison that says which cost grew beyond its limit.
pub(super) const COSTS_MORE: &str = "costs more";

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
    pub figures: Figures,
    /// What its summary says as (what, value).
    pub facts: Vec<(String, String)>,
    /// What its summary says about each aspect, with the figures behind it.
    pub verdicts: Vec<(String, String)>,
    /// What failed in it.
    pub failures: Vec<Failure>,
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

impl Model {
    /// Of a run that has just ended, without the stories of its findings.
    pub(crate) fn of_run(record: Run, layers: Vec<Layer>, findings: &Findings) -> Self {
        let results = Results { source: Source::Prod, record: Some(record), layers };
        let known = findings.all().iter().map(|finding| Known::of(finding, Some(&results)));
        let known = known.collect();
        Self { results: Some(results), known, ..Self::default() }
    }

    /// The accepted findings that the run met, or would have put something down to.
    pub fn known_met(&self) -> impl Iterator<Item = &Known> {
        let is_met = |known: &&Known| !known.seen.is_empty() || !known.absorbed.is_empty();
        self.known.iter().filter(is_met)
    }
}

impl Known {
    /// An entry of the file of known findings, without its story, and where the run met it.
    pub(crate) fn of(finding: &Finding, results: Option<&Results>) -> Self {
        let builds: Vec<_> = finding.builds.iter().copied().map(Build::name).collect();
        let met = results.into_iter().flat_map(Results::cases);
        let record = results.and_then(|results| results.record.as_ref());
        let absorbed = record.into_iter().flat_map(|record| &record.absorbed);
        let met = met.filter(|(_, case)| case.known.contains(&finding.id));
        Self {
            id: finding.id.clone(),
            summary: finding.summary.clone(),
            promise: finding.promise,
            severity: finding.severity,
            takes: finding.takes(),
            since: finding.since.clone(),
            workaround: finding.workaround.clone(),
            tracker: finding.tracker.clone(),
            fix: None,
            case: finding.case.clone(),
            confirmed: format!("{} ({})", finding.engine.join(", "), builds.join(", ")),
            excludes: finding.excludes.clone(),
            story: String::new(),
            absorbed: absorbed.filter(|absorbed| absorbed.finding == finding.id).cloned().collect(),
            seen: met.map(|(layer, _)| layer.label.clone()).collect(),
        }
    }
}

impl Results {
    /// Every case with its layer.
    pub fn cases(&self) -> impl Iterator<Item = (&Layer, &Case)> {
        self.layers.iter().flat_map(|layer| layer.cases.iter().map(move |case| (layer, case)))
    }

    /// The cases that fail the run.
    pub fn failures(&self) -> impl Iterator<Item = (&Layer, &Case)> {
        self.cases().filter(|(_, case)| case.outcome.fails())
    }

    /// How many of its cases ended in one of these ways.
    pub fn count(&self, outcomes: &[CaseOutcome]) -> usize {
        self.layers.iter().map(|layer| layer.count(outcomes)).sum()
    }

    /// Skipped cases by layer and reason: a hundred cases that skip for one reason are one fact.
    pub fn skips(&self) -> BTreeMap<(&str, &str), Vec<&str>> {
        let mut skips = BTreeMap::<_, Vec<_>>::new();
        for (layer, case) in self.cases().filter(|(_, it)| it.outcome == CaseOutcome::Skipped) {
            let reason = case.message.as_deref().unwrap_or("no reason given");
            skips.entry((layer.label.as_str(), reason)).or_default().push(case.id.name.as_str());
        }
        skips
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

    /// The known findings that fail the run.
    pub fn counted(&self) -> &[String] {
        self.record.as_ref().map_or(&[], |record| &record.counted)
    }

    /// How it stands with the engine's promises; nothing where no record says it.
    pub fn promises(&self) -> &[Standing] {
        self.record.as_ref().map_or(&[], |record| &record.promises)
    }

    /// How the run ended: the record's word, else from the cases.
    pub fn outcome(&self) -> Outcome {
        let from_cases =
            || if self.failures().next().is_some() { Outcome::Failed } else { Outcome::Passed };
        self.record.as_ref().map_or_else(from_cases, |record| record.outcome)
    }

    /// How a layer ended: the record's word, else from its cases.
    pub fn outcome_of(&self, layer: &Layer) -> Outcome {
        let fails = layer.failures().next().is_some();
        let from_cases = if fails { Outcome::Failed } else { Outcome::Passed };
        self.recorded(layer).map_or(from_cases, |recorded| recorded.outcome)
    }

    /// What the record says of a layer.
    pub fn recorded(&self, layer: &Layer) -> Option<&LayerRun> {
        let mut layers = self.record.iter().flat_map(|record| &record.layers);
        layers.find(|recorded| recorded.label == layer.label)
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

    /// The last line of a run: how it ended, and how many cases that was decided by.
    pub fn verdict(&self) -> String {
        let outcome = self.outcome();
        let headline = if self.counted().is_empty() {
            outcome.headline()
        } else {
            let code = outcome.max(Outcome::Failed).code();
            format!("{}, and the known findings fail the run (exit {code})", outcome.shouted())
        };
        let cases = self.cases().count();
        let known = match self.count(&[CaseOutcome::Known]) {
            0 => "no known findings".to_owned(),
            1 => "1 known finding counted apart".to_owned(),
            count => format!("{count} known findings counted apart"),
        };
        let failures = self.failures().count() + self.notes().len();
        let what = match self.outcome() {
            Outcome::Passed | Outcome::Inconclusive => format!("{cases} cases"),
            Outcome::Failed => format!("{failures} failures in {cases} cases"),
            Outcome::Broken => format!("configuration or build, after {cases} cases"),
            Outcome::Interrupted(_) => {
                let missing = self.count(&[CaseOutcome::Missing]);
                format!("{missing} of {cases} cases not run")
            }
        };
        format!("{headline}: {what}, {known}")
    }
}
