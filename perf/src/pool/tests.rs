//! Pools made by hand: what is read back of them, and that a drawn comparison gives the gate what
//! the pool holds.

use super::*;
use crate::gate::{self, Gate, Limits, Verdict};

/// A run whose time says where it is from.
fn line(case: &str, variant: Variant, plain: bool, (round, slot): (usize, usize), ns: f64) -> Line {
    let run = Run {
        side: Side::Head,
        round,
        slot,
        layout: if plain { 0 } else { round % 2 },
        low_ns: ns,
        median_ns: ns,
        mean_ns: ns,
        samples: 10,
        wall_ms: 250.0,
        load: 1.0,
    };
    Line { case: case.to_owned(), variant, plain, run }
}

/// Two cases over two layouts; `slow` is what a planted fifth really is.
fn lines(rounds: usize, slow: f64) -> Vec<Line> {
    let mut lines = Vec::new();
    for round in 0..rounds {
        for case in ["a", "b"] {
            let ns = 1e6 * (1.0 + 0.001 * (round % 3) as f64);
            for slot in 0..BASE_RUNS {
                lines.push(line(case, Variant::Base, false, (round, slot), ns + slot as f64));
            }
            for (variant, ns) in [(Variant::Moved, ns), (Variant::Slow(20), slow * ns)] {
                lines.extend([0, 1].map(|slot| line(case, variant, false, (round, slot), ns)));
            }
        }
    }
    lines
}

fn limits() -> Limits {
    Limits {
        min_base_ns: 1.0,
        min_compare_cases: 2,
        screen_rounds: 4,
        confirm_rounds: 4,
        layouts: 2,
        ..Limits::USUAL
    }
}

#[test]
fn what_is_drawn_is_what_the_pool_holds() {
    let pool = Pool::of(lines(12, 1.2)).unwrap();
    let cases = pool.cases();
    assert_eq!(
        (cases.as_slice(), pool.layouts(), pool.rounds()),
        (&["a", "b"].map(String::from)[..], 2, 12)
    );
    let slow = pool.best("a", Variant::Slow(20)).unwrap();
    assert!((slow - 1.2e6).abs() < 1.0, "{slow}");
    let play = |plant: Option<(&str, Variant)>, other| {
        let plant = plant.map(|(case, variant)| (case.to_owned(), variant));
        let mut draw = pool.draw(plant, other, 3);
        let mut rng = fastrand::Rng::with_seed(3);
        let judged = gate::compare(&mut draw, &cases, &limits(), &mut rng).unwrap();
        let runs: usize = judged.iter().map(|j| j.screening.len() + j.confirming.len()).sum();
        assert!((draw.secs - 0.25 * runs as f64).abs() < 1e-6, "{} s for {runs}", draw.secs);
        judged
    };
    for other in [Variant::Base, Variant::Moved] {
        let judged = play(None, other);
        assert_eq!(gate::gate(&judged, &limits()), Gate::Passed);
        // No run of base is on both sides of a round.
        for round in judged[0].screening.chunks(4) {
            let mut times: Vec<_> = round.iter().map(|run| run.low_ns).collect();
            times.sort_by(f64::total_cmp);
            times.dedup();
            assert!(other == Variant::Moved || times.len() == 4, "{times:?}");
        }
    }
    for plant in [Variant::Slow(20), Variant::Scaled(30)] {
        let judged = play(Some(("b", plant)), Variant::Moved);
        assert_eq!(judged[1].verdict, Verdict::Regressed, "{plant:?}");
        assert_eq!(judged[0].verdict, Verdict::Unchanged, "{plant:?}");
        let delta = judged[1].estimate.as_ref().unwrap().delta_pct;
        let right = if plant == Variant::Slow(20) { 20.0 } else { 30.0 };
        assert!((delta - right).abs() < 0.1, "{plant:?} {delta}");
    }
}

#[test]
fn rounds_that_are_not_whole_are_left_out() {
    let mut some = lines(6, 1.2);
    some.pop();
    assert_eq!(Pool::of(some).unwrap().rounds(), 4);
    assert!(Pool::of(lines(1, 1.2)[..3].to_vec()).is_none() && Pool::of(Vec::new()).is_none());
    let temp = tempfile::tempdir().unwrap();
    let line = Pool::read(&temp.path().join("pool.jsonl")).unwrap_err().to_string();
    assert!(line.contains("no pool of runs") && line.contains("selftest --pool"), "{line}");
}

