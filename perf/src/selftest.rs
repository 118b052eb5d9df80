//! `perf selftest`: how often the gate is wrong here. Three kinds of comparisons: the same program
//! twice, the same code in other link orders (what an unrelated change does to a program), and the
//! engine slowed down in one case after the other. Some go the whole path; many more are drawn from
//! a pool of real process runs, so that the rates have narrow intervals. The plain design, all of
//! base and then all of head by medians, is measured beside them in the same minutes.

use crate::{
    bed::Bed,
    bench::Program,
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
use process::{Interrupts, Outcome, Result, console};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::Instant,
};

/// What head is in a comparison that goes the whole path.
const COMPLETE: [Variant; 5] =
    [Variant::Base, Variant::Moved, Variant::Slow(5), Variant::Slow(10), Variant::Slow(20)];

/// What it is in one that is drawn besides.
const DRAWN: [Variant; 3] = [Variant::Scaled(5), Variant::Scaled(10), Variant::Scaled(20)];

/// What the gate promises: at most so many comparisons of the same code fail, ...
const FALSE_RATE: f64 = 0.01;
/// ... at most so many of its cases are flagged, ...
const FLAG_RATE: f64 = 0.0005;
/// ... and at least so many with a slowdown of twice the threshold or more do.
const POWER: f64 = 0.95;

