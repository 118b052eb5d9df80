//! Ctrl-C in each phase of a comparison: it ends with the signal's code, the worktree of base is
//! gone, and so is every process. Proved with real signals and a pipe that each process holds.

use crate::fixture::{Bin, Fixture, there};
use process::miniature::Pipe;
use rustix::process::{Pid, Signal, kill_process};
use std::process::Stdio;

/// Builds, for as long as it is left to.
const SCRIPT: &str = "\
use std::{env, fs, io::Write, process::Command};
fn main() {
    println!(\"cargo::rerun-if-env-changed=SUITE_HANG\");
    if env::var(\"SUITE_HANG\").as_deref() == Ok(\"build\") {
        let pipe = env::var_os(\"SUITE_PIPE\").unwrap();
        let mut pipe = fs::OpenOptions::new().write(true).open(pipe).unwrap();
        writeln!(pipe, \"build\").unwrap();
        let _ = Command::new(\"sleep\").arg(\"600\").stdout(pipe).status();
    }
}
";

#[test]
fn cargo_an_interrupted_run_leaves_nothing_behind() {
    let fixture = Fixture::new();
    fixture.write("build.rs", SCRIPT);
    fixture.commit("a build that can hang");
    let bin = Bin::without(&fixture, &["cc", "valgrind"]);
    bin.linker();
    bin.valgrind();
    for (phase, signal, code) in [
        ("build", Signal::INT, 130),
        ("list", Signal::TERM, 143),
        ("link", Signal::INT, 130),
        ("callgrind", Signal::TERM, 143),
        ("measure", Signal::INT, 130),
    ] {
        let pipe = Pipe::new(fixture.path(&format!("pipe-{phase}")));
        // Counts come before times.
        let instructions = u8::from(phase == "callgrind").to_string();
        let mut child = fixture
            .perf_command(&["compare", "HEAD", "--measure"])
            .env("SUITE_HANG", phase)
            .env("SUITE_PIPE", pipe.path())
            .env("PATH", bin.path())
            .env("MACE_PERF_LAYOUTS", "2")
            .env("MACE_PERF_INSTRUCTIONS", instructions)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        assert_eq!(pipe.line_of(&mut child), phase);
        assert!(there(&fixture.path("target/perf_gate/worktree")), "{phase}: no worktree yet");
        // Beside it, in the same folder, another run would take its worktree and its programs away.
        for verb in ["snapshot", "compare", "selftest", "calibrate"] {
            let busy = ["another run of perf is at work", "target/perf_gate/lock"];
            fixture.perf(&[verb]).refused_at_once_by("perf", &busy);
        }

        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{phase}: {stderr}");
        pipe.is_let_go();
        assert!(!there(&fixture.path("target/perf_gate/worktree")), "{phase}: the worktree stays");
        assert_eq!(fixture.git(&["worktree", "list"]).lines().count(), 1, "{phase}");
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(!stdout.contains("passed"), "{phase}: {stdout}");
    }
}

/// Nobody can clean up after a `kill -9`; what it leaves is no run at work.
#[cfg(target_os = "linux")]
#[test]
fn cargo_a_killed_run_does_not_stop_the_next_one() {
    let fixture = Fixture::new();
    let bin = Bin::without(&fixture, &["valgrind"]);
    bin.valgrind();
    let pipe = Pipe::new(fixture.path("pipe"));
    let mut child = fixture
        .perf_command(&["compare", "HEAD", "--measure"])
        .env("SUITE_PIPE", pipe.path())
        .env("PATH", bin.path())
        .env("MACE_PERF_INSTRUCTIONS", "1")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(pipe.line_of(&mut child), "callgrind");
    child.kill().unwrap();
    child.wait().unwrap();
    pipe.is_let_go();
    assert!(there(&fixture.path("target/perf_gate/lock")));
    assert!(there(&fixture.path("target/perf_gate/worktree")));
    fixture.perf(&["compare", "HEAD"]).ended(0, &["passed: identical machine code"]);
    assert!(!there(&fixture.path("target/perf_gate/worktree")), "the worktree stays");
}
