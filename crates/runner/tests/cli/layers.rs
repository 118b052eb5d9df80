//! The layers of this very workspace, as nextest lists them: disjoint, complete, and configured
//! with keys that nextest knows. Reads lists; runs no case of the suite.

use nextest_metadata::TestListSummary;
use process::miniature::clean;
use std::{collections::BTreeSet, process::Command};

type Cases = BTreeSet<(String, String)>;

/// Builds the suite as `prod` does, so that a run of `prod test` has built it before.
const SUITE: [&str; 3] = ["--no-default-features", "--features", "failpoints"];

/// The cases of `profile`, and what nextest complained about.
fn list(profile: &str, args: &[&str]) -> (Cases, String) {
    let mut command = Command::new("cargo");
    command.current_dir(knobs::runtime::root());
    command.args(["nextest", "list", "--message-format", "json", "--profile", profile]).args(args);
    clean(&mut command);
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    let list = TestListSummary::parse_json(String::from_utf8(output.stdout).unwrap()).unwrap();
    let mut cases = Cases::new();
    for (binary, suite) in list.rust_suites {
        for (name, case) in suite.test_cases {
            assert!(!case.ignored, "{binary} {name} is ignored: a case that never runs");
            if case.filter_match.is_match() {
                cases.insert((binary.as_str().to_owned(), name.as_str().to_owned()));
            }
        }
    }
    assert!(!cases.is_empty(), "profile {profile} has no case");
    (cases, stderr)
}

#[test]
fn cargo_the_layers_are_disjoint_and_together_are_all() {
    let (fast, complaints) = list("fast", &SUITE);
    assert!(!complaints.contains("unknown configuration key"), "{complaints}");
    let (stress, _) = list("stress", &SUITE);
    let (chaos, _) = list("chaos", &SUITE);
    let (all, _) = list("all", &SUITE);
    for (name, left, right) in [
        ("fast, stress", &fast, &stress),
        ("fast, chaos", &fast, &chaos),
        ("stress, chaos", &stress, &chaos),
    ] {
        let shared: Vec<_> = left.intersection(right).collect();
        assert!(shared.is_empty(), "{name} share {shared:?}");
    }
    let together: Cases = fast.iter().chain(&stress).chain(&chaos).cloned().collect();
    assert_eq!(together, all);
    assert_eq!(list("default", &SUITE).0, fast, "a bare `cargo nextest run` is the fast layer");
}

#[test]
fn cargo_own_and_all_are_the_whole_workspace() {
    let (own, _) = list("own", &["--workspace"]);
    let (all, _) = list("all", &["--workspace"]);
    let (everything, _) = list("own", &["--workspace", "--ignore-default-filter"]);
    assert!(own.is_disjoint(&all));
    assert_eq!(own.union(&all).cloned().collect::<Cases>(), everything);
}
