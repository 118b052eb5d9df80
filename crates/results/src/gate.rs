//! What the perf gate writes and others read: snapshots and summaries, the comparison, the history,
//! the proofs of the self-test, and what calibration proposes. Plain data with its codec; units stand
//! in the names. Keys are only ever added. Nothing is measured or decided here.

mod history;

pub use history::{CONTROL, Compared, Entry, Kind, Series, Setup};

use crate::{costs, document::words};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

/// The version of the formats that are written.
pub const FORMAT: u32 = 1;

/// What a figure was measured on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// How many threads run at once.
    pub cores: usize,
    /// The operating system, as Rust calls it.
    pub os: String,
    /// The kernel's release.
    pub kernel: String,
    /// What `rustc --version` says.
    pub rustc: String,
}

/// What was measured, where and when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The engine, its version and where it is from.
    pub engine: String,
    /// The commit of the tree, marked when files differed from it.
    pub commit: String,
    /// The machine.
    #[serde(default)]
    pub machine: Machine,
    /// Seconds since 1970.
    #[serde(default)]
    pub at_secs: u64,
}

impl Origin {
    /// What is measured from now on.
    pub fn now(engine: String, commit: String, machine: Machine) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { engine, commit, machine, at_secs: since.as_secs() }
    }

    /// As much of the commit's name as tells it from the others.
    pub fn short_commit(&self) -> &str {
        short(&self.commit)
    }
}

fn short(commit: &str) -> &str {
    commit.char_indices().nth(12).map_or(commit, |(end, _)| &commit[..end])
}

/// One case as it was measured, in nanoseconds for an iteration. A file made by hand may have the
/// median alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sampled {
    /// The low quantile of the samples; of a revision in a comparison, the gate's estimate.
    pub low_ns: f64,
    /// The median.
    pub median_ns: f64,
    /// The mean.
    pub mean_ns: f64,
    /// The lower end of the 95 % interval of the median.
    pub median_low_ns: Option<f64>,
    /// The upper end.
    pub median_high_ns: Option<f64>,
    /// How many samples there are.
    pub samples: usize,
    /// Criterion's own `estimates.json`. Only a snapshot has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimates: Option<serde_json::Value>,
}

impl Sampled {
    /// The median, where it is a time.
    pub fn valid_median_ns(&self) -> Option<f64> {
        Some(self.median_ns).filter(|ns| ns.is_finite() && *ns > 0.0)
    }

    /// The 95 % interval of the median.
    pub fn median_interval_ns(&self) -> Option<(f64, f64)> {
        self.median_low_ns.zip(self.median_high_ns)
    }
}

/// `base_summary.json`, `head_summary.json` and `head_snapshot.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// [`FORMAT`].
    #[serde(default)]
    pub format: u32,
    /// How many cases there are.
    #[serde(default)]
    pub count: usize,
    /// The cases by name.
    pub cases: BTreeMap<String, Sampled>,
    /// What was measured.
    #[serde(default)]
    pub origin: Origin,
}

impl Summary {
    /// A summary of these cases.
    pub fn new(cases: BTreeMap<String, Sampled>, origin: Origin) -> Self {
        Self { format: FORMAT, count: cases.len(), cases, origin }
    }
}

/// The costs of one revision, by case: `costs.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Costed {
    /// [`FORMAT`].
    pub format: u32,
    /// What was counted.
    pub origin: Origin,
    /// The cases.
    pub cases: BTreeMap<String, costs::Costs>,
}

/// One of the two versions that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// What is compared with.
    Base,
    /// What is judged.
    Head,
}

/// Where a run stands in the order of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Which revision ran.
    pub side: Side,
    /// The round, from 0; each has two runs of each side.
    pub round: usize,
    /// Its place in the round, 0 to 3.
    pub slot: usize,
    /// The link layout that it ran in.
    pub layout: usize,
}

