//! Cause: the cache of open data and blob files has eight shards (`src/utils/lru.rs`, `ShardLru`). A
//! reader that misses opens the file under the shard's lock, lets go of the lock, and looks again
//! (`StatCtx::load`, `src/meta/stat.rs`). With eight handles a shard holds one file. Whoever waits for
//! the lock to open another file of that shard evicts the first one before its reader has looked: the
//! lock is `parking_lot`'s, which hands itself over to the waiter when it was held for more than half a
//! millisecond. Both go on like that for ever.
//!
//! Sequence: open with eight handles, write more files than there are shards, read them by several
//! clients on a disk where an opening takes two milliseconds.
//!
//! Symptom: the readers never return. With sixteen handles, two for each shard, they are done at once.
//!
//! Broken promise: the option is documented as the "maximum number of open data-file handles cached
//! concurrently". A small cache may be slow; it may not be a hang.

use crate::record::{Places, recorded, set_up};
use faultfs::{Outcome, Plan};
use mace_prod::{
    engine::{EngineOptions, Family, mace::MaceDriver},
    history::{drive::Traffic, script::Step},
    scenario::{
        Case,
        chaos::recipes::Stages,
        database::{DEADLINE, Stage},
    },
    verdict::Verdict,
    workload::{Mix, Source, Sweep},
};
use std::time::{Duration, Instant};

/// The finding's name.
const ID: &str = "one-open-file-a-shard";

/// A disk on which an opening of a file of values takes longer than the lock's patience.
const SLOW_DISK: &str = "open[blob]=return(delay=2)";

/// Runs the case.
pub(crate) fn judge(case: &mut Case) -> Verdict {
    let started = Instant::now();
    match read(case, 16, DEADLINE) {
        Outcome::Sound => {}
        other => return Verdict::Crashed(format!("the control with 16 handles: {other}")),
    }
    // What takes ten times the control's time, and two seconds at least, does not come back.
    let deadline = (started.elapsed() * 10).max(Duration::from_secs(2));
    match read(case, 8, deadline) {
        Outcome::Sound => Verdict::Pass,
        Outcome::Hung => case.known_finding(ID),
        other => Verdict::Crashed(format!("with 8 handles: {other}")),
    }
}

/// How a process ends in which eight clients read ten files of values with so many handles.
fn read(case: &mut Case, file_handles: usize, deadline: Duration) -> Outcome {
    const KEYS: u64 = 120;
    let family = Family::Tiny;
    let options = EngineOptions { file_handles, ..family.engine().one_log_file() };
    let bucket = || "a".to_owned();
    let open =
        || Step::Open { bucket: bucket(), options: family.bucket().checkpoints_when_asked() };
    let fill = Traffic::sweep(Sweep::fill(KEYS, 3000, 8));
    let weights = [1, 0, 0, 0, 0, 0, 0];
    let mix = Mix { keys: KEYS, ops: 100, weights, abort_pct: 0, ..Mix::default() };
    let traffic = Traffic { first_client: 1, clients: 8, source: Source::Mix(mix), txns: 1 };
    let setup = vec![
        open(),
        Step::Traffic { bucket: bucket(), traffic: fill },
        Step::Checkpoint { bucket: bucket() },
    ];
    let readings = vec![open(), Step::Traffic { bucket: bucket(), traffic }];
    let stages = Stages {
        setup: vec![Stage::closing(&options, setup)],
        armed: Stage { deadline, ..Stage::closing(&options, readings) },
    };
    let plan: Plan = SLOW_DISK.parse().unwrap_or_else(|error| panic!("{error}"));
    let places = Places::new(&case.dir().join(format!("handles-{file_handles}")));
    let recorded = set_up(&places, &MaceDriver, &stages, case.seed())
        .and_then(|()| recorded(&places, &MaceDriver, &stages, case.seed(), &plan));
    recorded.unwrap_or_else(|error| panic!("{error}")).outcome
}
