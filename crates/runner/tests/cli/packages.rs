//! The libraries that may be published say where they belong, and their packages hold what their pages need.
//! Asks `cargo metadata` and `cargo package --list`; builds and uploads nothing.

use crate::features::cargo;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs};

/// The files of a package that are text, by their paths there.
type Files = BTreeMap<String, String>;

/// What is missing before a package can be published, one line each.
fn missing(package: &Value, files: &Files) -> Vec<String> {
    let told = [
        "/description",
        "/license",
        "/readme",
        "/repository",
        "/documentation",
        "/keywords/0",
        "/categories/0",
        "/metadata/docs/rs/targets/0",
    ];
    let told = told.into_iter().filter(|key| package.pointer(key).is_none_or(Value::is_null));
    let told = told.map(|key| format!("nothing at {key}"));
    let always = ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE", "src/lib.rs"];
    let always = always.into_iter().filter(|path| !files.contains_key(*path));
    let lost = always.map(|path| format!("no {path}"));
    told.chain(lost)
        .chain(files.iter().flat_map(|(path, text)| led_out(path, text, files)))
        .collect()
}

/// What a file names that is not in the package: an included text, or the target of a relative link.
fn led_out(path: &str, text: &str, files: &Files) -> Vec<String> {
    let (opens, closes) = match path.rsplit_once('.') {
        Some((_, "md")) => ("](", ')'),
        Some((_, "rs")) => ("include_str!(\"", '"'),
        _ => return Vec::new(),
    };
    let named = text.split(opens).skip(1).filter_map(|rest| rest.split(closes).next());
    let named = named.filter(|target| !target.contains("://") && !target.starts_with('#'));
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let is_out = |target: &&str| {
        let mut way: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
        for part in target.split('/') {
            match part {
                ".." if way.pop().is_none() => return true,
                ".." => {}
                part => way.push(part),
            }
        }
        !files.contains_key(&way.join("/"))
    };
    named.filter(is_out).map(|target| format!("{path} leads to {target}")).collect()
}

/// The packages that the workspace publishes, each with its files.
fn published() -> Vec<(Value, Files)> {
    let all = cargo(&["metadata", "--offline", "--no-deps", "--format-version", "1"]);
    let mut all: Value = serde_json::from_str(&all).unwrap();
    let all = all["packages"].as_array_mut().unwrap().drain(..);
    let published = all.filter(|package| package["publish"].is_null());
    let with_files = published.map(|package| {
        let name = package["name"].as_str().unwrap();
        let listed = cargo(&["package", "--list", "--offline", "--allow-dirty", "--package", name]);
        let folder = knobs::runtime::root().join("crates").join(name);
        let read =
            |path: &str| Some((path.to_owned(), fs::read_to_string(folder.join(path)).ok()?));
        let files = listed.lines().filter_map(read).collect();
        (package, files)
    });
    with_files.collect()
}

#[test]
fn cargo_packages_hold_what_their_pages_need() {
    let all = published();
    let names: Vec<&str> = all.iter().filter_map(|(package, _)| package["name"].as_str()).collect();
    assert_eq!(names, ["faultfs", "isolation"]);
    for (package, files) in all {
        let name = package["name"].as_str().unwrap().to_owned();
        assert_eq!(missing(&package, &files), [""; 0], "{name}");
        assert!(files.keys().any(|path| path.starts_with("examples/")), "{name} has no example");
        let mut silent = package.clone();
        silent["repository"] = Value::Null;
        silent["metadata"] = json!({});
        let sins = ["nothing at /repository", "nothing at /metadata/docs/rs/targets/0"];
        assert_eq!(missing(&silent, &files), sins);
        let mut fewer = files.clone();
        fewer.remove("CHANGELOG.md");
        fewer.insert("README.md".to_owned(), "See [this](../docs/a.md), [that](#b).".to_owned());
        fewer.insert("src/a/b.rs".to_owned(), "include_str!(\"../../README.md\")".to_owned());
        fewer.insert("src/c.rs".to_owned(), "include_str!(\"gone.txt\")".to_owned());
        let sins =
            ["no CHANGELOG.md", "README.md leads to ../docs/a.md", "src/c.rs leads to gone.txt"];
        assert_eq!(missing(&package, &fewer), sins);
    }
}
