//! Cause: a log file that is full is detached from its stream, and only the durable route notes it
//! for the next barrier (`if self.opt.sync_on_write { self.pending_writers.push(rotated) }`,
//! `Logger::advance`, `src/cc/log.rs`). `Mace::sync` on the relaxed route then syncs the newest file
//! of each stream and its folder, and never the ones before it.
//!
//! Sequence: on the relaxed route, commit more than one log file takes, call `sync`, which returns
//! success, and lose the power.
//!
//! Symptom: commits that the barrier covered are gone, in the middle of the log: those of the file
//! that was rotated away. On xfs the file has its size and zeros for its bytes.
//!
//! Broken promise: `sync` "synchronizes all WAL to disk" (`Mace::sync`), the explicit barrier of
//! `sync_on_write = false`.

use crate::power::explore::{makes_a_log, recorded_events, shown, shows_nothing};
use faultfs::Step as Explored;
use mace_prod::{
    engine::{EngineOptions, Preset},
    history::{clients::Traffic, script::Step},
    scenario::{
        Case, chaos::recipes::Stages, database::Stage, power::workloads::UNSYNCED_ROTATION,
    },
    verdict::Verdict,
    workload::Sweep,
};

const LOST: &str = "durability: an acknowledged commit survives";

/// Runs the case.
pub(crate) fn judge(case: &mut Case) -> Verdict {
    let relaxed =
        EngineOptions { durable: false, wal_file_bytes: 4 << 10, ..Preset::OneWriter.engine() };
    let bucket = || "a".to_owned();
    let fill = Traffic::sweep(Sweep::fill(20, 300, 2));
    let steps = vec![
        Step::Open {
            bucket: bucket(),
            options: Preset::OneWriter.bucket().checkpoints_when_asked(),
        },
        Step::Traffic { bucket: bucket(), traffic: fill },
        Step::Sync,
    ];
    let stages = Stages { setup: Vec::new(), armed: Stage::closing(&relaxed, steps) };
    match shown(case, &stages, &[Explored::DropAll]) {
        Err(verdict) => verdict,
        Ok(words) if words.iter().any(|words| words.to_string().contains(LOST)) => {
            case.known_finding(UNSYNCED_ROTATION)
        }
        Ok(words) => {
            let rotations = recorded_events(case, makes_a_log).saturating_sub(1);
            shows_nothing(case, &words, "a rotation before the barrier", rotations)
        }
    }
}
