//! Cause: recovery goes over the files of a log, the oldest first. Where a record is cut or malformed
//! it truncates the file and leaves the loop ("if we truncated the file, we must stop here",
//! `Recovery::analyze` in `src/store/recovery.rs`): younger files of the stream are neither read nor
//! removed, the truncation is not synced, and the log is written on in the youngest file.
//!
//! Sequence: on the durable route, the power fails while a transaction is written that spans log files,
//! and the end of the file before the youngest is not on disk as it was written; the database is
//! opened, commits, and loses its power again, or is killed.
//!
//! Symptom: the next recovery either meets the torn record once more, when the truncation is lost as
//! well, and does not read the younger file: commits that were acknowledged since are gone. Or new
//! records fill the torn place exactly, and what was behind it is read again. Or it goes on from the end of the cut file into what the younger one held before: work that the first
//! recovery had left out is there again, or the opening is refused as `Corruption`.
//!
//! Broken promise: an acknowledged commit survives, and what an opening showed stays.

use crate::power::search::in_lives;
use mace_prod::{
    scenario::{
        power::{known::LOG_BEHIND_CUT, workloads},
        regression::Regression,
        run::Judging,
    },
    settings::tries,
};
use std::fs;

/// Crash states in which a second process goes on.
const LIVES: usize = 24;

pub(crate) fn body(finding: &mut Regression<'_>) -> Judging<()> {
    for number in 0..tries(LOG_BEHIND_CUT) {
        let name = format!("try-{number}");
        let folder = finding.dir(&name);
        let seed = finding.seed().derive(&name);
        let stages = workloads::across_log_files(&workloads::ACROSS_LOG_FILES);
        let found = in_lives(&folder, seed, &stages, LIVES);
        finding.shows(found.is_known(LOG_BEHIND_CUT))?;
        found.tell(finding);
        let lives = fs::read_dir(folder.join("lives")).map_or(0, Iterator::count);
        finding.came_to("a second process after a power loss", lives as u64);
    }
    Ok(())
}