/// One short process run of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// The low quantile of its samples.
    pub low_ns: f64,
    /// Their median.
    pub median_ns: f64,
    /// Their mean.
    pub mean_ns: f64,
    /// How many there are.
    pub samples: usize,
    /// How long the process took, in milliseconds.
    #[serde(default)]
    pub wall_ms: f64,
    /// Load average of the last minute when the run ended.
    pub load: f64,
}

/// What the runs of a case show, before anything is decided.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The gate's estimate of base.
    pub base_ns: f64,
    /// The gate's estimate of head.
    pub head_ns: f64,
    /// `(head - base) / base * 100`: positive is slower.
    pub delta_pct: f64,
    /// The 5 % bound of `delta_pct`, over random halves of the rounds.
    pub low_pct: f64,
    /// The 95 % bound.
    pub high_pct: f64,
    /// The median of base's medians.
    pub base_median_ns: f64,
    /// The median of head's medians.
    pub head_median_ns: f64,
    /// The delta of these two.
    pub median_delta_pct: f64,
    /// How much base differs from itself.
    #[serde(rename = "floor_pct")]
    pub noise_floor_pct: f64,
    /// How many rounds there are.
    pub rounds: usize,
    /// The share of halves that do not show a slowdown beyond the bound.
    pub p_value: f64,
}

/// The gate's verdict on a case; the worst comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Confirmed slower than the limit.
    Regressed,
    /// The machine was too noisy, or the time ended.
    Inconclusive,
    /// Confirmed, or never suspected.
    Unchanged,
    /// Faster than the limit; nothing depends on it.
    Faster,
    /// Too small to be gated.
    TooSmall,
}

impl Verdict {
    /// The word for it, wherever it is shown.
    pub fn name(self) -> String {
        words(&self)
    }
}

/// The verdict on a whole comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// No more cases regressed than are allowed, and no cost grew beyond its limit.
    Passed,
    /// More cases regressed than are allowed, or a cost grew beyond its limit.
    Failed,
    /// Fewer cases are comparable than are demanded; this fails.
    TooFewCases,
    /// The machine was too noisy, or the time ended. Never a pass.
    Inconclusive,
}

impl Gate {
    /// The word for it, wherever it is shown.
    pub fn name(self) -> String {
        words(&self)
    }
}

/// A case with its runs and the verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Its name.
    pub case: String,
    /// The verdict.
    pub verdict: Verdict,
    /// Of the confirming rounds where there are any, else of the screening.
    pub estimate: Option<Estimate>,
    /// Whether it was measured again, in fresh rounds.
    pub suspect: bool,
    /// The runs of the screening.
    pub screening: Vec<Run>,
    /// The runs of the confirming rounds.
    pub confirming: Vec<Run>,
}

impl Judged {
    /// The runs that the verdict rests on.
    pub fn deciding(&self) -> &[Run] {
        if self.confirming.is_empty() { &self.screening } else { &self.confirming }
    }
}

/// Instructions of a case in both revisions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// The case.
    pub case: String,
    /// Of base, the smaller of two counts.
    pub base: u64,
    /// Of head.
    pub head: u64,
    /// The growth.
    pub delta_pct: f64,
    /// A smaller growth says nothing.
    pub limit_pct: f64,
    /// What time and count say together; empty before the time is known.
    pub meaning: String,
    /// The functions whose counts grew most, with by how much.
    pub grew: Vec<(String, u64)>,
}

/// `compare.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// [`FORMAT`].
    pub format: u32,
    /// The verdict.
    pub gate: Gate,
    /// Both revisions are the same machine code.
    pub identical: bool,
    /// The base that was asked for.
    pub base_reference: String,
    /// The base that was measured.
    pub base: Origin,
    /// The head.
    pub head: Origin,
    /// What the reader has to know, one line each.
    pub notes: Vec<String>,
    /// The seed of the order of runs.
    pub seed: u64,
    /// Link layouts of each revision.
    pub layouts: usize,
    /// A case that is slower than this has regressed.
    pub threshold_pct: f64,
    /// How many cases may regress.
    pub max_regress_cases: usize,
    /// Load average when it began.
    pub load: f64,
    /// The share of the last minute in which something waited for a core.
    pub cpu_pressure_pct: Option<f64>,
    /// The cases.
    pub cases: Vec<Judged>,
    /// Instructions, where valgrind is there.
    pub instructions: Vec<Counted>,
    /// What operations cost in file calls, bytes and memory, where that was counted.
    #[serde(default)]
    pub costs: Option<costs::Compared>,
}

