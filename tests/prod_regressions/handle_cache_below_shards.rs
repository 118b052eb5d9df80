//! Cause: the cache of open data and blob files is split into eight shards, and each takes an eighth of the
//! configured capacity, rounded down (`src/utils/lru.rs`, `ShardLru::new`). Below eight a shard holds nothing:
//! the call that inserts a reader also evicts it, and `StatCtx::load` (`src/meta/stat.rs`) opens the file
//! again, for ever.
//!
//! Sequence:
//! 1. Open a database with a `data_handle_cache_capacity` or `blob_handle_cache_capacity` of 1 to 7.
//! 2. Write, and write a checkpoint.
//! 3. Read something that has to come from a file.
//!
//! Symptom: the reader never returns and keeps a processor busy with opening one file.
//!
//! Broken promise: the option is documented as the "maximum number of open data-file handles cached
//! concurrently", without a lower limit, and `Options::validate` accepts the value. A small cache may be slow,
//! but it must not hang.
//!
//! Ruled out: a slow machine. With eight handles the same process reads everything; with seven it is given ten
//! times as long as that took.

use mace_prod::{
    engine::{EngineOptions, Preset},
    history::{child::ExitClass, clients::Traffic, script::Step},
    regression,
    scenario::{
        database::{DEADLINE, Stage},
        regression::{Ended, Regression},
        run::session::{Script, Verbs},
    },
    workload::Sweep,
};
use std::time::{Duration, Instant};

regression!(HANDLE_CACHE_BELOW_SHARDS: a_small_handle_cache_hangs_every_reader, |finding| {
    let started = Instant::now();
    let control = reads_with_handles(finding, 8, DEADLINE);
    finding.expects(control.is_done(), &control)?;
    // What takes ten times the control's time, and a second at least, does not come back.
    let deadline = (started.elapsed() * 10).max(Duration::from_secs(1));
    let found = reads_with_handles(finding, 7, deadline);
    finding.shows(found.class == ExitClass::Hung)?;
    // A process that is done has read every value.
    finding.expects(found.is_done(), &found)?;
    finding.came_to("a reader with fewer handles than shards", 1);
    Ok(())
});

fn reads_with_handles(
    finding: &mut Regression<'_>,
    file_handles: usize,
    deadline: Duration,
) -> Ended {
    let options = EngineOptions { file_handles, ..Preset::Tiny.engine() };
    let mut database = finding.database(&format!("handles-{file_handles}"));
    let steps = Script::of(&Preset::Tiny.bucket(), |s| {
        s.open("a");
        s.work("a", Traffic::sweep(Sweep::fill(40, 3000, 8)));
        s.checkpoint("a");
        s.step(Step::ReadAll { bucket: "a".to_owned() });
    });
    finding.process(&mut database, &Stage { deadline, ..Stage::closing(&options, steps) })
}
