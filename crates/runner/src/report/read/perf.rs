//! The performance gate's files: `compare.json` of a comparison or `head_snapshot.json`, whichever
//! is newer, and the lines of `history.jsonl` of the same kind. A comparison without `compare.json`
//! is read from its two summaries.

use super::reader::Reader;
use crate::report::model::{COSTS_MORE, Perf, PerfCase};
use results::{
    costs::{Change, Compared},
    gate::{Comparison, Entry, Judged, Kind, Origin, Sampled, Summary},
    stats,
};
use std::{collections::BTreeMap, fs, path::Path, time::SystemTime};

/// What is there; `None` when the gate has left nothing.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Perf> {
    let folder = reader.places.perf.clone();
    let file = |name: &str| folder.join(name);
    let judged = file("compare.json");
    let base = file("base_summary.json");
    let head = file("head_summary.json");
    let snapshot = reader.places.snapshot.clone();
    let compared = written(&judged).max(written(&base).min(written(&head)));
    let (kind, mut perf) = if compared.is_some() && compared >= written(&snapshot) {
        let perf = if written(&judged).is_some() {
            decided(reader.json(&judged)?)
        } else {
            comparison(summary(reader, &base)?, &summary(reader, &head)?)
        };
        (Kind::Compare, perf)
    } else {
        (Kind::Snapshot, snapshot_of(&summary(reader, &snapshot)?))
    };
    perf.history = history(reader, &file("history.jsonl"), kind);
    Some(perf)
}

fn written(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn summary(reader: &mut Reader<'_>, path: &Path) -> Option<Summary> {
    let mut summary: Summary = reader.json(path)?;
    if summary.count != summary.cases.len() {
        let what = format!("says {} cases and has {}", summary.count, summary.cases.len());
        reader.problem(path, &what);
    }
    summary.cases.retain(|id, case| {
        let is_valid = case.valid_median_ns().is_some();
        if !is_valid {
            reader.problem(path, &format!("case `{id}` has no median"));
        }
        is_valid
    });
    Some(summary)
}

fn snapshot_of(snapshot: &Summary) -> Perf {
    let cases = snapshot.cases.iter().map(|(id, sampled)| PerfCase {
        id: id.clone(),
        head_ns: Some(sampled.median_ns),
        head_interval_ns: sampled.median_interval_ns(),
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

fn case(id: &str, base: Option<&Sampled>, head: &Sampled) -> PerfCase {
    let base_ns = base.map(|base| base.median_ns);
    PerfCase {
        id: id.to_owned(),
        base_ns,
        head_ns: Some(head.median_ns),
        head_interval_ns: head.median_interval_ns(),
        delta_pct: base_ns.map(|base_ns| stats::delta_pct(base_ns, head.median_ns)),
        delta_interval_pct: None,
        verdict: base.is_none().then(|| "new".to_owned()),
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
            verdict: Some(judged.verdict.name()),
        }
    };
    let side = |origin: &Origin| format!("{}, {}", origin.engine, origin.commit);
    let mut facts = vec![
        ("gate".to_owned(), found.gate.name()),
        ("base".to_owned(), format!("{} ({})", found.base_reference, side(&found.base))),
        ("head".to_owned(), side(&found.head)),
        ("threshold".to_owned(), format!("{} %", found.threshold_pct)),
        ("load".to_owned(), format!("{:.1}", found.load)),
    ];
    if found.identical {
        facts.push(("machine code".to_owned(), "identical, so nothing was measured".to_owned()));
    }
    for change in found.costs.iter().flat_map(Compared::beyond) {
        let Change { case, figure, base, head, limit_pct, .. } = change;
        let grew = format!("{case}: {} {base} to {head} (limit {limit_pct} %)", figure.name());
        facts.push((COSTS_MORE.to_owned(), grew));
    }
    facts.extend(found.notes.into_iter().map(|note| ("note".to_owned(), note)));
    let title = "comparison of base and head".to_owned();
    let cases = found.cases.into_iter().map(case).collect();
    Perf { title, facts, cases, history: BTreeMap::new() }
}

/// Medians by case of each line of that kind that was measured as its newest was.
fn history(reader: &mut Reader<'_>, path: &Path, kind: Kind) -> BTreeMap<String, Vec<f64>> {
    let mut all = Vec::new();
    for (index, line) in reader.text(path).unwrap_or_default().lines().enumerate() {
        match serde_json::from_str::<Entry>(line) {
            Ok(entry) if entry.kind == kind => all.push(entry),
            Ok(_) => {}
            Err(error) => reader.problem(path, &format!("line {}: {error}", index + 1)),
        }
    }
    // Of the same machine code nothing is measured.
    all.retain(|entry| !entry.median_ns.is_empty());
    let mut history = BTreeMap::<String, Vec<f64>>::new();
    let Some(newest) = all.last().map(Entry::series) else { return history };
    for entry in all.into_iter().filter(|entry| entry.series() == newest) {
        for (id, median_ns) in entry.median_ns {
            history.entry(id).or_default().push(median_ns);
        }
    }
    history
}
