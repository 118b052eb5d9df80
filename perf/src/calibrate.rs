//! `perf calibrate`: compares the same code a few times on the machine that will gate, and proposes
//! thresholds for `.config/perf.toml` that its noise allows. Shown as a diff; written when asked.

use crate::{
    bench::{self, Pair},
    session::Session,
    testbed::Testbed,
};
use knobs::knob;
use process::{Error, Outcome, Result, console};
use results::{
    gate::{Judged, Proposal, Verdict},
    stats,
};
use std::{collections::BTreeMap, fs, ops::RangeInclusive};
use toml_edit::{DocumentMut, Item, TomlError, Value};

/// Rounds that say something about a machine and do not take a day.
const ROUNDS: RangeInclusive<usize> = 3..=5;

/// The lowest threshold that is proposed, in per cent, and the noise above which a case cannot be
/// gated at all.
const LEAST_PCT: f64 = 3.0;
const MOST_PCT: f64 = 25.0;

/// Measures and proposes.
pub(crate) fn calibrate(session: &Session, rounds: usize, write: bool) -> Result<Outcome> {
    if !ROUNDS.contains(&rounds) {
        let what = format!("{rounds} rounds are no calibration");
        let remedy = format!("use {} to {} (`--rounds`)", ROUNDS.start(), ROUNDS.end());
        return Err(Error::new(what, "command line", remedy));
    }
    let file = session.knobs.get(knob::MACE_PERF_THRESHOLD_FILE);
    let old = fs::read_to_string(&file)
        .map_err(|error| Error::io("read the file", &file, "restore it from git", error))?;
    // What cannot be written must be known before anything is measured.
    let malformed = |error| {
        Error::new(format_args!("malformed file ({error})"), file.display(), "write it in TOML")
    };
    old.parse::<DocumentMut>().map_err(malformed)?;
    let testbed = Testbed::new(session)?;
    // Noise is what is asked for, not what it means to the limit that is set now.
    let mut open = session.clone();
    open.limits.regress_pct = MOST_PCT;
    // Other link orders are what any change brings, so that their bias is part of the noise.
    let pair = Pair { base: &testbed.program, head: &testbed.relinked };
    let mut all = Vec::new();
    for _ in 0..rounds {
        all.push(bench::compare(&open, pair, &testbed.cases, &[], fastrand::u64(..))?);
        session.check()?;
    }
    for (case, why) in excluded(&all) {
        console::note(&format!("perf: {case} is left out: {why}"));
    }
    let Some(proposal) = propose(&all) else {
        let remedy = "no case could be measured; calibrate when less else is going on";
        let outcome = Outcome::Inconclusive;
        console::page(&format!("{}: {remedy}", outcome.name()));
        return Ok(outcome);
    };
    let new = rewrite(&old, &proposal).map_err(malformed)?;
    console::page(&diff(&old, &new));
    if write {
        fs::write(&file, new)
            .map_err(|error| Error::io("write the file", &file, "make it writable", error))?;
        console::note(&format!("perf: written to {}", file.display()));
    } else {
        console::note("perf: nothing is written; `just perf calibrate --write` writes it");
    }
    Ok(Outcome::Passed)
}

/// Why a case of the same code proposes nothing, where it does not.
fn unusable(case: &Judged) -> Option<String> {
    let noise = noise(case);
    match (case.verdict, &case.estimate) {
        (Verdict::TooSmall, _) => Some("it is smaller than MACE_PERF_MIN_BASE_NS".to_owned()),
        (_, Some(_)) if noise * 1.5 > MOST_PCT => {
            Some(format!("it differs from itself by {noise:.1} %"))
        }
        (Verdict::Inconclusive, _) | (_, None) => {
            Some("a round of it could not tell, or was cut off (MACE_PERF_BUDGET_SECS)".to_owned())
        }
        _ => None,
    }
}

/// What is no part of a proposal, with the first reason.
fn excluded(all: &[Vec<Judged>]) -> BTreeMap<&str, String> {
    let cases = all.iter().flatten().rev();
    cases.filter_map(|case| Some((case.case.as_str(), unusable(case)?))).collect()
}

/// By how much a case of the same code differs, in per cent.
fn noise(case: &Judged) -> f64 {
    case.estimate.as_ref().map_or(f64::INFINITY, |e| e.delta_pct.abs().max(e.noise_floor_pct))
}

/// Half as much again as the largest difference that the same code showed, rounded up to half a
/// per cent; cases that could not be measured, or are far noisier than the others, are left out.
fn propose(all: &[Vec<Judged>]) -> Option<Proposal> {
    let out = excluded(all);
    let mut noises: Vec<(&str, f64)> = Vec::new();
    for case in all.first()?.iter().filter(|case| !out.contains_key(case.case.as_str())) {
        let same = all.iter().flatten().filter(|other| other.case == case.case);
        noises.push((&case.case, same.map(noise).fold(0.0, f64::max)));
    }
    let middle = stats::median(&noises.iter().map(|(_, worst)| *worst).collect::<Vec<_>>())?;
    noises.retain(|(_, worst)| *worst <= LEAST_PCT.max(4.0 * middle));
    let worst = noises.iter().map(|(_, worst)| *worst).fold(0.0, f64::max);
    let regress_pct = ((worst * 1.5 * 2.0).ceil() / 2.0).max(LEAST_PCT);
    let cases = noises.into_iter().map(|(case, _)| case.to_owned()).collect();
    Some(Proposal { regress_pct, cases })
}

