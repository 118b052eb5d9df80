//! Cause: a dropped transaction leaves its records and an abort record in the log. The log files that hold them
//! are kept until the aborted versions are removed, and are recycled then. When the transaction's records span
//! two files, the first file can go while the second stays, as the newest of its stream. At the next opening
//! recovery scans the files that are there and meets the abort record again. It follows the transaction's chain
//! of records backwards, from the file that stayed into the file that went: `validate_abort_clean_link`
//! (`src/store/gc.rs`) finds the link outside the scanned files and returns `Corruption`, which
//! `Recovery::phase2` passes on. A conflict drops a transaction too, and so does a crash.
//!
//! Sequence:
//! 1. Write more in one transaction than the current log file takes, so that the log rotates under it.
//! 2. Drop the transaction.
//! 3. Write a checkpoint, and collect garbage until the aborted versions are gone.
//! 4. Close the database cleanly, and open it again.
//!
//! Symptom: the database can never be opened again: each opening returns `Corruption`. The offline checker
//! finds nothing wrong with it.
//!
//! Broken promise: a dropped transaction is aborted and changes nothing else, and a graceful close leaves
//! everything in data files, independent of the log.
//!
//! Ruled out: the drop itself. The same transaction, dropped within one log file of 1 MiB, leaves a database
//! that opens.

use mace_prod::{
    engine::{EngineOptions, Preset},
    history::clients::Traffic,
    regression,
    scenario::{
        database::Stage,
        regression::{Ended, Regression},
        run::session::{Script, Verbs},
    },
    workload::Sweep,
};
use std::{fs, path::Path};

/// A log file that takes all of a case.
const LARGE: u64 = 1 << 20;

/// Log files of which the dropped transaction needs several.
const SMALL: u64 = 16 << 10;

regression!(
    ABORTED_ACROSS_LOG_FILES: a_drop_across_log_files_leaves_a_database_openable,
    |finding| {
        let control = opened_after_drop(finding, LARGE);
        finding.expects(control.opening.is_done(), &control.opening)?;
        let found = opened_after_drop(finding, SMALL);
        finding.shows(found.opening.is_corrupt())?;
        finding.expects(found.opening.is_done(), &found.opening)?;
        let rotations = found.newest_log.saturating_sub(control.newest_log);
        finding.came_to("a rotation within the transaction", rotations);
        Ok(())
    }
);

/// A database in which a transaction was dropped.
struct Found {
    /// How a process ends that opens and closes it.
    opening: Ended,
    /// The number of its newest log file when it was closed for the first time.
    newest_log: u64,
}

fn opened_after_drop(finding: &mut Regression<'_>, wal_file_bytes: u64) -> Found {
    let options = EngineOptions { wal_file_bytes, ..Preset::OneWriter.engine() };
    let mut database = finding.database(&format!("log-files-of-{wal_file_bytes}"));
    let steps = Script::of(&Preset::Tiny.bucket(), |s| {
        s.open("a");
        s.work("a", Traffic::sweep(Sweep { commits: false, ..Sweep::fill(30, 900, 30) }));
        s.work("a", Traffic::sweep(Sweep::fill(1, 100, 1)));
        s.checkpoint("a");
        // Busy until the aborted versions are gone, and patient until then.
        s.unload("a");
    });
    let dropped = finding.process(&mut database, &Stage::closing(&options, steps));
    assert!(dropped.is_done(), "a drop is no reason not to close cleanly: {dropped:?}");
    let newest_log = newest_log(&database.dir());
    let opening = finding.process(&mut database, &Stage::closing(&options, Vec::new()));
    if opening.is_done() {
        finding.judge(database, &options);
    }
    Found { opening, newest_log }
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
