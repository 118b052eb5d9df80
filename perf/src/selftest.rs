//! `perf selftest`: how often the gate is wrong here. Three kinds of comparisons, each of which goes the
//! whole path: the same code built twice, the same code in other link orders (what an unrelated change
//! does to a program), and the engine slowed down in one case after the other.

use crate::{
    bench::{self, Pair, Program},
    files, machine,
    proof::{self, Kind},
    render,
    settings::Settings,
    testbed::Testbed,
};
use process::{Error, Interrupts, Outcome, Result, console};
use results::{gate::Proof, stats};
use std::{collections::BTreeSet, ops::Range, time::Instant};

/// Proves the gate and records what was proved; `None` when a signal came. Fails when it fires on the
/// same code more often than it may, or stays silent on slowdowns of 10 % and more.
pub(crate) fn selftest(
    settings: &Settings,
    runs: usize,
    interrupts: &Interrupts,
) -> Result<Option<Outcome>> {
    if runs == 0 {
        let remedy = "use 1 or more (`--runs`)";
        return Err(Error::new("0 runs prove nothing", "command line", remedy));
    }
    let Some(mut testbed) = Testbed::new(settings, interrupts)? else { return Ok(None) };
    if !testbed.find_plants()? {
        return Ok(None);
    }
    let Some(twin) = testbed.twin()? else { return Ok(None) };
    let mut outcome = Outcome::Passed;
    // Where the plants go on from kind to kind: few runs of each still meet all cases.
    for (kind, from) in Kind::all().zip((0..).step_by(runs)) {
        let base = if kind == Kind::SameCode { &twin } else { &testbed.program };
        let proof = prove(&testbed, base, kind, from..from + runs, settings, interrupts)?;
        let Some(proof) = proof else { return Ok(None) };
        files::append(&settings.file("selftest.jsonl"), &proof)?;
        console::page(&render::proved(&proof));
        outcome = outcome.max(proof::judge(&proof, kind));
    }
    Ok(Some(outcome))
}

/// Comparisons of one kind, with the plant in one case after the other; `None` when a signal came.
fn prove(
    testbed: &Testbed<'_>,
    base: &Program,
    kind: Kind,
    runs: Range<usize>,
    settings: &Settings,
    interrupts: &Interrupts,
) -> Result<Option<Proof>> {
    let cases = &testbed.cases;
    let mut proof = proof::begin(&testbed.origin, cases.len(), kind);
    let mut times = Vec::new();
    for run in runs {
        let case = &cases[run % cases.len()];
        let head = testbed.head(kind, case);
        let pair = Pair { base, head: &head };
        let start = Instant::now();
        let seed = fastrand::u64(..);
        let judged = bench::compare(pair, cases, BTreeSet::new(), settings, interrupts, seed)?;
        let secs = start.elapsed().as_secs_f64();
        if interrupts.outcome().is_some() {
            return Ok(None);
        }
        times.push(secs);
        let plant = head.plant.as_ref().map(|plant| plant.case.as_str());
        proof::count(&mut proof, &judged, secs, plant, &settings.limits);
        for case in judged.iter().filter(|case| case.suspect) {
            if let Some(e) = &case.estimate {
                console::note(&format!(
                    "perf: {} {} {:+.1} % [{:+.1}, {:+.1}] {}",
                    proof.kind,
                    case.case,
                    e.delta_pct,
                    e.low_pct,
                    e.high_pct,
                    case.verdict.name()
                ));
            }
        }
    }
    proof.median_secs = stats::median(&times).unwrap_or(0.0);
    proof.slowest_secs = times.into_iter().fold(0.0, f64::max);
    proof.load = f64::midpoint(proof.load, machine::load());
    Ok(Some(proof))
}
