//! What the self-test counts, and what it holds against the gate.

use super::{Outcome, begun, count, judge};
use crate::{
    files::{InTime, Origin, Proof},
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
        let mut proof = begun(&Origin::now("e".into(), "c".into()), 6, kind, "s");
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
    // The same code has no plant, and fails wherever it does.
    assert_eq!(found_in(Moved, &comparisons), (3, None));
    // The time is that of the default cases.
    let many = begun(&Origin::now("e".into(), "c".into()), 7, Slow(20), "s");
    assert_eq!(many.in_time, None);
}

#[test]
fn a_slowdown_is_found_where_it_is() {
    let limits = Limits { min_compare_cases: 1, ..Limits::USUAL };
    let case = |case: &str, verdict| Judged {
        case: case.to_owned(),
        verdict,
        estimate: None,
        suspect: true,
        screening: Vec::new(),
        confirming: Vec::new(),
    };
    let judged = [case("c", Verdict::Unchanged), case("d", Verdict::Regressed)];
    for (plant, failed, flagged) in [(Some("c"), 0, 1), (Some("d"), 1, 0), (None, 1, 1)] {
        let mut proof = Proof::default();
        count(&mut proof, (&judged, 1.0), plant, &limits);
        assert_eq!((proof.failed, proof.falsely_flagged), (failed, flagged), "{plant:?}");
    }
}

#[test]
fn a_gate_that_cries_wolf_or_sleeps_fails_its_self_test() {
    let proof = |failed, inconclusive| Proof {
        runs: 100,
        failed,
        inconclusive,
        clean_cases: 500,
        ..Proof::default()
    };
    for same in [Base, Moved] {
        assert_eq!(judge(&proof(0, 0), same), Outcome::Passed);
        assert_eq!(judge(&proof(6, 0), same), Outcome::Failed);
        let flagged = Proof { falsely_flagged: 3, ..proof(0, 0) };
        assert_eq!(judge(&flagged, same), Outcome::Failed);
        // A few that cannot be told are the machine's; a fifth of them, and nothing is proved.
        assert_eq!(judge(&proof(0, 5), same), Outcome::Passed);
        assert_eq!(judge(&proof(0, 20), same), Outcome::Inconclusive);
    }
    for (plant, outcome) in [
        (Scaled(10), Outcome::Failed),
        (Slow(20), Outcome::Failed),
        (Slow(10), Outcome::Failed),
        (Slow(5), Outcome::Passed),
        (Scaled(5), Outcome::Passed),
    ] {
        assert_eq!(judge(&proof(85, 0), plant), outcome, "{plant:?}");
        assert_eq!(judge(&proof(100, 0), plant), Outcome::Passed, "{plant:?}");
        let late = Proof { in_time: Some(InTime { secs: 90.0, found: 85 }), ..proof(100, 0) };
        assert_eq!(judge(&late, plant), Outcome::Failed, "{plant:?}");
    }
    assert_eq!(judge(&proof(0, 100), Slow(20)), Outcome::Inconclusive);
}
