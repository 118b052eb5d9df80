//! Whole runs over the suite in miniature: the honest one, and each sin planted in turn. One build
//! serves all runs of a test.

use crate::fixture::Fixture;
use process::miniature::Run;
use quick_junit::{Report, TestSuite};
use serde_json::{Value, json};

const SEED: (&str, &str) = ("MACE_PROD_SEED", "40");

fn report(fixture: &Fixture) -> Report {
    Report::deserialize_from_str(&fixture.read("target/prod/junit.xml")).unwrap()
}

fn suite<'r>(report: &'r Report, layer: &str) -> &'r TestSuite {
    let name = format!("{layer}/suite::prod_cases");
    report.test_suites.iter().find(|suite| suite.name.as_str() == name).unwrap()
}

/// The failing (layer, case) pairs that the merged report names.
fn failing(report: &Report) -> Vec<(String, String)> {
    let mut failing = Vec::new();
    for suite in &report.test_suites {
        for case in &suite.test_cases {
            if matches!(case.status, quick_junit::TestCaseStatus::NonSuccess { .. }) {
                let layer = suite.name.split('/').next().unwrap_or_default();
                failing.push((layer.to_owned(), case.name.as_str().to_owned()));
            }
        }
    }
    failing
}

#[test]
fn cargo_an_honest_suite_passes_and_says_what_it_did() {
    let fixture = Fixture::new();
    fixture.write("target/prod/stress.junit.xml", "of an earlier run");
    fixture.write("target/prod/junit.xml", "of an earlier run");
    let run = fixture.prod_with(&["run", "all", "2"], &[SEED]);
    run.ended(
        0,
        &[
            "engine mace-kv 0.2.0 (",
            "root seed 40",
            "\nfast                      5         4         0         0         0         0         1",
            "\nfast (plain engine)       5",
            "fast:                reopenings 1, transactions 11\n",
            "\nknown findings\n  lost-page: a page is lost [fast, fast (plain engine)]\n",
            "\nfailures\n  none\n\nthe engine: breaks 1 of 8 promises (1 confirmed finding), 5 not tried here\n",
            "\n  durability after a kill       broken, 1 confirmed finding    2 cases, 10 transactions\n",
            "\n  durability after a power loss kept as far as tried           1 case, 7 faults\n",
            "\n  isolation                     not tried here                 0 cases\n",
            "\nchanges: passed (exit 0): 12 cases, 2 known findings counted apart\n",
        ],
    );
    assert!(run.stderr.contains("FAST_TIMEOUT") && run.stderr.contains(".config/nextest.toml"));
    for slug in ["fast", "stress", "chaos", "fast-plain"] {
        let kept = fixture.read(&format!("target/prod/{slug}.junit.xml"));
        assert!(kept.contains("<testsuites"), "{slug}: {kept}");
    }
    let report = report(&fixture);
    assert_eq!((report.tests, report.failures, report.errors), (12, 0, 0));
    let seeds = |layer| {
        let cases = &suite(&report, layer).test_cases;
        let case = cases.iter().find(|case| case.name.as_str() == "a_first").unwrap();
        let seed = case.properties.iter().find(|property| property.name.as_str() == "seed");
        seed.unwrap().value.as_str().to_owned()
    };
    assert_eq!((seeds("fast"), seeds("fast (plain engine)")), ("41".into(), "41".into()));

    // `test` is the same with the project's own tests before it and the counts alone at the end.
    let run = fixture.prod_with(&["test", "2"], &[SEED]);
    run.ended(0, &["\nown ", "\nchanges: passed (exit 0): 13 cases"]);
    assert_eq!(run.stdout.lines().last(), Some("13 passed, 0 failed, 0 skipped"));
}

