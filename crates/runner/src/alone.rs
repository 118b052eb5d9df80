//! `prod fixes try`: the engine with one of our fixes and with those that it is made on top of. It has to
//! build, and the regression of its finding has to come to its window and to show nothing. It judges no case
//! itself.

use crate::{
    detection::{self, FOLDER, Failure, Ledger, RESULTS},
    fixes::{self, Known},
    nextest::Nextest,
    session::Session,
};
use knobs::{findings::Findings, knob};
use process::{
    Error, Interrupts, Outcome, Result, console,
    engine::Engine,
    fixes::{Fix, Fixes, hash},
    folder,
};
use results::{
    Case, CaseOutcome, Document,
    detection::{Detected, Entry},
};
use std::time::Instant;

/// The seed of each run, as of the defects: a run can be repeated.
const SEED: u64 = 1;

/// How often a regression came to what shows its finding, among the figures of its case.
const WINDOW: &str = "window.reached";

/// What was asked for.
pub(crate) struct Order<'o> {
    /// The findings; none is all.
    pub(crate) ids: &'o [String],
    /// Go on after an interruption.
    pub(crate) resume: bool,
}

/// Tries each fix.
pub(crate) fn try_each(
    flags: &[(&str, &str)],
    order: &Order<'_>,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    let Known { knobs, engine, fixes } = Known::of(flags)?;
    let wanted = chosen(&fixes, &engine, order.ids)?;
    let findings = Findings::load(knobs.root())?;
    let out = folder::writable(&knobs.root().join(FOLDER))?;
    let _claim = folder::claim(&out, "another detection is at work here", "wait for its end")?;
    let ledger = Ledger::open(&out.join("alone.jsonl"), &engine, order.resume)?;
    let mut entries = ledger.read()?;
    for fix in &wanted {
        let hash = text_hash(&fixes, fix);
        if entries.iter().any(|entry| entry.name == fix.id && entry.hash == hash) {
            continue;
        }
        let Some(finding) = findings.find(&fix.id) else {
            let what = format!("no known finding is called `{}`", fix.id);
            return Err(Error::new(what, ".config/fixes", "name the fix after its finding"));
        };
        let start = Instant::now();
        let Some(tried) = run(flags, fix, &finding.case, interrupts)? else {
            return Ok(interrupts.outcome().expect("only a signal ends it early"));
        };
        let entry = Entry {
            version: Entry::FORMAT,
            name: fix.id.clone(),
            hash,
            engine: engine.to_string(),
            seed: SEED,
            detected: tried.detected,
            layer: "all".to_owned(),
            case: tried.case,
            words: tried.words,
            seconds: start.elapsed().as_secs_f64(),
        };
        console::note(&said(&entry));
        ledger.append(&entry)?;
        entries.push(entry);
    }
    Ok(conclude(&fixes, &wanted, &entries))
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

/// Tells the text of a fix, and of what it is made on top of, from others.
fn text_hash(fixes: &Fixes, fix: &Fix) -> String {
    hash(&[&format!("{:?}", fixes.basis(fix))])
}

/// What became of a fix.
struct Tried {
    detected: Detected,
    case: String,
    words: String,
}

/// Builds the engine with the fix and runs the case; `None` when interrupted.
fn run(
    flags: &[(&str, &str)],
    fix: &Fix,
    case: &str,
    interrupts: &Interrupts,
) -> Result<Option<Tried>> {
    let seed = SEED.to_string();
    let mut flags = flags.to_vec();
    flags.push((knob::MACE_PROD_SEED.name(), &seed));
    flags.push((knob::MACE_PROD_FIXES.name(), &fix.id));
    let session = Session::open_on(&flags, None, RESULTS)?;
    console::note(&format!("alone      {}", fix.id));
    let filter = format!("test(={case})");
    let nextest = Nextest { filter: Some(&filter), ..Nextest::new(&session, interrupts) };
    let judged = detection::run_layer(&nextest, "all", 1, interrupts)?;
    Ok(judged.map(|judged| judged.layer.cases.first().map_or_else(absent, tried)))
}

fn absent() -> Tried {
    let words = "the case has no result".to_owned();
    Tried { detected: Detected::OtherReason, case: String::new(), words }
}

/// A regression that shows something speaks against the fix; one that passes without a count of its window
/// says nothing about it.
fn tried(case: &Case) -> Tried {
    let Failure { case: name, words } = Failure::of(case);
    let times = case.figures.get(WINDOW).copied().unwrap_or_default();
    let (detected, words) = match case.outcome {
        CaseOutcome::Inconclusive | CaseOutcome::Missing => (Detected::OtherReason, words),
        _ if case.outcome.fails() => (Detected::Caught, words),
        CaseOutcome::Skipped => (Detected::OtherReason, format!("skipped: {words}")),
        _ if times < 1.0 => (Detected::OtherReason, "its window is not counted".to_owned()),
        _ => (Detected::NotCaught, format!("came to its window {times} times")),
    };
    Tried { detected, case: name, words }
}

fn said(entry: &Entry) -> String {
    let Entry { name, detected, case, words, seconds, .. } = entry;
    let state = match detected {
        Detected::NotCaught => "shows nothing",
        Detected::Caught => "still shows something",
        Detected::OtherReason | Detected::NoControl => "says nothing",
    };
    format!("{name}: {state} ({seconds:.0} s)\n    {case}: {words}")
}

/// Prints the table and gives the outcome.
fn conclude(fixes: &Fixes, wanted: &[&Fix], entries: &[Entry]) -> Outcome {
    let mut silent = 0;
    console::page("");
    for fix in wanted {
        let hash = text_hash(fixes, fix);
        let of_it = |entry: &&Entry| entry.name == fix.id && entry.hash == hash;
        for entry in entries.iter().filter(of_it) {
            silent += usize::from(entry.detected == Detected::NotCaught);
            console::page(&said(entry));
        }
    }
    let count = wanted.len();
    console::page(&format!("{silent} of {count} fixes close their finding alone"));
    if silent == count { Outcome::Passed } else { Outcome::Failed }
}
