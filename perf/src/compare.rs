//! `perf compare` and `perf engines`: build both sides, look whether there is anything to measure,
//! measure, judge, write down. Each step does its work elsewhere.

use crate::{
    bench::{self, Clock, Program},
    build,
    files::{self, Comparison, Origin, Summary},
    gate::{self, Gate, Judged},
    identical, instructions, machine, page,
    past::Past,
    run::Side,
    selftest,
    settings::Settings,
    sides::Sides,
    snapshot::interrupted,
};
use knobs::knob;
use process::{Error, Interrupts, Outcome, Result, console};
use std::collections::BTreeSet;

/// This tree against its base.
pub(crate) fn with_base(
    settings: &Settings,
    base: Option<&str>,
    measure: bool,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    begin(settings)?;
    let reference = base.unwrap_or_else(|| settings.knobs.get(knob::MACE_PERF_BASE_REF));
    run(settings, &Sides::with_base(settings, reference)?, measure, interrupts)
}

/// Two engines.
pub(crate) fn engines(
    settings: &Settings,
    base: &str,
    head: &str,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    begin(settings)?;
    run(settings, &Sides::engines(settings, base, head)?, false, interrupts)
}

/// What a comparison leaves, before it has left it.
fn begin(settings: &Settings) -> Result<()> {
    let files = ["compare.json", "base_summary.json", "head_summary.json"];
    let logs = ["base.bench.log", "head.bench.log"];
    files.into_iter().chain(logs).try_for_each(|name| files::remove(&settings.file(name)))
}

fn run(
    settings: &Settings,
    sides: &Sides,
    measure: bool,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    console::note(&format!("perf: base {} {}", sides.base.1.commit, sides.base.1.engine));
    console::note(&format!("perf: head {} {}", sides.head.1.commit, sides.head.1.engine));
    let Some(base) = sides.base.0.build(interrupts)? else { return Ok(interrupted(interrupts)) };
    let Some(head) = sides.head.0.build(interrupts)? else { return Ok(interrupted(interrupts)) };
    let mut result = Comparison {
        format: 1,
        gate: Gate::Passed,
        identical: identical::identical(&base, &head)?,
        base_reference: sides.reference.clone(),
        base: sides.base.1.clone(),
        head: sides.head.1.clone(),
        notes: sides.notes.clone(),
        seed: fastrand::u64(..),
        layouts: 1,
        threshold_pct: settings.limits.regress_pct,
        max_regress_cases: settings.limits.max_regress_cases,
        load: machine::load(),
        cpu_pressure_pct: machine::pressure_pct(),
        cases: Vec::new(),
        instructions: Vec::new(),
    };
    if result.identical && !measure {
        return finish(settings, &result, interrupts);
    }
    let program = |exe, tree: &build::Tree| Program {
        layouts: vec![exe],
        manifest: tree.manifest.clone(),
        log: settings.file(&format!("{}.bench.log", tree.name)),
        slow: None,
    };
    let (mut base, mut head) = (program(base, &sides.base.0), program(head, &sides.head.0));
    let cases = common(settings, (&base, &head), &mut result.notes, interrupts)?;
    if interrupts.outcome().is_some() {
        return Ok(interrupted(interrupts));
    }
    if cases.len() < settings.limits.min_compare_cases {
        result.gate = Gate::TooFewCases;
        return finish(settings, &result, interrupts);
    }
    for (side, tree) in [(&mut base, &sides.base.0), (&mut head, &sides.head.0)] {
        let (exe, folder) = (side.layouts[0].clone(), settings.file("layouts"));
        let linked = tree.linked(&exe, settings.limits.layouts, &folder, interrupts)?;
        side.layouts = linked.programs;
        result.notes.extend(linked.lacking);
    }
    result.layouts = base.layouts.len().min(head.layouts.len());
    base.layouts.truncate(result.layouts);
    head.layouts.truncate(result.layouts);
    if !(settings.knobs.get(knob::MACE_PERF_REALTIME) && bench::realtime()) {
        let note = "the runs have no real-time priority: on a busy machine cases of several clients \
                    may be too noisy to tell";
        result.notes.push(note.to_owned());
    }
    if settings.knobs.get(knob::MACE_PERF_INSTRUCTIONS) {
        let (programs, notes) = ((&base, &head), &mut result.notes);
        result.instructions = instructions::count(programs, &cases, settings, interrupts, notes);
    }
    let more = result.instructions.iter().filter(|counted| counted.is_more());
    let more = more.map(|counted| counted.case.clone()).collect();
    let programs = (&base, &head);
    result.cases = measured(settings, programs, (&cases, more), result.seed, interrupts)?;
    result.notes.extend(luck(&result.cases, &settings.limits));
    for counted in &mut result.instructions {
        if let Some(case) = result.cases.iter().find(|case| case.case == counted.case) {
            counted.explain(case, &settings.limits);
        }
    }
    result.gate = gate::gate(&result.cases, &settings.limits);
    finish(settings, &result, interrupts)
}

