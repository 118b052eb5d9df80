//! From a part's inventory, report and exit code to an outcome of every case. A report can be green
//! while cases are missing from it, and a case can pass because it met a known finding; neither is
//! a plain pass. Pure: no files, no printing.

use crate::{
    nextest::Inventory,
    origin::Origin,
    part::Part,
    record::{Judged, Record},
};
use knobs::findings::{Finding, Findings};
use results::{
    Case, CaseId, CaseOutcome, Layer, Outcome,
    marker::{Figures, Markers},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// The binary of what is no case and stands for nextest itself.
pub(crate) const NEXTEST: &str = "nextest";

/// What is known about a part after it ran.
pub(crate) struct Facts<'f> {
    pub(crate) part: &'f Part,
    pub(crate) inventory: &'f Inventory,
    /// The records, or why the report is unreadable.
    pub(crate) report: Result<Vec<Record>, String>,
    pub(crate) findings: &'f Findings,
    /// The engine's version.
    pub(crate) engine: &'f str,
    pub(crate) origin: &'f Origin,
    /// What nextest's exit code means; an interruption has overruled it already.
    pub(crate) outcome: Outcome,
    /// nextest's exit in words.
    pub(crate) ended: String,
    pub(crate) wall: Duration,
}

/// Judges a part.
pub(crate) fn judge(facts: Facts<'_>) -> Judged {
    let Facts { part, inventory, report, findings, engine, origin, outcome, ended, wall } = facts;
    let interrupted = matches!(outcome, Outcome::Interrupted(_));
    let expected = |finding: &&Finding| finding.is_expected(engine, part.build.engine());
    let expected: Vec<_> = findings.all().iter().filter(expected).collect();

    let (records, unreadable) = match report {
        Ok(records) => (records, None),
        Err(why) => (Vec::new(), Some(format!("the layer's report is unreadable: {why}"))),
    };
    let why_missing = if interrupted {
        "not run to its end: the run was interrupted".to_owned()
    } else {
        let silent = || format!("the case is in the inventory and has no result ({ended})");
        unreadable.unwrap_or_else(silent)
    };
    let mut cases = Vec::new();
    let mut elements = BTreeMap::new();
    for record in records {
        let listed = inventory.contains(&record.case.id);
        elements.insert(record.case.id.clone(), record.element);
        let mut case = judge_record(record.case, &record.markers, listed, &expected);
        if interrupted && cut_off(&case) {
            case.outcome = CaseOutcome::Missing;
            case.message = Some(why_missing.clone());
        }
        cases.push(case);
    }
    let seen: BTreeSet<_> = cases.iter().map(|case| case.id.clone()).collect();
    let missing = inventory.difference(&seen);
    cases.extend(missing.map(|id| resultless(id.clone(), CaseOutcome::Missing, &why_missing)));
    cases.sort_by(|left, right| left.id.cmp(&right.id));

    let failed = cases.iter().any(|case| case.outcome.fails());
    if outcome == Outcome::Failed && !failed {
        // Never let our reading of the report overrule nextest's own verdict.
        let id = CaseId { binary: NEXTEST.into(), name: part.label.into() };
        let message = format!("nextest failed ({ended}) although no case did");
        cases.push(resultless(id, CaseOutcome::Failed, &message));
    }
    for case in cases.iter_mut().filter(|case| case.outcome.fails()) {
        case.repro = Some(origin.repro(part, &case.id.name));
    }
    let outcome = if failed { outcome.max(Outcome::Failed) } else { outcome };
    let layer = Layer {
        label: part.label.to_owned(),
        build: part.build.name().to_owned(),
        engine: origin.engine.clone(),
        root_seed: origin.seed.to_string(),
        wall,
        cases,
    };
    Judged { layer, outcome, elements, machine_away_us: None, is_whole: false }
}

/// Whether the case ended because nextest passed the interruption's signal on to it.
fn cut_off(case: &Case) -> bool {
    let signal = |name: &str| case.message.as_ref().is_some_and(|text| text.contains(name));
    case.outcome == CaseOutcome::Failed && (signal("(SIGINT)") || signal("(SIGTERM)"))
}

fn resultless(id: CaseId, outcome: CaseOutcome, message: &str) -> Case {
    Case {
        id,
        outcome,
        message: Some(message.to_owned()),
        time: Duration::ZERO,
        attempts: 0,
        seed: None,
        repro: None,
        known: Vec::new(),
        figures: Figures::new(),
        story: String::new(),
    }
}

fn judge_record(mut case: Case, markers: &Markers, listed: bool, expected: &[&Finding]) -> Case {
    if listed {
        match case.outcome {
            CaseOutcome::Failed => {
                if let Some(why) = &markers.inconclusive {
                    case.outcome = CaseOutcome::Inconclusive;
                    case.message = Some(format!("inconclusive: {why}"));
                }
            }
            CaseOutcome::TimedOut => case.message = Some("past its limit, killed".to_owned()),
            CaseOutcome::Passed | CaseOutcome::FlakyPassed => {
                (case.outcome, case.message) = passed(&case, markers, expected);
            }
            _ => {}
        }
    } else {
        case.outcome = CaseOutcome::Unexpected;
        case.message = Some("the case has a result and is not in the inventory".to_owned());
    }
    let owes_reason = case.outcome.fails() || case.outcome == CaseOutcome::Skipped;
    if owes_reason && case.message.is_none() {
        case.message = Some("no reason given".to_owned());
    }
    case
}

/// A case that nextest passed: whether it did so for the reason it is there for.
fn passed(case: &Case, markers: &Markers, expected: &[&Finding]) -> (CaseOutcome, Option<String>) {
    if let Some(line) = markers.malformed.first() {
        return (CaseOutcome::Failed, Some(format!("a marker that cannot be read: {line:?}")));
    }
    if let Some(why) = &markers.inconclusive {
        let message = format!("inconclusive, yet it passed: {why}");
        return (CaseOutcome::Inconclusive, Some(message));
    }
    let unknown = markers.known.iter().find(|id| expected.iter().all(|known| known.id != **id));
    if let Some(id) = unknown {
        let message = format!(
            "finding `{id}` shows, but its entry does not accept it on this version in this build"
        );
        return (CaseOutcome::Failed, Some(message));
    }
    let owed = expected.iter().find(|finding| {
        let shows = markers.known.contains(&finding.id);
        finding.case == case.id.name && !shows && markers.skip.is_none()
    });
    if let Some(finding) = owed {
        let id = &finding.id;
        let message = format!(
            "known finding `{id}` no longer shows: if this engine mends it, MACE_PROD_UNKNOWN={id} \
             tests it like any other input, and gone_in in .config/known-findings.toml says so for good"
        );
        return (CaseOutcome::NotReproduced, Some(message));
    }
    match (&markers.skip, markers.known.is_empty()) {
        (Some(reason), _) => (CaseOutcome::Skipped, Some(reason.clone())),
        (None, false) => (CaseOutcome::Known, None),
        (None, true) => (case.outcome, None),
    }
}

/// Findings whose case none of the parts has: an entry that points nowhere checks nothing.
pub(crate) fn findings_without_case<'f>(
    findings: &'f Findings,
    engine: &'f str,
    layers: &'f [Judged],
) -> impl Iterator<Item = &'f Finding> {
    findings.for_engine(engine).filter(|finding| {
        let here =
            |judged: &Judged| judged.layer.cases.iter().any(|case| case.id.name == finding.case);
        !layers.iter().any(here)
    })
}

#[cfg(test)]
mod tests;
