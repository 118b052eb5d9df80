//! `prod detection --left-out`: the engine with all of our fixes but one, and nothing excluded for the
//! finding whose fix is missing. The finding has to appear as an ordinary failure of the layers; what does
//! not names a generator or an oracle that is missing. It judges no case itself.

use crate::{
    detection::{self, FOLDER, Failure, Ledger, Order, RESULTS},
    fixes,
    nextest::Nextest,
    session::Session,
};
use knobs::{Knobs, knob};
use process::{
    Error, Interrupts, Outcome, Result, console,
    engine::Engine,
    fixes::{Fix, Fixes, hash},
    folder,
};
use results::{
    CaseOutcome, Document,
    detection::{Detected, Entry},
};
use std::time::Instant;

/// The layers, in the order in which they are tried.
const LAYERS: [&str; 3] = ["fast", "stress", "chaos"];

/// How the run with every fix is called in the ledger: what fails there shows nothing.
const CONTROL: &str = "every-fix";

/// What each attempt needs.
struct Attempts<'a> {
    flags: &'a [(&'a str, &'a str)],
    engine: &'a Engine,
    order: &'a Order<'a>,
    interrupts: &'a Interrupts,
}

/// An engine without one fix.
struct Without {
    /// The finding, or [`CONTROL`].
    name: String,
    /// What `MACE_PROD_FIXES` says.
    fixes: String,
    /// The findings that the engine has and that count as unknown.
    unknown: Vec<String>,
    /// Tells the text of the fixes that are applied from others.
    hash: String,
}

/// Leaves out each fix and runs the layers until one fails.
pub(crate) fn left_out(
    flags: &[(&str, &str)],
    order: &Order<'_>,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    let knobs = Knobs::load_with(flags)?;
    let engine = fixes::wanted_engine(&knobs)?;
    let fixes = Fixes::load(knobs.root(), &engine)?;
    let wanted = chosen(&fixes, &engine, order.names)?;
    let out = folder::writable(&knobs.root().join(FOLDER))?;
    let _claim = folder::claim(&out, "another detection is at work here", "wait for its end")?;
    let ledger = Ledger::open(&out.join("left-out.jsonl"), &engine, order.resume)?;
    let attempts = Attempts { flags, engine: &engine, order, interrupts };
    let mut entries = ledger.read()?;
    for seed in 1..=u64::from(order.runs) {
        for without in &wanted {
            if entries.iter().any(|entry| is_of(entry, without, seed)) {
                continue;
            }
            let control = entries.iter().find(|entry| is_of(entry, &wanted[0], seed));
            let entry = match control.filter(|control| control.detected == Detected::Caught) {
                Some(control) => Entry {
                    name: without.name.clone(),
                    hash: without.hash.clone(),
                    detected: Detected::NoControl,
                    ..control.clone()
                },
                None => match attempts.run(without, seed)? {
                    Some(entry) => entry,
                    None => return Ok(interrupts.outcome().expect("only a signal ends it early")),
                },
            };
            console::note(&format!("{}, seed {seed}: {}", entry.name, entry.detected.name()));
            ledger.append(&entry)?;
            entries.push(entry);
        }
    }
    Ok(conclude(&wanted, &entries, order.runs))
}

/// The control, and then the engines that are to be tried.
fn chosen(fixes: &Fixes, engine: &Engine, names: &[String]) -> Result<Vec<Without>> {
    for name in names {
        fixes.named(name, "command line")?;
    }
    let is_wanted = |fix: &&Fix| names.is_empty() || names.contains(&fix.id);
    let ids = fixes.all().iter().filter(is_wanted).map(|fix| fix.id.as_str());
    let wanted = std::iter::once(CONTROL).chain(ids).map(|id| {
        let text = if id == CONTROL { "all".to_owned() } else { format!("all,-{id}") };
        let applied = fixes.select(&text)?;
        let is_missing = |fix: &&Fix| applied.iter().all(|other| other.id != fix.id);
        let unknown = fixes.all().iter().filter(is_missing).map(|fix| fix.id.clone()).collect();
        process::fixes::apply(&applied, |file| fixes::read(engine, file))?;
        let hash = hash(&[&format!("{applied:?}")]);
        Ok(Without { name: id.to_owned(), fixes: text, unknown, hash })
    });
    let wanted: Vec<Without> = wanted.collect::<Result<_>>()?;
    if wanted.len() == 1 {
        let what = format!("no fix can be left out of {engine}");
        return Err(Error::new(what, ".config/fixes", "add one"));
    }
    Ok(wanted)
}

