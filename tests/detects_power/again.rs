//! What a failing case of a power loss or of a failing disk keeps is judged again without an engine, as
//! `just judge` does, and names what the case said; what an honest engine leaves is no evidence. For damage
//! `rot` asks the same. Judges the cases, never the engine under test.

use super::{
    Forgetful, LOSES, Lazy, Unsynced,
    power::{
        explore::power_loss,
        faults::{each_call, failing_disk},
    },
};
use mace_prod::{
    engine::mace::MaceDriver,
    scenario::{
        Case,
        stored::{self, JudgedAgain},
    },
    verdict::Verdict,
};
use std::path::Path;

/// What evidence shows first: a promise, or what only an engine shows.
fn named(again: &JudgedAgain) -> String {
    match (again.violations.first(), again.beyond.first()) {
        (Some(found), _) => format!("{}: {}", found.oracle, found.promise),
        (None, Some(words)) => words.split_once(": ").expect("an oracle's name").1.to_owned(),
        (None, None) => panic!("it is no evidence of anything: {again}"),
    }
}

/// The evidence names what the witnesses name, and nothing else.
pub(crate) fn judged_again(folder: &Path, witnesses: &[String]) {
    let judged = stored::judge(folder).expect("what is stored can be judged");
    let is_stored = judged.iter().all(|again| again.lacks.is_empty());
    assert!(is_stored, "only journals are there: {judged:?}");
    let shown: Vec<String> = judged.iter().map(named).collect();
    for promise in &shown {
        assert!(witnesses.iter().any(|it| it.contains(promise)), "{promise}, not {witnesses:#?}");
    }
    for witness in witnesses {
        assert!(shown.iter().any(|promise| witness.contains(promise)), "{witness}, not {shown:#?}");
    }
}

/// A case that passes stores nothing, whatever it puts down to known findings.
pub(crate) fn nothing_kept(folder: &Path) {
    let judged = stored::judge(folder).expect("journals are there");
    assert!(judged.iter().all(|again| !again.lacks.is_empty()), "{judged:?}");
}

fn says_the_same_again(case: &Case, verdict: Verdict) -> Verdict {
    let Verdict::Violated(found) = verdict else {
        return Verdict::Inconclusive(format!("not caught: {verdict:?}"));
    };
    let witnesses: Vec<String> = found.into_iter().map(|it| it.witness).collect();
    judged_again(case.dir(), &witnesses);
    Verdict::Pass
}

#[test]
fn a_power_loss_is_judged_again() {
    Case::run(|case| {
        let verdict = power_loss(case, &Unsynced(&MaceDriver), LOSES);
        says_the_same_again(case, verdict)
    });
}

#[test]
fn a_power_loss_after_another_is_judged_again() {
    Case::run(|case| {
        let verdict = power_loss(case, &Lazy, LOSES);
        says_the_same_again(case, verdict)
    });
}

#[test]
fn a_failing_disk_is_judged_again() {
    Case::run(|case| {
        let verdict = failing_disk(case, &Forgetful(&MaceDriver), LOSES);
        says_the_same_again(case, verdict)
    });
}

#[test]
fn a_failing_disk_with_a_power_loss_is_judged_again() {
    Case::run(|case| {
        let verdict = each_call(case, &Unsynced(&MaceDriver), LOSES);
        says_the_same_again(case, verdict)
    });
}

#[test]
fn an_honest_engine_leaves_no_evidence() {
    Case::run(|case| {
        let verdict = power_loss(case, &MaceDriver, LOSES);
        nothing_kept(case.dir());
        verdict
    });
}

#[test]
fn an_honest_engine_on_a_failing_disk_leaves_none() {
    Case::run(|case| {
        let verdict = failing_disk(case, &MaceDriver, LOSES);
        nothing_kept(case.dir());
        verdict
    });
}
