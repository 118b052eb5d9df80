//! Ctrl-C and a terminating service manager: the run ends, says so in its exit code, writes what it
//! has, and leaves no process behind. Proved with real processes and a pipe that each of them holds.

use crate::fixture::Fixture;
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

#[test]
fn cargo_an_interrupted_run_cleans_up_and_says_so() {
    let fixture = Fixture::new();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let pipe = fixture.path(&format!("pipe-{code}"));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let events = listen(pipe.clone());
        let child = fixture
            .command(&["run", "all", "1"])
            .env("SUITE_SIN", "hang")
            .env("SUITE_PIPE", &pipe)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Generous, because it covers a build; a run that hangs once takes no time at all.
        let said = events.recv_timeout(Duration::from_mins(2)).expect("the case never ran");
        assert_eq!(said, "hanging\n");

        kill_process(Pid::from_child(&child), signal).unwrap();
        let output = child.wait_with_output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stdout}{stderr}");
        let last = events.recv_timeout(Duration::from_secs(5)).expect("a process is left behind");
        assert_eq!(last, "all gone");
        let verdict = format!("INTERRUPTED (exit {code}): ");
        assert!(stdout.contains(&verdict) && !stdout.contains("stress "), "{stdout}");
        let report = fixture.read("target/prod/junit.xml");
        assert!(report.contains("the run was interrupted"), "{report}");
    }
}

/// Nobody can clean up after a `kill -9`, so the children have to notice; only Linux tells them.
#[cfg(target_os = "linux")]
#[test]
fn cargo_a_killed_run_leaves_no_process_behind_and_the_next_one_runs() {
    let fixture = Fixture::new();
    let pipe = fixture.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let events = listen(pipe.clone());
    let mut child = fixture
        .command(&["run", "fast", "1"])
        .env("SUITE_SIN", "hang")
        .env("SUITE_PIPE", &pipe)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let said = events.recv_timeout(Duration::from_mins(2)).expect("the case never ran");
    assert_eq!(said, "hanging\n");
    child.kill().unwrap();
    child.wait().unwrap();
    let last = events.recv_timeout(Duration::from_mins(1)).expect("a process is left behind");
    assert_eq!(last, "all gone");
    fixture.prod(&["run", "fast", "2"]).ended(0, &["passed (exit 0)"]);
}

#[test]
fn cargo_an_interrupted_build_ends_too() {
    let fixture = Fixture::new();
    let pipe = fixture.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let script = "use std::{fs, process, io::Write};\n\
        fn main() { let mut pipe = fs::OpenOptions::new().write(true).open(env!(\"PIPE\")).unwrap();\n\
        writeln!(pipe, \"building\").unwrap();\n\
        let _ = process::Command::new(\"sleep\").arg(\"600\").stdout(pipe).status(); }\n";
    fixture.write("build.rs", script);
    let events = listen(pipe.clone());
    let child = fixture
        .command(&["run"])
        .env("PIPE", &pipe)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let said = events.recv_timeout(Duration::from_mins(2)).expect("the build never ran");
    assert_eq!(said, "building\n");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let last = events.recv_timeout(Duration::from_secs(5)).expect("a process is left behind");
    assert_eq!(last, "all gone");
}
