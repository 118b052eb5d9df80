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

use crate::power::search::Search;
use faultfs::Step as Explored;
use mace_prod::{
    engine::Preset,
    history::clients::Traffic,
    scenario::{
        chaos::recipes::Stages,
        database::Stage,
        regression::Regression,
        run::{
            Judging,
            session::{Script, Verbs},
        },
    },
    workload::Sweep,
};

const LOST: &str = "durability: an acknowledged commit survives";

/// The third commit's sync of the log fails, and no other.
const RULE: &str = "fsync[wal]=2*off->1*return(EIO)";

pub(crate) fn body(finding: &mut Regression<'_>) -> Judging<()> {
    let preset = Preset::OneWriter;
    let options = preset.engine().one_log_file();
    let steps = Script::of(&preset.bucket().checkpoints_when_asked(), |s| {
        s.open("a");
        s.work("a", Traffic::sweep(Sweep::fill(12, 100, 2)));
    });
    let stages = Stages { setup: Vec::new(), armed: Stage::closing(&options, steps) };
    let search = Search { faults: RULE, ..Search::new(&stages, &[Explored::DropAll]) };
    let found = search.run(finding.case)?;
    finding.shows(found.says(LOST))?;
    finding.came_to("a failed sync of the log", found.faults());
    found.tell(finding);
    Ok(())
}
