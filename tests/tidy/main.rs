//! The house rules, as a test: each says what is banned, what to use instead and why, and each has
//! a test of its own with a planted offence. Reads files only; it never changes them.

mod figures;
mod modules;
mod packages;
mod signatures;
mod source;
mod tokens;

use source::{Source, listed, root, sources};
use std::{fs, path::Path};

/// The stages in the order in which data flows; a module uses only what stands at or before its
/// own place. `error` and `testdir` are the base, `scenario` sees everything.
const STAGES: [&str; 10] = [
    "error", "testdir", "settings", "engine", "workload", "history", "oracle", "verdict", "report",
    "scenario",
];

/// Longer files hide two things in one.
const MAX_LINES: usize = 600;

/// Files that are there and no text: a database that a program left, say.
fn strays(root: &Path, paths: &[String]) -> Vec<String> {
    // The README's picture of the report page, as small as it is.
    let is_picture = |path: &str, bytes: &[u8]| {
        path == "docs/report.png" && bytes.starts_with(b"\x89PNG\r\n") && bytes.len() < 150_000
    };
    let is_stray = |path: &&String| {
        fs::read(root.join(path)).is_ok_and(|bytes| {
            !is_picture(path.as_str(), &bytes) && String::from_utf8(bytes).is_err()
        })
    };
    paths.iter().filter(is_stray).cloned().collect()
}

/// What offends against a rule: `check` gives the offences of a file.
fn offences(all: &[Source], check: impl Fn(&Source) -> Vec<String>) -> Vec<String> {
    let found = |source: &Source| {
        let path = source.path.clone();
        check(source).into_iter().map(move |line| format!("{path}: {line}"))
    };
    all.iter().flat_map(found).collect()
}

/// Files that use one another in a circle, named at the crate's root file.
fn import_cycles(root: &Source, all: &[Source]) -> Vec<String> {
    let is_root = packages::folders(all)
        .iter()
        .any(|folder| root.path.strip_prefix(folder.as_str()).is_some_and(packages::is_crate_root));
    if !is_root {
        return Vec::new();
    }
    let cycles = modules::cycles(&modules::uses(&root.path, &all));
    let line = |cycle: Vec<String>| {
        let first = cycle[0].clone();
        let way = cycle.join(" -> ");
        format!("a circle of imports, {way} -> {first}; what both need is a file of its own")
    };
    cycles.into_iter().map(line).collect()
}

/// The offences of one planted file.
fn planted(rule: impl Fn(&str) -> Vec<String>, text: &str) -> usize {
    rule(text).len()
}

/// Fails with one line for each offence.
fn assert_tidy(rule: impl Fn(&Source) -> Vec<String>) {
    let offences: Vec<String> = sources().iter().flat_map(rule).collect();
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

fn headers(source: &Source) -> Vec<String> {
    if !source.is_rust() || source.text.starts_with("//!") {
        return Vec::new();
    }
    vec![format!("{}: open with `//!`: what is here and what it may not do", source.path)]
}

fn lengths(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    if !source.is_rust() || lines <= MAX_LINES {
        return Vec::new();
    }
    vec![format!("{}: {lines} lines; split it where it does two things", source.path)]
}

/// The stage of a file of the library: `src/oracle/scan.rs` belongs to `oracle`.
fn stage(path: &str) -> Option<usize> {
    let name = path.strip_prefix("src/")?.split(['/', '.']).next()?;
    STAGES.iter().position(|stage| *stage == name)
}

/// The top-level modules that a file names after `crate::`, with their lines.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let line = text[..at].lines().count().max(1);
        if text[..at].rsplit('\n').next().is_some_and(|start| start.trim().starts_with("//")) {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(top_names(group).into_iter().map(|name| (line, name))),
            None => found.push((line, name_at(rest))),
        }
    }
    found
}

