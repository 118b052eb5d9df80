//! Work in a process of its own: each way to end is an outcome, its changes to files stay, and no
//! process outlives the call. No store is involved.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use faultfs::{Fork, Outcome, Session};
use std::{fs, path::Path, process, time::Duration};

fn ended(work: impl FnOnce(&Path) -> Result<(), String>) -> (Outcome, String) {
    ended_within(Duration::from_mins(1), work)
}

fn ended_within(
    deadline: Duration,
    work: impl FnOnce(&Path) -> Result<(), String>,
) -> (Outcome, String) {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("output");
    let fork = Fork::new(&output).deadline(deadline).memory(64 << 20);
    let outcome = fork.run(|| work(dir.path())).unwrap();
    let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()).collect();
    left.sort();
    assert!(left.iter().all(|path| path.ends_with("output") || path.ends_with("written")));
    (outcome, fs::read_to_string(&output).unwrap())
}

#[test]
fn work_that_is_done_leaves_what_it_wrote_and_printed() {
    let dir = tempfile::tempdir().unwrap();
    let written = dir.path().join("written");
    let (outcome, printed) = ended(|_| {
        rustix::io::write(rustix::stdio::stdout(), b"a word").unwrap();
        fs::write(&written, "bytes").map_err(|error| error.to_string())
    });
    assert_eq!((outcome, printed.as_str()), (Outcome::Sound, "a word"));
    assert_eq!(fs::read_to_string(written).unwrap(), "bytes");
}

#[test]
fn every_other_end_is_told_apart() {
    assert_eq!(ended(|_| Err("no".to_owned())).0, Outcome::Broken("no".to_owned()));
    let Outcome::Panicked(text) = ended(|_| panic!("no page")).0 else { panic!("not a panic") };
    assert!(text.contains("no page") && text.contains("fork.rs"), "{text}");
    assert_eq!(ended(|_| process::exit(3)).0, Outcome::Died("exit code 3".to_owned()));
    assert_eq!(ended(|_| process::abort()).0, Outcome::Died("signal 6".to_owned()));
    let hang = |_: &Path| loop {
        std::thread::park();
    };
    let (outcome, printed) = ended_within(Duration::from_millis(300), hang);
    assert_eq!(outcome, Outcome::Hung);
    assert!(
        printed.contains("its threads:\n  ") && printed.contains(": S (sleeping), "),
        "{printed}"
    );
    let Outcome::Died(text) = ended(|_| Err(format!("{}", vec![1_u8; 256 << 20].len()))).0 else {
        panic!("it had the memory")
    };
    assert!(text.starts_with("signal 6") && text.contains("memory allocation"), "{text}");
}

#[test]
fn the_session_of_the_caller_is_not_the_forks() {
    let dir = tempfile::tempdir().unwrap();
    let recording = Session::new().start(dir.path()).unwrap();
    let outcome = ended(|_| {
        let other = tempfile::tempdir().map_err(|error| error.to_string())?;
        let own = Session::new().start(other.path()).map_err(|error| error.to_string())?;
        fs::write(other.path().join("f"), "x").map_err(|error| error.to_string())?;
        own.finish().map(drop).map_err(|error| error.to_string())
    });
    assert_eq!(outcome.0, Outcome::Sound);
    assert_eq!(recording.finish().unwrap().events().len(), 0);
}
