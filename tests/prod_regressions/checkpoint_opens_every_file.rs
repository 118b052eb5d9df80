//! Cause: a checkpoint writes what is dirty to files of `data_file_size` and `blob_file_size` each, and keeps all of
//! them open until they are synced together: the writers that `FileBuilder::flush_files` (`src/map/data.rs`) has made
//! go to `FlushResult::writers` (`src/map/flush.rs`), which `ManifestCheckpointObserver::publish` has synced once the
//! last file is written. Neither handle cache bounds them.
//!
//! Sequence:
//! 1. Let the process have fewer files open than a checkpoint writes. A `checkpoint_size` of 1,000 times the
//!    `data_file_size` comes to that under the usual limit of 1,024.
//! 2. Write that much, and write a checkpoint.
//!
//! Symptom: the process aborts with `can't open "…/data_…"`. So does every process that opens the database again and
//! writes a checkpoint, until it may have more files open.
//!
//! Broken promise: "For each output file, the flow is: […] 2. build the file 3. synchronize the file and required
//! directory state" (docs/design.md, 7), and `data_handle_cache_capacity` is the "maximum number of open data-file
//! handles cached concurrently". No document says that a process needs as many open files as a checkpoint writes.
//!
//! Ruled out: a limit that is too low for the engine. A process writes a checkpoint of eight files under it.

use mace_prod::{
    engine::{EngineOptions, Preset},
    history::{clients::Traffic, script::Step},
    regression,
    scenario::{
        database::{Database, Stage},
        regression::{Ended, Regression},
        run::{
            goals::data_files,
            session::{Script, Verbs},
        },
    },
    workload::Sweep,
};

/// Open files that the caches of data and of blobs may hold, each.
const HANDLES: usize = 8;

/// Open files that a process may have: what both caches may hold, the log of each of four writer groups, and 30 that a
/// process has anyway.
const OPEN: u64 = 2 * HANDLES as u64 + 4 + 30;

const SYMPTOM: &str = "can't open";

regression!(CHECKPOINT_OPENS_EVERY_FILE: a_checkpoint_keeps_within_the_limit, |finding| {
    finding.needs(cfg!(unix), "a process has no limit of open files here")?;
    let few = HANDLES as u64;
    let (control, database) = checkpoint(finding, "few", few);
    let is_right = control.is_done() && data_files(&database.dir()) >= few;
    finding.expects(is_right, &(control, data_files(&database.dir())))?;
    let (found, database) = checkpoint(finding, "many", 2 * OPEN);
    finding.shows(found.died_saying(SYMPTOM))?;
    finding.expects(found.is_done(), &found)?;
    let made = data_files(&database.dir());
    finding.came_to("a file of a checkpoint beyond what may be open", made.saturating_sub(OPEN));
    finding.judge(database, &options());
    Ok(())
});

/// Every record has a data file of its own.
fn options() -> EngineOptions {
    EngineOptions {
        data_file_bytes: 1,
        file_handles: HANDLES,
        wal_file_bytes: 1 << 20,
        ..Preset::Tiny.engine()
    }
}

/// One checkpoint of at least so many files, in a process that dies then.
fn checkpoint(finding: &mut Regression<'_>, name: &str, files: u64) -> (Ended, Database) {
    let mut database = finding.database(name);
    let bucket = Preset::Defaults.bucket().checkpoints_when_asked();
    let steps = Script::of(&bucket, |s| {
        s.open("a");
        s.work("a", Traffic::sweep(Sweep::fill(files, 40, 8)));
        s.checkpoint("a");
        s.step(Step::ReadAll { bucket: "a".to_owned() });
    });
    let stage = Stage { open_files: Some(OPEN), ..Stage::dying(&options(), steps) };
    (finding.process(&mut database, &stage), database)
}
