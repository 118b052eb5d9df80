//! The programs of docs/findings/repro, as a maintainer of the engine runs them: built against the engine
//! of the lock file and nothing else. One that showed its finding in every run has to show it here.

use process::miniature::{Run, command_in};
use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

/// The programs by their names.
fn programs(root: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(root.join("docs/findings/repro")).unwrap();
    let program = |entry: fs::DirEntry| {
        let path = entry.path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    entries.map(|entry| program(entry.unwrap())).collect()
}

/// Whether a program says that it showed its finding in all of so many runs.
fn always_shows(text: &str) -> bool {
    let rate = text.lines().find_map(|line| line.strip_prefix("//! Measured: "));
    let Some((shown, of)) = rate.and_then(|rate| rate.split_once(" of ")) else { return false };
    of.split(' ').next() == Some(shown)
}

/// Whether a program that ran saw the promise broken.
fn is_broken(run: &Run) -> bool {
    let says = run.stdout.lines().last().is_some_and(|line| line.starts_with("broken: "));
    says && run.code == Some(1)
}

#[test]
#[cfg(target_os = "linux")]
fn cargo_programs_show_what_their_pages_say() {
    let root = knobs::runtime::root();
    let engine = process::engine::Engine::resolved(&root.join("Cargo.toml")).unwrap();
    let folder = root.join("target/findings");
    let mut manifest = format!(
        "[workspace]\n[package]\nname = \"repro\"\nedition = \"2024\"\n\
         [dependencies]\nmace-kv = \"={}\"\n",
        engine.version,
    );
    let programs = programs(&root);
    for name in programs.keys() {
        let path = format!("../../docs/findings/repro/{name}.rs");
        let _ = writeln!(manifest, "[[bin]]\nname = \"{name}\"\npath = \"{path}\"");
    }
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let build = Run::of(command_in(&folder, "cargo").args(["build", "--release", "--quiet"]));
    assert_eq!(build.code, Some(0), "{}", build.stderr);
    let certain = programs.iter().filter(|program| always_shows(program.1));
    let certain: Vec<_> = certain.map(|program| program.0).collect();
    assert!(!certain.is_empty(), "no program shows its finding in every run");
    for name in certain {
        let run = Run::of(&mut command_in(&folder, folder.join("target/release").join(name)));
        assert!(is_broken(&run), "{name} shows nothing any more: {run:#?}");
    }
}

#[test]
fn a_program_that_sees_a_kept_promise_is_no_proof() {
    let run = |code, stdout: &str| {
        let stdout = stdout.to_owned();
        Run { code: Some(code), stdout, stderr: String::new() }
    };
    assert!(is_broken(&run(1, "a\nbroken: b\n")));
    assert!(!is_broken(&run(0, "kept: b\n")) && !is_broken(&run(101, "a\n")));
    assert!(!is_broken(&run(0, "broken: b\n")));
}

#[test]
fn only_a_rate_of_one_is_certain() {
    assert!(always_shows("//! A.\n//!\n//! Measured: 20 of 20 runs.\n"));
    assert!(!always_shows("//! Measured: 19 of 20 runs.\n") && !always_shows("//! A.\n"));
}