fn name_at(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// The names at depth 0 of an import group, whose opening brace is already taken.
fn top_names(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = Vec::new();
    let mut fresh = true;
    for (at, c) in group.char_indices() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && depth == 0 && (c.is_alphanumeric() || c == '_') => {
                names.push(name_at(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    names
}

fn import_law(source: &Source) -> Vec<String> {
    let Some(own) = stage(&source.path) else { return Vec::new() };
    imports(&source.text)
        .into_iter()
        .filter(|(_, name)| {
            STAGES.iter().position(|stage| stage == name).is_some_and(|at| at > own)
        })
        .map(|(line, name)| {
            let path = &source.path;
            let stage = STAGES[own];
            format!("{path}:{line}: `{stage}` stands before `{name}` and may not use it")
        })
        .collect()
}

fn engine_imports(source: &Source) -> Vec<String> {
    let adapter = source.path.starts_with("src/engine/mace")
        || source.path.starts_with("src/engine/failpoint");
    let names = ["use mace::", "use mace;", "(mace::", "<mace::", "= mace::", " ::mace"];
    if !source.path.starts_with("src/") || adapter {
        return Vec::new();
    }
    lines_with(source, &names, "only engine/mace.rs and engine/failpoint.rs import the engine")
}

fn banned(source: &Source) -> Vec<String> {
    if !source.is_rust() || source.path.starts_with("tests/tidy/") {
        return Vec::new();
    }
    let rules: [(&[&str], &str); 4] = [
        (&["#[ignore"], "`#[ignore]` hides a case; the layer is in the case's name"),
        (&["#[should_panic"], "`#[should_panic]` takes any panic; compare a value"),
        (
            &["#[allow", "#![allow"],
            "use `#[expect(lint, reason = \"…\")]`, which says when it is over",
        ),
        (&["thread::sleep", "sleep_ms("], "sleeping guesses; observe the thing you wait for"),
    ];
    rules.iter().flat_map(|(needles, why)| lines_with(source, needles, why)).collect()
}

fn machine_paths(source: &Source) -> Vec<String> {
    if source.path.starts_with("tests/tidy/") {
        return Vec::new();
    }
    let needles = ["/home/", "/root/", "/work/", "/Users/"];
    lines_with(source, &needles, "no path of a machine; say it relative to the workspace")
}

fn lines_with(source: &Source, needles: &[&str], why: &str) -> Vec<String> {
    source
        .text
        .lines()
        .enumerate()
        .filter(|(_, line)| needles.iter().any(|needle| line.contains(needle)))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(at, _)| format!("{}:{}: {why}", source.path, at + 1))
        .collect()
}

fn oracle_headers(source: &Source) -> Vec<String> {
    if !source.path.starts_with("src/oracle/") {
        return Vec::new();
    }
    let header: String = source
        .text
        .lines()
        .take_while(|line| line.starts_with("//!"))
        .collect::<Vec<_>>()
        .join(" ");
    let header = header.to_lowercase();
    ["verif", "not"]
        .iter()
        .filter(|word| !header.contains(**word))
        .map(|_| format!("{}: the header says what it verifies and what not", source.path))
        .collect()
}

/// Where confirmed findings have their files, and what declares these. Those that need interposed file
/// calls are in the binary that has them.
const REGRESSIONS: [(&str, &str); 2] = [
    ("tests/prod_regressions/", "tests/prod_regressions/main.rs"),
    ("tests/prod_power/regressions/", "tests/prod_power/regressions/mod.rs"),
];

fn undeclared_regressions(all: &[Source]) -> Vec<String> {
    let undeclared = |(folder, declares): &(&str, &str)| -> Vec<String> {
        let text = all.iter().find(|source| source.path == *declares).map(|found| &found.text);
        let text = text.map_or("", String::as_str);
        let stems = all.iter().filter_map(|source| {
            let stem = source.path.strip_prefix(folder)?.strip_suffix(".rs")?;
            (source.path != *declares).then_some(stem)
        });
        let missing = stems.filter(|stem| !text.contains(&format!("mod {stem};")));
        missing.map(|stem| format!("{folder}{stem}.rs: declare it in {declares}")).collect()
    };
    REGRESSIONS.iter().flat_map(undeclared).collect()
}

/// Regressions that nextest is told to begin first and that are not there: nextest does not mind.
fn strangers_first(config: &str) -> Vec<String> {
    let filter = config.split_once("test(/^(").and_then(|(_, rest)| rest.split_once(")::/)"));
    let (names, _) = filter.expect("an override names the slow regressions");
    let is_there = |name: &&str| {
        REGRESSIONS.iter().any(|(folder, _)| root().join(format!("{folder}{name}.rs")).exists())
    };
    let strangers = names.split('|').filter(|name| !is_there(name));
    strangers.map(|name| format!(".config/nextest.toml: there is no regression {name}")).collect()
}

#[test]
fn what_begins_first_is_there() {
    let config = fs::read_to_string(root().join(".config/nextest.toml")).expect("it is there");
    assert_eq!(strangers_first(&config), [""; 0]);
    let renamed = config.replace("log_behind_a_cut", "log_before_a_cut");
    assert_eq!(strangers_first(&renamed).len(), 1);
}

/// Engines other than the one under test that a build without further words would contain.
fn engines_by_default(manifest: &str) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().expect("cargo reads it");
    let mut on = vec!["default".to_owned()];
    let mut at = 0;
    while let Some(feature) = on.get(at) {
        let more = manifest["features"].get(feature).and_then(toml::Value::as_array);
        let more = more.into_iter().flatten().filter_map(toml::Value::as_str);
        let more: Vec<String> =
            more.map(str::to_owned).filter(|feature| !on.contains(feature)).collect();
        on.extend(more);
        at += 1;
    }
    let there = |engine: &&str| {
        let optional = manifest["dependencies"][*engine].get("optional");
        optional.and_then(toml::Value::as_bool) != Some(true)
            || on.iter().any(|feature| feature == engine || *feature == format!("dep:{engine}"))
    };
    let there = ["fjall", "redb", "surrealkv", "tokio"].into_iter().filter(there);
    there.map(|engine| format!("Cargo.toml: {engine} is for builds that ask for it")).collect()
}

#[test]
fn a_default_build_has_one_engine() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("there is a manifest");
    assert_eq!(engines_by_default(&manifest), [""; 0]);
    let wanted = manifest.replace("default = [\"", "default = [\"redb\", \"");
    assert_eq!(engines_by_default(&wanted).len(), 1);
    let needed = manifest.replace("optional = true", "optional = false");
    assert_eq!(engines_by_default(&needed).len(), 4);
}

#[test]
fn nothing_but_text_is_kept() {
    assert_eq!(strays(&root(), &listed()), Vec::<String>::new());
    let program = std::env::current_exe().expect("a running program has a path");
    let paths = ["/".to_owned(), program.to_string_lossy().into_owned()];
    assert_eq!(strays(&root(), &paths).len(), 1, "this program is no text");
}

#[test]
fn every_file_says_what_it_is() {
    assert_tidy(headers);
    assert_eq!(headers(&Source::new("src/a.rs", "use std::fs;\n")).len(), 1);
}

#[test]
fn no_file_is_longer_than_a_reader_can_hold() {
    assert_tidy(lengths);
    let long = "//! x\n".repeat(MAX_LINES + 1);
    assert_eq!(lengths(&Source::new("src/a.rs", &long)).len(), 1);
}

#[test]
fn imports_follow_the_flow_of_data() {
    assert_tidy(import_law);
    let sin = "//! x\nuse crate::{\n    engine::{Key, oracle},\n    history::History,\n};\n";
    assert_eq!(
        import_law(&Source::new("src/workload/a.rs", sin)),
        ["src/workload/a.rs:2: `workload` stands before `history` and may not use it"]
    );
    assert_eq!(
        import_law(&Source::new("src/engine.rs", "fn f() { crate::report::say() }")).len(),
        1
    );
    assert_eq!(import_law(&Source::new("src/scenario/a.rs", sin)), [""; 0]);
}

#[test]
fn only_the_adapter_knows_the_engine() {
    assert_tidy(engine_imports);
    let sin = Source::new("src/history/a.rs", "//! x\nuse mace::Mace;\n");
    assert_eq!(engine_imports(&sin).len(), 1);
}

#[test]
fn nothing_hides_a_failure() {
    assert_tidy(banned);
    for sin in ["#[ignore]", "#[should_panic]", "#[allow(x)]", "std::thread::sleep(x);"] {
        assert_eq!(banned(&Source::new("src/a.rs", sin)).len(), 1, "{sin}");
    }
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    assert_tidy(machine_paths);
    assert_eq!(machine_paths(&Source::new("README.md", "see /root/x")).len(), 1);
}

#[test]
fn every_oracle_says_what_it_does_not_verify() {
    assert_tidy(oracle_headers);
    let sin = Source::new("src/oracle/a.rs", "//! Checks things.\n");
    assert_eq!(oracle_headers(&sin).len(), 2);
}

#[test]
fn every_regression_is_run() {
    let all = sources();
    assert_eq!(undeclared_regressions(&all), [""; 0]);
    let sin = [Source::new("tests/prod_regressions/a.rs", "")];
    assert_eq!(undeclared_regressions(&sin).len(), 1);
}

#[test]
fn the_changelog_knows_this_version() {
    let text = fs::read_to_string(root().join("CHANGELOG.md")).expect("there is a changelog");
    let heading = format!("## {}", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&heading), "CHANGELOG.md: no heading `{heading}`");
}

