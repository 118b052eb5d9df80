//! The judge on a report that nextest wrote, and on every way in which such a report can lie.
//! Each sin is planted in a copy of the same facts.

use super::{Facts, Judged, Layer, homeless, judge};
use crate::report::Verdict;
use crate::{
    nextest::{CaseId, Inventory},
    part::{self, Mode, Part},
    record::Record,
};
use knobs::findings::Findings;
use process::Outcome;
use std::{fs, time::Duration};

const FINDING: &str = r#"
[[finding]]
id = "lost-page"
engine = ["0.2.0"]
builds = ["failpoints"]
case = "meets_known"
summary = "a page is lost"
"#;

fn findings(text: &str) -> Findings {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join(".config")).unwrap();
    fs::write(root.path().join(".config/known-findings.toml"), text).unwrap();
    Findings::load(root.path()).unwrap()
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
) -> Layer {
    let mut records = Record::recorded();
    let mut inventory = records.iter().map(|record| record.id.clone()).collect();
    plant(&mut records, &mut inventory);
    judge(Facts {
        part,
        inventory: &inventory,
        report: Ok(records),
        findings,
        engine: "0.2.0",
        outcome,
        ended: "nextest exit code 100".into(),
        wall: Duration::from_secs(2),
    })
}

/// Judges only the case called `name`, with `line` added to its output.
fn one(name: &str, line: &str, findings: &str, features: &str) -> Layer {
    judged(&fast(features), &self::findings(findings), Outcome::Passed, |records, inventory| {
        records.retain(|record| record.id.name == name);
        inventory.retain(|id| id.name == name);
        if !line.is_empty() {
            records[0].markers = results::marker::Markers::of(line);
        }
    })
}

#[track_caller]
fn find<'l>(layer: &'l Layer, name: &str) -> &'l Judged {
    layer.cases.iter().find(|case| case.id.name == name).unwrap()
}

#[test]
fn each_case_of_a_real_report_gets_its_verdict() {
    let layer = judged(&fast("failpoints"), &findings(FINDING), Outcome::Failed, |_, _| {});
    for (name, verdict) in [
        ("passes", Verdict::Passed),
        ("meets_known", Verdict::Known),
        ("skips", Verdict::Skipped),
        ("chaos_flaky_pass", Verdict::FlakyPassed),
        ("chaos_flaky", Verdict::Flaky),
        ("chaos_fails", Verdict::Failed),
        ("fails", Verdict::Failed),
        ("aborts", Verdict::Failed),
        ("leaks", Verdict::Failed),
        ("hangs", Verdict::TimedOut),
    ] {
        let case = find(&layer, name);
        assert_eq!(case.verdict, verdict, "{name}");
        let owes_reason = verdict.fails() || verdict == Verdict::Skipped;
        assert_eq!(case.message.is_some(), owes_reason, "{name}");
    }
    assert_eq!(layer.outcome, Outcome::Failed);
    assert!((layer.figures["transactions"] - 7.0).abs() < f64::EPSILON);
    assert_eq!(find(&layer, "skips").message.as_deref(), Some("needs failpoints"));
}

#[test]
fn a_case_without_a_result_fails_the_layer_although_nextest_passed() {
    let layer = one("passes", "", "", "failpoints");
    assert_eq!(layer.outcome, Outcome::Passed, "the control");

    let layer =
        judged(&fast("failpoints"), &findings(""), Outcome::Passed, |records, inventory| {
            inventory.retain(|id| id.name == "passes");
            records.clear();
        });
    let case = find(&layer, "passes");
    assert_eq!((case.verdict, layer.outcome), (Verdict::Missing, Outcome::Failed));
    assert!(case.message.as_ref().unwrap().contains("is in the inventory and has no result"));
}

#[test]
fn a_result_without_a_case_in_the_inventory_fails() {
    let layer =
        judged(&fast("failpoints"), &findings(""), Outcome::Passed, |records, inventory| {
            records.retain(|record| record.id.name == "passes");
            inventory.clear();
        });
    assert_eq!(find(&layer, "passes").verdict, Verdict::Stray);
    assert_eq!(layer.outcome, Outcome::Failed);
}

