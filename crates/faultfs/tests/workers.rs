//! A judge that aborts, hangs, panics, exits or exhausts memory is a finding, and later states are
//! still judged. No store is involved.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use faultfs::{
    Case, Explore, Outcome, Profile, Report, Session, Step, Trace, acked, begun, command,
};
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    process,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// A process has one session; `cargo test` runs these as threads.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Three appends; each is begun, synced and acknowledged.
fn trace() -> Trace {
    let dir = tempfile::tempdir().unwrap();
    let recording = Session::new().start(dir.path()).unwrap();
    let mut file = File::create(dir.path().join("f")).unwrap();
    File::open(dir.path()).unwrap().sync_all().unwrap();
    for id in 1..=3 {
        begun(id);
        file.write_all(&[b'0' + id as u8; 10]).unwrap();
        file.sync_all().unwrap();
        acked(id);
    }
    recording.finish().unwrap()
}

/// Explores with a judge that misbehaves on the file of 20 bytes.
fn explored(explore: &Explore, misbehave: impl Fn() -> Result<(), String> + Sync) -> Report {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let judge = |case: &Case| match fs::read(case.dir().join("f")) {
        Ok(bytes) if bytes.len() == 20 && bytes[10] == b'2' => misbehave(),
        _ => Ok(()),
    };
    explore.run(trace(), &judge).unwrap()
}

fn only_prefixes() -> Explore {
    Explore::new().steps(&[Step::Prefix]).nested(0).questions(0)
}

/// The only finding; every other state was judged.
#[track_caller]
fn finding(report: &Report) -> Outcome {
    let tally = report.tallies[&(1, Step::Prefix)];
    assert_eq!(report.findings.len(), 1, "{report}");
    assert_eq!(tally.judged, tally.possible - tally.duplicate, "{report}");
    assert!(tally.judged > 5 && tally.failed < tally.judged, "{report}");
    report.findings[0].outcome.clone()
}

#[test]
fn a_judge_that_aborts() {
    let outcome = finding(&explored(&only_prefixes(), || {
        rustix::io::write(rustix::stdio::stderr(), b"invariant broken").unwrap();
        process::abort()
    }));
    assert_eq!(outcome, Outcome::Died("signal 6; it said: invariant broken".to_owned()));
}

#[test]
fn a_judge_that_exits() {
    assert_eq!(
        finding(&explored(&only_prefixes(), || process::exit(3))),
        Outcome::Died("exit code 3".to_owned())
    );
}

#[test]
fn a_judge_that_hangs() {
    let explore = only_prefixes().deadline(Duration::from_millis(200));
    let hang = || loop {
        std::thread::park();
    };
    assert_eq!(finding(&explored(&explore, hang)), Outcome::Hung);
}

#[test]
fn a_judge_that_panics() {
    let outcome = finding(&explored(&only_prefixes(), || panic!("no such page")));
    let Outcome::Panicked(text) = outcome else { panic!("{outcome:?}") };
    assert!(text.contains("no such page") && text.contains("workers.rs"), "{text}");
}

#[test]
fn a_judge_that_eats_memory() {
    let explore = only_prefixes().memory(64 << 20);
    let outcome = finding(&explored(&explore, || {
        let eaten = vec![1_u8; 256 << 20];
        Err(format!("{} bytes were to be had", eaten.len()))
    }));
    let Outcome::Died(text) = outcome else { panic!("{outcome:?}") };
    assert!(text.starts_with("signal 6") && text.contains("memory allocation"), "{text}");
}

#[test]
fn a_judge_that_is_a_program() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let script = r#"test "$(head -c 20 "$1/f" | tail -c 1)" != 2 || { echo "twenty ${FAULTFS_BEGUN%%,*}" >&2; exit 1; }"#;
    let judge = command("sh", &["-c", script, "sh"]);
    let report = only_prefixes().run(trace(), &judge).unwrap();
    let Outcome::Broken(text) = finding(&report) else { panic!("{report}") };
    assert!(text.starts_with("sh says exit status: 1: twenty 1"), "{text}");
}

