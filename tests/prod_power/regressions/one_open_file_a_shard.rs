//! Cause: the cache of open data and blob files has eight shards (`src/utils/lru.rs`, `ShardLru`). A reader
//! that misses opens the file under the shard's lock, releases the lock, and looks again (`StatCtx::load`,
//! `src/meta/stat.rs`). With eight handles a shard holds one file. A reader that waits for the lock, in order
//! to open another file of that shard, evicts the first file before its reader has looked: the lock is one of
//! `parking_lot`, which hands itself over to the waiter when it was held for more than half a millisecond. Both
//! readers go on like that, until one of them is delayed between two of its steps.
//!
//! Sequence:
//! 1. Open a database with eight handles, and write more files than there are shards.
//! 2. Read them with sixteen clients, on a disk where opening a file takes two milliseconds.
//!
//! Symptom: on an idle machine the readers never return. On a busy one, where the scheduler separates them,
//! they return after several times as many openings as a single reader of as many values needs.
//!
//! Broken promise: the option is documented as the "maximum number of open data-file handles cached
//! concurrently". A small cache may be slow, but it must not hang.
//!
//! Ruled out: the slow disk. One client that reads as many values on it returns, and the sixteen are given
//! three times as long.

use crate::power::{
    record::{Places, recorded, set_up, trace},
    search::faults,
};
use faultfs::{Outcome, Plan};
use mace_prod::{
    engine::{EngineOptions, Preset, mace::MaceDriver},
    history::clients::Traffic,
    scenario::{
        chaos::recipes::Stages,
        database::{DEADLINE, Stage},
        regression::Regression,
        run::{
            Judging,
            session::{Script, Verbs},
        },
    },
    settings::{FindingId, tries},
    verdict::Verdict,
    workload::{Mix, Source, Sweep},
};
use std::{
    fs,
    time::{Duration, Instant},
};

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

pub(crate) fn body(finding: &mut Regression<'_>) -> Judging<()> {
    let started = Instant::now();
    let (outcome, alone) = read(finding, Readers { clients: 1, txns: 16 }, DEADLINE);
    finding.expects(outcome == Outcome::Sound, &outcome)?;
    if alone == 0 {
        return Err(Verdict::Inconclusive("no value was read from a file".to_owned()));
    }
    finding.case.figures.add("openings.alone", alone);
    // They wait for the same openings at most, and have three times as long.
    let deadline = (started.elapsed() * 3).max(Duration::from_secs(1));
    for _ in 0..tries(FindingId::ONE_OPEN_FILE_A_SHARD) {
        let (outcome, together) = read(finding, Readers { clients: 16, txns: 1 }, deadline);
        finding.case.figures.add("openings.together", together);
        let is_slow = outcome == Outcome::Sound && together > 2 * alone;
        finding.shows(outcome == Outcome::Hung || is_slow)?;
        finding.expects(outcome == Outcome::Sound, &outcome)?;
        finding.came_to("an opening of a file by one of sixteen readers", together);
    }
    Ok(())
}

/// How a process ends in which clients read more files of values than there are shards, and how many
/// it opened for that.
fn read(finding: &Regression<'_>, readers: Readers, deadline: Duration) -> (Outcome, u64) {
    const KEYS: u64 = 120;
    let Readers { clients, txns } = readers;
    let preset = Preset::Tiny;
    let options = EngineOptions { file_handles: 8, ..preset.engine().one_log_file() };
    let buckets = preset.bucket().checkpoints_when_asked();
    let setup = Script::of(&buckets, |s| {
        s.open("a");
        s.work("a", Traffic::sweep(Sweep::fill(KEYS, VALUE, 8)));
        s.checkpoint("a");
    });
    let weights = [1, 0, 0, 0, 0, 0, 0];
    let mix = Mix { keys: KEYS, ops: 25, weights, abort_pct: 0, ..Mix::default() };
    let readings = Script::of(&buckets, |s| {
        s.open("a");
        s.work("a", Traffic { first_client: 1, clients, source: Source::Mix(mix), txns });
    });
    let stages = Stages {
        setup: vec![Stage::closing(&options, setup)],
        armed: Stage { deadline, ..Stage::closing(&options, readings) },
    };
    let plan: Plan = SLOW_DISK.parse().unwrap_or_else(|error| panic!("{error}"));
    let places = Places::new(&finding.dir(&format!("clients-{clients}")));
    let _ = fs::remove_dir_all(places.root());
    let recorded = set_up(&places, &MaceDriver, &stages, finding.seed())
        .and_then(|()| recorded(&places, &MaceDriver, &stages, finding.seed(), &plan));
    let outcome = recorded.unwrap_or_else(|error| panic!("{error}")).outcome;
    (outcome, faults(&trace(&places)))
}
