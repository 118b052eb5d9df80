//! Budgets against runs whose true rate is known: honest ones pass, and a defect that shows the same
//! symptom more often does not.

use super::{
    Absorbed, Counts, LUCK, at_most, expected_at_most, figure, held, judged, of_figure,
    rate_at_most,
};
use crate::marker::Figures;
use knobs::{
    budget::{Budget, Share, Unit},
    findings::{Finding, Findings},
};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::collections::BTreeMap;

/// Of twenty runs, each of which judged 1,000 crash states in each of ten cases: one case put down 20 in
/// each, another one 2.
fn budget() -> Budget {
    let share = |seen| Share { seen, of: 20_000 };
    Budget {
        unit: Unit::CrashStates,
        runs: 20,
        of: 200_000,
        at_most: 0.003,
        spread: 1.0,
        cases: BTreeMap::from([("often".to_owned(), share(400)), ("seldom".to_owned(), share(40))]),
    }
}

fn run_of(cases: &[(&str, u64)]) -> Counts {
    cases.iter().map(|(case, count)| ((*case).to_owned(), *count)).collect()
}

/// A count with a Poisson distribution, by the product of uniform numbers (Knuth).
fn poisson(mean: f64, random: &mut Xoshiro256PlusPlus) -> u64 {
    let mut product = 1.0;
    let mut count = 0;
    loop {
        product *= (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        if product < (-mean).exp() {
            return count;
        }
        count += 1;
    }
}

#[test]
fn the_figure_of_a_finding_is_read_back() {
    for unit in Unit::ALL {
        let name = figure("short-log-file", unit);
        assert_eq!(of_figure(&name), Some(("short-log-file", unit)), "{name}");
        assert_eq!(of_figure(judged(unit)), None);
    }
    for other in ["absorbed.x", "absorbed.x.pages", "absorbed..crashes", "reopenings"] {
        assert_eq!(of_figure(other), None, "{other}");
    }
}

#[test]
fn a_bound_is_wide_where_little_was_measured() {
    let bound = |seen, of, now| expected_at_most(1.0, &[(Share { seen, of }, now)]);
    // Of none in so many: -ln of the luck, as the rule of three has it for 95 %.
    assert!((bound(0, 1000, 1000) + LUCK.ln()).abs() < 1e-6);
    let ratio = |seen: u64| bound(seen, 20_000, 20_000) / seen as f64;
    assert!(ratio(400) < 1.25 && ratio(40) > 1.6 && ratio(4) > 4.0);
    assert!(bound(400, 20_000, 1000) < 1.25 * 20.0, "it goes with what is judged now");
    assert!(expected_at_most(5.0, &[(Share { seen: 400, of: 20_000 }, 1000)]) > 1.45 * 20.0);
    assert!(expected_at_most(1.0, &[]) < f64::EPSILON);
}

#[test]
fn honest_runs_stay_within_their_budget() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
    // Whole runs, one case that puts down much, little, and none; and a tenth of what was measured.
    for (cases, mean) in [
        (&[("often", 1000), ("seldom", 1000), ("never", 8000)][..], 22.0),
        (&[("often", 1000)], 20.0),
        (&[("seldom", 1000)], 2.0),
        (&[("never", 1000)], 0.0),
        (&[("seldom", 100)], 0.2),
    ] {
        let allowed = at_most(&budget(), &run_of(cases));
        let beyond = (0..20_000).filter(|_| poisson(mean, &mut random) > allowed).count();
        assert!(beyond <= 2, "{cases:?}: {beyond} of 20000 runs have more than {allowed}");
    }
}

#[test]
fn the_same_symptom_more_often_is_beyond_the_budget() {
    let whole = [("often", 1000), ("seldom", 1000), ("never", 8000)];
    // Twice and three times the rate, in all cases or in one that had none.
    assert!(at_most(&budget(), &run_of(&whole)) < 22 * 5 / 2);
    assert!(at_most(&budget(), &run_of(&[("often", 1000)])) < 20 * 5 / 2);
    assert!(at_most(&budget(), &run_of(&[("never", 1000)])) < 5);
    assert!(at_most(&budget(), &run_of(&[("seldom", 1000)])) < 15);
    let mut clustered = budget();
    clustered.spread = 4.0;
    let allowed = at_most(&clustered, &run_of(&whole));
    assert!((66..110).contains(&allowed), "{allowed}");
}

#[test]
fn the_bound_of_the_rate_is_that_of_all_cases() {
    let rate = rate_at_most(&budget());
    assert!(rate > 440.0 / 200_000.0 && rate < 1.25 * 440.0 / 200_000.0, "{rate}");
}

fn figures(amounts: &[(&str, f64)]) -> Figures {
    amounts.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect()
}

#[test]
fn what_has_no_budget_may_not_be_put_down() {
    let put_down = figures(&[
        ("absorbed.lost-page.crash_states", 30.0),
        ("absorbed.lost-page.fault_runs", 1.0),
        ("absorbed.of-nobody.crashes", 1.0),
        ("crash_states.distinct", 1000.0),
        ("faults.runs", 60.0),
        ("crashes", 1.0),
    ]);
    let calm = figures(&[("crash_states.distinct", 1000.0)]);
    let finding = finding();
    let cases = [("often", &put_down), ("never", &calm)];
    let held = held(&[&finding], &cases);
    let said = |absorbed: &Absorbed| {
        let Absorbed { finding, unit, seen, of, .. } = absorbed;
        (format!("{finding} {unit:?} {seen} {of}"), absorbed.at_most.is_some(), absorbed.fails())
    };
    let said: Vec<_> = held.iter().map(said).collect();
    assert_eq!(
        said,
        [
            ("lost-page CrashStates 30 2000".to_owned(), true, false),
            ("lost-page FaultRuns 1 60".to_owned(), false, true),
            ("of-nobody Crashes 1 1".to_owned(), false, true),
        ]
    );
    let often =
        figures(&[("absorbed.lost-page.crash_states", 90.0), ("crash_states.distinct", 1000.0)]);
    let held = super::held(&[&finding], &[("often", &often)]);
    assert!(held[0].fails() && (held[0].share(held[0].seen) - 0.09).abs() < 1e-9);
    let mut unsettled = finding.clone();
    unsettled.absorbs[0].runs = 19;
    let held = super::held(&[&unsettled], &[("often", &often)]);
    assert!(!held[0].fails() && held[0].at_most.is_some(), "too few runs fail none");
    // Nothing was judged that could have been put down: there is nothing to say.
    assert!(super::held(&[&finding], &[("fast", &Figures::new())]).is_empty());
}

fn finding() -> Finding {
    let text = r#"
id = "lost-page"
engine = ["0.2.0"]
builds = ["failpoints"]
case = "lost_page::survives"
summary = "a page is lost"
promise = "durability-kill"
severity = "data"
takes = ["kill"]
"#;
    let mut finding: Finding = toml::from_str(text).unwrap();
    finding.absorbs.push(budget());
    finding
}

#[test]
fn each_entry_states_the_bound_of_its_share() {
    let findings = Findings::load(&knobs::runtime::root()).unwrap();
    for finding in findings.all() {
        for budget in &finding.absorbs {
            let Budget { unit, at_most, .. } = budget;
            let bound = rate_at_most(budget);
            let stated = (at_most / bound - 1.0).abs() < 0.01;
            assert!(stated, "{} of {unit:?}: at_most = {bound:.5}", finding.id);
        }
    }
}
