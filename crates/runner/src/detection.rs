//! `prod detection`: plants the defects of `.config/defects` in a copy of the engine, one after the other,
//! runs the cases that are to catch each, and says whether they did. A failure for another reason does not
//! count, and nothing counts where the same cases fail without the defect.

use crate::{
    fixes, junit,
    record::Judged,
    trials::{self, Bench, Failure, Order, Plan, Subject, Trial},
};
use knobs::{Knobs, knob};
use process::{
    Error, Interrupts, Outcome, Result, console,
    engine::Engine,
    fixes::{
        Fixes,
        defects::{self, Defect},
        hash,
    },
    workspace,
};
use results::detection::{Detected, Entry};
use std::slice;

/// Says which defects there are.
pub(crate) fn list(flags: &[(&str, &str)], names: &[String]) -> Result<Outcome> {
    let knobs = Knobs::load_with(flags)?;
    let engine = fixes::wanted_engine(&knobs)?;
    for defect in chosen(&knobs, &engine, names)? {
        console::page(&format!("{}: {}", defect.name(), defect.change.reason));
        let cases = defect.cases.as_deref().unwrap_or("the fast layer");
        let fixes = defect.fixes.as_ref().map(|ids| format!(", fixes {ids}")).unwrap_or_default();
        console::page(&format!("    run: {cases}, seed {}{fixes}", defect.seed));
        for expected in &defect.expect {
            let from = &expected.case;
            console::page(&format!("    caught by: {from}… that says {:?}", expected.words));
        }
    }
    Ok(Outcome::Passed)
}

/// Plants each defect and runs the cases.
pub(crate) fn detection(
    flags: &[(&str, &str)],
    names: &[String],
    order: Order,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    let knobs = Knobs::load_with(flags)?;
    let engine = fixes::wanted_engine(&knobs)?;
    let defects = chosen(&knobs, &engine, names)?;
    let planted: Vec<_> = defects.iter().map(|defect| Planted { defect, honest: false }).collect();
    let bench = Bench::open(flags, &engine, "ledger.jsonl", order, interrupts)?;
    let entries = bench.go_through(&planted)?;
    Ok(conclude(&planted, &entries))
}

/// The defects of the order, in the order of their names.
fn chosen(knobs: &Knobs, engine: &Engine, names: &[String]) -> Result<Vec<Defect>> {
    let mut defects = defects::load(knobs.root(), engine)?;
    let is_one = |name: &String| defects.iter().any(|defect| defect.name() == name);
    if let Some(name) = names.iter().find(|name| !is_one(name)) {
        let what = format!("no defect is called `{name}`");
        return Err(Error::new(what, "command line", "`just detection --list` lists them"));
    }
    let wanted = |defect: &Defect| names.iter().any(|name| name == defect.name());
    defects.retain(|defect| names.is_empty() || wanted(defect));
    if defects.is_empty() {
        let what = format!("no defect can be planted in {engine}");
        return Err(Error::new(what, ".config/defects", "add one"));
    }
    // Before anything is built: one that does not apply would be found an hour later.
    let fixes = Fixes::load(knobs.root(), engine)?;
    for defect in &defects {
        defect.check(&fixes, |file| fixes::read(engine, file))?;
    }
    Ok(defects)
}

/// A defect that is planted, or its control: the same cases on the engine as it is.
struct Planted<'d> {
    defect: &'d Defect,
    honest: bool,
}

impl Subject for Planted<'_> {
    fn trial(&self) -> Trial {
        let Defect { seed, cases, fixes, hash: of_defect, .. } = self.defect;
        if self.honest {
            let cases = cases.as_deref().unwrap_or_default();
            let fixes = fixes.as_deref().unwrap_or_default();
            return Trial {
                name: "unchanged".to_owned(),
                hash: hash(&[cases, fixes]),
                seed: *seed,
            };
        }
        Trial { name: self.defect.name().to_owned(), hash: of_defect.clone(), seed: *seed }
    }

    fn control(&self) -> Option<Self> {
        (!self.honest).then_some(Self { defect: self.defect, honest: true })
    }

    fn prepare(&self, bench: &Bench<'_>) -> Result<Plan> {
        let change = &self.defect.change;
        let planted = if self.honest { &[] } else { slice::from_ref(&change) };
        workspace::copy_planted(bench.engine, &bench.copy, planted)?;
        let cases = self.defect.cases.clone();
        Ok(Plan {
            flags: self
                .defect
                .fixes
                .iter()
                .map(|ids| (knob::MACE_PROD_FIXES.name(), ids.clone()))
                .collect(),
            checkout: Some(bench.copy.clone()),
            layers: if cases.is_some() { &["all"] } else { &["fast"] },
            cases,
            // The failure that is looked for need not be the first.
            fail_fast: false,
            may_not_build: false,
        })
    }

    /// Whether a case failed for the reason that was planted. A case that has no result says nothing.
    fn read(&self, judged: &Judged) -> Option<(Detected, Failure)> {
        let is_it = |case: &&results::Case| {
            let said = junit::said(judged, case);
            let mut expected = self.defect.expect.iter();
            expected.any(|one| case.id.name.starts_with(&one.case) && said.contains(&one.words))
        };
        if self.honest {
            return trials::first_failure(judged);
        }
        if let Some(case) = judged.layer.failures().find(is_it) {
            return Some((Detected::Caught, Failure::of(case)));
        }
        judged.layer.failures().next().map(|case| (Detected::OtherReason, Failure::of(case)))
    }
}

/// Prints the table and gives the outcome.
fn conclude(planted: &[Planted<'_>], entries: &[Entry]) -> Outcome {
    let mut caught = 0;
    console::page("");
    for entry in planted.iter().filter_map(|planted| planted.trial().newest(entries)) {
        caught += usize::from(entry.detected == Detected::Caught);
        trials::print(&format!("{}: {}", entry.name, entry.detected.name()), entry);
    }
    let count = planted.len();
    console::page(&format!("{caught} of {count} planted defects are caught"));
    if caught == count { Outcome::Passed } else { Outcome::Failed }
}
