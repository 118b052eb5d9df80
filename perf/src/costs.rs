//! `perf costs`, and the same in a comparison: what an operation costs in file calls, bytes and memory, as
//! the bench program `costs` counts it. The same code has the same counts of calls and
//! bytes, and of memory within the limits: one run of each side decides.

use crate::{
    bench::Pair,
    build::{COSTS, Program, Tree},
    files, render, revisions,
    session::Session,
};
use knobs::knob;
use process::{
    Error, Outcome, Result, console,
    fixes::{Fixes, defects},
    store, workspace,
};
use results::{
    costs::{Allowed, Change, Compared, Costs},
    gate::{Costed, FORMAT},
};
use std::{collections::BTreeMap, path::Path, process::Command};

/// Counts this tree and writes `costs.json`; where there is a file of an earlier count, compares with it.
pub(crate) fn costs(session: &Session, against: Option<&Path>) -> Result<Outcome> {
    // Read first: it may be the file that is written.
    let remedy = "name a file that `just perf costs` wrote";
    let earlier = against.map(|file| files::read::<Costed>(file, remedy)).transpose()?;
    let output = session.file("costs.json");
    store::remove(&output)?;
    let tree = revisions::this_tree(session)?;
    console::note(&format!("perf: {} at {}", tree.origin.engine, tree.origin.commit));
    let program = Program::of(&COSTS, tree, "costs", session)?;
    let cases = count(session, &program)?;
    let table = Costed { format: FORMAT, origin: program.tree.origin, cases };
    files::write(&output, &table)?;
    let compare =
        |earlier: Costed| Compared::new(earlier.cases, table.cases.clone(), &allowed(session));
    let compared = earlier.map(compare);
    if compared.as_ref().is_some_and(|compared| compared.cases() == 0) {
        let what = "no case has the same number of operations there";
        let place = against.unwrap_or(&output).display();
        return Err(Error::new(what, place, "count both with the same benches"));
    }
    let lines = compared.iter().flat_map(render::compared_costs);
    let lines = [render::costs(&table.cases)].into_iter().chain(lines);
    console::page(&lines.collect::<Vec<_>>().join("\n"));
    let is_more = compared.is_some_and(|compared| compared.beyond().next().is_some());
    Ok(if is_more { Outcome::Failed } else { Outcome::Passed })
}

/// How often each planted engine is counted.
const PLANTED_RUNS: u32 = 5;

/// Counts this tree once and `runs` times more, and each planted engine a few times. Fails when the same code is ever
/// flagged, or a plant is not in each of its runs.
pub(crate) fn prove(session: &Session, runs: u32) -> Result<Outcome> {
    let allowed = &allowed(session);
    let engine = revisions::engine(session)?;
    let plants = defects::costly(session.knobs.root(), &engine)?;
    if plants.is_empty() {
        let what = "no defect of .config/costs can be planted: nothing would be proved";
        return Err(Error::new(what, engine, "count an engine that has some"));
    }
    if session.knobs.get(knob::MACE_PROD_FIXES) != "none" {
        let what = "the plants are of the engine without our fixes";
        return Err(Error::new(what, knob::MACE_PROD_FIXES.name(), "leave it out"));
    }
    // Before anything is counted: one that does not apply would be found a hundred counts later.
    let fixes = Fixes::load(session.knobs.root(), &engine)?;
    for plant in &plants {
        plant.check(&fixes, |file| workspace::source(&engine, file))?;
    }
    let program = Program::of(&COSTS, revisions::this_tree(session)?, "costs", session)?;
    let first = count(session, &program)?;
    let (flagged, lines) = repeated(session, &program, &first, runs)?;
    console::page(&lines.join("\n"));
    let mut proved = flagged == 0;
    for plant in &plants {
        let tree = revisions::planted(session, &engine, &plant.change)?;
        let program = Program::of(&COSTS, tree, "planted.costs", session)?;
        let mut caught = 0;
        let mut says = None;
        for _ in 0..PLANTED_RUNS {
            let compared = Compared::new(first.clone(), count(session, &program)?, allowed);
            let is_it = |change: &&Change| {
                let figure = change.figure.name();
                plant.expect.iter().any(|one| one.words == figure && one.case == change.case)
            };
            let found = compared.beyond().find(is_it).map(render::change);
            caught += u32::from(found.is_some());
            says = found.or(says);
        }
        proved &= caught == PLANTED_RUNS;
        let says = says.unwrap_or_else(|| "nothing of it".to_owned());
        let name = plant.name();
        console::page(&format!("{name}: caught in {caught} of {PLANTED_RUNS} runs; {says}"));
    }
    Ok(if proved { Outcome::Passed } else { Outcome::Failed })
}

