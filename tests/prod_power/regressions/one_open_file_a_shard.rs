//! Cause: the cache of open data and blob files has eight shards (`src/utils/lru.rs`, `ShardLru`). A
//! reader that misses opens the file under the shard's lock, lets go of the lock, and looks again
//! (`StatCtx::load`, `src/meta/stat.rs`). With eight handles a shard holds one file. Whoever waits for
//! the lock to open another file of that shard evicts the first one before its reader has looked: the
//! lock is that of `parking_lot`, which hands itself over to the waiter when it was held for more than half a
//! millisecond. Both go on like that, until one is held up between two of its steps.
//!
//! Sequence: open with eight handles, write more files than there are shards, read them by sixteen
//! clients on a disk where an opening takes two milliseconds.
//!
//! Symptom: on an idle machine the readers never return; on a busy one, where the scheduler pulls them
//! apart, they return after several times the openings of a single reader of as many values.
//!
//! Broken promise: the option is documented as the "maximum number of open data-file handles cached
//! concurrently". A small cache may be slow; it may not be a hang.

use crate::power::record::{Places, recorded, set_up, trace};
use faultfs::{Event, Op, Outcome, Plan};
use mace_prod::{
    engine::{EngineOptions, Preset, mace::MaceDriver},
    history::{clients::Traffic, script::Step},
    scenario::{
        Case,
        chaos::recipes::Stages,
        database::{DEADLINE, Stage},
    },
    settings::{FindingId, tries},
    verdict::Verdict,
    workload::{Mix, Source, Sweep},
};
use std::{
    fs,
    time::{Duration, Instant},
};

/// The finding's name.
const ID: FindingId = FindingId::ONE_OPEN_FILE_A_SHARD;

/// Bytes of a value, which has a file of its own kind in every version of the engine.
const VALUE: u32 = 5000;

/// A disk on which an opening of a file of values takes longer than the lock's patience.
const SLOW_DISK: &str = "open[blob]=return(delay=2)";

/// Who reads: so many clients at a time, one transaction after the other.
#[derive(Clone, Copy)]
struct Readers {
    clients: u16,
    txns: u64,
}

/// Runs the case.
pub(crate) fn judge(case: &mut Case) -> Verdict {
    let started = Instant::now();
    let alone = match read(case, Readers { clients: 1, txns: 16 }, DEADLINE) {
        (Outcome::Sound, 0) => {
            return Verdict::Inconclusive("no value was read from a file".to_owned());
        }
        (Outcome::Sound, openings) => openings,
        (other, _) => return Verdict::Crashed(format!("the control, a single reader: {other}")),
    };
    case.figures.add("openings.alone", alone);
    // They wait for the same openings at most, and have three times as long.
    let deadline = (started.elapsed() * 3).max(Duration::from_secs(1));
    let mut openings = 0;
    for _ in 0..tries(ID) {
        let (outcome, together) = read(case, Readers { clients: 16, txns: 1 }, deadline);
        case.figures.add("openings.together", together);
        openings += together;
        match outcome {
            Outcome::Hung => return case.known_finding(ID),
            Outcome::Sound if together > 2 * alone => return case.known_finding(ID),
            Outcome::Sound => {}
            other => return Verdict::Crashed(format!("sixteen readers: {other}")),
        }
    }
    case.shows_nothing("an opening of a file by one of sixteen readers", openings, Vec::new())
}

/// How a process ends in which clients read more files of values than there are shards, and how many
/// it opened for that.
fn read(case: &mut Case, readers: Readers, deadline: Duration) -> (Outcome, u64) {
    const KEYS: u64 = 120;
    let Readers { clients, txns } = readers;
    let preset = Preset::Tiny;
    let options = EngineOptions { file_handles: 8, ..preset.engine().one_log_file() };
    let bucket = || "a".to_owned();
    let open =
        || Step::Open { bucket: bucket(), options: preset.bucket().checkpoints_when_asked() };
    let fill = Traffic::sweep(Sweep::fill(KEYS, VALUE, 8));
    let weights = [1, 0, 0, 0, 0, 0, 0];
    let mix = Mix { keys: KEYS, ops: 25, weights, abort_pct: 0, ..Mix::default() };
    let traffic = Traffic { first_client: 1, clients, source: Source::Mix(mix), txns };
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
    let places = Places::new(&case.dir().join(format!("clients-{clients}")));
    let _ = fs::remove_dir_all(places.root());
    let recorded = set_up(&places, &MaceDriver, &stages, case.seed())
        .and_then(|()| recorded(&places, &MaceDriver, &stages, case.seed(), &plan));
    let outcome = recorded.unwrap_or_else(|error| panic!("{error}")).outcome;
    let slow = |event: &&Event| matches!(event.op, Op::Fault { .. });
    (outcome, trace(&places).events().iter().filter(slow).count() as u64)
}