#[test]
fn states_are_counted_exactly() {
    // Only ten appended bytes each, so that every number can be checked by hand. Events: create,
    // folder sync begins, ends, and three times: begun, write, sync begins, ends, acked.
    let count = |profile, step| {
        let explore = Explore::new().profile(profile).steps(&[step]).nested(0).points(1000);
        let report = explored(&explore, || Ok(()));
        let tally = report.tallies.get(&(1, step)).copied().unwrap_or_default();
        (tally.possible, tally.illegal, tally.duplicate, tally.judged)
    };
    // 19 places for a crash, less the three right before an acknowledgement. Images: nothing, the
    // empty file, 10, 20 and 30 bytes; with what was promised at the time: 3 more that begun, 3
    // more that are acked.
    assert_eq!(count(Profile::PosixWeak, Step::Prefix), (16, 0, 5, 11));
    // Something is pending after the create, at the folder's sync, after each write, and at its
    // sync.
    assert_eq!(count(Profile::PosixWeak, Step::DropAll), (8, 0, 4, 4));
    // Data and size are separate units: two states at each of two places for each write.
    assert_eq!(count(Profile::PosixWeak, Step::DropOne), (12, 0, 6, 6));
    assert_eq!(count(Profile::PosixWeak, Step::KeepOne), (12, 0, 6, 6));
    // Ten bytes are one sector, and two units are few.
    assert_eq!(count(Profile::PosixWeak, Step::TearOne), (0, 0, 0, 0));
    // ext4 shows no size without its data, and data without its size is lost data.
    assert_eq!(count(Profile::Ext4Ordered, Step::DropOne), (12, 6, 3, 3));
    assert_eq!(count(Profile::ProcessKill, Step::DropOne), (0, 0, 0, 0));
}

#[test]
fn a_name_that_is_kept_is_kept_in_recoveries_too() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    // The recovery creates a file and syncs it, but not the folder.
    let judge = |case: &Case| {
        let path = case.dir().join("recovered");
        if case.acked().contains(&9) && !path.exists() {
            return Err("the file is lost".to_owned());
        }
        if case.is_recorded() {
            let made = File::create(&path).and_then(|file| file.sync_all());
            made.map_err(|error| error.to_string())?;
            acked(9);
        }
        Ok(())
    };
    let explore = Explore::new().steps(&[Step::Prefix, Step::DropAll]).questions(0);
    let found = explore.run(trace(), &judge).unwrap().findings;
    let outer = found[0].outer.as_ref().unwrap();
    assert_eq!((found.len(), found[0].step, found[0].depth), (1, Step::DropAll, 2));
    assert_eq!(found[0].outer_lost.is_empty(), outer.damage() == 0, "{}", found[0]);
    assert!(found[0].to_string().contains("recovery from a crash after event "), "{}", found[0]);
    let kept = trace().keeping(|path| path == "recovered");
    assert_eq!(explore.run(kept, &judge).unwrap().findings.len(), 0);
}

/// Explores a store that has a file which nobody writes, and shares it.
fn sharing(
    judge: impl Fn(&Path, &Path) -> Result<(), String> + Sync,
) -> Result<Report, faultfs::Error> {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let [store, copy] = ["store", "copy"].map(|name| dir.path().join(name));
    fs::create_dir(&store).unwrap();
    fs::create_dir(&copy).unwrap();
    for name in ["still", "moving"] {
        fs::write(store.join(name), name).unwrap();
        fs::hard_link(store.join(name), copy.join(name)).unwrap();
    }
    let recording = Session::new().start(&store).unwrap();
    let mut moving = File::options().append(true).open(store.join("moving")).unwrap();
    moving.write_all(b", on").unwrap();
    moving.sync_all().unwrap();
    fs::remove_file(store.join("still")).unwrap();
    let trace = recording.finish().unwrap();
    let explore = only_prefixes().folder(dir.path()).shared(&copy);
    explore.run(trace, &|case: &Case| judge(case.dir(), &copy))
}

#[test]
fn states_share_what_nobody_wrote() {
    use std::os::unix::fs::MetadataExt;
    let same = |one: &Path, other: &Path| {
        let ino = |path: &Path| fs::metadata(path).map(|meta| meta.ino());
        let both = ino(one).and_then(|one| Ok(one == ino(other)?));
        both.map_err(|error| error.to_string())
    };
    let report = sharing(|state, copy| {
        let is_left = state.join("still").exists();
        if is_left && !same(&state.join("still"), &copy.join("still"))? {
            return Err("it was copied".to_owned());
        }
        let is_shared = same(&state.join("moving"), &copy.join("moving"))?;
        if is_shared { Err("what was written is shared".to_owned()) } else { Ok(()) }
    });
    let report = report.unwrap();
    assert!(report.judged() > 2 && report.findings.is_empty(), "{report}");
}

#[test]
fn a_store_that_writes_to_a_shared_file_is_an_error() {
    let spoils = |state: &Path, _: &Path| {
        let still = File::options().append(true).open(state.join("still"));
        let spoilt = still.map_or(Ok(()), |mut still| still.write_all(b"!"));
        spoilt.map_err(|error| error.to_string())
    };
    let error = sharing(spoils).unwrap_err().to_string();
    assert!(error.contains("wrote in place to a file that states share"), "{error}");
}
