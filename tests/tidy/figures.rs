//! What the house measures: lines of code by area, packages, import cycles, the longest file and the
//! longest test name, of this tree and of an earlier commit side by side. `just house` prints it. Judges
//! nothing: the rules beside it do.

use super::{
    import_cycles,
    source::{Source, root, sources},
};
use std::{collections::BTreeMap, fmt::Write, path::Path, process::Command};

/// The areas and the folders that they are in, today and before.
const AREAS: [(&str, &[&str]); 8] = [
    ("suite: src", &["src/"]),
    (
        "cases: tests/prod_*",
        &[
            "tests/prod_",
            "tests/fast/",
            "tests/stress/",
            "tests/contract/",
            "tests/power/",
            "tests/regressions/",
        ],
    ),
    (
        "start and report: runner, results, process",
        &[
            "crates/runner/src/",
            "crates/results/src/",
            "crates/process/src/",
            "prod/src/",
            "report/src/",
            "soak/src/",
            "launch/src/",
            "scratch/src/",
            "miniature/src/",
        ],
    ),
    ("measure: perf", &["perf/src/"]),
    ("knobs", &["crates/knobs/src/", "knobs/src/"]),
    ("faultfs", &["crates/faultfs/src/", "faultfs/src/"]),
    ("isolation", &["crates/isolation/src/", "isolation/src/"]),
    ("benches and build", &["benches/", "build/", "build.rs", "examples/"]),
];

/// The files of a tree, by path.
type Tree = BTreeMap<String, String>;

/// Runs git in the workspace.
///
/// # Panics
/// When it fails.
fn git(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("git").args(arguments).current_dir(root()).output();
    let output = output.expect("git can be started");
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// The text files of a commit.
fn tree_of(commit: &str) -> Tree {
    let names = git(&["ls-tree", "-r", "--name-only", "-z", commit]);
    let names = String::from_utf8(names).expect("file names are UTF-8");
    let wanted = |name: &&str| is_rust(name) || name.ends_with("Cargo.toml");
    let read = |name: &str| {
        let text = git(&["show", &format!("{commit}:{name}")]);
        (name.to_owned(), String::from_utf8_lossy(&text).into_owned())
    };
    names.split_terminator('\0').filter(wanted).map(read).collect()
}

fn is_rust(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "rs")
}

/// Lines of code: neither blank nor a comment, and outside of test modules.
fn code_lines(text: &str) -> usize {
    let mut count = 0;
    let mut depth = None;
    let mut after_cfg_test = false;
    for line in text.lines().map(str::trim) {
        if let Some(open) = depth.as_mut() {
            *open += braces(line);
            if *open <= 0 {
                depth = None;
            }
            continue;
        }
        if after_cfg_test && line.starts_with("mod ") {
            after_cfg_test = false;
            if line.ends_with('{') {
                depth = Some(1);
            }
            continue;
        }
        after_cfg_test = line == "#[cfg(test)]" || after_cfg_test && line.starts_with("#[");
        if !line.is_empty() && !line.starts_with("//") && !after_cfg_test {
            count += 1;
        }
    }
    count
}

fn braces(line: &str) -> i32 {
    let count = |brace: char| line.matches(brace).fold(0, |sum, _| sum + 1);
    count('{') - count('}')
}

/// Whether a file holds tests alone.
fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// The lines of code of each area.
fn by_area(tree: &Tree) -> Vec<(&'static str, usize)> {
    let lines = |folders: &[&str]| {
        let here = tree.iter().filter(|(path, _)| {
            is_rust(path)
                && folders.iter().any(|folder| path.starts_with(folder))
                && !(path.contains("src/") && is_test_file(path))
        });
        here.map(|(_, text)| code_lines(text)).sum()
    };
    AREAS.iter().map(|(name, folders)| (*name, lines(folders))).collect()
}

/// Names of tests: what follows `fn` behind `#[test]`.
fn test_names(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if let (true, Some(rest)) = (is_test, line.strip_prefix("fn ")) {
            names.push(rest.split('(').next().unwrap_or_default().to_owned());
            is_test = false;
        }
        is_test = line == "#[test]" || is_test && line.starts_with("#[");
    }
    names
}

/// The figures of a tree, as rows.
fn figures(tree: &Tree) -> Vec<(String, String)> {
    let mut rows: Vec<(String, String)> = by_area(tree)
        .into_iter()
        .map(|(name, lines)| (format!("lines, {name}"), lines.to_string()))
        .collect();
    let rust = || tree.iter().filter(|(path, _)| is_rust(path));
    let lines: usize = rust().map(|(_, text)| text.lines().count()).sum();
    rows.push(("lines of Rust in all, with tests and comments".to_owned(), lines.to_string()));
    let packages = tree.keys().filter(|path| path.ends_with("Cargo.toml")).count();
    rows.push(("packages".to_owned(), packages.to_string()));
    let all: Vec<Source> = tree.iter().map(|(path, text)| Source::new(path, text)).collect();
    let cycles: usize = all.iter().map(|root| import_cycles(root, &all).len()).sum();
    rows.push(("cycles of imports within a package".to_owned(), cycles.to_string()));
    let included: usize = rust()
        .map(|(_, text)| text.lines().filter(|line| line.starts_with("#[path")).count())
        .sum();
    rows.push(("modules included by path".to_owned(), included.to_string()));
    let longest = rust().max_by_key(|(_, text)| text.lines().count());
    let longest =
        longest.map_or_else(String::new, |(path, text)| format!("{} {path}", text.lines().count()));
    rows.push(("longest file".to_owned(), longest));
    let name =
        rust().flat_map(|(_, text)| test_names(text)).max_by_key(String::len).unwrap_or_default();
    rows.push(("longest test name".to_owned(), format!("{} {name}", name.len())));
    rows
}

/// Prints the figures; beside those of the commit that `MACE_PROD_INTERNAL_SINCE` names.
#[test]
#[expect(clippy::print_stdout, reason = "the figures are what is asked for")]
fn the_house_can_be_measured() {
    let here: Tree = sources().into_iter().map(|source| (source.path, source.text)).collect();
    let now = figures(&here);
    assert!(by_area(&here).iter().all(|(_, lines)| *lines > 0), "an area is empty: {now:?}");
    let since = knobs::runtime::internal("MACE_PROD_INTERNAL_SINCE");
    let before = since.map(|commit| figures(&tree_of(&commit.to_string_lossy())));
    let mut page = String::new();
    for (at, (what, value)) in now.iter().enumerate() {
        let was = before.as_ref().map_or("", |before| before[at].1.as_str());
        writeln!(page, "{what:<46} {was:<50} {value}").expect("a string takes all");
    }
    println!("{page}");
}

#[test]
fn comments_and_tests_are_no_code() {
    let text = "//! x\n\nuse a;\n/// y\nfn f() {\n    // z\n}\n#[cfg(test)]\nmod tests {\n    fn g() {\n    }\n}\nfn h() {}\n";
    assert_eq!(code_lines(text), 4);
    assert_eq!(test_names("#[test]\n#[cfg(unix)]\nfn is_kept() {}\nfn other() {}"), ["is_kept"]);
}
