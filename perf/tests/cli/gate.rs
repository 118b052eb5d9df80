//! The whole path, from two commits to a verdict, files and an exit code.

use crate::fixture::{Fixture, there};
use std::{fs, path::PathBuf};

#[test]
fn cargo_slower_code_fails_and_the_same_passes() {
    let fixture = Fixture::new();
    // Nothing but a text has changed: there is nothing to measure.
    fixture.write("README.md", "words");
    let same = fixture.perf(&["compare", "base"]);
    same.ended(0, &["passed: identical machine code", "with local changes"]);
    let json = fixture.results("target/perf_gate/compare.json");
    assert_eq!((&json["identical"], &json["gate"]), (&true.into(), &"passed".into()));
    // The same code measured all the same.
    let measured = fixture.perf(&["compare", "base", "--measure"]);
    measured.ended(0, &["Put/a/1", "unchanged", "passed: 0 of 2 cases slower by more than 5 %"]);

    // Half as slow again, with one target folder for both in the environment: the gate must not
    // be talked into running one program twice.
    fixture.engine("engine", 1.5);
    fixture.commit("slower");
    let shared = fixture.path("shared");
    let shared = [("CARGO_TARGET_DIR", shared.to_str().unwrap())];
    let slower = fixture.perf_with(&["compare", "base"], &shared);
    slower.ended(1, &["regressed", "+50.0%", "failed: 2 of 2 cases slower"]);
    let json = fixture.results("target/perf_gate/compare.json");
    let delta = json["cases"][0]["estimate"]["delta_pct"].as_f64().unwrap();
    assert!((delta - 50.0).abs() < 1e-6, "{delta}");
    for (file, median) in [("base_summary", 1.0045e6), ("head_summary", 1.50675e6)] {
        let summary = fixture.results(&format!("target/perf_gate/{file}.json"));
        assert_eq!(summary["count"], 2);
        let found = summary["cases"]["Put/a/1"]["median_ns"].as_f64().unwrap();
        assert!((found - median).abs() < 1.0, "{file} {found}");
        let log = file.replace("_summary", ".bench.log");
        let log = fs::read_to_string(fixture.path(&format!("target/perf_gate/{log}"))).unwrap();
        assert!(log.contains("measured Some(\"Put/a/1\")"), "{log}");
    }
    assert!(!there(&fixture.path("target/perf_gate/worktree")), "the worktree is left behind");
    assert_eq!(fixture.git(&["worktree", "list"]).lines().count(), 1);
    let allowed = fixture.perf(&["compare", "base", "--set", "MACE_PERF_MAX_REGRESS_CASES=2"]);
    allowed.ended(0, &["passed: 2 of 2 cases slower"]);
    // A case that was named twice is one case.
    let twice = "MACE_PERF_COMPARE_FILTERS=Put/a/1,Get/a/1,Put/a/1";
    let few = ["--set", "MACE_PERF_MIN_COMPARE_CASES=3"];
    fixture
        .perf(&[&["compare", "base", "--set", twice], &few[..]].concat())
        .ended(1, &["too few comparable cases"]);
    let cut = ["--set", "MACE_PERF_BUDGET_SECS=1", "--set", "MACE_PERF_SCREEN_ROUNDS=1000"];
    let cut = [&["compare", "base"], &cut[..]].concat();
    fixture.perf(&cut).ended(3, &["inconclusive", "that is no pass"]);
    // Where noise is only shown it is shown, and what is slower fails as ever.
    let warned = fixture.perf(&[&cut[..], &["--warn-inconclusive"]].concat());
    warned.ended(0, &["that is no pass", "\n::warning title=perf compare::inconclusive"]);
    fixture.perf(&["compare", "base", "--warn-inconclusive"]).ended(1, &["failed: 2 of 2"]);
}

