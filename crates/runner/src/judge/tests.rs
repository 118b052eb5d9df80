//! The judge on a report that nextest wrote, and on every way in which such a report can lie.
//! Each defect is planted in a copy of the same facts.

use super::{Facts, findings_without_case, judge};
use crate::{
    junit::merged,
    nextest::Inventory,
    origin::Origin,
    part::{self, Mode, Part},
    record::{Judged, Record},
};
use knobs::findings::Findings;
use results::{Case, CaseId, CaseOutcome, Outcome, marker::Markers};
use std::{fs, time::Duration};

const FINDING: &str = r#"
[[finding]]
id = "lost-page"
engine = ["0.2.0"]
builds = ["failpoints"]
case = "meets_known"
summary = "a page is lost"
promise = "durability-kill"
severity = "data"
takes = ["kill"]
"#;

fn findings(text: &str) -> Findings {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join(".config")).unwrap();
    fs::write(root.path().join(".config/known-findings.toml"), text).unwrap();
    Findings::load(root.path()).unwrap()
}

fn origin() -> Origin {
    Origin {
        seed: 99,
        engine: "mace-kv 0.2.0 (registry)".into(),
        settings: Vec::new(),
        knobs: Vec::new(),
        started: std::time::SystemTime::UNIX_EPOCH,
    }
}

fn fast(features: &str) -> Part {
    part::parts(Mode::Fast, features).remove(0)
}

/// Judges the recorded report after `plant` had its way with records and inventory.
fn judged(
    part: &Part,
    findings: &Findings,
    outcome: Outcome,
    plant: impl FnOnce(&mut Vec<Record>, &mut Inventory),
) -> Judged {
    let mut records = Record::recorded();
    let mut inventory = records.iter().map(|record| record.case.id.clone()).collect();
    plant(&mut records, &mut inventory);
    judge(Facts {
        part,
        inventory: &inventory,
        report: Ok(records),
        findings,
        engine: "0.2.0",
        origin: &origin(),
        outcome,
        ended: "nextest exit code 100".into(),
        wall: Duration::from_secs(2),
    })
}

/// Judges only the case called `name`, with `line` added to its output.
fn one(name: &str, line: &str, findings: &str, features: &str) -> Judged {
    judged(&fast(features), &self::findings(findings), Outcome::Passed, |records, inventory| {
        records.retain(|record| record.case.id.name == name);
        inventory.retain(|id| id.name == name);
        if !line.is_empty() {
            records[0].markers = Markers::of(line);
        }
    })
}

#[track_caller]
fn find<'l>(judged: &'l Judged, name: &str) -> &'l Case {
    judged.layer.cases.iter().find(|case| case.id.name == name).unwrap()
}

#[test]
fn each_case_of_a_real_report_gets_its_outcome() {
    let layer = judged(&fast("failpoints"), &findings(FINDING), Outcome::Failed, |_, _| {});
    for (name, verdict) in [
        ("passes", CaseOutcome::Passed),
        ("meets_known", CaseOutcome::Known),
        ("skips", CaseOutcome::Skipped),
        ("chaos_flaky_pass", CaseOutcome::FlakyPassed),
        ("chaos_flaky", CaseOutcome::Flaky),
        ("chaos_fails", CaseOutcome::Failed),
        ("fails", CaseOutcome::Failed),
        ("aborts", CaseOutcome::Failed),
        ("leaks", CaseOutcome::Failed),
        ("hangs", CaseOutcome::TimedOut),
    ] {
        let case = find(&layer, name);
        assert_eq!(case.outcome, verdict, "{name}");
        let owes_reason = verdict.fails() || verdict == CaseOutcome::Skipped;
        assert_eq!(case.message.is_some(), owes_reason, "{name}");
    }
    assert_eq!(layer.outcome, Outcome::Failed);
    assert!((layer.layer.figures()["transactions"] - 7.0).abs() < f64::EPSILON);
    assert_eq!(find(&layer, "skips").message.as_deref(), Some("needs failpoints"));
}

