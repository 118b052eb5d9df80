//! What the cases of the miniature workspace reach of its engine: what is shown, what fails, and what is said
//! where LLVM's tools are missing.

use crate::fixture::{Fixture, program};
use std::{env, ffi::OsStr, fs, path::PathBuf, process::Command};

const LIST: &str = ".config/coverage/0.2.0.toml";

/// An engine of four functions, one of which is for any type.
const SOURCE: &str = "\
#[inline(never)]
pub fn met() {
    if std::env::args().count() > 99 {
        idle();
    }
}
#[inline(never)]
pub fn doomed() {}
#[inline(never)]
pub fn idle() {}
pub fn any<T: Default>() -> T {
    T::default()
}
";

/// Cases of which one reaches a function in a child alone, which is killed.
const CASES: &str = r#"
use std::{env, process::{self, Command}};
#[test]
fn a_child_is_killed() {
    mace::met();
    assert_eq!(mace_prod::any(), 0);
    let mut child = Command::new(env::current_exe().unwrap());
    let status = child.args(["--exact", "child"]).env("SUITE_CHILD", "1").status().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9));
}
#[test]
fn stress_nothing() {}
#[test]
fn child() {
    if env::var_os("SUITE_CHILD").is_some() {
        mace::doomed();
        let own = process::id().to_string();
        let _ = Command::new("kill").args(["-9", &own]).status();
    }
}
"#;

/// Whether the tools are there.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
fn can_be_run() -> bool {
    let output = Command::new("rustc").args(["--print", "target-libdir"]).output().unwrap();
    let libraries = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
    let found = libraries.with_file_name("bin").join("llvm-cov").exists();
    if !found {
        println!("skipped: no llvm-cov: `rustup component add llvm-tools` installs it");
    }
    found
}

#[test]
fn cargo_coverage_counts_killed_children() {
    if !can_be_run() {
        return;
    }
    let fixture = Fixture::new();
    fixture.write("engine/src/lib.rs", SOURCE);
    fixture.write("tests/prod_cases.rs", CASES);
    // Generic functions are compiled in the crate that calls them.
    let manifest = fixture.read("Cargo.toml") + "[lib]\nname = \"mace_prod\"\n";
    fixture.write("Cargo.toml", &manifest);
    fixture.write("src/lib.rs", "pub fn any() -> u8 {\n    mace::any()\n}\n");
    let coverage = |features: &str, code, parts: &[&str]| {
        let run = fixture.prod_with(&["coverage"], &[("FEATURES", features)]);
        run.ended(code, parts);
        run
    };
    let page = "\nall                 3 / 4";
    let idle = "\nnever called\n  src/lib.rs\n      idle\n";
    let run = coverage("failpoints", 0, &[page, idle]);
    assert!(run.stderr.contains("no list is kept for this mace-kv 0.2.0"), "{run:#?}");
    // The branch that nobody takes, in a function that is called.
    let regions = fixture.read("target/coverage/regions.txt");
    let [region] = regions.lines().collect::<Vec<_>>()[..] else { panic!("{regions}") };
    assert!(region.starts_with("src/lib.rs:3:38-5:6  met"), "{regions}");

    fixture.write(LIST, "");
    let run = coverage("failpoints", 1, &[page, "FAILED: src/lib.rs: idle: no case calls it"]);
    assert_eq!(run.stdout.matches("FAILED: src/").count(), 1, "{run:#?}");
    // Another build of the engine has other functions.
    coverage("", 0, &[page, idle]);

    // A layer that leaves to the fast one what it does not call.
    fixture.prod(&["coverage", "stress"]).ended(0, &["\nall                 0 / 4"]);
    let list = "[[uncalled]]\nfile = \"src/lib.rs\"\nfunctions = [\"idle\", \"doomed\"]\nreason = \"so\"\n";
    fixture.write(LIST, list);
    let called = "FAILED: src/lib.rs: doomed: it is called; take it out of .config";
    let run = coverage("failpoints", 1, &[called]);
    assert!(!run.stdout.contains("idle: "), "{run:#?}");
    fixture.write(LIST, &format!("{list}by_chance = true\n"));
    let run = coverage("failpoints", 0, &["src/lib.rs: doomed: it is called this time, by chance"]);
    assert!(!run.stdout.contains("FAILED: src/"), "{run:#?}");
    assert!(!fixture.path("target/prod/junit.xml").exists(), "the results of a run were replaced");
}

#[test]
fn missing_llvm_tools_are_named_at_once() {
    let fixture = Fixture::new();
    let folder = fixture.path("bin");
    fs::create_dir_all(&folder).unwrap();
    program(&folder, OsStr::new("rustc"), "echo /nowhere/lib");
    let path = env::join_paths([folder, "/usr/bin".into(), "/bin".into()]).unwrap();
    let run = fixture.prod_with(&["coverage"], &[("PATH", path.to_str().unwrap())]);
    let remedy = "`rustup component add llvm-tools` installs it";
    run.refused_at_once_by("prod", &["llvm-profdata is missing: /nowhere/bin", remedy]);
    let run = fixture.prod_with(&["coverage"], &[("MACE_PROD_ENGINE", "redb")]);
    run.refused_at_once_by("prod", &["MACE_PROD_ENGINE = redb"]);
    assert!(!fixture.path("target/debug").exists(), "something was built");
}
