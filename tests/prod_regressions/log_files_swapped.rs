//! Cause: nothing in a log file says which file of the log it is, and recovery replays what it finds under each
//! name (`Recovery::analyze`, `src/store/recovery.rs`). The position of a record is taken from the file's name,
//! and that position, compared with the frontier of its bucket, decides whether the record is replayed. Each
//! update says where the transaction's record before it is, but only the clean-up of dropped transactions
//! follows that link.
//!
//! Sequence:
//! 1. Commit, write a checkpoint, commit until the log has several files, and kill the process.
//! 2. Swap the oldest log file and the newest one.
//! 3. Open the database.
//!
//! Symptom: the opening succeeds, and acknowledged commits are gone: their records stand where the frontier
//! says that everything has been written. The offline checker finds nothing.
//!
//! Broken promise: a commit that returned with `sync_on_write` survives.
//!
//! Ruled out: the kill, and damage to bytes. Without the swap all commits are there after the same kill. The
//! files are renamed with std, and no byte of them changes.

use crate::damage::{logs, made, shown};
use mace_prod::regression;
use std::{fs, path::Path};

regression!(LOG_FILES_SWAPPED: a_log_file_in_anothers_place_is_reported, |finding| {
    let database = made(finding, false)?;
    let logs = logs(&database);
    let oldest = logs.first().expect("the log has files");
    let newest = logs.last().expect("the log has files");
    let aside = database.dir().join("aside");
    let rename = |from: &Path, to: &Path| fs::rename(from, to).expect("log files move");
    rename(oldest, &aside);
    rename(newest, oldest);
    rename(&aside, newest);
    let shown = shown(&database.dir());
    finding.shows(shown.is_silent_loss())?;
    finding.keeps(shown.is_right_or_said(), "a log file in another's place is reported", &shown)?;
    finding.came_to("an opening with swapped log files", 1);
    Ok(())
});
