//! Cause: recovery reads the files of a log stream one after the other and goes on to the next when
//! one ends, wherever it ends (`src/store/recovery.rs`). It stops at a record that is malformed, and
//! a file that lost its end between two records has none. No file says how long the one before it
//! was.
//!
//! Sequence: on the durable route, a transaction that spans several log files is written; before its
//! commit has synced the first of them, the power fails, when the end of the first file is not on
//! disk and the later files are.
//!
//! Symptom: the commit record in a later file is believed, and the transaction is there without the
//! writes that stood in the lost part. It was never acknowledged. When it is the name of the file
//! that is lost, the opening is refused as `Corruption` ("wal gap"), for ever.
//!
//! Broken promise: a transaction is whole or absent. Such a remainder is legal where sizes of
//! different files may persist in any order (POSIX; not the strict journals of ext4 and xfs as this
//! suite models them; delayed allocation makes it thinkable on ext4).

use crate::explore::shown;
use faultfs::Step as Explored;
use mace_prod::{
    engine::{EngineOptions, Family},
    history::{drive::Traffic, script::Step},
    scenario::{Case, chaos::recipes::Stages, database::Stage, power::known::SHORT_LOG_FILE},
    verdict::Verdict,
    workload::Sweep,
};

/// Runs the case.
pub(crate) fn judge(case: &mut Case) -> Verdict {
    let options = EngineOptions { wal_file_bytes: 4 << 10, ..Family::OneWriter.engine() };
    let bucket = || "a".to_owned();
    let fill = |key, length| {
        let sweep = Sweep { first: key, ..Sweep::fill(key + 20, length, 20) };
        Step::Traffic { bucket: bucket(), traffic: Traffic::sweep(sweep) }
    };
    let steps = vec![
        Step::Open {
            bucket: bucket(),
            options: Family::OneWriter.bucket().checkpoints_when_asked(),
        },
        fill(0, 100),
        fill(20, 900),
    ];
    let stages = Stages { setup: Vec::new(), armed: Stage::closing(&options, steps) };
    match shown(case, &stages, &[Explored::DropOne]) {
        Err(verdict) => verdict,
        Ok(words) if words.iter().any(|words| words.contains(SHORT_LOG_FILE)) => {
            case.known_finding(SHORT_LOG_FILE)
        }
        Ok(_) => Verdict::Pass,
    }
}