#[test]
fn a_case_without_a_result_fails_the_layer() {
    let layer = one("passes", "", "", "failpoints");
    assert_eq!(layer.outcome, Outcome::Passed, "the control");

    let layer =
        judged(&fast("failpoints"), &findings(""), Outcome::Passed, |records, inventory| {
            inventory.retain(|id| id.name == "passes");
            records.clear();
        });
    let case = find(&layer, "passes");
    assert_eq!((case.outcome, layer.outcome), (CaseOutcome::Missing, Outcome::Failed));
    assert!(case.message.as_ref().unwrap().contains("is in the inventory and has no result"));
}

#[test]
fn a_result_without_a_case_in_the_inventory_fails() {
    let layer =
        judged(&fast("failpoints"), &findings(""), Outcome::Passed, |records, inventory| {
            records.retain(|record| record.case.id.name == "passes");
            inventory.clear();
        });
    assert_eq!(find(&layer, "passes").outcome, CaseOutcome::Unexpected);
    assert_eq!(layer.outcome, Outcome::Failed);
}

#[test]
fn an_unreadable_report_fails_every_case() {
    let id = CaseId { binary: "b".into(), name: "c".into() };
    let layer = judge(Facts {
        part: &fast(""),
        inventory: &Inventory::from([id]),
        report: Err("torn".into()),
        findings: &findings(""),
        engine: "0.2.0",
        origin: &origin(),
        outcome: Outcome::Passed,
        ended: "nextest exit code 0".into(),
        wall: Duration::ZERO,
    });
    let case = find(&layer, "c");
    assert_eq!((case.outcome, layer.outcome), (CaseOutcome::Missing, Outcome::Failed));
    assert_eq!(case.message.as_deref(), Some("the layer's report is unreadable: torn"));
}

#[test]
fn a_failure_that_no_case_explains_is_kept() {
    let layer = judged(&fast(""), &findings(""), Outcome::Failed, |records, inventory| {
        records.retain(|record| record.case.id.name == "passes");
        inventory.retain(|id| id.name == "passes");
    });
    assert_eq!(layer.outcome, Outcome::Failed);
    assert_eq!(layer.layer.failures().count(), 1);
}

#[test]
fn a_known_finding_counts_where_its_entry_says_so() {
    let marker = "mace-prod: known-finding id=lost-page case=meets_known";
    let gone = FINDING.replace("summary", "gone_in = [\"0.2.0\"]\nsummary");
    let older = FINDING.replace("0.2.0", "0.1.2");
    let newer = FINDING.replace("0.2.0", "0.2.1");
    for (line, entry, features, verdict) in [
        (marker, FINDING, "failpoints", CaseOutcome::Known),
        (marker, FINDING, "", CaseOutcome::Failed),
        (marker, "", "failpoints", CaseOutcome::Failed),
        (marker, older.as_str(), "failpoints", CaseOutcome::Known),
        (marker, newer.as_str(), "failpoints", CaseOutcome::Failed),
        (marker, gone.as_str(), "failpoints", CaseOutcome::Failed),
        ("no marker", FINDING, "failpoints", CaseOutcome::NotReproduced),
        ("no marker", FINDING, "", CaseOutcome::Passed),
        ("no marker", gone.as_str(), "failpoints", CaseOutcome::Passed),
        ("mace-prod: skip reason=x", FINDING, "failpoints", CaseOutcome::Skipped),
    ] {
        let layer = one("meets_known", line, entry, features);
        assert_eq!(find(&layer, "meets_known").outcome, verdict, "{line} {features} {entry}");
        assert_eq!(layer.outcome == Outcome::Failed, verdict.fails());
    }
}

#[test]
fn a_pass_with_an_inconclusive_or_bad_marker_fails() {
    for (line, outcome) in [
        ("mace-prod: inconclusive no hit", CaseOutcome::Inconclusive),
        ("mace-prod: figures hits=lots", CaseOutcome::Failed),
    ] {
        let layer = one("passes", line, "", "failpoints");
        assert_eq!(find(&layer, "passes").outcome, outcome, "{line}");
    }
}

