//! Our fixes for defects of the engine, in the miniature workspace: they are applied to what is built,
//! named wherever the engine is, and exported as patches that git takes.

use crate::fixture::{Fixture, PROD};
use knobs::findings::Findings;
use process::{
    fixes::hash,
    miniature::{Run, command_in},
};
use std::process::Command;

const LOCKED: &str = "pub const WHO: &str = \"locked\";";
const FIXED: &str = "pub const WHO: &str = \"fixed\";\n";

/// A workspace with a fix for the finding `lost-page`.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    let hash = hash(&[LOCKED]);
    let fix = format!(
        "reason = \"The engine says who it is.\"\ncost = \"Nothing.\"\n[[edit]]\n\
         file = \"src/lib.rs\"\nlines = 1\nhash = \"{hash}\"\ntext = '''\n{FIXED}'''\n"
    );
    fixture.write(".config/fixes/0.2.0/lost-page.toml", &fix);
    fixture
}

#[test]
fn cargo_fixes_run_with_and_without_a_finding() {
    let fixture = fixture();
    let run = |fixes: &str, who: &str| {
        let env = [("MACE_PROD_FIXES", fixes), ("SUITE_ENGINE", who)];
        fixture.prod_with(&["run", "--set", "MACE_PROD_SEED=5"], &env)
    };
    let before = fixture.read("engine/src/lib.rs");
    run("none", "locked").ended(0, &["engine mace-kv 0.2.0 (", "1 known"]);
    // The regression of the fixture still shows its finding, which nothing excuses any more.
    let shown = run("all", "fixed");
    shown.ended(1, &["engine mace-kv 0.2.0 + 1 fix (", "regressions::lost_page"]);
    shown.ended(1, &["finding `lost-page` shows", "MACE_PROD_FIXES=all just repro"]);
    assert!(fixture.read("target/prod/run.json").contains("mace-kv 0.2.0 + 1 fix ("));
    assert!(fixture.read("target/prod/junit.xml").contains("mace-kv 0.2.0 + 1 fix ("));
    let env =
        [("MACE_PROD_FIXES", "lost-page"), ("SUITE_ENGINE", "fixed"), ("SUITE_SIN", "vanish")];
    fixture.prod_with(&["run"], &env).ended(0, &["+ 1 fix", "passed (exit 0)"]);
    assert_eq!(fixture.read("engine/src/lib.rs"), before, "the engine itself was changed");
}

#[test]
fn fixes_that_cannot_be_applied_are_refused() {
    let fixture = fixture();
    let refused = |fixes: &str, parts: &[&str]| {
        let run = fixture.prod_with(&["run"], &[("MACE_PROD_FIXES", fixes)]);
        run.refused_at_once_by("prod", parts);
    };
    refused("typo", &["no fix is called `typo`", "MACE_PROD_FIXES", "just fixes list"]);
    fixture.write("engine/src/lib.rs", "pub const WHO: &str = \"changed\";\n");
    refused("all", &["fix `lost-page` does not apply", "src/lib.rs", "all,-lost-page"]);
    assert!(!fixture.path("target/debug").exists(), "something was built");
    let listed = fixture.prod(&["fixes"]);
    listed.ended(1, &["lost-page: fix `lost-page` does not apply: the lines"]);
}

#[test]
fn an_exported_patch_makes_the_same_text() {
    let fixture = fixture();
    let moved = format!("// A line.\n// Another.\n{LOCKED}\n// The last.\n");
    fixture.write("engine/src/lib.rs", &moved);
    fixture
        .prod(&["fixes", "list"])
        .ended(0, &["lost-page: applies", "1 of 1 apply to mace-kv 0.2.0"]);
    let removed = format!("-{LOCKED}");
    let added = format!("+{}", FIXED.trim_end());
    let diff =
        ["--- a/src/lib.rs", &removed, &added, "The engine says who it is.", "Cost: Nothing."];
    fixture.prod(&["fixes", "show", "lost-page"]).ended(0, &diff);
    fixture.prod(&["fixes", "show", "typo"]).refused_at_once_by("prod", &["`typo`"]);
    fixture.prod(&["fixes", "export", "out"]).ended(0, &["lost-page.patch"]);
    let mut git = Command::new("git");
    git.args(["apply", "../out/lost-page.patch"]).current_dir(fixture.path("engine"));
    // The fixture is in no repository, and must not be taken for a part of one.
    assert!(git.env("GIT_CEILING_DIRECTORIES", fixture.path("")).status().unwrap().success());
    let patched = fixture.read("engine/src/lib.rs");
    assert_eq!(patched, moved.replace(&format!("{LOCKED}\n"), FIXED));
}

/// The repository's own fixes, against the engine of its lock file.
#[test]
fn every_fix_closes_a_finding_and_applies() {
    let root = knobs::runtime::root();
    let findings = Findings::load(&root).unwrap();
    let listed = Run::of(command_in(&root, PROD).args(["fixes", "list"]));
    listed.ended(0, &["apply to mace-kv"]);
    for line in listed.stdout.lines().filter(|line| line.ends_with(": applies")) {
        let id = line.split([':', ' ']).next().unwrap();
        assert!(findings.find(id).is_some(), "no finding is called `{id}`");
    }
}
