//! Cause: the cache of open data and blob files is split into eight shards, and each takes an
//! eighth of the configured capacity, rounded down (`src/utils/lru.rs`, `ShardLru::new`). Below
//! eight a shard holds nothing: a reader that is put in is evicted by the same call, and
//! `StatCtx::load` (`src/meta/stat.rs`) opens the file again, for ever.
//!
//! Sequence: open with `data_handle_cache_capacity` or `blob_handle_cache_capacity` of 1 to 7,
//! write, checkpoint, read something that has to come from a file.
//!
//! Symptom: the reader never returns and keeps a processor busy opening one file.
//!
//! Broken promise: the option is documented as the "maximum number of open data-file handles
//! cached concurrently", without a lower limit, and `Options::validate` accepts the value. A
//! small cache may be slow; it may not be a hang.

use mace_prod::{
    engine::{EngineOptions, Preset},
    history::{child::ExitClass, clients::Traffic, script::Step},
    scenario::{
        Case,
        database::{Database, Stage},
    },
    settings::FindingId,
    verdict::Verdict,
    workload::Sweep,
};
use std::time::{Duration, Instant};

const ID: FindingId = FindingId::HANDLE_CACHE_BELOW_SHARDS;

#[test]
fn a_small_handle_cache_hangs_every_reader() {
    Case::run(|case| {
        let started = Instant::now();
        let control = reads_with_handles(case, 8, mace_prod::scenario::database::DEADLINE);
        if control != ExitClass::Done {
            return Verdict::Crashed(format!("the control with 8 handles ended as {control:?}"));
        }
        // What takes ten times the control's time, and a second at least, does not come back.
        let deadline = (started.elapsed() * 10).max(Duration::from_secs(1));
        match reads_with_handles(case, 7, deadline) {
            ExitClass::Hung => case.known_finding(ID),
            // A process that is done has read every value.
            ExitClass::Done => case.shows_nothing("a read without a cached file", 1, Vec::new()),
            other => Verdict::Crashed(format!("with 7 handles the reader ended as {other:?}")),
        }
    });
}

fn reads_with_handles(case: &mut Case, file_handles: usize, deadline: Duration) -> ExitClass {
    let options = EngineOptions { file_handles, ..Preset::Tiny.engine() };
    let root = case.dir().join(format!("handles-{file_handles}"));
    let mut database = Database::new(root, case.seed()).expect("the case's folder takes files");
    let bucket = || "a".to_owned();
    let steps = vec![
        Step::Open { bucket: bucket(), options: Preset::Tiny.bucket() },
        Step::Traffic { bucket: bucket(), traffic: Traffic::sweep(Sweep::fill(40, 3000, 8)) },
        Step::Checkpoint { bucket: bucket() },
        Step::ReadAll { bucket: bucket() },
    ];
    let stage = Stage { deadline, ..Stage::closing(&options, steps) };
    let exit = database.process(&stage, &mut case.figures);
    exit.expect("the child program is built with the tests").class
}
