//! `perf selftest`: how often the gate is wrong here. Three kinds of comparisons: the same program
//! twice, the same code in other link orders (what an unrelated change does to a program), and the
//! engine slowed down in one case after the other. Some go the whole path; many more are drawn from
//! a pool of real process runs, so that the rates have narrow intervals. The plain design, all of
//! base and then all of head by medians, is measured beside them in the same minutes.

use crate::{
    bed::Bed,
    compare,
    files::{self, InTime, Origin, Proof},
    gate::{self, Gate, Judged, Verdict},
    machine, page,
    pool::{Pool, Variant},
    settings::Settings,
    sides,
    snapshot::interrupted,
    stats,
};
use launch::{Interrupts, Outcome, Result, console};
use std::time::Instant;

/// What head is in a comparison that goes the whole path.
const COMPLETE: [Variant; 5] =
    [Variant::Base, Variant::Moved, Variant::Slow(5), Variant::Slow(10), Variant::Slow(20)];

/// What it is in one that is drawn besides.
const DRAWN: [Variant; 3] = [Variant::Scaled(5), Variant::Scaled(10), Variant::Scaled(20)];

/// What the gate promises: at most so many comparisons of the same code fail, ...
const FALSE_RATE: f64 = 0.01;
/// ... and at least so many with a slowdown of twice the threshold or more do.
const POWER: f64 = 0.95;

/// Seconds in which a slowdown of so many per cent is to be found with the six default cases.
const IN_TIME: [(u32, f64); 2] = [(10, 240.0), (20, 90.0)];

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Complete comparisons of each kind.
    pub(crate) runs: usize,
    /// Rounds of the pool; 0 takes the pool that is there.
    pub(crate) pool: usize,
    /// Comparisons of each kind that are drawn from it.
    pub(crate) draws: usize,
}

fn name(kind: Variant) -> String {
    match kind {
        Variant::Base => "A/A".to_owned(),
        Variant::Moved => "other layout".to_owned(),
        Variant::Slow(pct) => format!("about +{pct} % planted in one case"),
        Variant::Scaled(pct) => format!("+{pct} % in one case"),
    }
}

/// Proves the gate and records what was proved. Fails when it fires on the same code more often
/// than it may, or stays silent on slowdowns of 10 % and more.
pub(crate) fn selftest(
    settings: &Settings,
    extent: Extent,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    let file = settings.file("pool.jsonl");
    // What is only drawn needs no program.
    let bed = match extent {
        Extent { runs: 0, pool: 0, .. } => None,
        _ => match Bed::new(settings, interrupts)?.map_or(Ok(None), Bed::with_plants)? {
            None => return Ok(interrupted(interrupts)),
            bed => bed,
        },
    };
    if let (Some(bed), true) = (&bed, extent.pool > 0)
        && bed.record(extent.pool, &file)?.is_none()
    {
        return Ok(interrupted(interrupts));
    }
    let mut proofs = Vec::new();
    if extent.draws > 0 {
        let (pool, origin) = (Pool::read(&file)?, sides::this_tree(settings)?.1);
        console::note(&format!("perf: {} rounds are in {}", pool.rounds(), file.display()));
        for line in planted(&pool) {
            console::note(&line);
        }
        for kind in COMPLETE.into_iter().chain(DRAWN) {
            let proof = begun(&origin, kind, "drawn from a pool");
            proofs.push((kind, drawn(&settings.limits, &pool, (kind, extent.draws), proof)?));
        }
    }
    for kind in COMPLETE {
        if let (Some(bed), true) = (&bed, extent.runs > 0) {
            let Some(proof) = complete(bed, kind, extent.runs)? else {
                return Ok(interrupted(interrupts));
            };
            proofs.push((kind, proof));
        }
    }
    let mut outcome = Outcome::Passed;
    for (kind, proof) in &proofs {
        files::append(&settings.file("selftest.jsonl"), proof)?;
        console::page(&page::proved(proof));
        outcome = outcome.max(judge(proof, *kind));
    }
    Ok(outcome)
}

/// What each plant came to over the whole pool.
fn planted(pool: &Pool) -> Vec<String> {
    let cases = pool.cases();
    let line = |kind: &Variant| {
        let deltas = cases.iter().filter_map(|case| {
            let (base, head) = (pool.best(case, Variant::Base)?, pool.best(case, *kind)?);
            Some(format!("{case} {:+.1} %", stats::delta_pct(base, head)))
        });
        format!(
            "perf: best of the pool, {}: {}",
            name(*kind),
            deltas.collect::<Vec<_>>().join(", ")
        )
    };
    COMPLETE[1..].iter().map(line).collect()
}

