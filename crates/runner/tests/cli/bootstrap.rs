//! `prod bootstrap` with stand-ins for cargo and curl: the order of the ways, and that nothing is
//! touched when nothing is missing. No network.

use crate::fixture::{PROD, program};
use process::miniature::command_in;
use std::{ffi::OsStr, fs, path::Path};

/// Runs `prod bootstrap` where `cargo` is `script`; returns its exit code and what it said.
fn bootstrap(cargo: &str, curl: &str) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    program(&bin, OsStr::new("cargo"), cargo);
    program(&bin, OsStr::new("curl"), curl);
    let path = std::env::join_paths([bin.as_path(), Path::new("/usr/bin"), Path::new("/bin")]);
    let output = command_in(folder.path(), PROD)
        .arg("bootstrap")
        .env("PATH", path.unwrap())
        .env("CARGO_HOME", folder.path().join("home"))
        .env("SCENE", folder.path())
        .output()
        .unwrap();
    let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    (output.status.code(), String::from_utf8(output.stderr).unwrap(), log)
}

const MISSING: &str = "echo \"cargo $1 $2 $3\" >> \"$SCENE/log\"; \
    case \"$1\" in nextest) [ -e \"$SCENE/there\" ] && echo 'cargo-nextest 0.9.143';; ";

#[test]
fn what_is_there_is_left_alone() {
    let (code, said, log) = bootstrap("echo 'cargo-nextest 0.9.150'", "touch \"$SCENE/log\"");
    assert_eq!((code, log.as_str()), (Some(0), ""), "{said}");
    assert!(said.contains("cargo-nextest 0.9.150 is there; nothing to do"), "{said}");
}

#[test]
fn the_prebuilt_program_is_preferred() {
    let cargo = format!("{MISSING} binstall) touch \"$SCENE/there\";; *) exit 1;; esac");
    let (code, said, log) = bootstrap(&cargo, "echo curl >> \"$SCENE/log\"; exit 7");
    assert_eq!(code, Some(0), "{said}");
    assert!(log.contains("cargo binstall --no-confirm cargo-nextest@0.9.143"), "{log}");
    assert!(!log.contains("curl") && !log.contains("install --locked"), "{log}");
}

#[test]
fn building_from_source_is_the_last_resort() {
    let cargo = format!("{MISSING} install) touch \"$SCENE/there\";; *) exit 1;; esac");
    let (code, said, log) = bootstrap(&cargo, "echo curl >> \"$SCENE/log\"; exit 7");
    assert_eq!(code, Some(0), "{said}");
    let order = ["cargo binstall", "curl", "cargo install --locked cargo-nextest"];
    let places: Vec<_> = order.iter().map(|step| log.find(step)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{log}");
    assert!(said.contains("about ten minutes on two cores"), "{said}");
}

#[test]
fn nothing_that_works_is_one_line_and_code_2() {
    let cargo = format!("{MISSING} *) exit 1;; esac");
    let (code, said, _) = bootstrap(&cargo, "exit 7");
    assert_eq!(code, Some(2), "{said}");
    let last = said.lines().last().unwrap_or_default();
    assert!(last.starts_with("prod: cannot fetch cargo-nextest: "), "{said}");
}

#[test]
fn a_run_without_nextest_names_the_remedy() {
    let fixture = crate::fixture::Fixture::new();
    let bin = fixture.path("bin");
    fs::create_dir(&bin).unwrap();
    program(&bin, OsStr::new("cargo"), "exit 101");
    let path = std::env::join_paths([bin.as_path(), Path::new("/usr/bin"), Path::new("/bin")]);
    let output = fixture.command(&["run"]).env("PATH", path.unwrap()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("cargo-nextest is missing") && said.contains("`just bootstrap`"),
        "{said}"
    );
}

/// Runs the script `run` where just is there, or comes by one of the ways; what it did, in order.
fn run(just: bool, pip: &str, cargo: &str) -> (Option<i32>, String, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    let script = folder.path().join("run");
    fs::create_dir(&bin).unwrap();
    fs::copy(knobs::runtime::root().join("run"), &script).unwrap();
    if just {
        fs::write(folder.path().join("just"), "").unwrap();
    }
    program(
        &bin,
        OsStr::new("just"),
        "[ -e \"$SCENE/just\" ] || exit 127; \
         case \"$1\" in --version) ;; *) echo \"just $*\" >> \"$SCENE/log\";; esac",
    );
    let says = "#!/bin/sh\\necho pip $3 >> \"$SCENE/log\"; ";
    let python = format!(
        "echo \"python3 $1 $2\" >> \"$SCENE/log\"; mkdir -p \"$3/bin\"; \
         printf '{says}{pip}\\n' > \"$3/bin/pip\"; chmod +x \"$3/bin/pip\""
    );
    program(&bin, OsStr::new("python3"), &python);
    program(
        &bin,
        OsStr::new("cargo"),
        &format!("echo \"cargo $1 $2\" >> \"$SCENE/log\"; [ \"$1\" = build ] || {cargo}"),
    );
    let path = std::env::join_paths([bin.as_path(), Path::new("/usr/bin"), Path::new("/bin")]);
    let output = command_in(folder.path(), script.to_str().unwrap())
        .args(["prod", "all"])
        .env("PATH", path.unwrap())
        .env("SCENE", folder.path())
        .output()
        .unwrap();
    let log = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    let log = log.lines().map(str::to_owned).collect();
    (output.status.code(), String::from_utf8(output.stderr).unwrap(), log)
}

#[test]
fn run_fetches_a_missing_just_and_runs_the_recipe() {
    const RECIPE: [&str; 3] = ["cargo build --package", "just bootstrap", "just prod all"];
    let there = "touch \"$SCENE/just\"";
    let (code, said, log) = run(true, there, there);
    assert_eq!((code, log.iter().map(String::as_str).collect()), (Some(0), RECIPE.to_vec()));
    assert!(!said.contains("just is missing"), "{said}");

    let (code, said, log) = run(false, there, "exit 1");
    let fetched = log.iter().position(|line| line.starts_with("pip rust-just==")).unwrap();
    assert_eq!(
        (code, &log[0], &log[fetched + 1..]),
        (Some(0), &"python3 -m venv".to_owned(), &RECIPE.map(str::to_owned)[..])
    );
    assert!(said.contains("just is missing; fetching"), "{said}");

    let (code, said, log) = run(false, "exit 1", there);
    assert_eq!((code, log[2].as_str()), (Some(0), "cargo install --locked"), "{log:?}");
    assert!(said.contains("about six minutes on two cores"), "{said}");

    let (code, said, log) = run(false, "exit 1", "exit 1");
    assert_eq!(code, Some(2), "{said}");
    let last = said.lines().last().unwrap_or_default();
    assert!(last.starts_with("run: cannot fetch just: ") && last.contains("by hand"), "{said}");
    assert!(!log.iter().any(|line| line.starts_with("just")), "{log:?}");
}
