//! Both ways of each rule: an engine without a finding, one with, cases that say what they tried and
//! cases that fail before they can.

use super::{known_failures, standings};
use crate::record::Judged;
use knobs::findings::{Findings, Promise};
use results::{
    Case, CaseId, CaseOutcome, Layer, Outcome,
    marker::Figures,
    standing::{Word, figure},
};
use std::{collections::BTreeMap, fs};

const FINDING: &str = r#"
[[finding]]
id = "lost-page"
engine = ["0.2.0"]
builds = ["failpoints"]
case = "lost_page::survives"
summary = "a page is lost"
promise = "durability-kill"
severity = "data"
takes = ["kill"]
"#;

fn findings() -> Findings {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join(".config")).unwrap();
    fs::write(root.path().join(".config/known-findings.toml"), FINDING).unwrap();
    Findings::load(root.path()).unwrap()
}

fn case(name: &str, outcome: CaseOutcome, tries: &[Promise]) -> Case {
    let mut figures: Figures = tries.iter().map(|promise| (figure(*promise), 1.0)).collect();
    figures.insert("transactions".into(), 100.0);
    Case { figures, ..Case::new(CaseId { binary: "b".into(), name: name.into() }, outcome) }
}

fn layer(build: &str, cases: Vec<Case>) -> Judged {
    let layer = Layer { label: "fast".into(), build: build.into(), cases, ..Layer::default() };
    Judged {
        layer,
        outcome: Outcome::Passed,
        elements: BTreeMap::new(),
        machine_away_us: None,
        is_whole: false,
    }
}

/// The words of the promises that are not as where nothing ran.
fn words(findings: &Findings, build: &str, cases: Vec<Case>) -> Vec<(Promise, Word, u64)> {
    let standings = standings(findings, "0.2.0", &[layer(build, cases)]);
    let promises: Vec<_> = standings.iter().map(|standing| standing.promise).collect();
    assert_eq!(promises, Promise::ALL);
    let told = standings.into_iter().filter(|standing| standing.verdict != Word::NotTried);
    told.map(|standing| (standing.promise, standing.verdict, standing.cases)).collect()
}

use CaseOutcome::{Failed, Known, Missing, NotReproduced, Passed, Skipped};
use Promise::{Api, DurabilityKill, Space};

fn regression() -> Case {
    let mut shows = case("lost_page::survives", Known, &[Promise::Atomicity, DurabilityKill]);
    shows.known = vec!["lost-page".to_owned()];
    shows
}

#[test]
fn a_promise_that_no_case_tried_is_not_tried() {
    let none = Findings::default();
    assert_eq!(words(&none, "failpoints", Vec::new()), []);
    let skipped = case("b", Skipped, &[Space]);
    let cases = vec![case("a", Passed, &[Api]), case("c", Passed, &[Api]), skipped];
    assert_eq!(words(&none, "failpoints", cases), [(Api, Word::Kept, 2)]);
}

#[test]
fn a_confirmed_finding_breaks_what_was_tried() {
    let tried = || vec![case("a", Passed, &[Api, DurabilityKill])];
    let kept = [(DurabilityKill, Word::Kept, 1), (Api, Word::Kept, 1)];
    let broken = [(DurabilityKill, Word::Broken, 1), (Api, Word::Kept, 1)];
    assert_eq!(words(&findings(), "failpoints", tried()), broken, "not shown, and there");
    assert_eq!(words(&findings(), "plain", tried()), kept, "it is not in that build");
    assert_eq!(words(&findings().with_fixes(["lost-page"]), "failpoints", tried()), kept);
    let other = vec![case("a", Passed, &[Api])];
    assert_eq!(words(&findings(), "failpoints", other), [(Api, Word::Kept, 1)]);
}

#[test]
fn a_regression_shows_and_proves_nothing_else() {
    let shown = words(&findings(), "failpoints", vec![regression()]);
    assert_eq!(shown, [(DurabilityKill, Word::Broken, 0)]);
    let quiet = Case { known: Vec::new(), outcome: Passed, ..regression() };
    let fixed = findings().with_fixes(["lost-page"]);
    assert_eq!(words(&fixed, "failpoints", vec![quiet]), [], "one known place is no promise");
}

#[test]
fn a_finding_its_regression_does_not_show_is_gone() {
    let gone = || Case { known: Vec::new(), outcome: NotReproduced, ..regression() };
    let tried = || case("a", Passed, &[Api, DurabilityKill]);
    let doubt = [(DurabilityKill, Word::InDoubt, 1), (Api, Word::Kept, 1)];
    assert_eq!(words(&findings(), "failpoints", vec![tried(), gone()]), doubt);
    let mut shows = tried();
    shows.known = vec!["lost-page".to_owned()];
    let broken = [(DurabilityKill, Word::Broken, 1), (Api, Word::Kept, 1)];
    assert_eq!(words(&findings(), "failpoints", vec![shows, gone()]), broken, "it shows elsewhere");
}

#[test]
fn a_case_that_did_not_run_says_nothing() {
    let cases =
        vec![case("a", Passed, &[Api]), case("b", Missing, &[]), case("c", Missing, &[Api])];
    assert_eq!(words(&Findings::default(), "failpoints", cases), [(Api, Word::Kept, 1)]);
}

#[test]
fn a_failed_case_puts_what_it_tried_in_doubt() {
    let none = Findings::default();
    let cases =
        |tries: &[Promise]| vec![case("a", Passed, &[Api, Space]), case("b", Failed, tries)];
    let doubt = [(Api, Word::InDoubt, 1), (Space, Word::Kept, 1)];
    assert_eq!(words(&none, "failpoints", cases(&[Api])), doubt);
    let silent = [(Api, Word::InDoubt, 1), (Space, Word::InDoubt, 1)];
    assert_eq!(words(&none, "failpoints", cases(&[])), silent, "it may concern any of them");
    let alone = vec![case("b", Failed, &[Api])];
    assert_eq!(words(&none, "failpoints", alone), [(Api, Word::InDoubt, 0)]);
}

#[test]
fn tests_of_the_suite_say_nothing_of_the_engine() {
    let mut own = layer("failpoints", vec![case("a", Passed, &[Api]), regression()]);
    own.layer.label = "own".into();
    let standings = standings(&findings(), "0.2.0", &[own]);
    assert!(standings.iter().all(|standing| standing.verdict == Word::NotTried), "{standings:?}");
}

#[test]
fn amounts_are_of_those_that_tried_it() {
    let cases = vec![case("a", Passed, &[Api]), case("b", Passed, &[Space]), regression()];
    let standings = standings(&findings(), "0.2.0", &[layer("failpoints", cases)]);
    let api = standings.iter().find(|standing| standing.promise == Api).unwrap();
    assert_eq!(api.amounts, [("transactions".to_owned(), 100)].into());
}

#[test]
fn a_finding_that_was_met_can_fail_the_run() {
    let lines = |cases| known_failures(&findings(), &[layer("failpoints", cases)]);
    assert_eq!(lines(vec![case("a", Passed, &[Api])]), Vec::<String>::new());
    let [line] = &lines(vec![regression()])[..] else { panic!("one finding") };
    assert!(line.contains("`lost-page` (durability after a kill: loses"), "{line}");
}
