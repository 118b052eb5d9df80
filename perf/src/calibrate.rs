//! `perf calibrate`: compares the same code a few times on the machine that will gate, and proposes
//! thresholds for `.config/perf.toml` that its noise allows. Shown as a diff; written when asked.

use crate::{bed::Bed, compare, gate::Judged, settings::Settings, snapshot::interrupted, stats};
use launch::{Error, Interrupts, Outcome, Result, console};
use std::fs;
use toml_edit::{DocumentMut, Item, Value};

/// What the noise allows.
#[derive(Debug, PartialEq)]
struct Proposal {
    regress_pct: f64,
    max_regress_cases: usize,
    cases: Vec<String>,
}

/// The lowest threshold that is proposed, in per cent, and the noise above which a case cannot be
/// gated at all.
const LEAST_PCT: f64 = 3.0;
const MOST_PCT: f64 = 25.0;

/// Measures and proposes.
pub(crate) fn calibrate(
    settings: &Settings,
    rounds: usize,
    write: bool,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    let Some(bed) = Bed::new(settings, interrupts)? else { return Ok(interrupted(interrupts)) };
    let mut all = Vec::new();
    for _ in 0..rounds.max(1) {
        // Other link orders are what any change brings, so that their luck is part of the noise.
        let (programs, seed) = ((&bed.program, &bed.moved), fastrand::u64(..));
        all.push(compare::measured(settings, programs, &bed.cases, seed, interrupts)?);
        if interrupts.outcome().is_some() {
            return Ok(interrupted(interrupts));
        }
    }
    let proposal = propose(&all).ok_or_else(|| {
        let what = format!("every case differs from itself by more than {MOST_PCT} %");
        Error::new(what, "this machine", "calibrate when less else is going on")
    })?;
    let file = settings.knobs.path("MACE_PERF_THRESHOLD_FILE").expect("the knob has a default");
    let old = fs::read_to_string(&file)
        .map_err(|error| Error::io("read the file", &file, "restore it from git", error))?;
    let new = rewrite(&old, &proposal).map_err(|error| {
        Error::new(format_args!("malformed file ({error})"), file.display(), "correct the file")
    })?;
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

/// Half as much again as the largest difference that the same code showed, rounded up to half a
/// per cent; cases that are far noisier than the others are left out.
fn propose(all: &[Vec<Judged>]) -> Option<Proposal> {
    let mut noise: Vec<(String, f64)> = Vec::new();
    for case in all.first()? {
        let same = all.iter().flatten().filter(|other| other.case == case.case);
        let worst = same
            .map(|case| {
                let e = case.estimate.as_ref();
                e.map_or(f64::INFINITY, |e| e.delta_pct.abs().max(e.floor_pct))
            })
            .fold(0.0, f64::max);
        noise.push((case.case.clone(), worst));
    }
    noise.retain(|(_, worst)| worst * 1.5 <= MOST_PCT);
    let middle = stats::median(&noise.iter().map(|(_, worst)| *worst).collect::<Vec<_>>())?;
    noise.retain(|(_, worst)| *worst <= LEAST_PCT.max(4.0 * middle));
    let worst = noise.iter().map(|(_, worst)| *worst).fold(0.0, f64::max);
    Some(Proposal {
        regress_pct: ((worst * 1.5 * 2.0).ceil() / 2.0).max(LEAST_PCT),
        max_regress_cases: 0,
        cases: noise.into_iter().map(|(case, _)| case).collect(),
    })
}

fn rewrite(text: &str, proposal: &Proposal) -> std::result::Result<String, toml_edit::TomlError> {
    let mut document: DocumentMut = text.parse()?;
    let cases = proposal.cases.len();
    let number = |count: usize| Value::from(i64::try_from(count).unwrap_or(i64::MAX));
    let mut set = |key: &str, new: Value| match document.get_mut(key).and_then(Item::as_value_mut) {
        Some(there) => {
            let comment = there.decor().clone();
            *there = new;
            *there.decor_mut() = comment;
        }
        None => document[key] = Item::Value(new),
    };
    // A whole number is written as one.
    set("MACE_PERF_REGRESS_PCT", proposal.regress_pct.to_string().parse()?);
    set("MACE_PERF_MAX_REGRESS_CASES", number(proposal.max_regress_cases));
    set("MACE_PERF_MIN_COMPARE_CASES", number(cases));
    set("MACE_PERF_COMPARE_FILTERS", proposal.cases.join(",").into());
    Ok(document.to_string())
}

/// The lines that differ, old ones first. Keys are replaced one for one or added at the end.
fn diff(old: &str, new: &str) -> String {
    let gone = old.lines().filter(|line| !new.lines().any(|other| other == *line));
    let come = new.lines().filter(|line| !old.lines().any(|other| other == *line));
    let lines: Vec<String> =
        gone.map(|line| format!("- {line}")).chain(come.map(|line| format!("+ {line}"))).collect();
    if lines.is_empty() { "the file says it already".to_owned() } else { lines.join("\n") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{gate::Verdict, run::Estimate};

    fn judged(case: &str, delta_pct: f64, floor_pct: f64) -> Judged {
        let estimate = Estimate {
            base_ns: 1e6,
            head_ns: 1e6,
            delta_pct,
            low_pct: 0.0,
            high_pct: 0.0,
            base_median_ns: 1e6,
            head_median_ns: 1e6,
            median_delta_pct: 0.0,
            floor_pct,
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
}
