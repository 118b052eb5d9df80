//! Cause: a durable commit whose `fsync` of the log fails is answered with `IoError`, and the log
//! goes on: the next commit's `fsync` returns success and is believed (`Logger`'s sync generations,
//! `src/cc/log.rs`). The kernel has dropped the pages of the failed one as clean (Rebello et al.,
//! "Can Applications Recover from fsync Failures?", ATC'20), so no later `fsync` writes them.
//!
//! The same holds for the folder of the log (`sync_log_dir_if_dirty`): a failed `fsync` of it leaves
//! the name of a new log file in doubt, and the next one is believed. `chaos_faults_each` shows that.
//!
//! Sequence: on the durable route, commit; let one `fsync` of the log fail once; commit again, which
//! is acknowledged; lose the power.
//!
//! Symptom: the log has a hole where the failed commit was. Recovery stops there, and the commits
//! acknowledged behind it are gone.
//!
//! Broken promise: commit returns success only when its record is synced, with everything before it
//! that recovery needs in order to reach it.

use crate::power::explore::{fails, recorded_events, shown_under, shows_nothing};
use faultfs::Step as Explored;
use mace_prod::{
    engine::Preset,
    history::{clients::Traffic, script::Step},
    scenario::{Case, chaos::recipes::Stages, database::Stage, power::known::FAILED_SYNC},
    verdict::Verdict,
    workload::Sweep,
};

const LOST: &str = "durability: an acknowledged commit survives";

/// The third commit's sync of the log fails, and no other.
const RULE: &str = "fsync[wal]=2*off->1*return(EIO)";

/// Runs the case.
pub(crate) fn judge(case: &mut Case) -> Verdict {
    let preset = Preset::OneWriter;
    let options = preset.engine().one_log_file();
    let bucket = || "a".to_owned();
    let fill = Traffic::sweep(Sweep::fill(12, 100, 2));
    let steps = vec![
        Step::Open { bucket: bucket(), options: preset.bucket().checkpoints_when_asked() },
        Step::Traffic { bucket: bucket(), traffic: fill },
    ];
    let stages = Stages { setup: Vec::new(), armed: Stage::closing(&options, steps) };
    match shown_under(case, &stages, &[Explored::DropAll], RULE) {
        Err(verdict) => verdict,
        Ok(words) if words.iter().any(|words| words.to_string().contains(LOST)) => {
            case.known_finding(FAILED_SYNC)
        }
        Ok(words) => {
            let failed = recorded_events(case, fails);
            shows_nothing(case, &words, "a failed sync of the log", failed)
        }
    }
}
