//! `prod detection --left-out`: the engine with all of our fixes but one, and nothing excluded for the
//! finding whose fix is missing. The finding has to appear as an ordinary failure of the layers; what does
//! not names a generator or an oracle that is missing.

use crate::{
    fixes,
    trials::{self, Bench, LAYERS, Order, Plan, Subject, Trial},
};
use knobs::{Knobs, knob};
use process::{
    Error, Interrupts, Outcome, Result, console,
    engine::Engine,
    fixes::{Fix, Fixes, hash},
};
use results::detection::Entry;

/// How the run with every fix is called in the ledger: what fails there shows nothing.
const CONTROL: &str = "every-fix";

/// What was asked for.
pub(crate) struct Asked<'o> {
    /// The findings whose fixes are left out; none is all.
    pub(crate) names: &'o [String],
    /// Runs, with a seed of its own each, for each of them.
    pub(crate) runs: u32,
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
    asked: &Asked<'_>,
    order: Order,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    let knobs = Knobs::load_with(flags)?;
    let engine = fixes::wanted_engine(&knobs)?;
    let fixes = Fixes::load(knobs.root(), &engine)?;
    let wanted = chosen(&fixes, &engine, asked.names)?;
    let seeds = 1..=u64::from(asked.runs);
    let attempts = seeds.flat_map(|seed| {
        let control = &wanted[0];
        wanted.iter().map(move |without| Attempt { without, control, seed })
    });
    let attempts: Vec<_> = attempts.collect();
    let bench = Bench::open(flags, &engine, "left-out.jsonl", order, interrupts)?;
    let entries = bench.go_through(&attempts)?;
    Ok(conclude(&wanted, &attempts, &entries))
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

/// An engine without one fix, with one seed.
#[derive(Clone, Copy)]
struct Attempt<'w> {
    without: &'w Without,
    control: &'w Without,
    seed: u64,
}

impl Subject for Attempt<'_> {
    fn trial(&self) -> Trial {
        let Without { name, hash, .. } = self.without;
        Trial { name: name.clone(), hash: hash.clone(), seed: self.seed }
    }

    fn control(&self) -> Option<Self> {
        let is_control = self.without.name == CONTROL;
        (!is_control).then_some(Self { without: self.control, ..*self })
    }

    fn prepare(&self, _: &Bench<'_>) -> Result<Plan> {
        let Without { fixes, unknown, .. } = self.without;
        let mut flags = vec![(knob::MACE_PROD_FIXES.name(), fixes.clone())];
        if !unknown.is_empty() {
            flags.push((knob::MACE_PROD_UNKNOWN.name(), unknown.join(",")));
        }
        Ok(Plan {
            flags,
            checkout: None,
            layers: &LAYERS,
            cases: None,
            fail_fast: true,
            may_not_build: false,
        })
    }
}

/// Prints the table and gives the outcome: the control passes, and each finding appears in some run.
fn conclude(wanted: &[Without], attempts: &[Attempt<'_>], entries: &[Entry]) -> Outcome {
    let mut found = 0;
    console::page("");
    let caught = |name: &str| -> Vec<&Entry> {
        let of_it = attempts.iter().filter(|attempt| attempt.without.name == name);
        let newest = of_it.filter_map(|attempt| attempt.trial().newest(entries));
        newest.filter(|entry| entry.detected.catches()).collect()
    };
    let runs = attempts.len() / wanted.len();
    for Without { name, .. } in &wanted[1..] {
        let caught = caught(name);
        found += usize::from(!caught.is_empty());
        match LAYERS.iter().find_map(|layer| caught.iter().find(|entry| entry.layer == *layer)) {
            Some(entry) => {
                let times = caught.len();
                let title = format!("{name}: {}, in {times} of {runs} runs", entry.layer);
                trials::print(&title, entry);
            }
            None => console::page(&format!("{name}: not found in {runs} runs")),
        }
    }
    let count = wanted.len() - 1;
    console::page(&format!("{found} of {count} findings appear when their fix is left out"));
    for Entry { seed, case, words, .. } in caught(CONTROL) {
        console::page(&format!("with every fix, seed {seed}: {case} fails: {words}"));
    }
    if found == count { Outcome::Passed } else { Outcome::Failed }
}
