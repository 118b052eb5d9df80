//! The real bench program: that it is the engine as its users ship it, and that each of its cases
//! does its work. Built as tests are, and run once, so that nothing is measured.

use process::miniature::clean;
use std::{fs, path::PathBuf, process::Command};

/// What the engine's assertions and failpoints leave in a program; `src/build.rs` refuses both.
const MARKS: [&[u8]; 2] = [b"assertion failed: k >= self.lo()", b"failpoint lock poisoned"];

/// The program of that kind and name, built with these arguments. Whatever else is built with it goes
/// to a place of its own: tests that run beside this one use programs of another build.
fn built(kind: &str, name: &str, args: &[&str]) -> PathBuf {
    let root = knobs::runtime::root();
    let mut command = Command::new("cargo");
    clean(&mut command);
    command.env("CARGO_BUILD_BUILD_DIR", root.join("target"));
    command.env("CARGO_TARGET_DIR", root.join("target/plain"));
    command.current_dir(root).args(["build", "--package", "mace-prod", kind, name]);
    let output = command.args(args).args(["--quiet", "--message-format", "json"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let exe = text.lines().rev().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let path = message["executable"].as_str().filter(|_| message["target"]["name"] == name);
        path.map(PathBuf::from)
    });
    exe.expect("cargo says where the program is")
}

fn marks(program: &PathBuf) -> usize {
    let bytes = fs::read(program).unwrap();
    let has = |mark: &&[u8]| bytes.windows(mark.len()).any(|window| window == *mark);
    MARKS.iter().filter(|mark| has(mark)).count()
}

#[test]
fn cargo_benches_are_plain_and_do_their_work() {
    // The marks are really marks: the same engine with its failpoints has both.
    assert_eq!(marks(&built("--bin", "mace-prod-child", &[])), 2);
    let program = built("--bench", "perf", &["--no-default-features"]);
    assert_eq!(marks(&program), 0, "the benches measure an engine that nobody ships");

    let mut command = Command::new(&program);
    clean(&mut command);
    let items = [("MACE_BENCH_TOTAL_ITEMS", "300"), ("MACE_BENCH_KV_CASES", "16:16")];
    let output = command.current_dir(knobs::runtime::root()).arg("--test").envs(items);
    let output = output.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for case in [
        "Control/spin",
        "Put/K16-V16/1",
        "Put/K16-V16/4",
        "Get/K16-V16/4",
        "Scan/K16-V16/1",
        "Commit/K16-V16/4",
        "Delete/K16-V16/1",
        "Reopen/K16-V16/clean",
        "Reopen/K16-V16/killed",
    ] {
        assert!(text.contains(&format!("Testing {case}\nSuccess")), "{case} is missing in {text}");
    }
    assert!((2.0..5.0).contains(&planned(&program)), "the seconds of a knob are not Criterion's");
}

/// What Criterion plans to take for the control when the knob says two seconds instead of five.
fn planned(program: &PathBuf) -> f64 {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    clean(&mut command);
    command.current_dir(knobs::runtime::root()).env("CRITERION_HOME", home.path());
    command.args(["--bench", "--exact", "Control/spin", "--noplot", "--warm-up-time", "0.2"]);
    let output = command.env("MACE_BENCH_GET_MEAS_SECS", "2").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}");
    let seconds = text.split_once("samples in estimated ").and_then(|(_, rest)| {
        let (seconds, _) = rest.split_once(" s ")?;
        seconds.parse().ok()
    });
    seconds.unwrap_or_else(|| panic!("no plan in {text}"))
}
