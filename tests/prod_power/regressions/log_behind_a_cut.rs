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

use crate::power::explore::{known_of, shown_in_lives, shows_nothing};
use faultfs::Step as Explored;
use mace_prod::{
    scenario::{
        Case,
        power::{known::LOG_BEHIND_CUT, workloads},
    },
    settings::tries,
    verdict::Verdict,
};
use std::fs;

/// Crash states in which a second process goes on.
const LIVES: usize = 24;

/// Runs the case.
pub(crate) fn judge(case: &mut Case) -> Verdict {
    let mut others = Vec::new();
    let mut lives = 0;
    for number in 0..tries(LOG_BEHIND_CUT) {
        let name = format!("try-{number}");
        let folder = case.dir().join(&name);
        let seed = case.seed().derive(&name);
        let stages = workloads::across_log_files(&workloads::ACROSS_LOG_FILES);
        let steps = [Explored::DropOne];
        let words = shown_in_lives(&folder, seed, &stages, &steps, LIVES);
        if words.iter().any(|words| known_of(words) == Some(LOG_BEHIND_CUT)) {
            return case.known_finding(LOG_BEHIND_CUT);
        }
        others.extend(words);
        lives += fs::read_dir(folder.join("lives")).map_or(0, Iterator::count) as u64;
    }
    shows_nothing(case, &others, "a second process after a power loss", lives)
}