#[test]
fn cargo_both_verdicts_are_told_apart_everywhere() {
    let fixture = Fixture::new();
    let said = |run: &Run, promise: &str| {
        let line = run.stdout.lines().find(|line| line.trim_start().starts_with(promise));
        line.unwrap_or_else(|| panic!("no line of {promise}: {}", run.stdout)).to_owned()
    };
    // One layer alone: what it did not try is not kept.
    let run = fixture.prod_with(&["run", "fast", "2"], &[SEED]);
    run.ended(0, &["\nchanges: passed (exit 0): 5 cases, 1 known finding counted apart\n"]);
    assert!(said(&run, "durability after a kill").contains("broken, 1 confirmed finding"));
    assert!(said(&run, "durability after a power loss").contains("not tried here"));
    assert!(said(&run, "the API").contains("kept as far as tried"));
    let record: Value = serde_json::from_str(&fixture.read("target/prod/run.json")).unwrap();
    assert_eq!((&record["outcome"], &record["exit_code"]), (&json!("passed"), &json!(0)));
    assert_eq!(record["promises"][0]["promise"], "durability-kill");
    assert_eq!(record["promises"][0]["findings"], json!(["lost-page"]));
    assert_eq!(record["promises"][1]["verdict"], "not-tried");
    let report = report(&fixture);
    let properties = &suite(&report, "fast").properties;
    let property = |name: &str| {
        let named = properties.iter().find(|property| property.name.as_str() == name);
        named.map(|property| property.value.as_str().to_owned())
    };
    assert_eq!(property("changes").as_deref(), Some("passed"));
    let kill = "broken, 1 confirmed finding; 1 case, 5 transactions";
    assert_eq!(property("engine.durability-kill").as_deref(), Some(kill));
    assert_eq!(property("engine.space").as_deref(), Some("not tried here; 0 cases"));

    fixture.prod(&["report"]).ended(0, &["report.html"]);
    let page = fixture.read("target/prod/report.html");
    let engine = page.find("The engine: breaks 1 of 8 promises").expect("the engine's verdict");
    let changes = page.find("Changes: passed").expect("the verdict on changes");
    assert!(engine < changes && changes < page.find("<nav>").unwrap(), "the page opens with both");
    let metrics = fixture.read("target/prod/report.openmetrics.txt");
    for line in [
        "mace_prod_passed{engine=",
        "mace_prod_promise{promise=\"durability-kill\",verdict=\"broken\"} 1",
        "mace_prod_promise{promise=\"durability-kill\",verdict=\"kept\"} 0",
        "mace_prod_promise{promise=\"space\",verdict=\"not-tried\"} 1",
        "mace_prod_promise_findings{promise=\"durability-kill\"} 1",
    ] {
        assert!(metrics.lines().any(|there| there.starts_with(line)), "{line}: {metrics}");
    }
    let summary = fixture.read("target/prod/report.md");
    assert!(summary.starts_with("## ✅ Changes: passed\n"), "{summary}");
    assert!(summary.contains("\n## ❌ The engine: breaks 1 of 8 promises"), "{summary}");

    // Where known findings count, they fail the run, and neither verdict changes.
    let gated = fixture.prod_with(&["run", "fast", "2"], &[SEED, ("MACE_PROD_KNOWN", "fail")]);
    let last = "\nchanges: passed, and the known findings fail the run (exit 1): 5 cases";
    gated.ended(1, &["\n  known finding `lost-page` (durability after a kill: ", last]);
    let record: Value = serde_json::from_str(&fixture.read("target/prod/run.json")).unwrap();
    assert_eq!((&record["outcome"], &record["exit_code"]), (&json!("passed"), &json!(1)));
    assert_eq!(said(&gated, "durability after a kill"), said(&run, "durability after a kill"));
    let fails = [SEED, ("MACE_PROD_KNOWN", "fail"), ("SUITE_SIN", "vanish")];
    fixture.prod_with(&["run", "stress"], &fails).ended(0, &["the engine: no promise was tried"]);
    let refused = fixture.prod_with(&["run"], &[("MACE_PROD_KNOWN", "ignore")]);
    refused.refused_at_once_by("prod", &["MACE_PROD_KNOWN", "ignore"]);

    // A new failure, and none that is confirmed.
    let run = fixture.prod_with(&["run", "fast", "2"], &[SEED, ("SUITE_SIN", "fail")]);
    assert!(said(&run, "the API").contains("in doubt, 1 failed case"), "{}", run.stdout);
}

