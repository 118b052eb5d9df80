//! `perf selftest`: how often the gate is wrong here. Three kinds of comparisons, each of which goes the
//! whole path: the same code built twice, the same code in other link orders (what an unrelated change
//! does to a program), and the engine slowed down in one case after the other.

use crate::{
    bench::{self, Pair},
    build::Program,
    files,
    gate::{self, Limits},
    machine, render,
    session::Session,
    testbed::{Kind, Testbed},
};
use process::{Error, Outcome, Result, console};
use results::{
    gate::{Estimate, FORMAT, Gate, InTime, Judged, Origin, Proof, Verdict},
    stats,
};
use std::{ops::Range, time::Instant};

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

/// How these comparisons are made; proofs of older versions have others too.
const COMPLETE: &str = "complete";

/// Proves the gate and records what was proved. Fails when it fires on the same code more often than
/// it may, or stays silent on slowdowns of 10 % and more.
pub(crate) fn selftest(session: &Session, runs: usize) -> Result<Outcome> {
    if runs == 0 {
        let remedy = "use 1 or more (`--runs`)";
        return Err(Error::new("0 runs prove nothing", "command line", remedy));
    }
    let mut testbed = Testbed::new(session)?;
    testbed.find_plants(session)?;
    let twin = testbed.twin(session)?;
    let mut outcome = Outcome::Passed;
    // Where the plants go on from kind to kind: few runs of each still meet all cases.
    for (kind, from) in Kind::all().zip((0..).step_by(runs)) {
        let base = if kind == Kind::SameCode { &twin } else { &testbed.program };
        let proof = prove(session, &testbed, base, kind, from..from + runs)?;
        files::append(&session.file("selftest.jsonl"), &proof)?;
        console::page(&render::proved(&proof));
        outcome = outcome.max(judge(&proof, kind));
    }
    Ok(outcome)
}

/// Comparisons of one kind, with the plant in one case after the other.
fn prove(
    session: &Session,
    testbed: &Testbed,
    base: &Program,
    kind: Kind,
    runs: Range<usize>,
) -> Result<Proof> {
    let cases = &testbed.cases;
    let mut proof = begin(&testbed.program.tree.origin, cases.len(), kind);
    let mut times = Vec::new();
    for run in runs {
        let head = testbed.head(kind, &cases[run % cases.len()]);
        let pair = Pair { base, head: &head };
        let start = Instant::now();
        let judged = bench::compare(session, pair, cases, &[], fastrand::u64(..))?;
        let secs = start.elapsed().as_secs_f64();
        session.check()?;
        times.push(secs);
        let plant = head.plant.as_ref().map(|plant| plant.case.as_str());
        count(&mut proof, &judged, secs, plant, &session.limits);
        for case in judged.iter().filter(|case| case.suspect) {
            if let Some(Estimate { delta_pct, low_pct, high_pct, .. }) = &case.estimate {
                let range = format!("{delta_pct:+.1} % [{low_pct:+.1}, {high_pct:+.1}]");
                let verdict = case.verdict.name();
                console::note(&format!("perf: {} {} {range} {verdict}", proof.kind, case.case));
            }
        }
    }
    proof.median_secs = stats::median(&times).unwrap_or(0.0);
    proof.slowest_secs = times.into_iter().fold(0.0, f64::max);
    proof.load = f64::midpoint(proof.load, machine::load());
    Ok(proof)
}

/// A proof of nothing yet, for comparisons of so many cases.
fn begin(origin: &Origin, cases: usize, kind: Kind) -> Proof {
    let limit = |(of, secs)| (kind == Kind::Planted(of)).then_some(InTime { secs, found: 0 });
    Proof {
        format: FORMAT,
        origin: origin.clone(),
        kind: kind.name(),
        source: COMPLETE.to_owned(),
        in_time: IN_TIME.into_iter().find_map(limit).filter(|_| cases <= IN_TIME_CASES),
        load: machine::load(),
        ..Proof::default()
    }
}

