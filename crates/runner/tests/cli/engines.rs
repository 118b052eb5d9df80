//! Another engine than the locked one: a checkout is really what runs, the repository stays as it
//! is, and what is no engine is refused before anything is built.

use crate::fixture::{ENGINE, Fixture};
use process::miniature::Run;
use std::{fs, path::Path, process::Command};

/// A checkout of the engine under git, with a version that no manifest of the suite accepts.
fn checkout(folder: &Path) {
    fs::create_dir(folder.join("src")).unwrap();
    fs::write(folder.join("Cargo.toml"), ENGINE.replace("0.2.0", "9.9.9")).unwrap();
    fs::write(folder.join("src/lib.rs"), "pub const WHO: &str = \"checkout\";\n").unwrap();
    git(folder, &["init", "--quiet"]);
    git(folder, &["add", "."]);
    let author = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
    git(folder, &[&author[..], &["commit", "--quiet", "-m", "engine"]].concat());
}

fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git").current_dir(folder).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn what_is_no_engine_is_refused() {
    let fixture = Fixture::new();
    fixture.write("empty/README", "");
    fixture.write("torn/Cargo.toml", "[package\n");
    fixture.write("virtual/Cargo.toml", "[workspace]\n");
    let refused = |env: &[(&str, &str)], parts: &[&str]| {
        fixture.prod_with(&["run"], env).refused_at_once_by("prod", parts);
    };
    for (path, why) in [
        ("nowhere", "no readable Cargo.toml"),
        ("empty", "no readable Cargo.toml"),
        ("torn", "MACE_ENGINE_PATH is no engine"),
        ("virtual", "declares no package"),
        (".", "the package there is `suite`"),
    ] {
        refused(&[("MACE_ENGINE_PATH", path)], &["MACE_ENGINE_PATH is no engine", why, "mace-kv"]);
    }
    refused(&[("MACE_ENGINE_PATH", "")], &["`MACE_ENGINE_PATH` = \"\"", "environment"]);
    refused(&[("MACE_ENGINE", "latest")], &["`MACE_ENGINE` = \"latest\"", "such as 0.2.0"]);
    let both = [("MACE_ENGINE_PATH", "engine"), ("MACE_ENGINE", "0.2.0")];
    refused(&both, &["two engines", "unset one"]);
    assert!(!fixture.path("target/debug").exists(), "something was built");
}

#[test]
fn a_version_that_cannot_be_resolved_is_refused() {
    let fixture = Fixture::new();
    let version = [("MACE_ENGINE", "0.0.1-nosuch")];
    fixture
        .prod_with(&["run"], &version)
        .refused_at_once_by("prod", &["cannot resolve", "version-0.0.1-nosuch"]);
}

#[test]
fn cargo_a_checkout_runs_and_the_repository_stays() {
    let fixture = Fixture::new();
    let engine = tempfile::tempdir().unwrap();
    checkout(engine.path());
    let path = engine.path().to_str().unwrap();
    let commit = git(engine.path(), &["rev-parse", "HEAD"]);
    let run = |args: &[&str], who: &str| -> Run {
        let env = [("MACE_ENGINE_PATH", path), ("SUITE_ENGINE", who)];
        fixture.prod_with(args, &env)
    };
    assert_eq!(fixture.prod_with(&["run"], &[("SUITE_ENGINE", "locked")]).code, Some(0));
    let files = ["Cargo.toml", "Cargo.lock", "engine/Cargo.toml"];
    let before = files.map(|file| fixture.read(file));

    let said = format!("engine mace-kv 9.9.9 ({path} at {commit})");
    run(&["test", "2"], "checkout")
        .ended(0, &[&said, "\nown ", "\nchanges: passed (exit 0): 13 cases"]);
    let report = fixture.read("target/prod/junit.xml");
    assert!(report.contains(&format!("({path} at {commit})")), "{report}");
    assert_eq!(run(&["repro", "engine_is", "1"], "checkout").code, Some(0));
    let again = format!("      MACE_ENGINE_PATH={path} just repro engine_is 5\n");
    let sin = ["run", "--set", "MACE_PROD_SEED=5", "--set", "FEATURES=failpoints"];
    run(&sin, "locked").ended(1, &["engine_is", &again]);

    // Sources come and go in the repository; the generated workspace follows.
    fixture.write("tests/prod_more.rs", "#[test]\nfn one_more() {}\n");
    fs::write(engine.path().join("src/lib.rs"), "pub const WHO: &str = \"edited\";\n").unwrap();
    let said = format!("{commit} with local changes)");
    // The seed that failed before comes first, on whatever commit of the checkout.
    run(&["run"], "edited").ended(0, &[&said, "\nfast, seed 5 ", "passed (exit 0): 7 cases"]);
    fs::remove_file(fixture.path("tests/prod_more.rs")).unwrap();
    run(&["run"], "edited").ended(0, &["passed (exit 0): 5 cases"]);

    assert_eq!(files.map(|file| fixture.read(file)), before, "the repository was changed");
    assert_eq!(fixture.prod_with(&["run"], &[("SUITE_ENGINE", "locked")]).code, Some(0));
}