#[test]
fn cargo_every_sin_is_caught_and_named() {
    let fixture = Fixture::new();
    let sin = |args: &[&str], name: &str, says: &[&str], expected: &[(&str, &str)]| {
        let run = fixture.prod_with(args, &[SEED, ("SUITE_SIN", name)]);
        run.ended(1, says);
        let failures = run.stdout.find("\nfailures\n").expect("the heading");
        let verdict = run.stdout.find("\nchanges: FAILED (exit 1): ").expect("the verdict");
        assert!(failures < verdict, "{}", run.stdout);
        let expected: Vec<_> =
            expected.iter().map(|(l, c)| ((*l).to_owned(), (*c).to_owned())).collect();
        assert_eq!(failing(&report(&fixture)), expected, "{}", run.stdout);
    };
    sin(
        &["run", "all", "2"],
        "fail",
        &[
            "\n  b_second  [fast: failed, suite::prod_cases]\n      the planted failure (",
            "      seed 40 (the case's own, derived from it: 41)\n      just repro b_second 40\n",
            "      just repro b_second 40 --plain\n",
        ],
        &[("fast", "b_second"), ("fast (plain engine)", "b_second")],
    );
    sin(
        &["run", "all"],
        "plain",
        &["      just repro plain_only 40 --plain\n", "FAILED (exit 1): 1 failures in 12 cases"],
        &[("fast (plain engine)", "plain_only")],
    );
    sin(&["run", "stress"], "abort", &["SIGABRT"], &[("stress", "stress_rounds")]);
    sin(&["run", "chaos"], "flaky", &[": flaky, ", "attempt 2"], &[("chaos", "chaos_point")]);
    sin(
        &["run"],
        "vanish",
        &[": not-reproduced, ", "known finding `lost-page` no longer shows", "gone_in"],
        &[("fast", "regressions::lost_page")],
    );
    sin(
        &["run", "fast", "1", "--set", "FAST_TIMEOUT=1"],
        "timeout",
        &[": missing, ", "in the inventory and has no result", "just repro b_second 40"],
        &[
            ("fast", "a_first"),
            ("fast", "b_second"),
            ("fast", "engine_is"),
            ("fast", "plain_only"),
            ("fast", "regressions::lost_page"),
        ],
    );
    let run = fixture
        .prod_with(&["run", "chaos"], &[SEED, ("SUITE_SIN", "flaky"), ("CHAOS_FLAKY", "pass")]);
    run.ended(
        0,
        &["flaky, and let pass by CHAOS_FLAKY\n  chaos  chaos_point: passed on attempt 2"],
    );
    let run =
        fixture.prod_with(&["run", "chaos"], &[SEED, ("SUITE_SIN", "flaky"), ("CHAOS_RETRY", "1")]);
    run.ended(1, &[": failed, ", "only the first attempt"]);
    let run = fixture.prod_with(&["run", "chaos"], &[SEED, ("FEATURES", "")]);
    run.ended(0, &["\nskipped\n  chaos  1 cases: needs failpoints\n"]);
}

/// What the case of the chaos layer puts down to `lost-page`: 10 of 1,000 crash states a run.
const BUDGET: &str = r#"
[[finding.absorbs]]
unit = "crash-states"
runs = 20
of = 20000
at_most = 0.0131
spread = 1.0
cases.chaos_point = { seen = 200, of = 20000 }
"#;

#[test]
fn cargo_a_finding_takes_no_more_than_its_budget() {
    let fixture = Fixture::new();
    let entry = fixture.read(".config/known-findings.toml");
    let absorbing = |states| {
        let sin = [SEED, ("SUITE_ABSORBS", states)];
        fixture.prod_with(&["run", "chaos"], &sin)
    };
    let takes =
        "known finding `lost-page` takes 3 of 1\u{202f}000 crash states (0.30 %, it has no budget)";
    absorbing("3").ended(1, &[takes, "`absorbs`", "FAILED (exit 1): 1 failures"]);
    fixture.write(".config/known-findings.toml", &format!("{entry}{BUDGET}"));
    // As often as it was measured, twice as often by chance, not at all, and much more often.
    let said = "put down to it: 10 of 1\u{202f}000 crash states (1.0 %, at most ";
    absorbing("10").ended(0, &[said, "lost-page: a page is lost [chaos]"]);
    absorbing("20").ended(0, &["put down to it: 20 of "]);
    let record = fixture.read("target/prod/run.json");
    assert!(record.contains("\"absorbed\"") && record.contains("\"seen\": 20"), "{record}");
    absorbing("0").ended(0, &["put down to it: 0 of 1\u{202f}000 crash states (0 %"]);
    let beyond = absorbing("40");
    beyond
        .ended(1, &["known finding `lost-page` takes 40 of ", "another defect", "FAILED (exit 1)"]);
    assert!(fixture.read("target/prod/run.json").contains("takes 40 of"));
}