#[test]
fn cargo_snapshots_make_a_history_and_exports() {
    let fixture = Fixture::new();
    fixture.write("target/criterion/Old/a/new/benchmark.json", "{\"full_id\": \"Old/a\"}");
    let snapshot = fixture.perf(&["snapshot"]);
    snapshot.ended(0, &["Put/a/1", "2 cases, median_ns p50 1004500, p95 1004500"]);
    let json = fixture.results("target/perf_gate/head_snapshot.json");
    assert_eq!(json["count"], 2, "an old case was taken for one of this run");
    let history = fixture.perf(&["history", "Put/a/1"]);
    history.ended(0, &["1 snapshots", "quick profile, 20000 items, 10 samples"]);
    // A comparison of the same code says so, and what stands beside the snapshots is no snapshot.
    fixture.perf(&["compare", "base"]).ended(0, &["identical machine code"]);
    fixture.perf(&["compare", "base", "--measure"]).ended(0, &["unchanged"]);
    fixture
        .perf(&["snapshot", "Put", "--set", "MACE_BENCH_TOTAL_ITEMS=500"])
        .ended(0, &["2 cases"]);
    // The forger measures all whatever it is asked for, but writes down what that was.
    let log = fixture.read("target/perf_gate/snapshot.bench.log");
    assert!(log.contains("\"(?:Put)|^Control/spin$\""), "{log}");
    assert_eq!(fixture.read("target/perf_gate/history.jsonl").lines().count(), 4);
    let history = fixture.perf(&["history", "Put/a/1"]);
    history.ended(
        0,
        &[
            "1 snapshots, +0.00 % each",
            "compares, quick profile, 200 items",
            "passed: identical machine code as",
            "passed: +0.0 % against",
            "1 compares",
            "snapshots, quick profile, 500 items, 10 samples",
        ],
    );
    fixture
        .perf(&["history", "Put/b/1"])
        .refused_by("perf", &["no entry of case", "Get/a/1, Put/a/1"]);
    fixture.perf(&["export", "bencher"]).ended(0, &["\"latency\"", "Get/a/1"]);
    fixture.perf(&["export", "criterion", "main"]).ended(0, &["baseline main"]);
    assert!(there(&fixture.path("target/criterion/Put/a/1/main/estimates.json")));
    fixture.bench("(\"Put/a/1\", -1.0)");
    let snapshot = fixture.path("target/perf_gate/head_snapshot.json");
    assert!(there(&snapshot));
    fixture.perf(&["snapshot"]).refused_by("perf", &["the benches failed", "snapshot.bench.log"]);
    assert!(!there(&snapshot), "an old snapshot looks like that of the run that failed");
    fixture.bench("");
    fixture.perf(&["snapshot"]).refused_by("perf", &["no case was measured"]);
    // The control alone is no case that a filter asked for.
    fixture.bench("(\"Control/spin\", 1e6)");
    fixture.perf(&["snapshot", "Nix"]).refused_by("perf", &["no case was measured: Nix"]);
    fixture.perf(&["snapshot", "Control"]).ended(0, &["Control/spin"]);
}

#[test]
fn cargo_missing_cases_and_dead_benches_are_no_pass() {
    let fixture = Fixture::new();
    fixture.bench("(\"Put/a/1\", 1e6), (\"Scan/a/1\", 1e6)");
    let cases = "MACE_PERF_COMPARE_FILTERS=Put/a/1,Get/a/1,Scan/a/1,Nix/a/1";
    let run = fixture.perf(&["compare", "base", "--set", cases]);
    run.ended(
        1,
        &[
            "case Get/a/1 was removed",
            "case Scan/a/1 is new",
            "case Nix/a/1 is on neither side",
            "the benches themselves differ",
            "too few comparable cases",
        ],
    );
    fixture.bench("(\"Put/a/1\", 1e6), (\"Get/a/1\", -1.0)");
    fixture
        .perf(&["compare", "base"])
        .refused_by("perf", &["case Get/a/1 failed", "head.bench.log"]);
    let left = || {
        let files = fs::read_dir(fixture.path("target/perf_gate")).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let is_result = |file: &PathBuf| {
            file.extension().is_some_and(|extension| extension == "json" || extension == "log")
        };
        let files = files.filter(is_result);
        let mut names: Vec<_> =
            files.map(|file| file.file_name().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort_unstable();
        names
    };
    // The run before had found something. Whether base had said something before the case failed is
    // a toss of the gate's coin.
    let mut logs = left();
    logs.retain(|name| name != "base.bench.log");
    assert_eq!(logs, ["head.bench.log"]);
    fixture.bench("no rust");
    fixture.perf(&["compare", "base"]).refused_by("perf", &["cannot build the benches of head"]);
    assert_eq!(left(), [""; 0], "an old comparison looks like that of the run that failed");
    assert!(!there(&fixture.path("target/perf_gate/worktree")));
}

#[test]
fn cargo_what_else_differs_than_the_engine_is_said() {
    let fixture = Fixture::new();
    let said = |says: &[&str], not: &[&str]| {
        let run = fixture.perf(&["compare", "base"]);
        run.ended(0, says);
        for part in not {
            assert!(!run.stdout.contains(part), "`{part}` in {}", run.stdout);
        }
    };
    let benches = "the benches themselves differ";
    let toolchain = "base names another toolchain";
    let profile = "[profile.bench]";
    let manifest = fixture.read("Cargo.toml");
    // Words, and a profile that no bench is built by.
    fixture.write("Cargo.toml", &format!("# Words.\n{manifest}[profile.dev]\nopt-level = 1\n"));
    said(&[], &[benches, toolchain, profile]);
    fixture.write("Cargo.toml", &format!("{manifest}[profile.bench]\nlto = true\n"));
    said(&[profile], &[benches, toolchain]);
    fixture.write("Cargo.toml", &manifest);
    let names = fs::read_to_string(knobs::runtime::root().join("rust-toolchain.toml")).unwrap();
    fixture.write("rust-toolchain.toml", &names);
    fixture.git(&["add", "rust-toolchain.toml"]);
    said(&[toolchain], &[benches, profile]);
    fixture.git(&["rm", "--quiet", "--force", "rust-toolchain.toml"]);
    for file in ["src/engine/mace.rs", "src/engine.rs", "src/testdir.rs"] {
        fixture.write(file, "");
        fixture.git(&["add", file]);
        said(&[benches], &[toolchain, profile]);
        fixture.git(&["rm", "--quiet", "--force", file]);
    }
}
