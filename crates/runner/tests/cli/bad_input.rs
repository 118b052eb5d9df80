//! Everything the contract says must be refused: exit 2, one line, before anything is built. The
//! engine path has tests of its own.

use crate::fixture::{Fixture, PROD};
use process::miniature::command_in;
use std::fs;

#[test]
fn arguments_that_make_no_sense() {
    let fixture = Fixture::new();
    for (args, says) in [
        (&["run", "fsat"][..], &["unknown layer \"fsat\"", "fast, stress, chaos or all"][..]),
        (&["run", "fast", "0"], &["thread count \"0\"", "at least 1"]),
        (&["run", "fast", "-1"], &["thread count \"-1\"", "at least 1"]),
        (&["run", "fast", "abc"], &["thread count \"abc\"", "at least 1"]),
        (&["run", "fast", "8", "9"], &["unexpected argument '9'", "command line"]),
        (&["test", "many"], &["thread count \"many\""]),
        (&["nothing"], &["unrecognized subcommand 'nothing'", "--help"]),
        (&[], &["no command", "--help"]),
        (&["repro", "a_first"], &["SEED"]),
        (&["repro", "a_first", "zz"], &["MACE_PROD_SEED", "\"zz\"", "64-bit number"]),
        (&["run", "--set", "FAST_TIMEOUT"], &["no value", "NAME=VALUE"]),
        (&["run", "--set", "FAST_TIMOUT=5"], &["`FAST_TIMOUT`", "`FAST_TIMEOUT`"]),
        (&["run", "--set", "CHAOS_RETRY=0"], &["`CHAOS_RETRY` = \"0\"", "command-line flag"]),
    ] {
        fixture.prod(args).refused_at_once_by("prod", says);
    }
    assert!(!fixture.path("target/debug").exists(), "something was built");
}

#[test]
fn an_environment_that_does_not_parse() {
    let fixture = Fixture::new();
    for (name, value, says) in [
        ("MACE_PROD_BUCKET_STRESS_ROUNDS", "many", "whole number"),
        ("MACE_PROD_SEED", "0xg", "64-bit number"),
        ("FAST_TIMEOUT", "", "seconds"),
        ("CHAOS_FLAKY", "maybe", "one of fail, pass"),
        ("MACE_PROD_BUCKET_STRES_ROUNDS", "5", "did you mean `MACE_PROD_BUCKET_STRESS_ROUNDS`?"),
    ] {
        fixture
            .prod_with(&["run"], &[(name, value)])
            .refused_at_once_by("prod", &[name, "environment", says]);
        fixture.prod_with(&["knobs"], &[(name, value)]).refused_at_once_by("prod", &[name]);
    }
    let armed = [("MACE_FAILPOINT", "mace_flush=abort")];
    fixture
        .prod_with(&["run"], &armed)
        .refused_at_once_by("prod", &["MACE_FAILPOINT", "environment", "unset it"]);
}

#[test]
fn files_that_cannot_be_used() {
    let fixture = Fixture::new();
    for (file, text, says) in [
        (".config/prod.toml", "FEATURES = \n", "prod.toml:1"),
        (".config/prod.toml", "FEATURE = \"\"\n", "unknown knob `FEATURE`"),
        (".config/prod.toml", "MACE_PROD_BUCKET_CHURN_ROUNDS = -1\n", "whole number"),
        (".config/perf.toml", "[gate]\n", "unknown knob `gate`"),
        (".config/soak.toml", "SOAK_THREADS = 0\n", "`SOAK_THREADS` = \"0\""),
        (".config/known-findings.toml", "[[finding]]\nid = 'x'\n", "known-findings.toml:1"),
        (".config/nextest.toml", "[profile.fast\n", "nextest.toml:1"),
        (".config/nextest.toml", "[profile.fast]\nglobal-timeout = 5\n", "`FAST_TIMEOUT`"),
    ] {
        let before = fs::read_to_string(fixture.path(file)).ok();
        fixture.write(file, text);
        fixture.prod(&["run"]).refused_at_once_by("prod", &[file, says]);
        match before {
            Some(before) => fixture.write(file, &before),
            None => fs::remove_file(fixture.path(file)).unwrap(),
        }
    }
    for file in ["prod.toml", "perf.toml", "soak.toml", "known-findings.toml"] {
        let path = fixture.path(".config").join(file);
        let before = fs::read(&path).ok();
        let _ = fs::remove_file(&path);
        fs::create_dir(&path).unwrap();
        fixture.prod(&["run"]).refused_at_once_by("prod", &["cannot read", file]);
        fs::remove_dir(&path).unwrap();
        if let Some(text) = before {
            fs::write(&path, text).unwrap();
        }
    }
    fs::remove_file(fixture.path(".config/nextest.toml")).unwrap();
    fixture
        .prod(&["run"])
        .refused_at_once_by("prod", &["cannot read", "nextest.toml", "restore it"]);
}

#[test]
fn an_output_folder_that_is_a_file() {
    let fixture = Fixture::new();
    fixture.write("target/prod", "in the way");
    fixture
        .prod(&["run"])
        .refused_at_once_by("prod", &["output folder", "target/prod", "writable"]);
}

#[test]
fn a_folder_that_is_no_workspace() {
    let folder = tempfile::tempdir().unwrap();
    let output = command_in(folder.path(), PROD).arg("run").output().unwrap();
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert!(line.starts_with("prod: no workspace: ") && line.lines().count() == 1, "{line}");
}

#[test]
fn a_workspace_without_the_engine() {
    let fixture = Fixture::new();
    let manifest = fixture.read("Cargo.toml").replace("mace-kv = { path = \"engine\" }", "");
    let manifest = manifest.replace("[\"mace-kv/failpoints\"]", "[]");
    fixture.write("Cargo.toml", &manifest);
    fixture
        .prod(&["run"])
        .refused_at_once_by("prod", &["0 packages called mace-kv", "exactly one"]);
}

#[test]
fn help_and_version_are_no_errors() {
    let fixture = Fixture::new();
    for args in [["--help"], ["--version"]] {
        let run = fixture.prod(&args);
        assert!(run.code == Some(0) && !run.stdout.is_empty() && run.stderr.is_empty(), "{run:?}");
    }
    fixture.prod(&["knobs"]).ended(0, &["FEATURES", ".config/prod.toml", "SOAK_METRICS_DIR"]);
}
