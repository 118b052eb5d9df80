//! What the gate proves about itself: the self-test, and the thresholds that it proposes.

use crate::fixture::{Fixture, there};

#[test]
fn cargo_selftest_proves_and_calibrate_proposes() {
    let fixture = Fixture::new();
    let few = ["--set", "MACE_PERF_CONFIRM_ROUNDS=2"];
    let selftest = |args: &[&str]| fixture.perf(&[&["selftest"], args, &few].concat());
    let proved = selftest(&["--runs", "1"]);
    proved.ended(0, &["A/A: gate failed 0 of 1", "other layout: gate failed 0 of 1"]);
    // The forger's steps take a nanosecond, so that a plant is what it is called.
    for (pct, case) in [(5, "Put/a/1"), (10, "Get/a/1"), (20, "Put/a/1")] {
        let says = format!("about +{pct} % planted in one case {case} +{pct}.0 %");
        assert!(proved.stderr.contains(&says), "`{says}` is missing in {}", proved.stderr);
    }
    let lines = || fixture.read("target/perf_gate/selftest.jsonl");
    assert_eq!(lines().lines().count(), 5);
    let found = "about +20 % planted in one case: gate failed 1 of 1";
    assert!(proved.stdout.contains(found), "{}", proved.stdout);

    // A comparison prints the newest proof of each kind.
    selftest(&["--runs", "2"]).ended(0, &["A/A: gate failed 0 of 2"]);
    assert_eq!(lines().lines().count(), 10);
    let compared = fixture.perf(&["compare", "base"]);
    compared.ended(0, &["passed: identical machine code", "selftest here of the last hour, at "]);
    compared.ended(0, &[": A/A: gate failed 0 of 2"]);
    assert_eq!(compared.stdout.matches("selftest here of ").count(), 5, "{}", compared.stdout);

    // Base of A/A is what was committed, built as a comparison's base is.
    fixture.engine("engine", 1.3);
    let apart = selftest(&["--runs", "1"]);
    apart.ended(1, &["A/A: gate failed 1 of 1", "other layout: gate failed 0 of 1"]);
    assert!(apart.stderr.contains("HEAD is not the same machine code"), "{}", apart.stderr);
    fixture.engine("engine", 1.0);
    fixture.perf(&["selftest", "--runs", "0"]).refused_at_once_by("perf", &["use 1 or more"]);

    let file = ".config/perf.toml";
    let old = fixture.read(file);
    let shown = fixture.perf(&["calibrate", "--rounds", "3"]);
    shown.ended(0, &["+ MACE_PERF_REGRESS_PCT = 3\n", "+ MACE_PERF_MAX_REGRESS_CASES = 0"]);
    assert_eq!(fixture.read(file), old, "nobody asked for it");
    let written = fixture.perf(&["calibrate", "--rounds", "3", "--write"]);
    assert_eq!((written.code, &written.stdout), (Some(0), &shown.stdout));
    let new = fixture.read(file);
    let only = |sign: char, some: &str, other: &str| {
        let lines = some.lines().filter(|line| !other.lines().any(|known| known == *line));
        lines.map(|line| format!("{sign} {line}")).collect::<Vec<_>>()
    };
    let differs = [only('-', &old, &new), only('+', &new, &old)].concat();
    assert_eq!(differs, shown.stdout.lines().collect::<Vec<_>>());
}

#[test]
fn cargo_what_cannot_be_calibrated_is_said() {
    let fixture = Fixture::new();
    for rounds in ["0", "2", "6"] {
        let refused = fixture.perf(&["calibrate", "--rounds", rounds]);
        refused.refused_at_once_by("perf", &[&format!("{rounds} rounds"), "use 3 to 5"]);
    }
    let none = ["calibrate", "--set", "MACE_PERF_THRESHOLD_FILE=.config/none.toml"];
    fixture.perf(&none).refused_at_once_by("perf", &["cannot read", ".config/none.toml"]);
    let gate = fixture.read(".config/perf.toml");
    std::fs::remove_file(fixture.path(".config/perf.toml")).unwrap();
    fixture.perf(&["calibrate"]).refused_at_once_by("perf", &["cannot read", ".config/perf.toml"]);
    assert!(!there(&fixture.path("target/perf_gate/build")), "something was built");

    fixture.write(".config/perf.toml", &gate);
    let cut = ["--set", "MACE_PERF_BUDGET_SECS=1", "--set", "MACE_PERF_SCREEN_ROUNDS=1000"];
    let cut = fixture.perf(&[&["calibrate", "--write"], &cut[..]].concat());
    cut.ended(3, &["inconclusive: no case could be measured"]);
    assert!(cut.stderr.contains("Put/a/1 is left out: a round of it"), "{}", cut.stderr);
    assert_eq!(fixture.read(".config/perf.toml"), gate, "nothing was measured");
}