#[test]
fn the_plain_design_is_judged_by_its_medians() {
    let mut all = lines(2, 1.2);
    for pass in 0..3 {
        for case in ["a", "b"] {
            // In the last pass the machine is slower while base runs again.
            let again = if pass == 2 { 1.3e6 } else { 1e6 };
            for slot in 0..3 {
                all.push(line(case, Variant::Base, true, (pass, slot), 1e6));
            }
            all.extend([0, 1, 2].map(|slot| line(case, Variant::Base, true, (pass, slot), again)));
            all.extend([0, 1].map(|at| line(case, Variant::Slow(20), true, (pass, at), 1.2e6)));
        }
    }
    let pool = Pool::of(all).unwrap();
    let flagged = |plant: Option<&(String, Variant)>| -> Vec<Vec<String>> {
        let passes = pool.plain_flags(plant, 5.0).into_iter();
        passes.map(|flagged| flagged.into_iter().collect()).collect()
    };
    assert_eq!(flagged(None), [vec![], vec![], vec!["a".to_owned(), "b".to_owned()]]);
    let plant = ("a".to_owned(), Variant::Slow(20));
    assert_eq!(flagged(Some(&plant)), [vec!["a"], vec!["a"], vec!["a", "b"]]);
}

/// Runs that were recorded on a busy machine; the file says how.
fn recorded() -> Pool {
    let mut lines = Vec::new();
    let text = include_str!("../../tests/fixtures/pool.tsv");
    for row in text.lines().filter(|row| !row.starts_with('#')) {
        let fields: Vec<&str> = row.split('\t').collect();
        let number = |at: usize| fields[at].parse::<usize>().unwrap();
        for at in 3..9 {
            let variant = if at < 3 + BASE_RUNS { Variant::Base } else { Variant::Moved };
            let ns = number(at) as f64;
            let mut line = line(fields[2], variant, false, (number(0), at), ns);
            line.run.layout = number(1);
            lines.push(line);
        }
    }
    Pool::of(lines).unwrap()
}

/// How many of so many comparisons fail, how many cannot be told, and how many cases are said to be
/// slower in the default layout alone, with a plant in one case after the other.
fn outcomes(kind: Variant, draws: usize, regress_pct: f64) -> (usize, usize, usize) {
    let pool = recorded();
    let cases = pool.cases();
    let limits = Limits { regress_pct, layouts: pool.layouts(), ..Limits::USUAL };
    let (mut failed, mut unclear, mut lucky) = (0, 0, 0);
    for draw in 0..draws {
        let plant =
            matches!(kind, Variant::Scaled(_)).then(|| (cases[draw % cases.len()].clone(), kind));
        let other = if plant.is_some() { Variant::Moved } else { kind };
        let mut measure = pool.draw(plant, other, draw as u64);
        let mut rng = fastrand::Rng::with_seed(draw as u64);
        let judged = gate::compare(&mut measure, &cases, &limits, &mut rng).unwrap();
        match gate::gate(&judged, &limits) {
            Gate::Failed => failed += 1,
            Gate::Inconclusive => unclear += 1,
            Gate::Passed | Gate::TooFewCases => {}
        }
        lucky += judged.iter().filter(|case| case.layout_pct(&limits).is_some()).count();
    }
    (failed, unclear, lucky)
}

#[test]
fn the_same_code_does_not_fail_on_recorded_runs() {
    for same in [Variant::Base, Variant::Moved] {
        let (failed, unclear, lucky) = outcomes(same, 60, 5.0);
        assert_eq!((failed, lucky), (0, 0), "{same:?}");
        assert!(unclear <= 1, "{same:?}: {unclear} of 60");
    }
}

#[test]
fn a_slowdown_is_found_in_recorded_runs() {
    for (pct, limit, least) in [(10, 5.0, 57), (20, 5.0, 60), (5, 3.0, 48)] {
        let (failed, ..) = outcomes(Variant::Scaled(pct), 60, limit);
        assert!(failed >= least, "+{pct} % at a limit of {limit} %: {failed} of 60");
    }
}
