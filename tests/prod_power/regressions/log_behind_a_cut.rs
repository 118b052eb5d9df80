//! Cause: recovery goes over the files of a log, the oldest first. Where a record is cut off or malformed it
//! truncates the file and leaves the loop ("if we truncated the file, we must stop here", `Recovery::analyze`
//! in `src/store/recovery.rs`). The younger files of the stream are neither read nor removed, the truncation is
//! not synced, and the engine goes on writing to the youngest file.
//!
//! Sequence:
//! 1. On the durable route, write a transaction that spans log files.
//! 2. Cut the power while it is committed, so that the end of a file before the youngest one is not on disk as
//!    it was written.
//! 3. Open the database, and commit another transaction, which is acknowledged.
//! 4. Kill the process, or cut the power again.
//! 5. Open the database.
//!
//! Symptom: one of three things happens at the last opening. When the truncation is lost as well, recovery
//! meets the torn record once more and does not read the younger file: commits that were acknowledged since are
//! gone. When new records fill the torn place exactly, what was behind it is read again. Or recovery goes on
//! from the end of the truncated file into the old records of the younger one: work that the first recovery had
//! left out is there again, or the opening is refused with `Corruption`.
//!
//! Broken promise: an acknowledged commit survives, and what an opening showed stays.
//!
//! Ruled out: the first power loss, and the second ending. Without the torn file the same steps keep both
//! transactions whole after the kill and after the power loss. The torn transaction was never acknowledged, and
//! the first recovery is right to leave it out; what breaks was acknowledged, or shown, after it.

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
const LIVES: usize = 16;

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