/// A rule about the text of a file, for those that are Rust.
fn of_rust(rule: fn(&str) -> Vec<String>) -> impl Fn(&Source) -> Vec<String> {
    move |source| if source.is_rust() { rule(&source.text) } else { Vec::new() }
}

#[test]
fn no_function_takes_a_tuple() {
    let rule = signatures::tuple_parameters;
    assert_eq!(offences(&sources(), of_rust(rule)), [""; 0]);
    for sin in [
        "fn f((a, b): (u8, u8)) {}",
        "fn f<T: Fn(u8) -> u8>(x: u8, pair: &(u8, T)) {}",
        "impl A { fn f(&self, &(a, b): &'a (u8, u8)) {} }",
    ] {
        assert_eq!(planted(rule, sin), 1, "{sin}");
    }
    for fine in ["fn f(a: (), b: &[(u8, u8)]) { g(|(a, b)| a) }", "type F = fn(u8, (u8, u8));"] {
        assert_eq!(planted(rule, fine), 0, "{fine}");
    }
}

#[test]
fn a_line_binds_one_thing() {
    let rule = signatures::paired_lets;
    assert_eq!(offences(&sources(), of_rust(rule)), [""; 0]);
    assert_eq!(planted(rule, "fn f() { let (a, mut b): (u8, _) = (1, g(2)); }"), 1);
    assert_eq!(
        planted(rule, "fn f() { let (a, b) = g(1, 2); let (Some(c), d) = (1, 2) else {} }"),
        0
    );
}

