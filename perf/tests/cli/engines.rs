//! Engines against each other: a checkout against a commit of it, and two folders. The benches are the
//! fixture's on both sides.

use crate::fixture::{Fixture, there};
use process::fixes::hash;

#[test]
fn cargo_engines_are_compared_with_base_and_another() {
    let fixture = Fixture::new();
    let engine = Fixture::of_engine();
    let folder = engine.path(".").canonicalize().unwrap();
    let folder = folder.to_str().unwrap();
    let path = [("MACE_ENGINE_PATH", folder)];
    engine.engine(".", 1.5);
    let slower = fixture.perf_with(&["compare", "base"], &path);
    slower.ended(1, &["Put/a/1", "+50.0%", "regressed", "failed: 2 of 2 cases slower", folder]);
    slower.ended(1, &["the benches are this suite's on both sides", "with local changes"]);
    let json = fixture.results("target/perf_gate/compare.json");
    assert_eq!(json["base"]["commit"].as_str(), Some(engine.git(&["rev-parse", "base"]).trim()));

    engine.commit("slower");
    engine.engine(".", 1.0);
    let faster = fixture.perf_with(&["compare", "HEAD"], &path);
    faster.ended(0, &["-33.3%", "faster", "passed: 0 of 2 cases slower"]);
    assert!(!there(&fixture.path("target/perf_gate/engine-worktree")), "base is left behind");
    assert_eq!(engine.git(&["worktree", "list"]).lines().count(), 1);

    fixture.engine("engine", 1.2);
    let own = fixture.path("engine").canonicalize().unwrap();
    let own = own.to_str().unwrap();
    let two = fixture.perf(&["engines", folder, own]);
    two.ended(1, &["+20.0%", "failed: 2 of 2 cases slower"]);
    for (side, path) in [("base", folder), ("head", own)] {
        let line = two.stdout.lines().find(|line| line.starts_with(side)).unwrap();
        assert!(line.contains(&format!("mace-kv 0.2.0 ({path}")), "{line}");
    }
}

/// A fix that makes the engine slower, which is what it costs.
#[test]
fn cargo_our_fixes_have_their_price_measured() {
    let fixture = Fixture::new();
    let text = fixture.read("engine/src/lib.rs");
    let line = text.lines().find(|line| line.contains("1.0")).unwrap();
    let slower = line.replace("1.0", "1.2");
    let fix = format!(
        "reason = \"r\"\ncost = \"a fifth\"\n[[edit]]\nfile = \"src/lib.rs\"\nlines = 1\n\
         hash = \"{}\"\ntext = '''\n{slower}\n'''\n",
        hash(&[line])
    );
    fixture.write(".config/fixes/0.2.0/slow.toml", &fix);
    let own = fixture.path("engine").canonicalize().unwrap();
    let own = own.to_str().unwrap();
    let compared = fixture.perf(&["engines", own, &format!("{own}+all")]);
    compared.ended(1, &["+20.0%", "failed: 2 of 2 cases slower", "mace-kv 0.2.0 + 1 fix ("]);
    let snapshot = fixture.perf_with(&["snapshot"], &[("MACE_PROD_FIXES", "slow")]);
    assert!(snapshot.stderr.contains("mace-kv 0.2.0 + 1 fix ("), "{snapshot:?}");
}

/// As for a commit of this repository: there is nothing to measure.
#[test]
fn cargo_a_text_change_is_the_same_machine_code() {
    let fixture = Fixture::new();
    let engine = Fixture::of_engine();
    let folder = engine.path(".").canonicalize().unwrap();
    let path = [("MACE_ENGINE_PATH", folder.to_str().unwrap())];
    engine.write("README.md", "words");
    engine.commit("words");
    let same = fixture.perf_with(&["compare", "base"], &path);
    same.ended(0, &["passed: identical machine code", &format!("({} at", path[0].1)]);

    // An engine that is a part of something larger, and takes its version from there.
    let whole = Fixture::default();
    whole.write("Cargo.toml", "[workspace]\nmembers = [\"a\"]\npackage.version = \"0.2.0\"\n");
    let inherits = engine.read("Cargo.toml").replace("version =", "version.workspace = true #");
    whole.write("a/Cargo.toml", &inherits);
    whole.engine("a", 1.0);
    whole.begin();
    let part = whole.path("a");
    let path = [("MACE_ENGINE_PATH", part.to_str().unwrap())];
    let same = fixture.perf_with(&["compare", "base"], &path);
    same.ended(0, &["passed: identical machine code"]);
    whole.engine("a", 1.5);
    let slower = fixture.perf_with(&["compare", "base"], &path);
    slower.ended(1, &["+50.0%", "failed: 2 of 2 cases slower"]);
}

/// Two checkouts stand at the same place of their workspaces, and cargo tells them apart by nothing but
/// the times of their files.
#[test]
fn cargo_a_stale_build_is_not_taken_for_the_engine() {
    let fixture = Fixture::new();
    let one = Fixture::of_engine();
    let two = Fixture::of_engine();
    two.engine(".", 1.5);
    for (engine, code, says) in [(&one, 0, "identical machine code"), (&two, 1, "+50.0%")] {
        let folder = engine.path(".").canonicalize().unwrap();
        let path = [("MACE_ENGINE_PATH", folder.to_str().unwrap())];
        fixture.perf_with(&["compare", "base"], &path).ended(code, &[says]);
    }
    // Nor are the benches of a base for those of another tree that are older than that build.
    fixture.bench("(\"Put/a/1\", 2e6), (\"Get/a/1\", 2e6)");
    fixture.perf(&["compare", "base"]).ended(1, &["+100.0%", "the benches themselves differ"]);
    let folder = one.path(".").canonicalize().unwrap();
    let path = [("MACE_ENGINE_PATH", folder.to_str().unwrap())];
    let same = fixture.perf_with(&["compare", "base"], &path);
    same.ended(0, &["passed: identical machine code"]);
}
