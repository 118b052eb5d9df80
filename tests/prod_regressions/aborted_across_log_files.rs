//! Cause: a transaction that is dropped leaves its records and an abort record in the log. The log
//! files that hold them are kept until the aborted versions are removed, and recycled after that.
//! When the transaction's records span two files, the first can go while the second stays, as the
//! newest. At the next opening recovery scans what is there, meets the abort record again and
//! follows the transaction's chain of records backwards from the file that stayed into the one
//! that went: `validate_abort_clean_link` (`src/store/gc.rs`) finds the link outside of the
//! files that were scanned and returns `Corruption`, which `Recovery::phase2` passes on. A conflict
//! drops a transaction as well, and so does a crash.
//!
//! Sequence: write more in one transaction than the current log file takes, so that the log
//! rotates under it; drop the transaction; checkpoint, collect garbage, close cleanly; open.
//!
//! Symptom: the database cannot be opened any more: `Corruption`, each time. The offline checker
//! finds nothing wrong with it.
//!
//! Broken promise: dropping a transaction aborts it and nothing else, and a graceful close leaves
//! everything in data files, independent of the log.

use mace_prod::{
    engine::{EngineOptions, Preset},
    history::{Milestone, child::ExitClass, clients::Traffic, script::Step},
    oracle::Violation,
    scenario::{
        Case,
        database::{Database, Stage},
    },
    settings::FindingId,
    verdict::Verdict,
    workload::Sweep,
};
use std::{fs, path::Path};

const ID: FindingId = FindingId::ABORTED_ACROSS_LOG_FILES;

/// A log file that takes all of a case.
const LARGE: u64 = 1 << 20;

/// Log files of which the dropped transaction needs several.
const SMALL: u64 = 16 << 10;

#[test]
fn a_drop_across_log_files_leaves_a_database_openable() {
    Case::run(|case| {
        let control = opened_after_drop(case, LARGE);
        if control.end != Some(Milestone::Closed) {
            let end = control.end;
            return Verdict::Crashed(format!("the control, all in one log file: {end:?}"));
        }
        let found = opened_after_drop(case, SMALL);
        match found.end {
            Some(Milestone::Closed) => {
                let rotations = found.newest_log.saturating_sub(control.newest_log);
                case.shows_nothing("a rotation within the transaction", rotations, found.broken)
            }
            Some(end) if end == Milestone::corruption() => case.known_finding(ID),
            other => {
                Verdict::Crashed(format!("the dropped transaction spans log files: {other:?}"))
            }
        }
    });
}

/// A database in which a transaction was dropped.
struct Found {
    /// The last milestone of a process that opens and closes it.
    end: Option<Milestone>,
    /// The number of its newest log file when it was closed for the first time.
    newest_log: u64,
    /// What is broken in the end.
    broken: Vec<Violation>,
}

fn opened_after_drop(case: &mut Case, wal_file_bytes: u64) -> Found {
    let options = EngineOptions { wal_file_bytes, ..Preset::OneWriter.engine() };
    let root = case.dir().join(format!("log-files-of-{wal_file_bytes}"));
    let mut database = Database::new(root, case.seed()).expect("the case's folder takes files");
    let bucket = || "a".to_owned();
    let sweep = |sweep| Step::Traffic { bucket: bucket(), traffic: Traffic::sweep(sweep) };
    let steps = vec![
        Step::Open { bucket: bucket(), options: Preset::Tiny.bucket() },
        sweep(Sweep { commits: false, ..Sweep::fill(30, 900, 30) }),
        sweep(Sweep::fill(1, 100, 1)),
        Step::Checkpoint { bucket: bucket() },
        // Busy until the aborted versions are gone, and patient until then.
        Step::Unload { bucket: bucket() },
    ];
    let mut run = |stage: &Stage| {
        let exit = database.process(stage, &mut case.figures);
        exit.expect("the child program is built with the tests").class
    };
    let dropped = run(&Stage::closing(&options, steps));
    assert_eq!(dropped, ExitClass::Done, "a drop is no reason not to close cleanly");
    let newest_log = newest_log(&database.dir());
    let mut run = |stage: &Stage| database.process(stage, &mut case.figures).map(drop);
    run(&Stage::closing(&options, Vec::new())).expect("the child program is built with the tests");
    let end = database.milestones().expect("the journal can be read").last().cloned();
    let broken = match end {
        Some(Milestone::Closed) => database.broken(&options, &mut case.figures),
        _ => Ok(Vec::new()),
    };
    let broken = broken.expect("the child program is built with the tests");
    Found { end, newest_log, broken }
}

/// The highest number among the log files of a database.
fn newest_log(dir: &Path) -> u64 {
    let names = fs::read_dir(dir.join("log")).expect("a database has a folder of logs");
    let numbers = names.filter_map(|entry| {
        let name = entry.expect("the folder can be read").file_name();
        name.to_str()?.rsplit_once('_')?.1.parse().ok()
    });
    numbers.max().expect("a database has a log file")
}
