//! `perf compare` and `perf engines`: build both revisions, look whether there is anything to measure,
//! measure, judge, write down. Each step does its work elsewhere.

use crate::{
    bench::{self, Pair, Program},
    criterion,
    estimate::best,
    files, gate, identical, instructions, machine, proof, render,
    revisions::{Revision, Revisions},
    settings::Settings,
};
use knobs::knob;
use process::{Interrupts, Outcome, Result, console};
use results::{
    gate::{Comparison, Entry, FORMAT, Gate, Judged, Origin, Run, Sampled, Side, Summary},
    stats,
};
use std::collections::BTreeSet;

/// This tree against its base; `None` when a signal came.
pub(crate) fn with_base(
    settings: &Settings,
    base: Option<&str>,
    measure: bool,
    interrupts: &Interrupts,
) -> Result<Option<Outcome>> {
    remove_results(settings)?;
    let reference = base.unwrap_or_else(|| settings.knobs.get(knob::MACE_PERF_BASE_REF));
    run(settings, Revisions::with_base(settings, reference)?, measure, interrupts)
}

/// Two engines; `None` when a signal came.
pub(crate) fn engines(
    settings: &Settings,
    base: &str,
    head: &str,
    interrupts: &Interrupts,
) -> Result<Option<Outcome>> {
    remove_results(settings)?;
    run(settings, Revisions::engines(settings, base, head)?, false, interrupts)
}

fn remove_results(settings: &Settings) -> Result<()> {
    let files = ["compare.json", "base_summary.json", "head_summary.json"];
    let logs = ["base.bench.log", "head.bench.log"];
    files.into_iter().chain(logs).try_for_each(|name| files::remove(&settings.file(name)))
}

