//! What is refused, each in one line, before anything is built.

use crate::fixture::{Fixture, there};
use std::fs;

#[test]
fn mistakes_are_named_before_anything_is_built() {
    let fixture = Fixture::new();
    fixture.perf(&[]).refused_by("perf", &["no command"]);
    fixture.perf(&["measure"]).refused_by("perf", &["unrecognized subcommand"]);
    fixture
        .perf(&["compare", "nosuch"])
        .refused_by("perf", &["base `nosuch` is no commit", "trunk", "base"]);
    fixture
        .perf(&["compare"])
        .refused_by("perf", &["`origin/master` is no commit", "MACE_PERF_BASE_REF"]);
    let typo = [("MACE_PERF_REGRES_PCT", "5")];
    fixture
        .perf_with(&["compare"], &typo)
        .refused_by("perf", &["MACE_PERF_REGRES_PCT", "did you mean"]);
    let bad = [("MACE_PERF_REGRESS_PCT", "five")];
    fixture
        .perf_with(&["compare"], &bad)
        .refused_by("perf", &["MACE_PERF_REGRESS_PCT", "five", "per cent"]);
    fixture
        .perf(&["compare", "--set", "MACE_PERF_REGRESS_PCT"])
        .refused_by("perf", &["has no value"]);
    fixture.perf(&["export", "xml"]).refused_by("perf", &["head_snapshot.json", "snapshot"]);
    fixture.perf(&["engines", "0.1.2", "nowhere"]).refused_by("perf", &["is no engine", "nowhere"]);
    fixture
        .perf(&["engines", "engine+all", "engine+one"])
        .refused_by("perf", &["the same engine with fixes on both sides", "engine+one"]);
    let fixes = [("MACE_PROD_FIXES", "all")];
    fixture.perf_with(&["compare"], &fixes).refused_by("perf", &["MACE_PROD_FIXES", "0.2.0+all"]);
    let version = [("MACE_ENGINE", "0.1.2")];
    fixture.perf_with(&["compare"], &version).refused_by("perf", &["MACE_ENGINE", "engines A B"]);
    for (folder, why) in [("nowhere", "no readable Cargo.toml"), (".", "is `mace-prod`")] {
        fixture
            .perf_with(&["compare", "base"], &[("MACE_ENGINE_PATH", folder)])
            .refused_at_once_by("perf", &["MACE_ENGINE_PATH is no engine", why]);
    }
    fixture.write("file", "");
    let out = [("MACE_PERF_OUT_DIR", "file")];
    fixture
        .perf_with(&["snapshot"], &out)
        .refused_by("perf", &["cannot write to the output folder"]);
    fixture.write(".config/perf.toml", "MACE_PERF_REGRESS = 5\n");
    fixture
        .perf(&["snapshot"])
        .refused_by("perf", &["unknown knob `MACE_PERF_REGRESS`", "perf.toml"]);
    for (text, parts) in [
        ("MACE_PERF_REGRESS_PCT 5\n", &["malformed", "perf.toml:1"][..]),
        ("MACE_PERF_REGRESS_PCT = \"five\"\n", &["MACE_PERF_REGRESS_PCT", "five", "perf.toml"]),
        ("MACE_PERF_REGRESS_PCT = [5]\n", &["MACE_PERF_REGRESS_PCT", "perf.toml"]),
    ] {
        fixture.write(".config/perf.toml", text);
        fixture.perf(&["compare", "base"]).refused_at_once_by("perf", parts);
    }
    fs::remove_file(fixture.path(".config/perf.toml")).unwrap();
    fs::create_dir(fixture.path(".config/perf.toml")).unwrap();
    fixture
        .perf(&["compare", "base"])
        .refused_at_once_by("perf", &["cannot read the file", "perf.toml"]);
    assert!(!there(&fixture.path("target/perf_gate/build")), "something was built");
}

#[test]
fn a_base_without_the_benches_is_named() {
    let fixture = Fixture::new();
    fixture.git(&["rm", "--quiet", "benches/perf.rs"]);
    fixture.commit("no benches");
    fixture.bench("(\"Put/a/1\", 1e6)");
    fixture.perf(&["compare", "HEAD"]).refused_by("perf", &["has no benches/perf.rs"]);
}
