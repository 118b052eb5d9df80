//! Cause: whether the folder of the log has to be synced with the first commit follows from whether
//! the log file was there when the database was opened (`log_dir_dirty = !exists(path)` in
//! `Logging::new`, `src/cc/log.rs`), and not from whether its name is durable. An opening makes the
//! file; only a commit of the same process syncs the folder.
//!
//! Sequence: on the durable route, open a new database and close it, or kill it, before anything is
//! committed; open it again and commit, which is acknowledged; lose the power.
//!
//! Symptom: the file of the log was synced and its name was not: it is gone with all its commits.
//! The same follows the recovery from a power loss by an opening that writes nothing.
//!
//! Broken promise: an acknowledged commit survives. Such a crash state is legal where `fsync` of a new
//! file does not make its name durable (POSIX; in practice ext4 and xfs do write it).

use crate::power::explore::{makes_a_log, recorded_events, shown_of, shows_nothing};
use faultfs::{Plan, Step as Explored};
use mace_prod::{
    engine::{Preset, mace::MaceDriver},
    history::{clients::Traffic, script::Step},
    scenario::{Case, chaos::recipes::Stages, database::Stage, power::known::UNSYNCED_LOG_NAME},
    verdict::Verdict,
    workload::Sweep,
};
use std::fs;

const LOST: &str = "durability: an acknowledged commit survives";

/// Runs the case.
pub(crate) fn judge(case: &mut Case) -> Verdict {
    let preset = Preset::OneWriter;
    let options = preset.engine().one_log_file();
    let bucket = || "a".to_owned();
    let open = Step::Open { bucket: bucket(), options: preset.bucket().checkpoints_when_asked() };
    let fill = Traffic::sweep(Sweep::fill(6, 100, 2));
    let first = [Stage::closing(&options, vec![open.clone()])];
    let steps = vec![open, Step::Traffic { bucket: bucket(), traffic: fill }];
    let stages = Stages { setup: Vec::new(), armed: Stage::closing(&options, steps) };
    fs::create_dir_all(case.dir().join("disk/db")).expect("the case's folder takes folders");
    let steps = [Explored::DropAll];
    match shown_of(&MaceDriver, case, &stages, &first, &steps, &Plan::default()) {
        Err(verdict) => verdict,
        Ok(words) if words.iter().any(|words| words.to_string().contains(LOST)) => {
            case.known_finding(UNSYNCED_LOG_NAME)
        }
        Ok(words) => {
            let logs = recorded_events(case, makes_a_log);
            shows_nothing(case, &words, "a new log file", logs)
        }
    }
}