/// In how many of so many runs the same program costs more than in the first, or the first more than it; and
/// in words, with the counts that were not the same.
fn repeated(
    session: &Session,
    program: &Program,
    first: &BTreeMap<String, Costs>,
    runs: u32,
) -> Result<(u32, Vec<String>)> {
    let allowed = &allowed(session);
    let mut flagged = 0;
    let mut differ: BTreeMap<String, u32> = BTreeMap::new();
    for _ in 0..runs {
        let again = count(session, program)?;
        // Which of the two is base is luck.
        let there = Compared::new(first.clone(), again.clone(), allowed);
        let back = Compared::new(again, first.clone(), allowed);
        for change in &there.changes {
            let name = format!("{} {}", change.case, change.figure.name());
            *differ.entry(name).or_default() += 1;
        }
        flagged += u32::from(there.beyond().chain(back.beyond()).next().is_some());
    }
    let cases = first.len();
    let line = format!("the same program: {flagged} of {runs} runs flagged, {cases} cases each");
    let others =
        differ.iter().map(|(name, times)| format!("another count in {times} runs: {name}"));
    Ok((flagged, [line].into_iter().chain(others).collect()))
}

/// Counts both sides of a comparison; `None`, and a note that says why, where one cannot be counted.
pub(crate) fn compared(
    session: &Session,
    pair: Pair<'_>,
    notes: &mut Vec<String>,
) -> Result<Option<Compared>> {
    if cfg!(not(all(target_os = "linux", target_env = "gnu"))) {
        notes.push("costs are counted on Linux with glibc alone".to_owned());
        return Ok(None);
    }
    let sides = [&pair.base.tree, &pair.head.tree];
    if let Some(lacks) = sides.into_iter().find(|tree| !has_costs(tree)) {
        notes.push(format!("costs are not counted: {} has no benches/costs.rs", lacks.name));
        return Ok(None);
    }
    let counted = |tree: &Tree| {
        let log = format!("{}.costs", tree.name);
        count(session, &Program::of(&COSTS, tree.clone(), &log, session)?)
    };
    let [base, head] = sides;
    let compared = Compared::new(counted(base)?, counted(head)?, &allowed(session));
    Ok(Some(compared))
}

fn has_costs(tree: &Tree) -> bool {
    tree.manifest.with_file_name("benches/costs.rs").is_file()
}

fn allowed(session: &Session) -> Allowed {
    Allowed {
        calls_pct: session.knobs.get(knob::MACE_PERF_COSTS_CALLS_PCT),
        bytes_pct: session.knobs.get(knob::MACE_PERF_COSTS_BYTES_PCT),
        allocations_pct: session.knobs.get(knob::MACE_PERF_COSTS_ALLOCATIONS_PCT),
        peak_pct: session.knobs.get(knob::MACE_PERF_COSTS_PEAK_PCT),
    }
}

/// The costs of all cases that the program has, each in a process of its own.
pub(crate) fn count(session: &Session, program: &Program) -> Result<BTreeMap<String, Costs>> {
    let names = said(session, program, None)?;
    let cases = names.lines().map(|case| {
        let costs = said(session, program, Some(case))?;
        let costs = serde_json::from_str(&costs).map_err(|error| {
            let what = format!("the bench program says no costs of {case} ({error})");
            Error::new(what, program.layouts[0].display(), "run it on that case to see why")
        })?;
        Ok((case.to_owned(), costs))
    });
    let cases = cases.collect::<Result<BTreeMap<_, _>>>()?;
    if cases.is_empty() {
        let place = program.layouts[0].display();
        return Err(Error::new("the bench program has no case", place, "see MACE_BENCH_KV_CASES"));
    }
    Ok(cases)
}

/// What the program prints: of this case, or the names of all.
fn said(session: &Session, program: &Program, case: Option<&str>) -> Result<String> {
    let exe = &program.layouts[0];
    let mut command = Command::new(exe);
    program.prepare(&mut command, session);
    command.args(case);
    let said = session.interrupts.capture(&mut command);
    let (status, output) =
        said.map_err(|error| Error::io("run the bench program", exe, "build it again", error))?;
    session.check()?;
    if !status.success() {
        let what = format!("the bench program failed ({status}) on {}", case.unwrap_or("no case"));
        return Err(Error::new(what, exe.display(), "run it on that case to see why"));
    }
    Ok(String::from_utf8_lossy(&output).into_owned())
}
