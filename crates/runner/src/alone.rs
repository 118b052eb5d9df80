//! `prod fixes try`: the engine with one of our fixes and with those that it is made on top of. It has to
//! build, and the regression of its finding has to come to its window and to show nothing. It judges no case
//! itself.

use crate::{
    fixes::{self, Known},
    record::Judged,
    trials::{self, Bench, Failure, Order, Plan, Subject, Trial},
};
use knobs::{findings::Findings, knob};
use process::{
    Error, Interrupts, Outcome, Result, console,
    engine::Engine,
    fixes::{Fix, Fixes, hash},
};
use results::{
    Case, CaseOutcome,
    detection::{Detected, Entry},
};

/// The seed of each run, as of the defects: a run can be repeated.
const SEED: u64 = 1;

/// How often a regression came to what shows its finding, among the figures of its case.
const WINDOW: &str = "window.reached";

/// Tries each fix of these findings; of all, when none is named.
pub(crate) fn try_each(
    flags: &[(&str, &str)],
    ids: &[String],
    order: Order,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    let Known { knobs, engine, fixes } = Known::of(flags)?;
    let findings = Findings::load(knobs.root())?;
    let attempt = |fix: &&Fix| {
        let Some(finding) = findings.find(&fix.id) else {
            let what = format!("no known finding is called `{}`", fix.id);
            return Err(Error::new(what, ".config/fixes", "name the fix after its finding"));
        };
        let hash = hash(&[&format!("{:?}", fixes.basis(fix))]);
        Ok(Alone { id: fix.id.clone(), case: finding.case.clone(), hash })
    };
    let wanted = chosen(&fixes, &engine, ids)?;
    let wanted: Vec<_> = wanted.iter().map(attempt).collect::<Result<_>>()?;
    let bench = Bench::open(flags, &engine, "alone.jsonl", order, interrupts)?;
    let entries = bench.go_through(&wanted)?;
    Ok(conclude(&wanted, &entries))
}

/// The fixes of the order. All are applied to texts before anything is built.
fn chosen<'f>(fixes: &'f Fixes, engine: &Engine, ids: &[String]) -> Result<Vec<&'f Fix>> {
    for id in ids {
        fixes.named(id, "command line")?;
    }
    let is_wanted = |fix: &&Fix| ids.is_empty() || ids.contains(&fix.id);
    let wanted: Vec<_> = fixes.all().iter().filter(is_wanted).collect();
    if wanted.is_empty() {
        return Err(Error::new(format!("no fix for {engine}"), ".config/fixes", "add one"));
    }
    for fix in &wanted {
        process::fixes::apply(&fixes.basis(fix), |file| fixes::read(engine, file))?;
    }
    Ok(wanted)
}

/// A fix without the others.
struct Alone {
    id: String,
    /// The regression of its finding.
    case: String,
    /// Tells its text, and that of what it is made on top of, from others.
    hash: String,
}

impl Subject for Alone {
    fn trial(&self) -> Trial {
        Trial { name: self.id.clone(), hash: self.hash.clone(), seed: SEED }
    }

    fn control(&self) -> Option<Self> {
        None
    }

    fn prepare(&self, _: &Bench<'_>) -> Result<Plan> {
        Ok(Plan {
            flags: vec![(knob::MACE_PROD_FIXES.name(), self.id.clone())],
            checkout: None,
            layers: &["all"],
            cases: Some(format!("test(={})", self.case)),
            fail_fast: true,
            may_not_build: false,
        })
    }

    fn read(&self, judged: &Judged) -> Option<(Detected, Failure)> {
        Some(judged.layer.cases.first().map_or_else(absent, tried))
    }
}

fn absent() -> (Detected, Failure) {
    let words = "the case has no result".to_owned();
    (Detected::OtherReason, Failure { case: String::new(), words })
}

/// A regression that shows something speaks against the fix; one that passes without a count of its window
/// says nothing about it.
fn tried(case: &Case) -> (Detected, Failure) {
    let Failure { case: name, words } = Failure::of(case);
    let times = case.figures.get(WINDOW).copied().unwrap_or_default();
    let (detected, words) = match case.outcome {
        CaseOutcome::Inconclusive | CaseOutcome::Missing => (Detected::OtherReason, words),
        _ if case.outcome.fails() => (Detected::Caught, words),
        CaseOutcome::Skipped => (Detected::OtherReason, format!("skipped: {words}")),
        _ if times < 1.0 => (Detected::OtherReason, "its window is not counted".to_owned()),
        _ => (Detected::NotCaught, format!("came to its window {times} times")),
    };
    (detected, Failure { case: name, words })
}

/// Prints the table and gives the outcome.
fn conclude(wanted: &[Alone], entries: &[Entry]) -> Outcome {
    let mut silent = 0;
    console::page("");
    for entry in wanted.iter().filter_map(|alone| alone.trial().newest(entries)) {
        let state = match entry.detected {
            Detected::NotCaught => "shows nothing",
            Detected::Caught => "still shows something",
            _ => "says nothing",
        };
        silent += usize::from(entry.detected == Detected::NotCaught);
        trials::print(&format!("{}: {state}", entry.name), entry);
    }
    let count = wanted.len();
    console::page(&format!("{silent} of {count} fixes close their finding alone"));
    if silent == count { Outcome::Passed } else { Outcome::Failed }
}
