//! `perf compare` and `perf engines`: build both revisions, look whether there is anything to measure,
//! measure, judge, write down. Each step does its work elsewhere.

use crate::{
    bench::{self, Pair},
    build::{Program, Tree},
    costs, criterion,
    estimate::best,
    files, gate, identical, instructions, machine, render,
    revisions::Revisions,
    selftest,
    session::Session,
};
use knobs::knob;
use process::{Outcome, Result, console, store};
use results::gate::{Comparison, Entry, FORMAT, Gate, Judged, Origin, Run, Side, Summary};

/// Compares two revisions; the same machine code is measured only if asked for.
pub(crate) fn compare(
    session: &Session,
    measure: bool,
    revisions: impl FnOnce() -> Result<Revisions>,
) -> Result<Outcome> {
    let logs = ["base.bench.log", "head.bench.log"];
    for name in ["compare.json", "base_summary.json", "head_summary.json"].into_iter().chain(logs) {
        store::remove(&session.file(name))?;
    }
    // The worktree of base stays until this ends.
    let Revisions { base, head, reference, notes, worktree: _worktree } = revisions()?;
    for Tree { name, origin, .. } in [&base, &head] {
        console::note(&format!("perf: {name} {} {}", origin.commit, origin.engine));
    }
    let mut base = Program::build(base, "base", session)?;
    let mut head = Program::build(head, "head", session)?;
    let mut result = Comparison {
        format: FORMAT,
        gate: Gate::Passed,
        identical: identical::identical(&base.layouts[0], &head.layouts[0])?,
        base_reference: reference,
        base: base.tree.origin.clone(),
        head: head.tree.origin.clone(),
        notes,
        seed: fastrand::u64(..),
        layouts: 1,
        threshold_pct: session.limits.regress_pct,
        max_regress_cases: session.limits.max_regress_cases,
        load: machine::load(),
        cpu_pressure_pct: machine::pressure_pct(),
        cases: Vec::new(),
        instructions: Vec::new(),
        costs: None,
    };
    if !result.identical || measure {
        let cases = common(session, Pair { base: &base, head: &head }, &mut result.notes)?;
        if cases.len() < session.limits.min_compare_cases {
            result.gate = Gate::TooFewCases;
        } else {
            for program in [&mut base, &mut head] {
                result.notes.extend(program.link(session.limits.layouts, session)?);
            }
            measured(session, Pair { base: &base, head: &head }, &cases, &mut result)?;
        }
    }
    finish(session, &result)
}

/// Counts, times and judges.
fn measured(
    session: &Session,
    pair: Pair<'_>,
    cases: &[String],
    result: &mut Comparison,
) -> Result<()> {
    let limits = &session.limits;
    result.layouts = pair.layouts();
    if !bench::is_realtime(session) {
        let note = "the runs have no real-time priority: on a busy machine cases of several clients \
                    may be too noisy to tell";
        result.notes.push(note.to_owned());
    }
    if session.knobs.get(knob::MACE_PERF_INSTRUCTIONS) {
        result.instructions = instructions::count(session, pair, cases, &mut result.notes);
    }
    if session.knobs.get(knob::MACE_PERF_COSTS) {
        result.costs = costs::compared(session, pair, &mut result.notes)?;
    }
    let more = result.instructions.iter().filter(|counted| instructions::is_more(counted));
    let more: Vec<&str> = more.map(|counted| counted.case.as_str()).collect();
    result.cases = bench::compare(session, pair, cases, &more, result.seed)?;
    for case in &result.cases {
        // What the default layout did to a case that is not slower.
        if let Some(pct) = gate::layout_bias(case, limits) {
            result.notes.push(format!(
                "case {} is slower by at least {pct:.1} % in the default layout alone: the bias of \
                 where its functions lie, and no regression",
                case.case
            ));
        }
    }
    for counted in &mut result.instructions {
        if let Some(case) = result.cases.iter().find(|case| case.case == counted.case) {
            instructions::meaning(counted, case, limits).clone_into(&mut counted.meaning);
        }
    }
    result.gate = gate::gate(&result.cases, limits);
    if result.costs.as_ref().is_some_and(|costs| costs.beyond().next().is_some()) {
        // Counts are no times: what costs more is known, however noisy the machine is.
        result.gate = Gate::Failed;
    }
    Ok(())
}

/// The cases that both revisions have, of those that were asked for, with a note for each other one.
fn common(session: &Session, pair: Pair<'_>, notes: &mut Vec<String>) -> Result<Vec<String>> {
    let base = pair.base.list(session)?;
    let head = pair.head.list(session)?;
    let mut cases = Vec::new();
    for case in &session.cases {
        let note = match (base.contains(case), head.contains(case)) {
            (true, true) => {
                cases.push(case.clone());
                continue;
            }
            (true, false) => "was removed: head does not have it",
            (false, true) => "is new: base does not have it",
            (false, false) => {
                "is on neither side: see MACE_PERF_COMPARE_FILTERS, MACE_BENCH_THREADS and \
                 MACE_BENCH_KV_CASES"
            }
        };
        notes.push(format!("case {case} {note}"));
    }
    Ok(cases)
}

/// One side of a comparison, over the runs that the verdict rests on: the gate's own figure as
/// `low_ns`, medians and means.
fn summary(cases: &[Judged], side: Side, origin: &Origin) -> Summary {
    let summary = |case: &Judged| {
        let runs: Vec<&Run> = case.deciding().iter().filter(|run| run.place.side == side).collect();
        let of = |get: fn(&Run) -> f64| runs.iter().map(|run| get(run)).collect::<Vec<_>>();
        let samples = runs.iter().map(|run| run.samples).sum();
        let low_ns = best(case.deciding(), side)?;
        criterion::sampled(low_ns, &of(|run| run.median_ns), &of(|run| run.mean_ns), samples)
    };
    let cases = cases.iter().filter_map(|case| Some((case.case.clone(), summary(case)?)));
    Summary::new(cases.collect(), origin.clone())
}

fn finish(session: &Session, result: &Comparison) -> Result<Outcome> {
    let head = summary(&result.cases, Side::Head, &result.head);
    let base = summary(&result.cases, Side::Base, &result.base);
    files::write(&session.file("base_summary.json"), &base)?;
    files::write(&session.file("head_summary.json"), &head)?;
    files::write(&session.file("compare.json"), result)?;
    session.check()?;
    let entry = Entry::new(&head, session.compare_setup(), Some(result));
    files::append(&session.file("history.jsonl"), &entry)?;
    console::page(&render::comparison(result, &selftest::newest(session)));
    Ok(gate::outcome(result.gate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estimate::estimate;
    use results::gate::{Place, Verdict};

    #[test]
    fn the_codes_are_the_contracts() {
        let gates = [Gate::Passed, Gate::Failed, Gate::TooFewCases, Gate::Inconclusive];
        assert_eq!(gates.map(|gate| gate::outcome(gate).code()), [0, 1, 1, 3]);
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
                // A round runs base, head, head, base.
                let slots = if side == Side::Base { [0, 3] } else { [1, 2] };
                let run =
                    move |(at, low): (usize, &f64)| run(side, at / 2, slots[at % 2], low * by);
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
