//! `prod coverage`: runs layers on an engine that counts what it executes, and says which of its functions
//! and regions no case reaches.

mod list;
mod names;
mod reached;
mod table;
mod tools;

use crate::{
    files,
    nextest::Nextest,
    part::{self, Mode, Part},
    run::{self, Order},
    session::Session,
};
use knobs::{Knobs, findings::Build as EngineBuild, knob};
use list::List;
use process::{
    Error, Interrupts, Outcome, Result, console, folder,
    wanted::{Wanted, mace_alone},
};
use reached::Files;
use tools::Tools;

/// The results of the newest run, below the root.
const RESULTS: &str = "target/coverage";

/// Where the regions are listed that no case reached, below the results.
const REGIONS: &str = "regions.txt";

/// Where the processes of the cases keep their counters, below the results.
const COUNTERS: &str = "counters";

/// Runs the layers and shows what they reach.
pub(crate) fn coverage(
    flags: &[(&str, &str)],
    layers: &[Mode],
    threads: u32,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    mace_alone(&Knobs::load_with(flags)?)?;
    let tools = Tools::find(interrupts)?;
    let mut session = Session::open_on(flags, None, RESULTS)?;
    let counters = session.out.join(COUNTERS);
    files::remove_folder(&counters)?;
    folder::writable(&counters)?;
    let source = session.record_coverage(counters.clone())?;
    let parts = parts(layers, session.knobs.features());
    let order = Order { parts, threads, complete: false, counts: false, only: None };
    let outcome = run::run(&session, &order, interrupts)?;
    interrupts.check()?;
    let nextest = Nextest::new(&session, interrupts);
    let mut programs = Vec::new();
    for part in &order.parts {
        programs.extend(nextest.listing(part)?.binaries);
    }
    let export = tools.export(&counters, &programs, &source)?;
    let reached = reached::read(&export, &source).map_err(|error| {
        let what = format!("what llvm-cov says cannot be read ({error})");
        Error::new(what, counters.display(), "use the toolchain of rust-toolchain.toml")
            .because(error)
    })?;
    if reached.is_empty() {
        let what = "nothing of the engine was counted";
        return Err(Error::new(what, source.display(), "remove target/engine and run it again"));
    }
    console::page(&format!("\n{}", table::page(&reached)));
    let unreached = table::unreached(&reached);
    let path = session.out.join(REGIONS);
    files::write(&path, &unreached)?;
    let count = unreached.lines().count();
    console::page(&format!(
        "in functions that are called, {count} regions are never reached: {}",
        path.display()
    ));
    Ok(outcome.max(judged(&session, &reached, layers)?))
}

/// Compares what was reached with the list for the engine, where there is one.
fn judged(session: &Session, files: &Files, layers: &[Mode]) -> Result<Outcome> {
    let Session { root, engine, wanted, knobs, .. } = session;
    let place = format!("{}/{}.toml", list::FOLDER, engine.version);
    let is_locked = *wanted == Wanted::Locked && knobs.get(knob::MACE_PROD_FIXES) == "none";
    let is_usual = EngineBuild::of(knobs.features()) == EngineBuild::Failpoints;
    // What other layers leave to the fast one is not listed.
    let is_whole = layers.iter().any(|layer| matches!(layer, Mode::Fast | Mode::All));
    let is_judged = is_locked && is_usual && is_whole;
    let list = if is_judged { List::read(&root.join(&place))? } else { None };
    let Some(list) = list else {
        let engine = engine.name();
        console::note(&format!(
            "coverage: no list is kept for this {engine} and these layers; shown alone"
        ));
        return Ok(Outcome::Passed);
    };
    let said = list.judge(files, layers, &place);
    for line in &said.called {
        console::page(line);
    }
    for line in &said.offences {
        console::page(&format!("FAILED: {line}"));
    }
    Ok(if said.offences.is_empty() { Outcome::Passed } else { Outcome::Failed })
}

/// The parts of the layers, each once.
fn parts(layers: &[Mode], features: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for part in layers.iter().flat_map(|layer| part::parts(*layer, features)) {
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts
}
