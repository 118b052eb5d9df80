//! Cause: `Recovery::analyze` (`src/store/recovery.rs`) goes over the files of a stream,
//! `for i in file_id..=latest_file_id`, and leaves that loop only behind `if pos < end`, which is a
//! record that is cut or malformed within its file. A file that lost its end between two records, or
//! all of it (`if end == 0 { continue }`), is taken for one that ended there, and the next file is
//! believed. No record or file says how long the file before was. A name that is missing in between
//! is `Corruption` ("wal gap detected"), in the same loop.
//!
//! Sequence: on the durable route, a transaction that spans several log files is written; before its
//! commit has synced the first of them, the power fails, when the end of the first file is not on
//! disk and the later files are.
//!
//! Symptom: the commit record in a later file is believed, and the transaction is there without the
//! writes that stood in the lost part. It was never acknowledged. Without a commit record its undo
//! follows the links of its records into the lost part, and the opening is refused as `Corruption`,
//! for ever; as it is when the name of the file is lost.
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
    match shown(case, &stages(), &[Explored::DropOne]) {
        Err(verdict) => verdict,
        Ok(words) if words.iter().any(|words| words.contains(SHORT_LOG_FILE)) => {
            case.known_finding(SHORT_LOG_FILE)
        }
        Ok(_) => Verdict::Pass,
    }
}

/// Transactions that span several log files.
pub(crate) fn stages() -> Stages {
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
    Stages { setup: Vec::new(), armed: Stage::closing(&options, steps) }
}
