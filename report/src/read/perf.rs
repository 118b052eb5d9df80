//! The performance gate's files: `head_snapshot.json`, or `base_summary.json` and
//! `head_summary.json` of a comparison, whichever is newer, and `history.jsonl`.

use super::Reader;
use crate::model::{Perf, PerfCase};
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
    median_ns: f64,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// What is there; `None` when the gate has left nothing.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Perf> {
    let folder = reader.places.perf.clone();
    let file = |name: &str| folder.join(name);
    let (base, head) = (file("base_summary.json"), file("head_summary.json"));
    let snapshot = file("head_snapshot.json");
    let compared = written(&base).min(written(&head));
    let mut perf = if compared.is_some() && compared >= written(&snapshot) {
        let (base, head) = (summary(reader, &base)?, summary(reader, &head)?);
        comparison(base, &head)
    } else {
        snapshot_of(&summary(reader, &snapshot)?)
    };
    perf.history = history(reader, &file("history.jsonl"));
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
        head_ns: Some(estimates.median_ns),
        head_interval_ns: estimates.pair(&["median_lower_ns", "median_upper_ns"]),
        ..PerfCase::default()
    });
    Perf { title: "snapshot".to_owned(), cases: cases.collect(), ..Perf::default() }
}

fn comparison(base: Summary, head: &Summary) -> Perf {
    let mut cases: Vec<_> =
        head.cases.iter().map(|(id, head)| case(id, base.cases.get(id), head)).collect();
    // A case that is gone is said too: it is one that nobody compares any more.
    for (id, base) in base.cases.into_iter().filter(|(id, _)| !head.cases.contains_key(id)) {
        let base_ns = Some(base.median_ns);
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
    let base_ns = base.map(|base| base.median_ns);
    let delta =
        base_ns.filter(|base| *base > 0.0).map(|base| (head.median_ns - base) / base * 100.0);
    PerfCase {
        id: id.to_owned(),
        base_ns,
        head_ns: Some(head.median_ns),
        head_interval_ns: head.pair(&["median_lower_ns", "median_upper_ns"]),
        delta_pct: delta,
        delta_interval_pct: None,
        verdict: base.is_none().then(|| "new".to_owned()),
    }
}

impl Estimates {
    fn pair(&self, names: &[&str; 2]) -> Option<(f64, f64)> {
        let number = |name: &str| self.others.get(name)?.as_f64();
        Some((number(names[0])?, number(names[1])?))
    }
}

/// Medians by case of each line that has cases.
fn history(reader: &mut Reader<'_>, path: &Path) -> BTreeMap<String, Vec<f64>> {
    let mut history = BTreeMap::<String, Vec<f64>>::new();
    for (index, line) in reader.text(path).unwrap_or_default().lines().enumerate() {
        match serde_json::from_str::<Summary>(line) {
            Ok(summary) => {
                for (id, estimates) in summary.cases {
                    history.entry(id).or_default().push(estimates.median_ns);
                }
            }
            Err(error) => {
                reader.problem(path, &format!("line {}: {error}", index + 1));
                break;
            }
        }
    }
    history
}
