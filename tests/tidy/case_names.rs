//! The set of cases is what it was before they were renamed: the list of then, with the names that
//! the map changes, is the list of now. Stays until everybody knows the new names; then it goes,
//! with `docs/case-names.tsv` and `docs/case-names-before.tsv`. Runs no case.

use crate::root;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

/// A binary and the name of a case in it.
type Name = (String, String);

/// The case's name of now; the map has a binary, an old name and a new one a line.
fn renamed(name: Name, map: &BTreeMap<Name, String>) -> Name {
    match map.get(&name) {
        Some(new) => (name.0, new.clone()),
        None => name,
    }
}

fn map(text: &str) -> BTreeMap<Name, String> {
    let lines = text.lines().map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [binary, old, new] = fields[..] else { panic!("three fields a line: {line}") };
        ((binary.to_owned(), old.to_owned()), new.to_owned())
    });
    lines.collect()
}

fn names(text: &str) -> BTreeSet<Name> {
    let lines = text.lines().map(|line| {
        let (binary, name) = line.split_once('\t').expect("a binary and a name");
        (binary.to_owned(), name.to_owned())
    });
    lines.collect()
}

/// The cases that nextest lists.
fn listed(list: &serde_json::Value) -> BTreeSet<Name> {
    let suites = list["rust-suites"].as_object().expect("nextest lists suites");
    let prod = suites.iter().filter(|(binary, _)| binary.contains("::prod_"));
    let cases = prod.flat_map(|(binary, suite)| {
        let cases = suite["testcases"].as_object().expect("a suite lists cases");
        cases.keys().map(|name| (binary.clone(), name.clone()))
    });
    cases.collect()
}

#[test]
fn cargo_the_cases_are_those_of_before_the_renames() {
    let read = |name| fs::read_to_string(root().join("docs").join(name)).expect("it is there");
    let map = map(&read("case-names.tsv"));
    let before = names(&read("case-names-before.tsv"));
    for old in map.keys() {
        assert!(before.contains(old), "the map renames {old:?}, which was no case");
    }
    let wanted: BTreeSet<Name> = before.into_iter().map(|name| renamed(name, &map)).collect();
    let mut command = Command::new(env!("CARGO"));
    command.args([
        "nextest",
        "list",
        "--profile",
        "all",
        "--cargo-quiet",
        "--message-format",
        "json",
    ]);
    let output = command.current_dir(root()).output().expect("nextest is there");
    let cases = serde_json::from_slice(&output.stdout).expect("nextest lists the cases as JSON");
    let now = listed(&cases);
    let lost: Vec<_> = wanted.difference(&now).collect();
    let new: Vec<_> = now.difference(&wanted).collect();
    assert!(lost.is_empty() && new.is_empty(), "lost {lost:?}, new {new:?}");
}