/// Counts one comparison that took so long; `plant` is the case that really is slower.
fn count(proof: &mut Proof, judged: &[Judged], secs: f64, plant: Option<&str>, limits: &Limits) {
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

/// A rate breaks a promise when its whole interval lies beyond it. What a machine is too noisy to
/// tell is no proof either way, and when that is often so, nothing is proved.
fn judge(proof: &Proof, kind: Kind) -> Outcome {
    let rate = stats::wilson;
    let found = rate(proof.failed, proof.runs);
    let in_time = |in_time: InTime| rate(in_time.found, proof.runs).1 < POWER;
    let broken = match kind {
        Kind::SameCode | Kind::OtherLayout => found.0 > FALSE_RATE,
        Kind::Planted(pct) => pct >= 10 && found.1 < POWER,
    };
    let broken = broken
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

/// The newest proof of each kind that was recorded here.
pub(crate) fn newest(session: &Session) -> Vec<Proof> {
    // Nothing depends on them.
    let unreadable = |error| console::note(&format!("perf: {error}"));
    let proofs = files::records(&session.file("selftest.jsonl"));
    let proofs: Vec<Proof> = proofs.map_err(unreadable).unwrap_or_default();
    let newest = |kind: Kind| {
        let same = |proof: &&Proof| proof.kind == kind.name() && proof.source == COMPLETE;
        proofs.iter().rfind(same).cloned()
    };
    Kind::all().filter_map(newest).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        Kind::{OtherLayout, Planted, SameCode},
        begin, count, judge,
    };
    use crate::gate::Limits;
    use process::Outcome;
    use results::gate::{InTime, Judged, Origin, Proof, Verdict};

    fn case(case: &str, verdict: Verdict) -> Judged {
        Judged {
            case: case.to_owned(),
            verdict,
            estimate: None,
            suspect: true,
            screening: Vec::new(),
            confirming: Vec::new(),
        }
    }

    #[test]
    fn a_slowdown_found_late_is_not_found_in_time() {
        let limits = Limits { min_compare_cases: 1, ..Limits::USUAL };
        let found_in = |kind, comparisons: &[(Verdict, f64)]| {
            let mut proof = begin(&Origin::default(), 6, kind);
            for (verdict, secs) in comparisons {
                count(&mut proof, &[case("c", *verdict)], *secs, Some("c"), &limits);
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
        assert_eq!(found_in(Planted(20), &comparisons), (3, Some(1)));
        assert_eq!(found_in(Planted(10), &comparisons), (3, Some(2)));
        // The same code has no plant, and fails wherever it does.
        assert_eq!(found_in(OtherLayout, &comparisons), (3, None));
        // The time is that of the default cases.
        assert_eq!(begin(&Origin::default(), 7, Planted(20)).in_time, None);
    }

    #[test]
    fn a_slowdown_is_found_where_it_is() {
        let limits = Limits { min_compare_cases: 1, ..Limits::USUAL };
        let judged = [case("c", Verdict::Unchanged), case("d", Verdict::Regressed)];
        for (plant, failed, flagged) in [(Some("c"), 0, 1), (Some("d"), 1, 0), (None, 1, 1)] {
            let mut proof = Proof::default();
            count(&mut proof, &judged, 1.0, plant, &limits);
            assert_eq!((proof.failed, proof.falsely_flagged), (failed, flagged), "{plant:?}");
        }
    }

    #[test]
    fn false_alarms_and_misses_fail_the_self_test() {
        let proof = |failed, inconclusive| Proof {
            runs: 100,
            failed,
            inconclusive,
            clean_cases: 500,
            ..Proof::default()
        };
        for same in [SameCode, OtherLayout] {
            assert_eq!(judge(&proof(0, 0), same), Outcome::Passed);
            assert_eq!(judge(&proof(6, 0), same), Outcome::Failed);
            let flagged = Proof { falsely_flagged: 3, ..proof(0, 0) };
            assert_eq!(judge(&flagged, same), Outcome::Failed);
            // A few that cannot be told are the machine's; a fifth of them, and nothing is proved.
            assert_eq!(judge(&proof(0, 5), same), Outcome::Passed);
            assert_eq!(judge(&proof(0, 20), same), Outcome::Inconclusive);
        }
        for (plant, outcome) in [
            (Planted(20), Outcome::Failed),
            (Planted(10), Outcome::Failed),
            (Planted(5), Outcome::Passed),
        ] {
            assert_eq!(judge(&proof(85, 0), plant), outcome, "{plant:?}");
            assert_eq!(judge(&proof(100, 0), plant), Outcome::Passed, "{plant:?}");
            let late = Proof { in_time: Some(InTime { secs: 90.0, found: 85 }), ..proof(100, 0) };
            assert_eq!(judge(&late, plant), Outcome::Failed, "{plant:?}");
        }
        assert_eq!(judge(&proof(0, 100), Planted(20)), Outcome::Inconclusive);
    }
}
