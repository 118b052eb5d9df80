//! From a part's inventory, report and exit code to a verdict on every case. A report can be green
//! while cases are missing from it, and a case can pass because it met a known finding; neither is
//! a plain pass. Pure: no files, no printing.

use crate::report::Verdict;
use crate::{
    nextest::{CaseId, Inventory},
    part::Part,
    record::{Ended, Record},
};
use knobs::findings::{Build, Finding, Findings};
use process::Outcome;
use quick_junit::TestCase;
use results::marker::Markers;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// A case with its verdict.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) id: CaseId,
    pub(crate) verdict: Verdict,
    /// Why, in one line; always there when the verdict fails or skips.
    pub(crate) message: Option<String>,
    pub(crate) time: Duration,
    pub(crate) attempts: usize,
    pub(crate) markers: Markers,
    /// nextest's element; `None` for a case without a result.
    pub(crate) element: Option<TestCase>,
}

/// A part with a verdict on each of its cases.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) part: Part,
    pub(crate) cases: Vec<Judged>,
    /// Sums over the cases.
    pub(crate) figures: BTreeMap<String, f64>,
    /// From the start of nextest to its end.
    pub(crate) wall: Duration,
    pub(crate) outcome: Outcome,
}

impl Layer {
    pub(crate) fn count(&self, verdict: Verdict) -> usize {
        self.cases.iter().filter(|case| case.verdict == verdict).count()
    }

    pub(crate) fn failures(&self) -> impl Iterator<Item = &Judged> {
        self.cases.iter().filter(|case| case.verdict.fails())
    }
}

/// What is known about a part after it ran.
pub(crate) struct Facts<'f> {
    pub(crate) part: &'f Part,
    pub(crate) inventory: &'f Inventory,
    /// The records, or why the report is unreadable.
    pub(crate) report: Result<Vec<Record>, String>,
    pub(crate) findings: &'f Findings,
    pub(crate) engine: &'f str,
    /// What nextest's exit code means; an interruption has overruled it already.
    pub(crate) outcome: Outcome,
    /// nextest's exit in words.
    pub(crate) ended: String,
    pub(crate) wall: Duration,
}

/// Judges a part.
pub(crate) fn judge(facts: Facts<'_>) -> Layer {
    let build = if facts.part.build.has_failpoints() { Build::Failpoints } else { Build::Plain };
    let expected = |finding: &&Finding| finding.is_expected(facts.engine, build);
    let expected: Vec<_> = facts.findings.all().iter().filter(expected).collect();

    let (records, unreadable) = match facts.report {
        Ok(records) => (records, None),
        Err(why) => (Vec::new(), Some(format!("the layer's report is unreadable: {why}"))),
    };
    let seen: BTreeSet<_> = records.iter().map(|record| record.id.clone()).collect();
    let mut cases: Vec<_> = records
        .into_iter()
        .map(|record| {
            let listed = facts.inventory.contains(&record.id);
            judge_record(record, listed, &expected)
        })
        .collect();
    let why_missing = match facts.outcome {
        Outcome::Interrupted(_) => "not run to its end: the run was interrupted".to_owned(),
        _ => unreadable.unwrap_or_else(|| {
            format!("the case is in the inventory and has no result ({})", facts.ended)
        }),
    };
    if matches!(facts.outcome, Outcome::Interrupted(_)) {
        for case in cases.iter_mut().filter(|case| cut_off(case)) {
            (case.verdict, case.message) = (Verdict::Missing, Some(why_missing.clone()));
        }
    }
    let missing = facts.inventory.iter().filter(|id| !seen.contains(id));
    cases.extend(missing.map(|id| resultless(id.clone(), Verdict::Missing, &why_missing)));
    cases.sort_by(|left, right| left.id.cmp(&right.id));

    let failed = cases.iter().any(|case| case.verdict.fails());
    if facts.outcome == Outcome::Failed && !failed {
        // Never let our reading of the report overrule nextest's own verdict.
        let id = CaseId { binary: "nextest".into(), name: facts.part.label.into() };
        let message = format!("nextest failed ({}) although no case did", facts.ended);
        cases.push(resultless(id, Verdict::Failed, &message));
    }
    let mut figures = BTreeMap::new();
    for (name, amount) in cases.iter().flat_map(|case| &case.markers.figures) {
        *figures.entry(name.clone()).or_default() += amount;
    }
    let outcome = if failed { facts.outcome.max(Outcome::Failed) } else { facts.outcome };
    Layer { part: facts.part.clone(), cases, figures, wall: facts.wall, outcome }
}

