//! `prod bootstrap` with stand-ins for cargo and curl: the order of the ways, and that nothing is
//! touched when nothing is missing. No network.

use crate::fixture::{PROD, program};
use miniature::command_in;
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
fn the_source_is_the_last_resort_and_its_price_is_said() {
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
