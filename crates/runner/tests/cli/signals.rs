//! Ctrl-C and a terminating service manager: the run ends, says so in its exit code, writes what it
//! has, and leaves no process behind. Proved with real processes and a pipe that each of them holds.

use crate::fixture::Fixture;
use process::miniature::Pipe;
use rustix::process::{Pid, Signal, kill_process};
use std::process::{Child, Stdio};

/// A run in which the case with this sin hangs at the pipe, with a child that holds it too.
fn hanging(fixture: &Fixture, pipe: &Pipe, args: &[&str], sin: &str) -> Child {
    let mut child = fixture
        .command(args)
        .env("SUITE_SIN", sin)
        .env("SUITE_PIPE", pipe.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(pipe.line_of(&mut child), "hanging");
    child
}

#[test]
fn cargo_an_interrupted_run_cleans_up_and_says_so() {
    let fixture = Fixture::new();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let pipe = Pipe::new(fixture.path(&format!("pipe-{code}")));
        let child = hanging(&fixture, &pipe, &["run", "all", "1"], "hang");
        // Beside it, in the same checkout, another run would mix its programs and reports with it.
        fixture
            .prod(&["run"])
            .refused_at_once_by("prod", &["another run is at work", "target/prod/lock"]);

        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stdout}{stderr}");
        pipe.is_let_go();
        let verdict = format!("INTERRUPTED (exit {code}): ");
        assert!(stdout.contains(&verdict) && !stdout.contains("stress "), "{stdout}");
        let report = fixture.read("target/prod/junit.xml");
        assert!(report.contains("the run was interrupted"), "{report}");
    }
}

/// A case past its limit goes with its children, and is told from one that failed.
#[test]
fn cargo_a_timed_out_case_dies_with_its_children() {
    let fixture = Fixture::new();
    let pipe = Pipe::new(fixture.path("pipe"));
    let limited = ["run", "stress", "1", "--set", "STRESS_TIMEOUT=1"];
    let child = hanging(&fixture, &pipe, &limited, "linger");
    pipe.is_let_go();
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stdout}");
    assert!(stdout.contains("\n  stress_rounds  [stress: timed-out, "), "{stdout}");
    assert!(fixture.read("target/prod/junit.xml").contains("timed-out"));
}

/// Nobody can clean up after a `kill -9`, so the children have to notice; only Linux tells them.
#[cfg(target_os = "linux")]
#[test]
fn cargo_a_killed_run_leaves_no_process() {
    let fixture = Fixture::new();
    let pipe = Pipe::new(fixture.path("pipe"));
    let mut child = hanging(&fixture, &pipe, &["run", "fast", "1"], "hang");
    child.kill().unwrap();
    child.wait().unwrap();
    pipe.is_let_go();
    fixture.prod(&["run", "fast", "2"]).ended(0, &["passed (exit 0)"]);
}

#[test]
fn cargo_an_interrupted_build_ends_too() {
    let fixture = Fixture::new();
    let pipe = Pipe::new(fixture.path("pipe"));
    let script = "use std::{fs, process, io::Write};\n\
        fn main() { let mut pipe = fs::OpenOptions::new().write(true).open(env!(\"PIPE\")).unwrap();\n\
        writeln!(pipe, \"building\").unwrap();\n\
        let _ = process::Command::new(\"sleep\").arg(\"600\").stdout(pipe).status(); }\n";
    fixture.write("build.rs", script);
    let mut child = fixture
        .command(&["run"])
        .env("PIPE", pipe.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(pipe.line_of(&mut child), "building");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    pipe.is_let_go();
}