fn begun(origin: &Origin, kind: Variant, source: &str) -> Proof {
    Proof {
        format: 1,
        origin: origin.clone(),
        kind: name(kind),
        source: source.to_owned(),
        runs: 0,
        failed: 0,
        inconclusive: 0,
        in_time: match kind {
            Variant::Slow(pct) | Variant::Scaled(pct) => IN_TIME
                .into_iter()
                .find_map(|(of, secs)| (of == pct).then_some(InTime { secs, found: 0 })),
            Variant::Base | Variant::Moved => None,
        },
        clean_cases: 0,
        falsely_flagged: 0,
        plain_runs: 0,
        plain_failed: 0,
        middle_secs: 0.0,
        slowest_secs: 0.0,
        load: machine::load(),
    }
}

/// Counts one comparison that took so long; `plant` is the case that really is slower.
fn count(
    proof: &mut Proof,
    (judged, secs): (&[Judged], f64),
    plant: Option<&str>,
    limits: &gate::Limits,
) {
    let gate = gate::gate(judged, limits);
    proof.runs += 1;
    if let Some(in_time) = &mut proof.in_time {
        in_time.found += usize::from(gate == Gate::Failed && secs <= in_time.secs);
    }
    proof.failed += usize::from(gate == Gate::Failed);
    proof.inconclusive += usize::from(gate == Gate::Inconclusive);
    for case in judged.iter().filter(|case| Some(case.case.as_str()) != plant) {
        proof.clean_cases += 1;
        proof.falsely_flagged += usize::from(case.verdict == Verdict::Regressed);
    }
}

fn took(proof: &mut Proof, secs: &[f64]) {
    proof.middle_secs = stats::median(secs).unwrap_or(0.0);
    proof.slowest_secs = secs.iter().copied().fold(0.0, f64::max);
}

/// Comparisons drawn from the pool. The plant goes round all cases.
fn drawn(
    limits: &gate::Limits,
    pool: &Pool,
    (kind, draws): (Variant, usize),
    mut proof: Proof,
) -> Result<Proof> {
    let cases = pool.cases();
    let limits = gate::Limits { layouts: pool.layouts(), ..limits.clone() };
    let mut secs = Vec::new();
    for draw in 0..draws {
        let case = &cases[draw % cases.len()];
        let (plant, other) = match kind {
            Variant::Base | Variant::Moved => (None, kind),
            plant => (Some((case.clone(), plant)), Variant::Moved),
        };
        let seed = draw as u64;
        let planted = plant.as_ref().map(|_| case.as_str());
        let mut measure = pool.draw(plant.clone(), other, seed);
        let mut rng = fastrand::Rng::with_seed(seed);
        let judged = gate::compare(&mut measure, &cases, &limits, &mut rng)?;
        count(&mut proof, (&judged, measure.secs), planted, &limits);
        secs.push(measure.secs);
    }
    let plants: Vec<_> = match kind {
        Variant::Slow(_) => cases.iter().map(|case| Some((case.clone(), kind))).collect(),
        // The plain design has one layout, and real runs alone.
        Variant::Moved | Variant::Scaled(_) => Vec::new(),
        Variant::Base => vec![None],
    };
    for plant in &plants {
        let failed = pool.plain_fails(plant.as_ref(), limits.regress_pct);
        proof.plain_runs += failed.len();
        proof.plain_failed += failed.iter().filter(|failed| **failed).count();
    }
    took(&mut proof, &secs);
    Ok(proof)
}

