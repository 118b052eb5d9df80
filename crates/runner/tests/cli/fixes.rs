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
    fixture.prod_with(&["run"], &env).ended(
        0,
        &["+ 1 fix", "  durability after a kill       kept as far as tried  ", "passed (exit 0)"],
    );
    assert_eq!(fixture.read("engine/src/lib.rs"), before, "the engine itself was changed");
}

#[test]
fn cargo_each_fix_closes_its_finding_alone() {
    let fixture = fixture();
    let tried = |sins: &str, args: &[&str]| {
        fixture.prod_with(&[&["fixes", "try"], args].concat(), &[("SUITE_SIN", sins)])
    };
    let run = tried("vanish", &[]);
    run.ended(0, &["\nlost-page: shows nothing (", "came to its window 2 times"]);
    run.ended(0, &["\n1 of 1 fixes close their finding alone"]);
    let run = tried("", &["--resume"]);
    run.ended(0, &["\nlost-page: shows nothing ("]);
    assert!(!run.stderr.contains("alone      "), "done twice: {run:#?}");

    tried("", &["lost-page"]).ended(1, &["\nlost-page: still shows something (", "\n0 of 1"]);
    let run = tried("vanish,uncounted", &[]);
    run.ended(1, &["\nlost-page: says nothing (", "its window is not counted"]);
    tried("", &["typo"]).refused_at_once_by("prod", &["no fix is called `typo`"]);
}

#[test]
fn cargo_the_engines_own_tests_end_alike() {
    let fixture = fixture();
    let test = "#[test]\nfn locked() { assert_eq!(mace::WHO, \"locked\"); }\n\
                #[test]\nfn any() { assert!(!mace::WHO.is_empty()); }\n";
    fixture.write("engine/tests/who.rs", test);
    let all = [("MACE_PROD_FIXES", "all")];
    let compared = || fixture.prod_with(&["fixes", "test"], &all);
    let differs = "\n2 tests of the engine's own, 2 pass without fixes; 1 end otherwise with 1";
    compared().ended(1, &["\nmace-kv::who locked: ends otherwise with the fixes", differs]);
    let file = ".config/fixes/0.2.0/lost-page.toml";
    let fix = fixture.read(file);
    fixture.write(file, &format!("pins = [\"locked\"]\n{fix}"));
    compared().ended(0, &["\nmace-kv::who locked: pins what `lost-page` mends", differs]);
    fixture.write(file, &format!("pins = [\"locked\", \"any\"]\n{fix}"));
    compared().ended(1, &["\nany: ends alike, although `lost-page` names it: correct the fix"]);
}

#[test]
fn a_comparison_needs_a_fix() {
    let fixture = fixture();
    for verb in ["test", "overlap"] {
        let run = fixture.prod(&["fixes", verb]);
        run.refused_at_once_by("prod", &["no fix to compare the engine with", "MACE_PROD_FIXES"]);
    }
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
    // A fix that changes nothing itself is the patch of the one that it needs.
    let other = "reason = \"The same.\"\ncost = \"Nothing.\"\nafter = [\"lost-page\"]\n";
    fixture.write(".config/fixes/0.2.0/lost-log.toml", other);
    fixture.prod(&["fixes", "show", "lost-log"]).ended(0, &diff[..3]);
    let told = ["lost-page.patch", "lost-log: what mends lost-page mends it too"];
    fixture.prod(&["fixes", "export", "out"]).ended(0, &told);
    assert!(!fixture.path("out/lost-log.patch").exists());
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
