//! Engines against each other: a checkout against a commit of it, and two folders. The benches are the
//! fixture's on both sides.

use crate::fixture::{Fixture, there};

#[test]
fn cargo_an_engine_is_compared_with_its_own_base_and_with_another() {
    let (fixture, engine) = (Fixture::new(), Fixture::of_engine());
    let folder = engine.path(".").canonicalize().unwrap();
    let folder = folder.to_str().unwrap();
    let path = [("MACE_ENGINE_PATH", folder)];
    engine.engine(".", 1.5);
    let slower = fixture.perf_with(&["compare", "base"], &path);
    slower.ended(1, &["Put/a/1", "+50.0%", "REGRESSED", "FAILED: 2 of 2 cases slower", folder]);
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
    two.ended(1, &["+20.0%", "FAILED: 2 of 2 cases slower"]);
    for (side, path) in [("base", folder), ("head", own)] {
        let line = two.stdout.lines().find(|line| line.starts_with(side)).unwrap();
        assert!(line.contains(&format!("mace-kv 0.2.0 ({path}")), "{line}");
    }
}
