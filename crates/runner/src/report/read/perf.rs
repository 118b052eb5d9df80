//! The performance gate's files: `compare.json` of a comparison or `head_snapshot.json`, whichever
//! is newer, and the lines of `history.jsonl` of the same kind. A comparison without `compare.json`
//! is read from its two summaries.

use super::Reader;
use crate::report::model::{Perf, PerfCase};
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path, time::SystemTime};

/// A summary or a snapshot, as the contract fixes it; further keys may stand beside these.
#[derive(Debug, Deserialize)]
struct Summary {
    count: usize,
    cases: BTreeMap<String, Estimates>,
}

#[derive(Debug, Deserialize)]
struct Estimates {
    #[serde(rename = "median_ns")]
    median: f64,
    /// The ends of the median's interval.
    #[serde(rename = "median_low_ns")]
    low: Option<f64>,
    #[serde(rename = "median_high_ns")]
    high: Option<f64>,
}

/// What `perf compare` decided.
#[derive(Debug, Deserialize)]
struct Comparison {
    gate: String,
    identical: bool,
    base_reference: String,
    base: Origin,
    head: Origin,
    notes: Vec<String>,
    threshold_pct: f64,
    load: f64,
    cases: Vec<Judged>,
}

#[derive(Debug, Deserialize)]
struct Origin {
    engine: String,
    commit: String,
}

#[derive(Debug, Deserialize)]
struct Judged {
    case: String,
    verdict: String,
    estimate: Option<Estimate>,
}

#[derive(Debug, Deserialize)]
struct Estimate {
    base_ns: f64,
    head_ns: f64,
    delta_pct: f64,
    low_pct: f64,
    high_pct: f64,
}

/// A line of the history.
#[derive(Debug, Deserialize)]
struct Past {
    kind: String,
    /// How and where it was measured, compared and not looked into; older lines lack it.
    #[serde(default)]
    setup: Value,
    #[serde(default)]
    origin: Value,
    median_ns: BTreeMap<String, f64>,
}

impl Past {
    /// Whether the times of the two can stand in one curve.
    fn is_like(&self, other: &Self) -> bool {
        (&self.kind, &self.setup, &self.origin["machine"])
            == (&other.kind, &other.setup, &other.origin["machine"])
    }
}

/// What is there; `None` when the gate has left nothing.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Perf> {
    let folder = reader.places.perf.clone();
    let file = |name: &str| folder.join(name);
    let (judged, snapshot) = (file("compare.json"), file("head_snapshot.json"));
    let (base, head) = (file("base_summary.json"), file("head_summary.json"));
    let compared = written(&judged).max(written(&base).min(written(&head)));
    let (kind, mut perf) = if compared.is_some() && compared >= written(&snapshot) {
        let perf = if written(&judged).is_some() {
            decided(reader.json(&judged)?)
        } else {
            comparison(summary(reader, &base)?, &summary(reader, &head)?)
        };
        ("compare", perf)
    } else {
        ("snapshot", snapshot_of(&summary(reader, &snapshot)?))
    };
    perf.history = history(reader, &file("history.jsonl"), kind);
    Some(perf)
}

fn written(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn summary(reader: &mut Reader<'_>, path: &Path) -> Option<Summary> {
    let summary: Summary = reader.json(path)?;
    if summary.count != summary.cases.len() {
        let what = format!("says {} cases and has {}", summary.count, summary.cases.len());
        reader.problem(path, &what);
    }
    Some(summary)
}

fn snapshot_of(snapshot: &Summary) -> Perf {
    let cases = snapshot.cases.iter().map(|(id, estimates)| PerfCase {
        id: id.clone(),
        head_ns: Some(estimates.median),
        head_interval_ns: estimates.interval(),
        ..PerfCase::default()
    });
    Perf { title: "snapshot".to_owned(), cases: cases.collect(), ..Perf::default() }
}

fn comparison(base: Summary, head: &Summary) -> Perf {
    let mut cases: Vec<_> =
        head.cases.iter().map(|(id, head)| case(id, base.cases.get(id), head)).collect();
    // A case that is gone is said too: it is one that nobody compares any more.
    for (id, base) in base.cases.into_iter().filter(|(id, _)| !head.cases.contains_key(id)) {
        let base_ns = Some(base.median);
        cases.push(PerfCase {
            id,
            base_ns,
            verdict: Some("gone".to_owned()),
            ..PerfCase::default()
        });
    }
    Perf { title: "comparison of base and head".to_owned(), cases, ..Perf::default() }
}

fn case(id: &str, base: Option<&Estimates>, head: &Estimates) -> PerfCase {
    let base_ns = base.map(|base| base.median);
    let delta = base_ns.filter(|base| *base > 0.0).map(|base| (head.median - base) / base * 100.0);
    PerfCase {
        id: id.to_owned(),
        base_ns,
        head_ns: Some(head.median),
        head_interval_ns: head.interval(),
        delta_pct: delta,
        delta_interval_pct: None,
        verdict: base.is_none().then(|| "new".to_owned()),
    }
}

impl Estimates {
    fn interval(&self) -> Option<(f64, f64)> {
        self.low.zip(self.high)
    }
}

fn decided(found: Comparison) -> Perf {
    let case = |judged: Judged| {
        let estimate = judged.estimate.as_ref();
        PerfCase {
            id: judged.case,
            base_ns: estimate.map(|estimate| estimate.base_ns),
            head_ns: estimate.map(|estimate| estimate.head_ns),
            head_interval_ns: None,
            delta_pct: estimate.map(|estimate| estimate.delta_pct),
            delta_interval_pct: estimate.map(|estimate| (estimate.low_pct, estimate.high_pct)),
            verdict: Some(judged.verdict.replace('_', " ")),
        }
    };
    let side = |origin: &Origin| format!("{}, {}", origin.engine, origin.commit);
    let mut facts = vec![
        ("gate".to_owned(), found.gate.replace('_', " ")),
        ("base".to_owned(), format!("{} ({})", found.base_reference, side(&found.base))),
        ("head".to_owned(), side(&found.head)),
        ("threshold".to_owned(), format!("{} %", found.threshold_pct)),
        ("load".to_owned(), format!("{:.1}", found.load)),
    ];
    if found.identical {
        facts.push(("machine code".to_owned(), "identical, so nothing was measured".to_owned()));
    }
    facts.extend(found.notes.into_iter().map(|note| ("note".to_owned(), note)));
    let title = "comparison of base and head".to_owned();
    let cases = found.cases.into_iter().map(case).collect();
    Perf { title, facts, cases, history: BTreeMap::new() }
}

/// Medians by case of each line of that kind that was measured as its newest was.
fn history(reader: &mut Reader<'_>, path: &Path, kind: &str) -> BTreeMap<String, Vec<f64>> {
    let mut all = Vec::new();
    for (index, line) in reader.text(path).unwrap_or_default().lines().enumerate() {
        match serde_json::from_str::<Past>(line) {
            Ok(past) if past.kind == kind => all.push(past),
            Ok(_) => {}
            Err(error) => reader.problem(path, &format!("line {}: {error}", index + 1)),
        }
    }
    // Of the same machine code nothing is measured.
    all.retain(|past| !past.median_ns.is_empty());
    let mut history = BTreeMap::<String, Vec<f64>>::new();
    let Some(newest) = all.last() else { return history };
    for past in all.iter().filter(|past| past.is_like(newest)) {
        for (id, median_ns) in &past.median_ns {
            history.entry(id.clone()).or_default().push(*median_ns);
        }
    }
    history
}