#[test]
fn an_entry_whose_case_no_layer_has_is_found() {
    let findings = findings(&FINDING.replace("meets_known", "was_renamed"));
    let layers = [judged(&fast("failpoints"), &findings, Outcome::Failed, |_, _| {})];
    let ids: Vec<_> =
        findings_without_case(&findings, "0.2.0", &layers).map(|found| &found.id).collect();
    assert_eq!(ids, ["lost-page"]);
    assert_eq!(findings_without_case(&findings, "0.1.2", &layers).count(), 0);
}

#[test]
fn the_merged_report_tells_the_outcomes_apart() {
    use quick_junit::{Report, TestCaseStatus};

    let known = findings(FINDING);
    let layers = [
        judged(&fast("failpoints"), &known, Outcome::Failed, |_, inventory| {
            inventory.insert(CaseId { binary: "demo::prod_recorded".into(), name: "lost".into() });
        }),
        judged(&part::parts(Mode::All, "failpoints")[3], &known, Outcome::Failed, |_, _| {}),
    ];
    let text = merged(&layers, &origin(), &[("changes".to_owned(), "failed".to_owned())])
        .to_string()
        .unwrap();
    let report = Report::deserialize_from_str(&text).unwrap();

    assert_eq!((report.tests, report.test_suites.len()), (21, 2));
    let [first, second] = report.test_suites.as_slice() else { panic!("two suites") };
    assert_eq!(first.name.as_str(), "fast/demo::prod_recorded");
    assert_eq!(second.name.as_str(), "fast (plain engine)/demo::prod_recorded");
    assert!(first.time.is_some_and(|time| time > Duration::from_secs(1)));
    let property = |of: &[quick_junit::Property], name: &str| {
        of.iter().find(|p| p.name.as_str() == name).map(|p| p.value.as_str().to_owned())
    };
    for (name, value) in [("root_seed", "99"), ("layer", "fast"), ("build", "failpoints")] {
        assert_eq!(property(&first.properties, name).as_deref(), Some(value));
    }
    assert_eq!(property(&second.properties, "build").as_deref(), Some("plain"));
    for (name, verdict) in [
        ("passes", "passed"),
        ("meets_known", "known"),
        ("skips", "skipped"),
        ("chaos_flaky", "flaky"),
        ("chaos_flaky_pass", "flaky-passed"),
        ("hangs", "timed-out"),
        ("lost", "missing"),
    ] {
        let case = first.test_cases.iter().find(|case| case.name.as_str() == name).unwrap();
        assert_eq!(property(&case.properties, "verdict").as_deref(), Some(verdict), "{name}");
        if let TestCaseStatus::NonSuccess { message, .. } = &case.status {
            assert!(message.as_ref().is_some_and(|text| !text.is_empty()), "{name}");
        }
    }
    let flaky = first.test_cases.iter().find(|case| case.name.as_str() == "chaos_flaky").unwrap();
    assert_eq!(property(&flaky.properties, "attempts").as_deref(), Some("2"));
    assert_eq!(property(&flaky.properties, "seed").as_deref(), Some("44"));
    // The second pass has no accepted finding: the same marker is a failure there.
    assert!(second.failures > first.failures - 1);
}

#[test]
fn a_case_cut_off_by_an_interruption_is_missing() {
    let cut_off = |outcome| {
        let layer = judged(&fast("failpoints"), &findings(""), outcome, |records, inventory| {
            records.retain(|record| record.case.id.name == "aborts");
            inventory.retain(|id| id.name == "aborts");
            records[0].case.message = Some("process aborted with signal 2 (SIGINT)".to_owned());
        });
        layer.layer.cases[0].outcome
    };
    assert_eq!(cut_off(Outcome::Interrupted(2)), CaseOutcome::Missing);
    assert_eq!(
        cut_off(Outcome::Failed),
        CaseOutcome::Failed,
        "a SIGINT from elsewhere is a failure"
    );
}