#[test]
fn an_unreadable_report_fails_every_case_with_the_reason() {
    let id = CaseId { binary: "b".into(), name: "c".into() };
    let layer = judge(Facts {
        part: &fast(""),
        inventory: &Inventory::from([id]),
        report: Err("torn".into()),
        findings: &findings(""),
        engine: "0.2.0",
        outcome: Outcome::Passed,
        ended: "nextest exit code 0".into(),
        wall: Duration::ZERO,
    });
    let case = find(&layer, "c");
    assert_eq!((case.verdict, layer.outcome), (Verdict::Missing, Outcome::Failed));
    assert_eq!(case.message.as_deref(), Some("the layer's report is unreadable: torn"));
}

#[test]
fn a_failure_of_nextests_that_no_case_explains_is_kept() {
    let layer = judged(&fast(""), &findings(""), Outcome::Failed, |records, inventory| {
        records.retain(|record| record.id.name == "passes");
        inventory.retain(|id| id.name == "passes");
    });
    assert_eq!(layer.outcome, Outcome::Failed);
    assert_eq!(layer.failures().count(), 1);
}

#[test]
fn a_known_finding_counts_only_where_its_entry_says_so() {
    let marker = "mace-prod: known-finding id=lost-page case=meets_known";
    let gone = FINDING.replace("summary", "gone_in = [\"0.2.0\"]\nsummary");
    let other = FINDING.replace("0.2.0", "0.1.2");
    for (line, entry, features, verdict) in [
        (marker, FINDING, "failpoints", Verdict::Known),
        (marker, FINDING, "", Verdict::Failed),
        (marker, "", "failpoints", Verdict::Failed),
        (marker, other.as_str(), "failpoints", Verdict::Failed),
        (marker, gone.as_str(), "failpoints", Verdict::Failed),
        ("no marker", FINDING, "failpoints", Verdict::Vanished),
        ("no marker", FINDING, "", Verdict::Passed),
        ("no marker", gone.as_str(), "failpoints", Verdict::Passed),
        ("mace-prod: skip reason=x", FINDING, "failpoints", Verdict::Skipped),
    ] {
        let layer = one("meets_known", line, entry, features);
        assert_eq!(find(&layer, "meets_known").verdict, verdict, "{line} {features} {entry}");
        assert_eq!(layer.outcome == Outcome::Failed, verdict.fails());
    }
}

#[test]
fn a_pass_that_says_it_could_not_tell_or_says_it_badly_is_none() {
    for line in ["mace-prod: inconclusive no hit", "mace-prod: figures hits=lots"] {
        let layer = one("passes", line, "", "failpoints");
        assert_eq!(find(&layer, "passes").verdict, Verdict::Failed, "{line}");
    }
}

#[test]
fn an_entry_whose_case_no_layer_has_is_found() {
    let findings = findings(&FINDING.replace("meets_known", "was_renamed"));
    let layers = [judged(&fast("failpoints"), &findings, Outcome::Failed, |_, _| {})];
    let ids: Vec<_> = homeless(&findings, "0.2.0", &layers).map(|found| &found.id).collect();
    assert_eq!(ids, ["lost-page"]);
    assert_eq!(homeless(&findings, "0.1.2", &layers).count(), 0);
}

#[test]
fn the_merged_report_tells_the_kinds_apart_and_loses_nothing() {
    use crate::merge::{Origin, merge};
    use quick_junit::{Report, TestCaseStatus};

    let origin = Origin {
        seed: 99,
        engine: "mace-kv 0.2.0 (registry)".into(),
        settings: Vec::new(),
        knobs: Vec::new(),
        started: std::time::SystemTime::UNIX_EPOCH,
    };
    let known = findings(FINDING);
    let layers = [
        judged(&fast("failpoints"), &known, Outcome::Failed, |_, inventory| {
            inventory.insert(CaseId { binary: "demo::prod_recorded".into(), name: "lost".into() });
        }),
        judged(&part::parts(Mode::All, "failpoints")[3], &known, Outcome::Failed, |_, _| {}),
    ];
    let text = merge(&layers, &origin).to_string().unwrap();
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
fn a_case_that_the_interruption_cut_off_is_no_failure_of_its_own() {
    let cut_off = |outcome| {
        let layer = judged(&fast("failpoints"), &findings(""), outcome, |records, inventory| {
            records.retain(|record| record.id.name == "aborts");
            inventory.retain(|id| id.name == "aborts");
            records[0].message = Some("process aborted with signal 2 (SIGINT)".to_owned());
        });
        layer.cases[0].verdict
    };
    assert_eq!(cut_off(Outcome::Interrupted(2)), Verdict::Missing);
    assert_eq!(cut_off(Outcome::Failed), Verdict::Failed, "a SIGINT from elsewhere is a failure");
}