fn is_of(entry: &Entry, without: &Without, seed: u64) -> bool {
    entry.name == without.name && entry.hash == without.hash && entry.seed == seed
}

impl Attempts<'_> {
    /// Runs the layers on this engine until a case fails; `None` when interrupted.
    fn run(&self, without: &Without, seed: u64) -> Result<Option<Entry>> {
        let start = Instant::now();
        let number = seed.to_string();
        let unknown = without.unknown.join(",");
        let mut flags = self.flags.to_vec();
        flags.push((knob::MACE_PROD_SEED.name(), &number));
        flags.push((knob::MACE_PROD_FIXES.name(), &without.fixes));
        if !unknown.is_empty() {
            flags.push((knob::MACE_PROD_UNKNOWN.name(), &unknown));
        }
        let session = Session::open_on(&flags, None, RESULTS)?;
        console::note(&format!("left out   {}, seed {seed}", without.name));
        let nextest = Nextest { fail_fast: true, ..Nextest::new(&session, self.interrupts) };
        let mut found = None;
        for layer in LAYERS {
            let Some(judged) =
                detection::run_layer(&nextest, layer, self.order.threads, self.interrupts)?
            else {
                return Ok(None);
            };
            // What was not run any more has no result.
            let mut failures = judged.layer.failures();
            if let Some(case) = failures.find(|case| case.outcome != CaseOutcome::Missing) {
                found = Some((layer, Failure::of(case)));
                break;
            }
        }
        let detected = if found.is_some() { Detected::Caught } else { Detected::NotCaught };
        let (layer, Failure { case, words }) = found.unwrap_or_default();
        Ok(Some(Entry {
            version: Entry::FORMAT,
            name: without.name.clone(),
            hash: without.hash.clone(),
            engine: self.engine.to_string(),
            seed,
            detected,
            layer: layer.to_owned(),
            case,
            words,
            seconds: start.elapsed().as_secs_f64(),
        }))
    }
}

/// Prints the table and gives the outcome: the control passes, and each finding appears in some run.
fn conclude(wanted: &[Without], entries: &[Entry], runs: u32) -> Outcome {
    let is_caught = |entry: &&Entry| entry.detected == Detected::Caught;
    let mut found = 0;
    console::page("");
    for without in &wanted[1..] {
        let of_it = |entry: &&Entry| (1..=u64::from(runs)).any(|seed| is_of(entry, without, seed));
        let caught: Vec<_> = entries.iter().filter(of_it).filter(is_caught).collect();
        found += usize::from(!caught.is_empty());
        let name = &without.name;
        match LAYERS.iter().find_map(|layer| caught.iter().find(|entry| entry.layer == *layer)) {
            Some(Entry { layer, case, words, seconds, .. }) => {
                let times = caught.len();
                console::page(&format!(
                    "{name}: {layer}, in {times} of {runs} runs ({seconds:.0} s)"
                ));
                console::page(&format!("    {case}: {words}"));
            }
            None => console::page(&format!("{name}: not found in {runs} runs")),
        }
    }
    let count = wanted.len() - 1;
    console::page(&format!("{found} of {count} findings appear when their fix is left out"));
    for control in entries.iter().filter(|entry| entry.name == CONTROL).filter(is_caught) {
        let Entry { seed, case, words, .. } = control;
        console::page(&format!("with every fix, seed {seed}: {case} fails: {words}"));
    }
    if found == count { Outcome::Passed } else { Outcome::Failed }
}
