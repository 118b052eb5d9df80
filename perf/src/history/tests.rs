//! Series that must not be mixed, steps that are there and steps that are not.

use super::{CONTROL, trends};
use results::gate::{Compared, Entry, Gate, Kind, Origin, Setup};

fn entry(case_ns: f64, control_ns: Option<f64>) -> Entry {
    let engine = "mace-kv 0.2.0 (registry)".to_owned();
    let origin = Origin { engine, commit: "abcdef".into(), ..Origin::default() };
    let control = control_ns.map(|ns| (CONTROL.to_owned(), ns));
    let median_ns = [("Put/a".to_owned(), case_ns)].into_iter().chain(control).collect();
    let setup = Setup { profile: "quick".into(), items: Some(20_000), samples: Some(10) };
    let kind = Kind::Snapshot;
    Entry { format: 1, kind, origin, setup: Some(setup), median_ns, compared: None }
}

fn wobble(at: usize) -> f64 {
    100.0 * (1.0 + 0.001 * (at % 3) as f64)
}

#[test]
fn only_a_slower_engine_is_a_step() {
    let machine = (0..16).map(|at| {
        let slower = if at < 8 { 1.0 } else { 1.5 };
        entry(wobble(at) * slower, Some(10.0 * slower))
    });
    let text = trends(&machine.collect::<Vec<_>>(), "Put/a").unwrap();
    assert!(text.contains("16 snapshots") && text.contains(" 0 steps"), "{text}");
    let engine = (0..16).map(|at| entry(wobble(at) * if at < 8 { 1.0 } else { 1.2 }, Some(10.0)));
    let engine: Vec<_> = engine.collect();
    let text = trends(&engine, "Put/a").unwrap();
    let step = text.lines().position(|line| line.ends_with("<- change point"));
    assert_eq!(step, Some(10), "{text}");
    assert!(trends(&engine, "Put/b").is_none());
}

#[test]
fn another_setup_is_another_series_and_no_step() {
    type Change = fn(&mut Entry);
    let others: [(&str, Change); 8] = [
        ("compares", |entry| entry.kind = Kind::Compare),
        ("5000 items", |entry| entry.setup.as_mut().unwrap().items = Some(5_000)),
        ("full profile", |entry| entry.setup.as_mut().unwrap().profile = "full".into()),
        ("50 samples", |entry| entry.setup.as_mut().unwrap().samples = Some(50)),
        ("not recorded", |entry| entry.setup = None),
        ("engine from /x/mace", |entry| {
            entry.origin.engine = "mace-kv 0.2.0 (/x/mace at 12ab)".into();
        }),
        ("another cpu", |entry| entry.origin.machine.cpu = "another cpu".into()),
        ("drift is in them", |entry| entry.median_ns.retain(|name, _| name != CONTROL)),
    ];
    for (says, change) in others {
        let mixed = (0..16).map(|at| {
            let mut entry = entry(wobble(at), Some(10.0));
            if at >= 8 {
                entry.median_ns.insert("Put/a".into(), wobble(at) * 2.0);
                change(&mut entry);
            }
            entry
        });
        let text = trends(&mixed.collect::<Vec<_>>(), "Put/a").unwrap();
        assert!(text.contains(says), "{says} is missing in {text}");
        assert_eq!(text.matches("\n8 ").count(), 2, "{says}: {text}");
        assert!(!text.contains("<- change point"), "{says}: {text}");
    }
    // Versions, commits, kernels and compilers are what a trend is there to show.
    let upgraded = (0..16).map(|at| {
        let mut entry = entry(wobble(at) * if at < 8 { 1.0 } else { 1.2 }, Some(10.0));
        if at >= 8 {
            entry.origin.engine = "mace-kv 0.3.0 (registry)".into();
            entry.origin.machine.kernel = "7".into();
        }
        entry
    });
    let text = trends(&upgraded.collect::<Vec<_>>(), "Put/a").unwrap();
    assert_eq!(text.matches("<- change point").count(), 1, "{text}");
}

#[test]
fn comparisons_stand_with_their_verdicts() {
    let compare = |gate, delta: Option<f64>| {
        let mut entry = entry(100.0, None);
        entry.kind = Kind::Compare;
        entry.compared = Some(Compared {
            gate,
            identical: delta.is_none(),
            base_commit: "0123456789abcdef".into(),
            base_engine: entry.origin.engine.clone(),
            delta_pct: delta.into_iter().map(|delta| ("Put/a".to_owned(), delta)).collect(),
        });
        if delta.is_none() {
            entry.median_ns.clear();
        }
        entry
    };
    let identical = compare(Gate::Passed, None);
    assert!(trends(std::slice::from_ref(&identical), "Put/a").is_none(), "nothing was measured");
    let some =
        [compare(Gate::Failed, Some(12.34)), identical, compare(Gate::Inconclusive, Some(-1.0))];
    let text = trends(&some, "Put/a").unwrap();
    for says in [
        "failed: +12.3 % against 0123456789ab\n",
        "passed: identical machine code as 0123456789ab\n",
        "inconclusive: -1.0 % against 0123456789ab\n",
        "\n2 compares, +0.00 % each",
    ] {
        assert!(text.contains(says), "`{says}` is missing in {text}");
    }
}