impl Comparison {
    /// How many cases have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.cases.iter().filter(|case| case.verdict == verdict).count()
    }

    /// Whether nothing was measured because there was nothing to measure.
    pub fn is_unmeasured(&self) -> bool {
        self.identical && self.cases.is_empty()
    }
}

/// Comparisons that found a slowdown in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct InTime {
    /// The seconds.
    pub secs: f64,
    /// How many found it.
    pub found: usize,
}

/// A line of `selftest.jsonl`: how often the gate was right on a machine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    /// [`FORMAT`].
    pub format: u32,
    /// What was measured.
    pub origin: Origin,
    /// What the head of these comparisons is.
    pub kind: String,
    /// `complete`; older versions also drew comparisons from a pool of recorded runs.
    pub source: String,
    /// How many comparisons there are.
    pub runs: usize,
    /// How many of them failed.
    pub failed: usize,
    /// How many are inconclusive.
    pub inconclusive: usize,
    /// How many failed in the time that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_time: Option<InTime>,
    /// Cases compared that have no slowdown.
    pub clean_cases: usize,
    /// How many of these regressed.
    pub falsely_flagged: usize,
    /// What measuring took, without building, in the middle.
    #[serde(rename = "middle_secs")]
    pub median_secs: f64,
    /// What it took at most.
    pub slowest_secs: f64,
    /// Load average.
    pub load: f64,
}

/// What `calibrate` proposes for `.config/perf.toml`.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// `MACE_PERF_REGRESS_PCT`.
    pub regress_pct: f64,
    /// `MACE_PERF_COMPARE_FILTERS`, and their number is `MACE_PERF_MIN_COMPARE_CASES`.
    pub cases: Vec<String>,
}

impl Proposal {
    /// The knobs with their values in TOML.
    pub fn knobs(&self) -> [(&'static str, String); 4] {
        [
            // A whole number is written as one.
            ("MACE_PERF_REGRESS_PCT", self.regress_pct.to_string()),
            // The threshold is beyond all that the same code showed, and leaves nothing to allow.
            ("MACE_PERF_MAX_REGRESS_CASES", "0".to_owned()),
            ("MACE_PERF_MIN_COMPARE_CASES", self.cases.len().to_string()),
            ("MACE_PERF_COMPARE_FILTERS", format!("{:?}", self.cases.join(","))),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::{Origin, Sampled, Summary};
    use crate::snapshot::Snapshot;

    #[test]
    fn a_summary_has_the_keys_of_the_contract() {
        let sampled = |median_ns| Sampled { median_ns, mean_ns: 2.0, ..Sampled::default() };
        let cases = [("Control/spin", 9e9), ("Put/K16-V16/1", 100.0), ("Get/K16-V16/1", 200.0)];
        let cases = cases.map(|(name, median)| (name.to_owned(), sampled(median)));
        let summary = Summary::new(cases.into(), Origin::default());
        let snapshot = Snapshot::of(&summary).unwrap();
        for (found, expected) in [(snapshot.p50_ns(), 150.0), (snapshot.p95_ns(), 200.0)] {
            assert!((found - expected).abs() < 1e-9, "{found} instead of {expected}");
        }
        let json = serde_json::to_value(&summary).unwrap();
        assert_eq!(json["count"], 3);
        assert_eq!(json["cases"]["Put/K16-V16/1"]["median_ns"], 100.0);
        assert_eq!(json["cases"]["Put/K16-V16/1"]["mean_ns"], 2.0);
    }
}