/// What the default layout did to cases that are not slower.
fn luck(cases: &[Judged], limits: &gate::Limits) -> Vec<String> {
    let note = |case: &Judged| {
        let (name, pct) = (&case.case, case.layout_pct(limits)?);
        Some(format!(
            "case {name} is slower by at least {pct:.1} % in the default layout alone: the luck of \
             where its functions lie, and no regression"
        ))
    };
    cases.iter().filter_map(note).collect()
}

/// The cases that both sides have, of those that were asked for. What is missing is said.
fn common(
    settings: &Settings,
    (base, head): (&Program, &Program),
    notes: &mut Vec<String>,
    interrupts: &Interrupts,
) -> Result<Vec<String>> {
    base.open_log()?;
    head.open_log()?;
    let (there, here) = (base.list(settings, interrupts)?, head.list(settings, interrupts)?);
    let mut cases = Vec::new();
    for case in &settings.cases {
        match (there.contains(case), here.contains(case)) {
            (true, true) => cases.push(case.clone()),
            (true, false) => notes.push(format!("case {case} was removed: head does not have it")),
            (false, true) => notes.push(format!("case {case} is new: base does not have it")),
            (false, false) => notes.push(format!(
                "case {case} is on neither side: see MACE_PERF_COMPARE_FILTERS, MACE_BENCH_THREADS \
                 and MACE_BENCH_KV_CASES"
            )),
        }
    }
    Ok(cases)
}

/// The whole path from programs to judged cases, of which `more` are known to do more work in head; the
/// self-test goes through it too.
pub(crate) fn measured(
    settings: &Settings,
    programs: (&Program, &Program),
    (cases, more): (&[String], BTreeSet<String>),
    seed: u64,
    interrupts: &Interrupts,
) -> Result<Vec<Judged>> {
    let layouts = programs.0.layouts.len().min(programs.1.layouts.len());
    console::note(&format!(
        "perf: measuring {} cases over {layouts} layouts, seed {seed}, at most {} s",
        cases.len(),
        settings.budget.as_secs()
    ));
    let limits = gate::Limits { layouts, ..settings.limits.clone() };
    let mut clock = Clock::new(programs, settings, interrupts, settings.budget);
    clock.more = more;
    gate::compare(&mut clock, cases, &limits, &mut fastrand::Rng::with_seed(seed))
}

fn finish(settings: &Settings, result: &Comparison, interrupts: &Interrupts) -> Result<Outcome> {
    let side = |side, origin: &Origin| Summary::of_side(&result.cases, side, origin.clone());
    let head = side(Side::Head, &result.head);
    files::write(&settings.file("base_summary.json"), &side(Side::Base, &result.base))?;
    files::write(&settings.file("head_summary.json"), &head)?;
    files::write(&settings.file("compare.json"), result)?;
    if let Some(outcome) = interrupts.outcome() {
        return Ok(outcome);
    }
    let past = Past::of_comparison(settings, result, &head);
    files::append(&settings.file("history.jsonl"), &past)?;
    let newest = selftest::newest(settings);
    console::page(&page::comparison(result, &newest));
    Ok(outcome(result.gate))
}

/// The gate's word as an exit code.
pub(crate) fn outcome(gate: Gate) -> Outcome {
    match gate {
        Gate::Passed => Outcome::Passed,
        Gate::Failed | Gate::TooFewCases => Outcome::Failed,
        Gate::Inconclusive => Outcome::Unclear,
    }
}

/// The one line for a tree that has none of the cases that were asked for.
pub(crate) fn no_cases(place: &str) -> Error {
    let remedy = "see MACE_PERF_COMPARE_FILTERS; `just perf snapshot` prints the names";
    Error::new("none of the cases is there", place, remedy)
}

#[cfg(test)]
mod tests {
    use super::{Gate, outcome};

    #[test]
    fn the_codes_are_the_contracts() {
        let gates = [Gate::Passed, Gate::Failed, Gate::TooFewCases, Gate::Inconclusive];
        assert_eq!(gates.map(|gate| outcome(gate).code()), [0, 1, 1, 3]);
    }
}