fn rewrite(text: &str, proposal: &Proposal) -> std::result::Result<String, TomlError> {
    let mut document: DocumentMut = text.parse()?;
    for (key, value) in proposal.knobs() {
        let new: Value = value.parse()?;
        match document.get_mut(key).and_then(Item::as_value_mut) {
            Some(there) => {
                let comment = there.decor().clone();
                *there = new;
                *there.decor_mut() = comment;
            }
            None => document[key] = Item::Value(new),
        }
    }
    Ok(document.to_string())
}

/// The lines that differ, old ones first. Keys are replaced one for one or added at the end.
fn diff(old: &str, new: &str) -> String {
    let only = |sign, some: &str, other: &str| -> Vec<String> {
        let lines = some.lines().filter(|line| !other.lines().any(|known| known == *line));
        lines.map(|line| format!("{sign} {line}")).collect()
    };
    let lines = [only('-', old, new), only('+', new, old)].concat();
    if lines.is_empty() { "the file says it already".to_owned() } else { lines.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use results::gate::Estimate;

    fn judged(case: &str, delta_pct: f64, noise_floor_pct: f64) -> Judged {
        let estimate = Estimate {
            base_ns: 1e6,
            head_ns: 1e6,
            delta_pct,
            low_pct: 0.0,
            high_pct: 0.0,
            base_median_ns: 1e6,
            head_median_ns: 1e6,
            median_delta_pct: 0.0,
            noise_floor_pct,
            rounds: 6,
            p_value: 0.5,
        };
        Judged {
            case: case.to_owned(),
            verdict: Verdict::Unchanged,
            estimate: Some(estimate),
            suspect: false,
            screening: vec![],
            confirming: vec![],
        }
    }

    #[test]
    fn the_proposal_follows_the_noise() {
        let quiet = [vec![judged("a", 0.5, 0.2), judged("b", -0.4, 0.9)]];
        let proposal = propose(&quiet).unwrap();
        assert!((proposal.regress_pct - 3.0).abs() < 1e-9 && proposal.cases.len() == 2);
        let noisy = [
            vec![judged("a", 1.0, 4.1), judged("b", 2.0, 1.0), judged("c", 16.0, 1.0)],
            vec![judged("a", 1.0, 1.0), judged("b", -3.0, 1.0), judged("c", 40.0, 1.0)],
        ];
        let proposal = propose(&noisy).unwrap();
        assert!((proposal.regress_pct - 6.5).abs() < 1e-9, "half as much again as 4.1, rounded up");
        assert_eq!(proposal.cases, ["a", "b"]);
        assert_eq!(propose(&[vec![judged("a", 90.0, 1.0)]]), None);

        let old = "# why\nMACE_PERF_REGRESS_PCT = 5 # the limit\nMACE_PERF_MAX_REGRESS_CASES = 0\n";
        let new = rewrite(old, &proposal).unwrap();
        let shown = diff(old, &new);
        assert!(new.starts_with("# why\n"), "{new}");
        assert!(shown.contains("+ MACE_PERF_REGRESS_PCT = 6.5 # the limit"), "{shown}");
        assert!(shown.contains("+ MACE_PERF_COMPARE_FILTERS = \"a,b\""), "{shown}");
        assert!(!shown.contains("MAX_REGRESS"), "{shown}");
        assert!(rewrite("= torn", &proposal).is_err());
        let same = Proposal { regress_pct: 5.0, ..proposal };
        assert!(!diff(old, &rewrite(old, &same).unwrap()).contains("REGRESS_PCT"));
    }

    #[test]
    fn cut_off_or_too_small_cases_are_excluded() {
        let round = |verdict| {
            let odd = Judged { verdict, ..judged("odd", 0.1, 0.1) };
            vec![judged("a", 0.5, 0.2), odd]
        };
        let honest = [round(Verdict::Unchanged), round(Verdict::Faster)];
        assert_eq!(propose(&honest).unwrap().cases, ["a", "odd"]);
        for verdict in [Verdict::Inconclusive, Verdict::TooSmall] {
            // In one of the rounds is enough.
            let rounds = [round(Verdict::Unchanged), round(verdict)];
            assert_eq!(propose(&rounds).unwrap().cases, ["a"], "{verdict:?}");
            assert_eq!(excluded(&rounds).into_keys().collect::<Vec<_>>(), ["odd"]);
        }
        let cut = Judged { estimate: None, ..judged("a", 0.0, 0.0) };
        assert_eq!(propose(&[vec![cut]]), None);
    }
}
