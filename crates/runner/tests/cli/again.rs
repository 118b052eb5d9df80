//! What failed is run again: that of the last report alone when it is asked for, and in every run first
//! that of all earlier runs, until it passes.

use crate::fixture::Fixture;
use process::miniature::Run;

const FILE: &str = "target/prod/failing-seeds.json";

/// A run with this root seed and these sins.
fn run(fixture: &Fixture, args: &[&str], seed: &str, sins: &str) -> Run {
    fixture.prod_with(args, &[("MACE_PROD_SEED", seed), ("SUITE_SIN", sins)])
}

#[test]
fn cargo_what_failed_is_run_again() {
    let fixture = Fixture::new();
    let refused = |args: &[&str], says: &[&str]| {
        run(&fixture, args, "99", "").refused_at_once_by("prod", says);
    };
    refused(&["run", "--failed"], &["there is no report of an earlier run", "junit.xml"]);
    run(&fixture, &["run", "all", "2"], "40", "fail,abort").ended(1, &["3 failures in 12 cases"]);

    // Its seed is that of the report, whatever the run's own is; all that failed fails again.
    let again = run(&fixture, &["run", "--failed"], "99", "fail,abort");
    let failures = [
        "\n  b_second  [fast, seed 40: failed, suite::prod_cases]\n      the planted failure (",
        "      seed 40 (the case's own, derived from it: 41)\n      just repro b_second 40\n",
        "\n  stress_rounds  [stress, seed 40: failed, ",
        "\n  b_second  [fast (plain engine), seed 40: failed, ",
        "FAILED (exit 1): 3 failures in 3 cases",
    ];
    again.ended(1, &failures);
    assert!(again.stderr.contains("again      3 cases that failed"), "{again:#?}");
    // One of them is mended; the next time only the others are left.
    run(&fixture, &["run", "--failed"], "99", "fail").ended(1, &["2 failures in 3 cases"]);
    let left = ["[fast, seed 40: failed", "just repro b_second 40\n", "2 failures in 2 cases"];
    run(&fixture, &["run", "--failed"], "99", "fail").ended(1, &left);
    refused(
        &["run", "stress", "--failed"],
        &["the last report is of fast, fast (plain engine), and not of stress"],
    );
    run(&fixture, &["run", "--failed"], "99", "")
        .ended(0, &["\nchanges: passed (exit 0): 2 cases"]);
    refused(&["run", "--failed"], &["no case failed in the last report"]);
    assert!(!fixture.path(FILE).exists(), "they all passed: {}", fixture.read(FILE));

    // A case that has another name now is not passed over.
    run(&fixture, &["run", "stress"], "40", "abort").ended(1, &["stress_rounds"]);
    let cases = fixture.read("tests/prod_cases.rs");
    fixture.write("tests/prod_cases.rs", &cases.replace("fn stress_rounds", "fn stress_renamed"));
    let gone = "stress: `stress_rounds` failed before and is no case any more";
    run(&fixture, &["run", "stress", "--failed"], "99", "abort").ended(1, &[gone]);
    fixture.write("target/prod/junit.xml", "<testsuites");
    refused(&["run", "--failed"], &["the last report is unreadable", "junit.xml"]);
}

#[test]
fn cargo_failing_seeds_come_first() {
    let fixture = Fixture::new();
    let first = |run: &Run, count: usize| {
        let line = format!("first: {count} failing seeds of earlier runs\n");
        let said = run.stderr.contains("first: ");
        assert_eq!((said, run.stderr.contains(&line)), (count > 0, count > 0), "{run:#?}");
    };
    let fast = ["run", "fast", "2"];
    let one = run(&fixture, &fast, "40", "fail");
    first(&one, 0);
    one.ended(1, &["b_second  [fast: failed"]);
    // With the same seed again they are no others; another one fails as well, and both are kept.
    first(&run(&fixture, &fast, "40", "fail"), 0);
    let two = run(&fixture, &fast, "50", "fail");
    first(&two, 1);
    two.ended(
        1,
        &["\nfast, seed 40 ", "b_second  [fast, seed 40: ", "b_second  [fast: ", "6 cases"],
    );
    let before = two.stderr.find("1 test run").expect("nextest says what it ran");
    assert!(before < two.stderr.find("5 tests run").unwrap(), "not first: {}", two.stderr);
    assert!(fixture.path("target/prod/fast-seed-40.junit.xml").is_file());

    // Another layer has nothing to do with them; what passes is forgotten.
    first(&run(&fixture, &["run", "stress"], "60", ""), 0);
    let three = run(&fixture, &fast, "60", "");
    first(&three, 2);
    three.ended(0, &["\nfast, seed 40 ", "\nfast, seed 50 ", "passed (exit 0): 7 cases"]);
    first(&run(&fixture, &fast, "70", ""), 0);

    // A seed that failed with a knob is tried with that knob; passing without it is no pass.
    let unpaused = [("MACE_PROD_PAUSES", "0"), ("MACE_PROD_SEED", "40"), ("SUITE_SIN", "unpaused")];
    fixture.prod_with(&fast, &unpaused).ended(1, &["only without pauses"]);
    assert!(fixture.read(FILE).contains("MACE_PROD_PAUSES"), "{}", fixture.read(FILE));
    let again = "MACE_PROD_PAUSES=0 just repro b_second 40\n";
    let four = run(&fixture, &fast, "40", "unpaused");
    first(&four, 1);
    four.ended(1, &["only without pauses", again, "1 failures in 6 cases"]);
    let alone = run(&fixture, &["run", "--failed"], "99", "unpaused");
    alone.ended(1, &["only without pauses", again, "1 failures in 1 cases"]);
    // One seed under two settings is two runs, and each leaves its report.
    let failing = [("MACE_PROD_PAUSES", "0"), ("MACE_PROD_SEED", "40"), ("SUITE_SIN", "fail")];
    fixture.prod_with(&fast, &failing).ended(1, &["FAILED"]);
    run(&fixture, &fast, "40", "fail").ended(1, &["FAILED"]);
    first(&run(&fixture, &fast, "50", ""), 2);
    let reports = ["fast-seed-40.junit.xml", "fast-seed-40-2.junit.xml"];
    assert!(reports.iter().all(|file| fixture.path("target/prod").join(file).is_file()));
    fixture.prod_with(&fast, &unpaused).ended(1, &["FAILED"]);
    first(&run(&fixture, &fast, "40", ""), 1);
    assert!(!fixture.path(FILE).exists());

    fixture.write(FILE, "{\"format\": 9}");
    run(&fixture, &fast, "40", "")
        .refused_at_once_by("prod", &["format 9 instead of 1", FILE, "remove the file"]);
}
