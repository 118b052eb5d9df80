//! The verdict on the engine, from what cases said they tried, which confirmed findings the engine has,
//! and what failed. The words are `results::standing`'s. Pure: no files, no printing.
//!
//! A case tried what its figures say; the rule by which the suite says so is in `src/oracle/promise.rs`. A
//! regression tries one place that is known, so it proves nothing of the rest: it does not count as tried. A
//! finding counts against its promise where it showed, and where the entry says that the engine has it, whether
//! this run came by it or not, as long as the promise was tried; one that its regression tried in vain does not. A case that failed before it could say what it tries may
//! concern any promise that was tried.

use crate::{part, record::Judged};
use knobs::findings::{Build, Finding, Findings, Promise};
use results::{
    Case, CaseOutcome, Layer,
    marker::Figures,
    standing::{self, Standing, Word},
    stats,
};
use std::collections::{BTreeMap, BTreeSet};

/// What is said of how much was tried: a figure, and the word for it.
const AMOUNTS: [(&str, &str); 6] = [
    ("transactions", "transactions"),
    ("operations", "operations"),
    ("kills", "kills"),
    ("faults_hit", "faults"),
    ("crash_states.distinct", "crash states"),
    ("faults.runs", "runs on a failing disk"),
];

/// How it stands with each promise after these layers. The project's own tests plant defects, and say
/// nothing of the engine.
pub(crate) fn standings(findings: &Findings, engine: &str, layers: &[Judged]) -> Vec<Standing> {
    let own = part::own().label;
    let layers = layers.iter().map(|judged| &judged.layer).filter(|layer| layer.label != own);
    let layers: Vec<&Layer> = layers.collect();
    let has = |finding: &&Finding| {
        let builds = Build::ALL.into_iter();
        let ran = |build: &Build| layers.iter().any(|layer| layer.build == build.name());
        builds.filter(ran).any(|build| finding.is_expected(engine, build))
    };
    let regression = |case: &Case| findings.all().iter().find(|of| of.case == case.id.name);
    let cases = || layers.iter().flat_map(|layer| &layer.cases);
    let shown: BTreeSet<&str> =
        cases().flat_map(|case| case.known.iter().map(String::as_str)).collect();
    // Its regression came to where it showed, and it shows nowhere: this engine is another one there.
    let is_gone = |finding: &&Finding| {
        let is_so = |case: &Case| {
            case.outcome == CaseOutcome::NotReproduced && case.id.name == finding.case
        };
        cases().any(is_so) && !shown.contains(finding.id.as_str())
    };
    let is_shown = |finding: &&Finding| shown.contains(finding.id.as_str());
    let here = findings.all().iter().filter(|finding| is_shown(finding) || has(finding));
    let confirmed: Vec<&Finding> = here.filter(|finding| !is_gone(finding)).collect();
    let others: Vec<&Case> = cases().filter(|case| regression(case).is_none()).collect();
    let says =
        |case: &Case, promise: Promise| standing::tried(&case.figures).any(|it| it == promise);
    let of = |promise: Promise| {
        let tried = others.iter().filter(|case| judged(case) && says(case, promise));
        let tried: Vec<&Figures> = tried.map(|case| &case.figures).collect();
        let concerns = |case: &&Case| match regression(case) {
            Some(finding) => finding.promise == promise,
            None => says(case, promise) || standing::tried(&case.figures).next().is_none(),
        };
        let failed = cases().filter(|case| fails(case)).filter(concerns).count() as u64;
        let broken_by = confirmed.iter().filter(|finding| finding.promise == promise);
        let broken_by: Vec<&str> = broken_by.map(|finding| finding.id.as_str()).collect();
        let is_shown = broken_by.iter().any(|id| shown.contains(id));
        let is_tried =
            !tried.is_empty() || others.iter().any(|case| fails(case) && says(case, promise));
        let verdict = if is_shown || (is_tried && !broken_by.is_empty()) {
            Word::Broken
        } else if !is_tried {
            Word::NotTried
        } else if failed > 0 {
            Word::InDoubt
        } else {
            Word::Kept
        };
        Standing {
            promise,
            verdict,
            findings: broken_by.into_iter().map(str::to_owned).collect(),
            cases: tried.len() as u64,
            failed,
            amounts: amounts(&tried),
        }
    };
    Promise::ALL.into_iter().map(of).collect()
}

/// Whether a case ran and failed. One that did not run says nothing of the engine.
fn fails(case: &Case) -> bool {
    case.outcome.fails() && case.outcome != CaseOutcome::Missing
}

/// Whether a case did what it is there for.
fn judged(case: &Case) -> bool {
    matches!(case.outcome, CaseOutcome::Passed | CaseOutcome::Known | CaseOutcome::FlakyPassed)
}

fn amounts(tried: &[&Figures]) -> BTreeMap<String, u64> {
    let mut amounts = BTreeMap::new();
    for (figure, word) in AMOUNTS {
        let sum: f64 = tried.iter().filter_map(|figures| figures.get(figure)).sum();
        if sum > 0.0 {
            amounts.insert(word.to_owned(), stats::whole(sum));
        }
    }
    amounts
}

/// A line for each known finding that a run met, where these fail it (`MACE_PROD_KNOWN`).
pub(crate) fn known_failures(findings: &Findings, layers: &[Judged]) -> Vec<String> {
    let cases = layers.iter().flat_map(|judged| &judged.layer.cases);
    let met: BTreeSet<&str> =
        cases.flat_map(|case| case.known.iter().map(String::as_str)).collect();
    let line = |finding: &Finding| {
        let Finding { id, promise, severity, .. } = finding;
        let promise = promise.title();
        let severity = severity.title();
        format!("known finding `{id}` ({promise}: {severity})")
    };
    findings.all().iter().filter(|finding| met.contains(finding.id.as_str())).map(line).collect()
}

#[cfg(test)]
mod tests;
