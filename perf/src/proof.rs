//! What the self-test counts, what it holds against the gate, and the newest proofs of this machine.
//! Runs nothing.

use crate::{
    files,
    gate::{self, Limits},
    machine,
    settings::Settings,
};
use process::Outcome;
use results::{
    gate::{FORMAT, Gate, InTime, Judged, Origin, Proof, Verdict},
    stats,
};

/// What head is in a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The same code, built twice.
    SameCode,
    /// The same code in other link orders: what an unrelated change does to it.
    OtherLayout,
    /// Relinked as well, with a slowdown planted in the engine, of about so many per cent.
    Planted(u32),
}

/// What is planted, in per cent.
pub(crate) const PLANTS: [u32; 3] = [5, 10, 20];

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

impl Kind {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        [Self::SameCode, Self::OtherLayout].into_iter().chain(PLANTS.map(Self::Planted))
    }

    fn name(self) -> String {
        match self {
            Self::SameCode => "A/A".to_owned(),
            Self::OtherLayout => "other layout".to_owned(),
            Self::Planted(pct) => format!("about +{pct} % planted in one case"),
        }
    }
}

/// A proof of nothing yet, for comparisons of so many cases.
pub(crate) fn begin(origin: &Origin, cases: usize, kind: Kind) -> Proof {
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
pub(crate) fn count(
    proof: &mut Proof,
    judged: &[Judged],
    secs: f64,
    plant: Option<&str>,
    limits: &Limits,
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

/// A rate breaks a promise when its whole interval lies beyond it. What a machine is too noisy to
/// tell is no proof either way, and when that is often so, nothing is proved.
pub(crate) fn judge(proof: &Proof, kind: Kind) -> Outcome {
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
pub(crate) fn newest(settings: &Settings) -> Vec<Proof> {
    let proofs: Vec<Proof> = files::optional_records(&settings.file("selftest.jsonl"));
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
