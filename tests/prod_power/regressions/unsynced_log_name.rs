//! Cause: whether the folder of the log has to be synced with the first commit follows from whether the log
//! file was there when the database was opened (`log_dir_dirty = !exists(path)` in `Logging::new`,
//! `src/cc/log.rs`), not from whether its name is durable. An opening makes the file, but only a commit of the
//! same process syncs the folder.
//!
//! Sequence:
//! 1. On the durable route, open a new database, and close it (or kill the process) before anything is
//!    committed.
//! 2. Open it again and commit, which is acknowledged.
//! 3. Cut the power, and open the database.
//!
//! Symptom: the bytes of the log file were synced and its name was not: the file is gone, with all its commits.
//! The same happens after a recovery from a power loss by an opening that writes nothing.
//!
//! Broken promise: an acknowledged commit survives. Such a crash state is legal where `fsync` of a new file
//! does not make its name durable (POSIX; in practice ext4 and xfs do write it).
//!
//! Ruled out: the bytes of the log. In the program the power loss takes only the name of that file. With the
//! name kept, the commit is there.

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

pub(crate) fn body(finding: &mut Regression<'_>) -> Judging<()> {
    let preset = Preset::OneWriter;
    let options = preset.engine().one_log_file();
    let buckets = preset.bucket().checkpoints_when_asked();
    let first = [Stage::closing(&options, Script::of(&buckets, |s| s.open("a")))];
    let steps = Script::of(&buckets, |s| {
        s.open("a");
        s.work("a", Traffic::sweep(Sweep::fill(6, 100, 2)));
    });
    let stages = Stages { setup: Vec::new(), armed: Stage::closing(&options, steps) };
    let search = Search::new(&stages, &[Explored::DropAll]);
    let search = Search { first: &first, is_made: false, ..search };
    let found = search.run(finding.case)?;
    finding.shows(found.says(LOST))?;
    finding.came_to("a new log file", found.logs());
    found.tell(finding);
    Ok(())
}
