//! Ctrl-C in each phase of a comparison: it ends with the signal's code, the worktree of base is
//! gone, and so is every process. Proved with real signals and a pipe that each process holds.

use crate::fixture::{Fixture, there};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::{Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

/// Reports the first line that comes through the pipe, and then its end: the moment when the last
/// process that held it is gone.
fn listen(pipe: PathBuf) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(File::open(pipe).unwrap());
        let mut text = String::new();
        reader.read_line(&mut text).unwrap();
        sender.send(text.clone()).unwrap();
        reader.read_to_string(&mut text).unwrap();
        sender.send("all gone".to_owned()).unwrap();
    });
    receiver
}

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
fn cargo_an_interrupted_comparison_leaves_nothing_behind() {
    let fixture = Fixture::new();
    fixture.write("build.rs", SCRIPT);
    fixture.commit("a build that can hang");
    for (phase, signal, code) in
        [("build", Signal::INT, 130), ("list", Signal::TERM, 143), ("measure", Signal::INT, 130)]
    {
        let pipe = fixture.path(&format!("pipe-{phase}"));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let events = listen(pipe.clone());
        let child = fixture
            .perf_command(&["compare", "HEAD", "--measure"])
            .env("SUITE_HANG", phase)
            .env("SUITE_PIPE", &pipe)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Generous, because it covers two builds.
        let said = events.recv_timeout(Duration::from_mins(3)).expect("the phase never came");
        assert_eq!(said.trim_end(), phase);
        assert!(there(&fixture.path("target/perf_gate/worktree")), "{phase}: no worktree yet");

        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{phase}: {stderr}");
        let last = events.recv_timeout(Duration::from_secs(5)).expect("a process is left behind");
        assert_eq!(last, "all gone", "{phase}");
        assert!(!there(&fixture.path("target/perf_gate/worktree")), "{phase}: the worktree stays");
        assert_eq!(fixture.git(&["worktree", "list"]).lines().count(), 1, "{phase}");
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(!stdout.contains("passed"), "{phase}: {stdout}");
    }
}
