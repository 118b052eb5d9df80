//! Cause: recovery takes the first record of a log file that is not whole for a torn end (`Recovery::analyze`,
//! `src/store/recovery.rs`). It truncates the file there, reads neither what is behind it nor the younger files
//! of the stream, and reports that at the level `trace` alone. A record with a bit that the disk has flipped
//! looks the same. A commit record behind it is not read, so recovery takes that transaction for unfinished and
//! also undoes what it had written into pages.
//!
//! Sequence:
//! 1. Commit until the log has several files, and kill the process.
//! 2. Flip one bit of a record in the last log file but one.
//! 3. Open the database.
//!
//! Symptom: the opening succeeds, and all commits from that record on are gone. The offline checker reports the
//! record, unless it is in the newest file of its stream; there it finds nothing.
//!
//! Broken promise: a commit that returned with `sync_on_write` survives, and "CRC checksums on persisted
//! records, verified across restarts and crashes" (README). That recovery truncates at the first bad record is
//! documented (docs/design.md, 9.2), for the torn end that a crash leaves.
//!
//! Ruled out: the kill. Without the flipped bit all commits are there after the same kill. The bit is flipped
//! with std, behind the last checkpoint, in a file that is not the newest.

use crate::damage::{logs, made, shown};
use mace_prod::regression;
use std::fs;

regression!(LOG_ENDS_AT_DAMAGE: damage_in_the_log_is_reported, |finding| {
    let database = made(finding, false)?;
    // Behind the checkpoint, and not the newest one.
    let logs = logs(&database);
    let path = &logs[logs.len() - 2];
    let mut bytes = fs::read(path).expect("the log has several files");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).expect("the log takes a damage");
    let shown = shown(&database.dir());
    finding.shows(shown.is_silent_loss())?;
    finding.keeps(shown.is_right_or_said(), "damage in the log is reported", &shown)?;
    finding.came_to("an opening of a damaged log", 1);
    Ok(())
});