#[test]
fn cargo_old_reports_and_stale_entries_do_not_count() {
    let fixture = Fixture::new();
    let honest = fixture.prod_with(&["run", "fast", "1"], &[SEED]);
    assert_eq!(honest.code, Some(0), "{honest:#?}");
    assert!(fixture.read("target/nextest/fast/junit.xml").contains("b_second"));

    // nextest dies before it can write a report; the green one of the run before is in its place.
    let sin = [SEED, ("SUITE_SIN", "kill_runner")];
    let run = fixture.prod_with(&["run", "fast", "1"], &sin);
    run.ended(2, &["b_second  [fast: missing, ", "layer fast: nextest could not run it"]);
    assert_eq!(failing(&report(&fixture)).len(), 5, "{run:#?}");

    let findings = fixture.read(".config/known-findings.toml");
    let renamed = findings.replace("regressions::lost_page", "regressions::was_renamed");
    fixture.write(".config/known-findings.toml", &renamed);
    let says = "known finding `lost-page`: no case is called `regressions::was_renamed`";
    fixture.prod_with(&["run", "all", "2"], &[SEED]).ended(1, &[says, "FAILED (exit 1)"]);
    // One layer alone cannot know: the case may be in another one.
    fixture.prod_with(&["run", "stress"], &[SEED]).ended(0, &["failures\n  none\n"]);
}

#[test]
fn cargo_a_case_can_be_repeated() {
    let fixture = Fixture::new();
    let run = fixture.prod(&["repro", "b_second", "0x28"]);
    assert!(run.code == Some(0) && run.stdout.contains("seed=41"), "{run:#?}");
    assert!(!run.stdout.contains("case=a_first"), "more than the one case ran: {run:#?}");
    let sin = [("SUITE_SIN", "plain")];
    assert_eq!(fixture.prod_with(&["repro", "plain_only", "40"], &sin).code, Some(0));
    assert_eq!(fixture.prod_with(&["repro", "plain_only", "40", "--plain"], &sin).code, Some(1));
    assert_eq!(fixture.prod(&["repro", "own_case", "40"]).code, Some(0), "an own test");

    let run = fixture.prod(&["repro", "b_secund", "40"]);
    let line = run.stderr.lines().last().unwrap_or_default();
    assert_eq!(run.code, Some(2), "{run:#?}");
    assert!(line.starts_with("prod: no case is called") && line.contains("`b_second`"), "{line}");
}

#[test]
fn cargo_what_cannot_run_is_no_failure_of_a_case() {
    let fixture = Fixture::new();
    let ended_with = |says: &str| {
        let run = fixture.prod(&["run", "chaos"]);
        let line = run.stderr.lines().last().unwrap_or_default();
        assert_eq!(run.code, Some(2), "{run:#?}");
        assert!(line.starts_with("prod: ") && line.contains(says), "{line}");
    };
    let cases = fixture.read("tests/prod_cases.rs");
    fixture.write("tests/prod_cases.rs", &cases.replace("fn chaos_point", "fn cahos_point"));
    ended_with("the layer has no case: layer chaos");
    fixture.write("tests/prod_cases.rs", "fn broken(");
    ended_with("cannot build or list the cases (nextest exit code 101)");
    let run = fixture.prod(&["run", "--set", "FEATURES=nonsense"]);
    assert_eq!(run.code, Some(2), "{run:#?}");
}

#[test]
fn cargo_a_run_can_be_shown() {
    let fixture = Fixture::new();
    let run = fixture.prod_with(&["run", "fast", "2"], &[SEED, ("SUITE_SIN", "fail")]);
    assert_eq!(run.code, Some(1), "{run:#?}");
    let summary = fixture.path("summary.md");
    fixture.write("summary.md", "of another step\n");
    fixture.write("target/perf_gate/head_snapshot.json", "not json");
    let shown =
        fixture.prod_with(&["report"], &[("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())]);
    shown.ended(0, &["target/prod/report.html"]);
    assert_eq!(shown.stderr.lines().count(), 1, "{shown:#?}");
    assert!(shown.stderr.contains("target/perf_gate/head_snapshot.json: malformed"), "{shown:#?}");
    let annotated = fixture.prod(&["report", "--annotations"]);
    let line = "::error title=b_second [fast%3A failed]::the planted failure (";
    annotated.ended(0, &[line, "%0Arepeat: just repro b_second 40\n"]);
    assert_eq!(annotated.stdout.lines().count(), 2, "{annotated:#?}");
    let page = fixture.read("target/prod/report.html");
    for part in ["just repro b_second 40", "the planted failure", "lost-page", "FAST_TIMEOUT"] {
        assert!(page.contains(part), "`{part}` is missing");
    }
    let summary = fixture.read("summary.md");
    assert!(summary.starts_with("of another step\n## ❌ Changes: failed"), "{summary}");
    assert!(
        fixture.read("target/prod/report.openmetrics.txt").contains("figure=\"transactions\"} 5")
    );
}