fn run(
    settings: &Settings,
    revisions: Revisions,
    measure: bool,
    interrupts: &Interrupts,
) -> Result<Option<Outcome>> {
    // The worktree of base stays until this ends.
    let Revisions { base, head, reference, notes, worktree: _worktree } = revisions;
    for Revision { tree, origin } in [&base, &head] {
        console::note(&format!("perf: {} {} {}", tree.name, origin.commit, origin.engine));
    }
    let build = |revision: Revision| -> Result<_> {
        let log = settings.file(&format!("{}.bench.log", revision.tree.name));
        let program = Program::build(revision.tree, log, interrupts)?;
        Ok(program.map(|program| (program, revision.origin)))
    };
    let Some((mut base, base_origin)) = build(base)? else { return Ok(None) };
    let Some((mut head, head_origin)) = build(head)? else { return Ok(None) };
    let mut result = Comparison {
        format: FORMAT,
        gate: Gate::Passed,
        identical: identical::identical(&base.layouts[0], &head.layouts[0])?,
        base_reference: reference,
        base: base_origin,
        head: head_origin,
        notes,
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
    let pair = Pair { base: &base, head: &head };
    let cases = common(settings, pair, &mut result.notes, interrupts)?;
    if interrupts.outcome().is_some() {
        return Ok(None);
    }
    if cases.len() < settings.limits.min_compare_cases {
        result.gate = Gate::TooFewCases;
        return finish(settings, &result, interrupts);
    }
    for program in [&mut base, &mut head] {
        let lacking = program.link(settings.limits.layouts, settings, interrupts)?;
        result.notes.extend(lacking);
    }
    if interrupts.outcome().is_some() {
        return Ok(None);
    }
    measured(settings, Pair { base: &base, head: &head }, &cases, &mut result, interrupts)?;
    finish(settings, &result, interrupts)
}

/// Counts, times and judges.
fn measured(
    settings: &Settings,
    pair: Pair<'_>,
    cases: &[String],
    result: &mut Comparison,
    interrupts: &Interrupts,
) -> Result<()> {
    let limits = &settings.limits;
    result.layouts = pair.base.layouts.len().min(pair.head.layouts.len());
    if !bench::is_realtime(settings) {
        let note = "the runs have no real-time priority: on a busy machine cases of several clients \
                    may be too noisy to tell";
        result.notes.push(note.to_owned());
    }
    if settings.knobs.get(knob::MACE_PERF_INSTRUCTIONS) {
        let notes = &mut result.notes;
        result.instructions = instructions::count(pair, cases, settings, interrupts, notes);
    }
    let more = result.instructions.iter().filter(|counted| instructions::is_more(counted));
    let more: BTreeSet<String> = more.map(|counted| counted.case.clone()).collect();
    result.cases = bench::compare(pair, cases, more, settings, interrupts, result.seed)?;
    result.notes.extend(result.cases.iter().filter_map(|case| layout_bias(case, limits)));
    for counted in &mut result.instructions {
        if let Some(case) = result.cases.iter().find(|case| case.case == counted.case) {
            instructions::meaning(counted, case, limits).clone_into(&mut counted.meaning);
        }
    }
    result.gate = gate::gate(&result.cases, limits);
    Ok(())
}

/// What the default layout did to a case that is not slower.
fn layout_bias(case: &Judged, limits: &gate::Limits) -> Option<String> {
    let pct = gate::layout_bias(case, limits)?;
    Some(format!(
        "case {} is slower by at least {pct:.1} % in the default layout alone: the bias of where its \
         functions lie, and no regression",
        case.case
    ))
}

/// The cases that both revisions have, of those that were asked for, with a note for each other one.
fn common(
    settings: &Settings,
    pair: Pair<'_>,
    notes: &mut Vec<String>,
    interrupts: &Interrupts,
) -> Result<Vec<String>> {
    let base = pair.base.list(settings, interrupts)?;
    let head = pair.head.list(settings, interrupts)?;
    let mut cases = Vec::new();
    for case in &settings.cases {
        match (base.contains(case), head.contains(case)) {
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

/// One side of a comparison, over the runs that the verdict rests on: the gate's own figure as
/// `low_ns`, medians and means.
fn summary(cases: &[Judged], side: Side, origin: &Origin) -> Summary {
    let summary = |case: &Judged| {
        let runs: Vec<&Run> = case.deciding().iter().filter(|run| run.place.side == side).collect();
        let of = |get: fn(&Run) -> f64| runs.iter().map(|run| get(run)).collect::<Vec<_>>();
        let medians = of(|run| run.median_ns);
        let (low, high) = criterion::median_interval(&medians)?;
        Some(Sampled {
            low_ns: best(case.deciding(), side)?,
            median_ns: stats::median(&medians)?,
            mean_ns: stats::mean(&of(|run| run.mean_ns))?,
            median_low_ns: Some(low),
            median_high_ns: Some(high),
            samples: runs.iter().map(|run| run.samples).sum(),
            estimates: None,
        })
    };
    let cases = cases.iter().filter_map(|case| Some((case.case.clone(), summary(case)?)));
    Summary::new(cases.collect(), origin.clone())
}

fn finish(
    settings: &Settings,
    result: &Comparison,
    interrupts: &Interrupts,
) -> Result<Option<Outcome>> {
    let head = summary(&result.cases, Side::Head, &result.head);
    let base = summary(&result.cases, Side::Base, &result.base);
    files::write(&settings.file("base_summary.json"), &base)?;
    files::write(&settings.file("head_summary.json"), &head)?;
    files::write(&settings.file("compare.json"), result)?;
    if interrupts.outcome().is_some() {
        return Ok(None);
    }
    let entry = Entry::new(&head, settings.compare_setup(), Some(result));
    files::append(&settings.file("history.jsonl"), &entry)?;
    console::page(&render::comparison(result, &proof::newest(settings)));
    Ok(Some(outcome(result.gate)))
}

/// The gate's verdict as an exit code.
fn outcome(gate: Gate) -> Outcome {
    match gate {
        Gate::Passed => Outcome::Passed,
        Gate::Failed | Gate::TooFewCases => Outcome::Failed,
        Gate::Inconclusive => Outcome::Inconclusive,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::estimate;
    use results::gate::{Place, Verdict};

    #[test]
    fn the_codes_are_the_contracts() {
        let gates = [Gate::Passed, Gate::Failed, Gate::TooFewCases, Gate::Inconclusive];
        assert_eq!(gates.map(|gate| outcome(gate).code()), [0, 1, 1, 3]);
    }

    #[test]
    fn summaries_have_the_figures_that_decided() {
        let run = |side, round, slot, low_ns| Run {
            place: Place { side, round, slot, layout: 0 },
            low_ns,
            median_ns: low_ns * 1.2,
            mean_ns: low_ns * 1.3,
            samples: 10,
            wall_ms: 300.0,
            load: 0.0,
        };
        let rounds = |base: &[f64], by: f64| -> Vec<Run> {
            let of = |side, by: f64| {
                let run = move |(at, low): (usize, &f64)| run(side, at / 2, at % 2, low * by);
                base.iter().enumerate().map(run).collect::<Vec<_>>()
            };
            [of(Side::Base, 1.0), of(Side::Head, by)].concat()
        };
        // Sixteen runs of a side: the figure is the mean of two. The screening met a lower one.
        let mut lows: Vec<f64> = (0..16).map(|at| 200.0 + f64::from(at)).collect();
        lows[3] = 100.0;
        lows[8] = 104.0;
        let screening = rounds(&[90.0, 300.0], 1.0);
        for confirming in [Vec::new(), rounds(&lows, 1.5)] {
            let deciding = if confirming.is_empty() { &screening } else { &confirming };
            let found = estimate(deciding, 1.0, &mut fastrand::Rng::with_seed(1)).unwrap();
            let judged = Judged {
                case: "c".to_owned(),
                verdict: Verdict::Unchanged,
                estimate: Some(found.clone()),
                suspect: !confirming.is_empty(),
                screening: screening.clone(),
                confirming,
            };
            let of = |side| {
                let all = summary(std::slice::from_ref(&judged), side, &Origin::default());
                let case = &all.cases["c"];
                (case.low_ns, case.median_ns)
            };
            assert_eq!(of(Side::Base), (found.base_ns, found.base_median_ns));
            assert_eq!(of(Side::Head), (found.head_ns, found.head_median_ns));
            let figure = if judged.suspect { (102.0, 153.0) } else { (90.0, 90.0) };
            assert_eq!((of(Side::Base).0, of(Side::Head).0), figure);
        }
    }
}
