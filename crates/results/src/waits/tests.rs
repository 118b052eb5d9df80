//! Histograms are read back and added up, and the verdict tells the engine from the machine.

use super::{Histogram, is_figure, judge};
use crate::{Outcome, marker::Figures};
use std::time::Duration;

const BOUND: Duration = Duration::from_secs(8);

fn histogram(values: &[u64]) -> Histogram {
    let mut histogram = Histogram::default();
    for value in values {
        histogram.record(*value);
    }
    histogram
}

/// What is found, with its line.
fn judged(calls_us: &[u64], machine_us: Option<u64>) -> Option<(Outcome, String)> {
    judge(&histogram(calls_us), machine_us, BOUND)
}

#[test]
fn a_value_is_in_the_class_of_its_bits() {
    for (value, class) in
        [(0, 0..=0), (1, 1..=1), (2, 2..=3), (3, 2..=3), (4, 4..=7), (u64::MAX, 1 << 63..=u64::MAX)]
    {
        assert_eq!(histogram(&[value]).largest(), Some(class), "{value}");
    }
    assert_eq!(histogram(&[]).largest(), None);
}

#[test]
fn a_share_of_all_values_is_within_its_bound() {
    let mut all = histogram(&[3; 500]);
    all.join(&histogram(&[100; 499]));
    all.join(&histogram(&[5000]));
    assert_eq!(all.count(), 1000);
    assert_eq!([0.5, 0.501, 0.999, 1.0].map(|share| all.within(share)), {
        [3, 127, 127, 8191].map(Some)
    });
    assert_eq!(histogram(&[]).within(0.5), None);
}

#[test]
fn waits_are_read_back_from_figures_and_text() {
    let some = histogram(&[0, 7, 7, u64::MAX]);
    let text = serde_json::to_string(&some).unwrap();
    assert_eq!(text, r#"{"0":1,"3":2,"64":1}"#);
    assert_eq!(serde_json::from_str::<Histogram>(&text).unwrap(), some);
    let error = serde_json::from_str::<Histogram>(r#"{"65":1}"#).unwrap_err().to_string();
    assert!(error.contains("no class 65"), "{error}");

    let named = some.figures().map(|(name, count)| (name, count as f64));
    let mut figures: Figures = named.collect();
    assert!(figures.keys().all(|name| is_figure(name)) && figures.contains_key("calls_us.3"));
    assert_eq!(Histogram::of(&figures), some);
    // What is none of them counts for nothing.
    for other in ["calls_us", "calls_us.65", "calls_us.x", "transactions"] {
        figures.insert(other.to_owned(), 4.0);
    }
    assert_eq!(Histogram::of(&figures), some);
    let mut sums = figures.clone();
    crate::marker::add(&mut sums, &figures);
    let mut twice = some.clone();
    twice.join(&some);
    assert_eq!(Histogram::of(&sums), twice);
}

#[test]
fn honest_waits_raise_nothing() {
    // Just below the bound, however long the machine was away.
    for machine_us in [None, Some(0), Some(60_000_000)] {
        assert_eq!(judged(&[40; 100], machine_us), None);
        assert_eq!(judged(&[8_388_607], machine_us), None);
    }
}

#[test]
fn a_stall_is_the_engines_or_the_machines() {
    let stalled = [40, 40_000_000];
    let says = "a call of a client took 33.55 s or longer, while the machine was never away for longer \
                than 0.02 s (the bound is 8 s)";
    assert_eq!(judged(&stalled, Some(20_000)), Some((Outcome::Failed, says.to_owned())));
    for (machine_us, says) in [
        (Some(30_000_000), "and the machine itself was away for 30.00 s"),
        (Some(3_400_000), "was away for 3.40 s"),
        (Some(u64::MAX), "was away for"),
        (None, "and nobody measured the machine"),
    ] {
        let (outcome, line) = judged(&stalled, machine_us).unwrap();
        assert!(outcome == Outcome::Inconclusive && line.contains(says), "{line}");
    }
}

#[test]
fn nothing_timed_is_never_a_pass() {
    let (outcome, line) = judged(&[], Some(0)).unwrap();
    assert!(outcome == Outcome::Inconclusive && line.contains("no call"), "{line}");
}
