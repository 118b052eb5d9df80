//! Cause: a full log file is detached from its stream, and only the durable route notes it for the next barrier
//! (`if self.opt.sync_on_write { self.pending_writers.push(rotated) }`, `Logging::advance`, `src/cc/log.rs`).
//! On the relaxed route `Mace::sync` therefore syncs the newest file of each stream and its folder, and never
//! the files before it.
//!
//! Sequence:
//! 1. On the relaxed route, commit more than one log file takes.
//! 2. Call `sync`, which returns success.
//! 3. Cut the power, and open the database.
//!
//! Symptom: commits that the barrier covered are gone, in the middle of the log: those in the files that were
//! rotated away. On xfs such a file has its size, and zeros for its bytes.
//!
//! Broken promise: `sync` "synchronizes all WAL to disk" (`Mace::sync`): it is the explicit barrier of
//! `sync_on_write = false`.
//!
//! Ruled out: rotation and the power loss as such. On the durable route the same commits over as many log files
//! are all there after a power loss that takes everything unsynced: each file was synced to its end.

use crate::power::search::Search;
use faultfs::Step as Explored;
use mace_prod::{
    engine::{EngineOptions, Preset},
    history::{clients::Traffic, script::Step},
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

pub(crate) fn body(finding: &mut Regression<'_>) -> Judging<()> {
    let relaxed =
        EngineOptions { durable: false, wal_file_bytes: 4 << 10, ..Preset::OneWriter.engine() };
    let steps = Script::of(&Preset::OneWriter.bucket().checkpoints_when_asked(), |s| {
        s.open("a");
        s.work("a", Traffic::sweep(Sweep::fill(20, 300, 2)));
        s.step(Step::Sync);
    });
    let stages = Stages { setup: Vec::new(), armed: Stage::closing(&relaxed, steps) };
    let found = Search::new(&stages, &[Explored::DropAll]).run(finding.case)?;
    finding.shows(found.says(LOST))?;
    finding.came_to("a rotation before the barrier", found.logs().saturating_sub(1));
    found.tell(finding);
    Ok(())
}
