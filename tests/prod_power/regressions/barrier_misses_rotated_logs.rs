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