/// Whether the case ended because nextest passed the interruption's signal on to it.
fn cut_off(case: &Judged) -> bool {
    let signal = |name: &str| case.message.as_ref().is_some_and(|text| text.contains(name));
    case.verdict == Verdict::Failed && (signal("(SIGINT)") || signal("(SIGTERM)"))
}

fn resultless(id: CaseId, verdict: Verdict, message: &str) -> Judged {
    Judged {
        id,
        verdict,
        message: Some(message.to_owned()),
        time: Duration::ZERO,
        attempts: 0,
        markers: Markers::default(),
        element: None,
    }
}

fn judge_record(record: Record, listed: bool, expected: &[&Finding]) -> Judged {
    let (verdict, message) = if listed {
        let reported = record.message.clone();
        match record.ended {
            Ended::Failed => {
                let inconclusive = record.markers.inconclusive.as_ref();
                let message = inconclusive.map(|why| format!("inconclusive: {why}"));
                (Verdict::Failed, message.or(reported))
            }
            Ended::TimedOut => (Verdict::TimedOut, Some("past its limit, killed".to_owned())),
            Ended::FlakyFailed => (Verdict::Flaky, reported),
            Ended::Skipped => (Verdict::Skipped, reported),
            Ended::FlakyPassed => passed(&record, expected, Verdict::FlakyPassed),
            Ended::Passed => passed(&record, expected, Verdict::Passed),
        }
    } else {
        (Verdict::Stray, Some("the case has a result and is not in the inventory".to_owned()))
    };
    let silent =
        || (verdict.fails() || verdict == Verdict::Skipped).then(|| "no reason given".into());
    Judged {
        message: message.or_else(silent),
        id: record.id,
        verdict,
        time: record.time,
        attempts: record.attempts,
        markers: record.markers,
        element: Some(record.element),
    }
}

/// A case that nextest passed: whether it did so for the reason it is there for.
fn passed(record: &Record, expected: &[&Finding], plain: Verdict) -> (Verdict, Option<String>) {
    let Record { id, markers, .. } = record;
    if let Some(line) = markers.malformed.first() {
        return (Verdict::Failed, Some(format!("a marker that cannot be read: {line:?}")));
    }
    if let Some(why) = &markers.inconclusive {
        return (Verdict::Failed, Some(format!("inconclusive, yet it passed: {why}")));
    }
    let unknown = markers.known.iter().find(|id| expected.iter().all(|known| known.id != **id));
    if let Some(id) = unknown {
        let message = format!(
            "finding `{id}` shows, but its entry does not accept it on this version in this build"
        );
        return (Verdict::Failed, Some(message));
    }
    let owed = expected.iter().find(|finding| {
        finding.case == id.name && !markers.known.contains(&finding.id) && markers.skip.is_none()
    });
    if let Some(finding) = owed {
        let id = &finding.id;
        let message =
            format!("known finding `{id}` no longer shows: say so in its entry (gone_in)");
        return (Verdict::Vanished, Some(message));
    }
    match (&markers.skip, markers.known.is_empty()) {
        (Some(reason), _) => (Verdict::Skipped, Some(reason.clone())),
        (None, false) => (Verdict::Known, None),
        (None, true) => (plain, None),
    }
}

/// Findings whose case none of the parts has: an entry that points nowhere checks nothing.
pub(crate) fn homeless<'f>(
    findings: &'f Findings,
    engine: &'f str,
    layers: &'f [Layer],
) -> impl Iterator<Item = &'f Finding> {
    findings.for_engine(engine).filter(|finding| {
        let here = |layer: &Layer| layer.cases.iter().any(|case| case.id.name == finding.case);
        !layers.iter().any(here)
    })
}

#[cfg(test)]
mod tests;