/// Comparisons that go the whole path; `None` when a signal came.
fn complete(bed: &Bed<'_>, kind: Variant, runs: usize) -> Result<Option<Proof>> {
    let mut proof = begun(&bed.origin, kind, "complete");
    let mut secs = Vec::new();
    for run in 0..runs {
        let case = &bed.cases[run % bed.cases.len()];
        let head = bed.program(kind, case);
        let start = Instant::now();
        let (settings, programs) = (bed.settings, (&bed.program, &head));
        let seed = fastrand::u64(..);
        let judged = compare::measured(settings, programs, &bed.cases, seed, bed.interrupts)?;
        let took = start.elapsed().as_secs_f64();
        secs.push(took);
        if bed.interrupts.outcome().is_some() {
            return Ok(None);
        }
        let plant = matches!(kind, Variant::Slow(_)).then_some(case.as_str());
        count(&mut proof, (&judged, took), plant, &bed.settings.limits);
        for case in judged.iter().filter(|case| case.suspect) {
            if let Some(e) = &case.estimate {
                console::note(&format!(
                    "perf: {} {} {:+.1} % [{:+.1}, {:+.1}] {:?}",
                    proof.kind, case.case, e.delta_pct, e.low_pct, e.high_pct, case.verdict
                ));
            }
        }
    }
    took(&mut proof, &secs);
    proof.load = f64::midpoint(proof.load, machine::load());
    Ok(Some(proof))
}

/// A rate breaks a promise when its whole interval lies beyond it; that a machine is too noisy to
/// tell anything is no proof either way. A plant is only about what it is called, so that only the
/// large one is held against the gate.
fn judge(proof: &Proof, kind: Variant) -> Outcome {
    let interval = stats::wilson(proof.failed, proof.runs);
    let broken = match kind {
        Variant::Base | Variant::Moved => interval.0 > FALSE_RATE,
        Variant::Slow(pct) => pct >= 20 && interval.1 < POWER,
        Variant::Scaled(pct) => pct >= 10 && interval.1 < POWER,
    };
    match (broken, proof.runs == proof.inconclusive) {
        (_, true) => Outcome::Unclear,
        (true, _) => Outcome::Failed,
        _ => Outcome::Passed,
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, begun, count, judge};
    use crate::{
        files::{Origin, Proof},
        gate::{Judged, Limits, Verdict},
        pool::Variant::{Base, Moved, Scaled, Slow},
    };

    #[test]
    fn a_slowdown_that_is_found_late_is_not_found_in_time() {
        let limits = Limits {
            min_compare_cases: 1,
            screen_rounds: 1,
            confirm_rounds: 1,
            layouts: 1,
            ..Limits::USUAL
        };
        let case = |verdict| Judged {
            case: "c".to_owned(),
            verdict,
            estimate: None,
            suspect: true,
            screening: Vec::new(),
            confirming: Vec::new(),
        };
        let found_in = |kind, comparisons: &[(Verdict, f64)]| {
            let mut proof = begun(&Origin::now("e".into(), "c".into()), kind, "s");
            for (verdict, secs) in comparisons {
                count(&mut proof, (&[case(*verdict)], *secs), Some("c"), &limits);
            }
            (proof.failed, proof.in_time.map(|in_time| in_time.found))
        };
        let comparisons = [
            (Verdict::Regressed, 89.0),
            (Verdict::Regressed, 91.0),
            (Verdict::Regressed, 241.0),
            (Verdict::Unchanged, 30.0),
            (Verdict::Inconclusive, 30.0),
        ];
        assert_eq!(found_in(Slow(20), &comparisons), (3, Some(1)));
        assert_eq!(found_in(Scaled(10), &comparisons), (3, Some(2)));
        assert_eq!(found_in(Moved, &comparisons), (3, None));
    }

    #[test]
    fn a_gate_that_cries_wolf_or_sleeps_fails_its_self_test() {
        let proof = |failed, inconclusive| Proof {
            format: 1,
            origin: Origin::now("e".into(), "c".into()),
            kind: "k".into(),
            source: "s".into(),
            runs: 100,
            failed,
            inconclusive,
            in_time: None,
            clean_cases: 500,
            falsely_flagged: 0,
            plain_runs: 0,
            plain_failed: 0,
            middle_secs: 1.0,
            slowest_secs: 1.0,
            load: 0.0,
        };
        for same in [Base, Moved] {
            assert_eq!(judge(&proof(0, 0), same), Outcome::Passed);
            assert_eq!(judge(&proof(6, 0), same), Outcome::Failed);
        }
        assert_eq!(judge(&proof(100, 0), Slow(10)), Outcome::Passed);
        for (plant, outcome) in [
            (Scaled(10), Outcome::Failed),
            (Slow(20), Outcome::Failed),
            (Slow(10), Outcome::Passed),
            (Scaled(5), Outcome::Passed),
        ] {
            assert_eq!(judge(&proof(85, 0), plant), outcome, "{plant:?}");
        }
        assert_eq!(judge(&proof(0, 100), Slow(20)), Outcome::Unclear);
    }
}
