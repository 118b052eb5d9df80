//! Cause: a durable commit whose `fsync` of the log fails returns `IoError`, and the log goes on: the next
//! commit's `fsync` returns success and is believed (the sync generations of `Logging`, `src/cc/log.rs`). The
//! kernel has marked the pages of the failed one as clean (Rebello et al., "Can Applications Recover from fsync
//! Failures?", ATC'20), so no later `fsync` writes them. The same holds for the folder of the log
//! (`sync_log_dir_if_dirty`): a failed `fsync` of it leaves the name of a new log file in doubt, and the next
//! one is believed.
//!
//! This is a regression: in 0.1.0 and 0.1.1 a failed sync of the log or of its folder panicked
//! (`GatherWriter::sync`, `src/utils/data.rs`: `must_ok!`; `sync_log_dir`, `src/utils/options.rs`). Since 0.1.2
//! it is an error value, and the engine goes on.
//!
//! Sequence:
//! 1. On the durable route, commit.
//! 2. Let one `fsync` of the log fail, once, under the next commit.
//! 3. Commit again, which is acknowledged.
//! 4. Cut the power, and open the database.
//!
//! Symptom: the log has a hole where the failed commit was. Recovery stops there, and the commits acknowledged
//! behind it are gone.
//!
//! Broken promise: a commit returns success only when its record is synced, with everything before it that
//! recovery needs in order to reach it.
//!
//! Ruled out: the failed commit's own loss, and the later commits. On a disk that keeps what the failed sync
//! left dirty, the same steps and the same power loss lose nothing that was acknowledged.

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
