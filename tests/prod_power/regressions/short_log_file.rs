//! Cause: `Recovery::analyze` (`src/store/recovery.rs`) goes over the files of a stream,
//! `for i in file_id..=latest_file_id`, and leaves that loop only behind `if pos < end`, which is a record that
//! is cut off or malformed within its file. A file that lost its end between two records, or all of it
//! (`if end == 0 { continue }`), is taken for one that ended there, and the next file is believed. No record
//! and no file says how long the previous file was.
//!
//! A name that is missing in between is `Corruption` ("wal gap detected"), in the same loop. A name that is
//! missing before the oldest file is not noticed at all, unless log files had been removed before:
//! `wal_file_range` takes the smallest number in the folder, and `load_physical_stream_boot` lets the stream
//! begin there.
//!
//! Sequence:
//! 1. On the durable route, write a transaction that spans several log files.
//! 2. Cut the power before its commit has synced the first of them, when the end of that file is not on disk
//!    and the later files are.
//! 3. Open the database.
//!
//! Symptom: recovery believes the commit record in a later file. The transaction is there, without the writes
//! in the lost part, or in the file whose name is lost. It was never acknowledged. Without a commit record, its
//! undo follows the links of its records into the lost part, and the opening is refused with `Corruption`, for
//! ever.
//!
//! Broken promise: a transaction is whole or absent. Such a crash state is legal where the sizes of different
//! files may persist in any order: in POSIX, though not under a strict journal of names and sizes, such as the
//! one by which ext4 and xfs are modelled here. Delayed allocation makes it thinkable on ext4.
//!
//! Ruled out: any other loss. A crash state is attributed to this cause only where it keeps every promise once
//! the ends and the names of the older log files are put back. In the program, with the first file whole, all
//! 20 writes of the transaction are there.

use crate::power::{explore::known_of, search::Search};
use faultfs::{Finding, Step as Explored};
use mace_prod::{
    report::say,
    scenario::{
        power::{known::SHORT_LOG_FILE, workloads},
        regression::Regression,
        run::Judging,
    },
};

/// Crash states of a search. One in eight of all shows it.
const STATES: u64 = 120;

/// How a finding says that the oldest log file lost its name.
const OLDEST: &str = "create db/log/group_wal_1 ";

pub(crate) fn body(finding: &mut Regression<'_>) -> Judging<()> {
    // Of the second, only what lost the name of the first file before others of its stream.
    // The first starts with a transaction that makes the name of the first file durable.
    for (fills, lost) in [
        (&workloads::ACROSS_LOG_FILES[..], None),
        (&workloads::ACROSS_LOG_FILES[1..], Some(OLDEST)),
    ] {
        let stages = workloads::across_log_files(fills);
        let is_it = |finding: &Finding| {
            known_of(&finding.outcome) == Some(SHORT_LOG_FILE)
                && lost.is_none_or(|lost| finding.lost.iter().any(|line| line.contains(lost)))
        };
        let search = || Search::new(&stages, &[Explored::DropOne]);
        let sample = Search { states: STATES, ..search() }.run(finding.case)?;
        if sample.findings.iter().any(is_it) {
            continue;
        }
        // A sample says nothing about the states that it leaves out.
        let found = search().run(finding.case)?;
        if !found.findings.iter().any(is_it) {
            say(&format!("no crash state shows it; without {lost:?}"));
            finding.came_to("a rotation of the log", found.logs().saturating_sub(1));
            found.tell(finding);
            return Ok(());
        }
    }
    finding.shows(true)
}
