//! A fresh `just test` builds the engine twice, with failpoints and plain, and not a third time for
//! the project's own tests: what the engine is built from has the same features in both builds.
//! So have the libraries that the runner and the suite share: a cold build makes them once.
//! Reads `cargo tree`; builds nothing.

use process::miniature::clean;
use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

/// What cargo says of this workspace when it is given these arguments.
pub(crate) fn cargo(args: &[&str]) -> String {
    let mut command = Command::new("cargo");
    command.current_dir(knobs::runtime::root()).args(args);
    clean(&mut command);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Packages with the features they are built with, by `cargo tree` with these arguments.
fn tree(args: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let all = ["tree", "--offline", "--prefix", "none", "--format", "{p};{f}"];
    let mut packages = BTreeMap::<_, BTreeSet<_>>::new();
    for line in cargo(&[&all[..], args].concat()).lines() {
        if let Some((package, features)) = line.split_once(';') {
            let features = features.trim_end_matches(" (*)").to_owned();
            packages.entry(package.to_owned()).or_default().insert(features);
        }
    }
    packages
}

#[test]
fn cargo_own_tests_and_suite_share_one_engine_build() {
    let engine = tree(&["-p", "mace-kv", "-e", "normal"]);
    let own = tree(&["--workspace", "-e", "normal,dev"]);
    let suite = ["-p", "mace-prod", "--no-default-features", "--features", "failpoints"];
    let suite = tree(&[&suite[..], &["-e", "normal,dev"]].concat());
    assert!(engine.len() > 10, "that is not all that the engine is built from: {engine:?}");
    for package in engine.keys() {
        assert_eq!(
            own.get(package),
            suite.get(package),
            "{package} has other features in the workspace (left) than in the suite (right), so that \
             the engine is built for each: add what is missing to the suite's dev-dependencies"
        );
    }
}

#[test]
fn cargo_runner_and_suite_share_their_libraries() {
    let shared = tree(&["-p", "process", "-e", "normal,build"]);
    let runner = tree(&["-p", "runner", "-e", "normal,build"]);
    let suite = ["-p", "mace-prod", "--no-default-features", "--features", "failpoints"];
    let suite = tree(&[&suite[..], &["-e", "normal,build,dev"]].concat());
    assert!(shared.len() > 20, "that is not all that `process` is built from: {shared:?}");
    for package in shared.keys() {
        assert!(
            suite[package].is_superset(&runner[package]),
            "{package} has other features in the runner ({:?}) than in the suite ({:?}), so that a cold \
             build makes it twice: name what is missing beside the other \"features only\"",
            runner[package],
            suite[package]
        );
    }
}