/// Seconds in which a slowdown of so many per cent is to be found ...
const IN_TIME: [(u32, f64); 2] = [(10, 240.0), (20, 90.0)];
/// ... with so many cases: the default ones.
const IN_TIME_CASES: usize = 6;

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
        let pool = Pool::read(&file)?;
        let limits = gate::Limits { layouts: pool.layouts(), ..settings.limits.clone() };
        let origin = match &pool.origin {
            Some(origin) => origin.clone(),
            None => sides::this_tree(settings)?.1,
        };
        console::note(&format!(
            "perf: {} rounds are in {}, {} comparisons that share none; the intervals below hold for \
             this pool",
            pool.rounds(),
            file.display(),
            pool.disjoint(&limits)?
        ));
        for line in planted(&pool) {
            console::note(&line);
        }
        for kind in COMPLETE.into_iter().chain(DRAWN) {
            let proof = begun(&origin, pool.cases().len(), kind, "drawn from a pool");
            proofs.push((kind, drawn(&limits, &pool, (kind, extent.draws), proof)?));
        }
    }
    if let (Some(bed), true) = (&bed, extent.runs > 0) {
        let Some(twin) = bed.twin()? else { return Ok(interrupted(interrupts)) };
        // Where the plants go on from kind to kind: few runs of each still meet all cases.
        let mut from = 0;
        for kind in COMPLETE {
            let base = if kind == Variant::Base { &twin } else { &bed.program };
            let Some(proof) = complete(bed, base, kind, from..from + extent.runs)? else {
                return Ok(interrupted(interrupts));
            };
            from += extent.runs;
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

/// The newest of each kind and source that was recorded here, in the order in which they are proved;
/// kinds of older versions are left out.
pub(crate) fn newest(settings: &Settings) -> Vec<Proof> {
    let mut newest: BTreeMap<(usize, String), Proof> = BTreeMap::new();
    let kinds: Vec<String> = COMPLETE.into_iter().chain(DRAWN).map(name).collect();
    for proof in files::lines::<Proof>(&settings.file("selftest.jsonl")) {
        if let Some(at) = kinds.iter().position(|kind| *kind == proof.kind) {
            newest.insert((at, proof.source.clone()), proof);
        }
    }
    newest.into_values().collect()
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

fn begun(origin: &Origin, cases: usize, kind: Variant, source: &str) -> Proof {
    Proof {
        format: 1,
        origin: origin.clone(),
        kind: name(kind),
        source: source.to_owned(),
        in_time: match kind {
            Variant::Slow(pct) | Variant::Scaled(pct) if cases <= IN_TIME_CASES => IN_TIME
                .into_iter()
                .find_map(|(of, secs)| (of == pct).then_some(InTime { secs, found: 0 })),
            _ => None,
        },
        load: machine::load(),
        ..Proof::default()
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
    let regressed = |case: &&Judged| case.verdict == Verdict::Regressed;
    let is_plant = |case: &Judged| Some(case.case.as_str()) == plant;
    // A slowdown is found where it is.
    let found = plant.is_none() || judged.iter().filter(regressed).any(is_plant);
    let failed = gate == Gate::Failed && found;
    proof.runs += 1;
    if let Some(in_time) = &mut proof.in_time {
        in_time.found += usize::from(failed && secs <= in_time.secs);
    }
    proof.failed += usize::from(failed);
    proof.inconclusive += usize::from(gate == Gate::Inconclusive);
    for case in judged.iter().filter(|case| !is_plant(case)) {
        proof.clean_cases += 1;
        proof.falsely_flagged += usize::from(regressed(&case));
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
    proof.load = pool.load;
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
        let judged = gate::compare(&mut measure, &cases, limits, &mut rng)?;
        count(&mut proof, (&judged, measure.secs), planted, limits);
        secs.push(measure.secs);
    }
    let plants: Vec<_> = match kind {
        Variant::Slow(_) => cases.iter().map(|case| Some((case.clone(), kind))).collect(),
        // The plain design has one layout, and real runs alone.
        Variant::Moved | Variant::Scaled(_) => Vec::new(),
        Variant::Base => vec![None],
    };
    for plant in &plants {
        let planted = plant.as_ref().map(|(case, _)| case);
        for flagged in pool.plain_flags(plant.as_ref(), limits.regress_pct) {
            let found = planted.is_some_and(|case| flagged.contains(case));
            proof.plain_runs += 1;
            // A plant counts as found where it is, and the same code fails wherever it does.
            proof.plain_failed += usize::from(found || planted.is_none() && !flagged.is_empty());
            proof.plain_clean_cases += cases.len() - usize::from(planted.is_some());
            proof.plain_falsely_flagged += flagged.len() - usize::from(found);
        }
    }
    took(&mut proof, &secs);
    Ok(proof)
}

/// Comparisons that go the whole path; `None` when a signal came.
fn complete(
    bed: &Bed<'_>,
    base: &Program,
    kind: Variant,
    runs: Range<usize>,
) -> Result<Option<Proof>> {
    let mut proof = begun(&bed.origin, bed.cases.len(), kind, "complete");
    let mut secs = Vec::new();
    for run in runs {
        let case = &bed.cases[run % bed.cases.len()];
        let head = bed.program(kind, case);
        let start = Instant::now();
        let (settings, programs) = (bed.settings, (base, &head));
        let seed = fastrand::u64(..);
        let cases = (bed.cases.as_slice(), BTreeSet::new());
        let judged = compare::measured(settings, programs, cases, seed, bed.interrupts)?;
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

/// A rate breaks a promise when its whole interval lies beyond it. What a machine is too noisy to
/// tell is no proof either way, and when that is often so, nothing is proved.
fn judge(proof: &Proof, kind: Variant) -> Outcome {
    let rate = stats::wilson;
    let found = rate(proof.failed, proof.runs);
    let (is_same, is_large) = match kind {
        Variant::Base | Variant::Moved => (true, false),
        Variant::Slow(pct) | Variant::Scaled(pct) => (false, pct >= 10),
    };
    let in_time = |in_time: InTime| rate(in_time.found, proof.runs).1 < POWER;
    let broken = (is_same && found.0 > FALSE_RATE)
        || (is_large && found.1 < POWER)
        || proof.in_time.is_some_and(in_time)
        || rate(proof.falsely_flagged, proof.clean_cases).0 > FLAG_RATE;
    if proof.runs == proof.inconclusive {
        Outcome::Inconclusive
    } else if broken {
        Outcome::Failed
    } else if rate(proof.inconclusive, proof.runs).0 > 1.0 - POWER {
        Outcome::Inconclusive
    } else {
        Outcome::Passed
    }
}

#[cfg(test)]
mod tests;
