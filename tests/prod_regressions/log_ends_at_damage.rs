//! Cause: recovery takes the first record of a log file that is not whole for a torn end
//! (`Recovery::analyze`, `src/store/recovery.rs`): it cuts the file there, reads nothing behind it, the
//! younger files of the stream neither, and says so at the level `trace` alone. A record whose bit the disk
//! has flipped looks the same, and a commit behind it counts as one that never ended, so that what it had
//! written into pages is undone as well.
//!
//! Sequence: commit, until the log has several files, and die. A bit of a record in the last file but one is
//! another one. Open the database.
//!
//! Symptom: the opening succeeds, and all commits from that record on are gone. The offline checker reports
//! the record when it is not in the newest file of its stream; in that one it finds nothing.
//!
//! Broken promise: a commit that returned with `sync_on_write` survives, and "CRC checksums on persisted
//! records, verified across restarts and crashes" (README). That recovery cuts at the first bad record is
//! documented (docs/design.md, 9.2), for the torn end that a crash leaves.

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