#[test]
fn test_names_fit_a_line() {
    let rule = signatures::long_test_names;
    assert_eq!(offences(&sources(), of_rust(rule)), [""; 0]);
    let name = "a".repeat(signatures::MAX_TEST_NAME);
    assert_eq!(planted(rule, &format!("#[test] fn {name}() {{}}")), 0);
    assert_eq!(planted(rule, &format!("mod a {{ #[test] #[cfg(unix)] fn {name}b() {{}} }}")), 1);
    assert_eq!(planted(rule, &format!("fn {name}b() {{}}")), 0, "no test");
}

#[test]
fn files_do_not_use_one_another_in_a_circle() {
    let all = sources();
    let cycles = |source: &Source| import_cycles(source, &all);
    assert_eq!(offences(&all, cycles), [""; 0]);
}

#[test]
fn no_package_uses_one_above_it() {
    let all = sources();
    assert_eq!(offences(&all, packages::upward_arrows), [""; 0]);
    let root = all.iter().find(|source| source.path == "Cargo.toml").expect("there is a manifest");
    let sin = root.text.replace("[dependencies]\n", "[dependencies]\nrunner.workspace = true\n");
    assert_eq!(packages::upward_arrows(&Source::new("Cargo.toml", &sin)).len(), 1);
    let sin = "[package]\nname = \"knobs\"\n[target.'cfg(unix)'.dev-dependencies]\n\
               suite = { package = \"mace-prod\", path = \"..\" }\n";
    assert_eq!(packages::upward_arrows(&Source::new("crates/knobs/Cargo.toml", sin)).len(), 1);
    let sin = "[package]\nname = \"another\"\n";
    assert_eq!(packages::upward_arrows(&Source::new("crates/another/Cargo.toml", sin)).len(), 1);
}

#[test]
fn rooms_and_packages_are_few() {
    let mut all = sources();
    assert_eq!(packages::crowded(&all), [""; 0]);
    all.extend((0..packages::MAX_ROOMS).map(|n| Source::new(&format!("{n}/a.rs"), "")));
    let root = all.iter_mut().find(|source| source.path == "Cargo.toml").expect("it is there");
    root.text = root.text.replace("members = [", "members = [\"a\", \"b\", \"c\", ");
    assert_eq!(packages::crowded(&all).len(), 2);
}

#[test]
fn files_are_modules_where_they_stand() {
    let mut all = sources();
    assert_eq!(packages::modules_by_path(&all), [""; 0]);
    let sin = "#[path = \"a.rs\"]\nmod a;\n".repeat(packages::MAX_PATHS + 1);
    all.push(Source::new("src/b.rs", &sin));
    assert!(packages::modules_by_path(&all).len() > packages::MAX_PATHS);
}
