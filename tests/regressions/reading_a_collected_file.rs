//! Cause: `StatCtx::load` (`src/meta/stat.rs`) looks up which file holds an address, lets go of the
//! lock, and opens that file when it is not among the open ones. Collection may publish the
//! rewritten file and remove the old one in between (`rewrite_files`, `src/store/gc.rs`), and
//! `MetaReader::new` (`src/map/data.rs`) takes a file that is not there for a reason to abort.
//! Everyone who loads a page or a value goes this way: clients, checkpoints, and the evictor when it
//! folds a page (`Evictor::evict_bucket`), in which a soak met it first.
//!
//! Sequence: overwrite some of the values and write a checkpoint, so that files are worth rewriting;
//! collect while clients read. The cache of open files holds eight, one in each of its shards, and an
//! opening takes a millisecond, so that clients queue for a shard between the look-up and the
//! opening: 17 of 32 processes died of it on two busy cores. Without the delay none of twenty did; a
//! soak met it about once in a hundred cycles.
//!
//! Symptom: the process aborts: `fatal: must_ok failed: can't open payload metadata`.
//!
//! Broken promise: "readers see exactly their snapshot" while files are collected; and an invariant
//! that fails must not be reachable through the public interface.

use crate::record::{Places, record};
use faultfs::{Outcome, Plan};
use mace_prod::{
    engine::{Family, mace::MaceDriver},
    history::{drive::Traffic, script::Step},
    scenario::{Case, chaos::recipes::Stages, database::Stage},
    settings::tries,
    verdict::Verdict,
    workload::{Mix, Source, Sweep},
};
use std::iter;

/// The finding's name.
const ID: &str = "reading-a-collected-file";

/// What the process says that dies of it.
const SYMPTOM: &str = "can't open";

/// Each opening of a file of values takes a millisecond, so that clients queue for it.
const SLOW_DISK: &str = "open[blob]=return(delay=1)";

/// How often a process overwrites, and reads while it collects.
const TURNS: usize = 3;

/// Runs the case.
pub(crate) fn judge(case: &mut Case) -> Verdict {
    match read(case, "control", false) {
        Outcome::Sound => {}
        other => return Verdict::Crashed(format!("the control, which collects later: {other}")),
    }
    for number in 0..tries(ID) {
        match read(case, &format!("try-{number}"), true) {
            Outcome::Sound => {}
            Outcome::Died(said) | Outcome::Panicked(said) if said.contains(SYMPTOM) => {
                return case.known_finding(ID);
            }
            other => return Verdict::Crashed(other.to_string()),
        }
    }
    Verdict::Pass
}

/// How a process ends in which clients read, and files are collected at the same time or afterwards.
fn read(case: &mut Case, name: &str, at_once: bool) -> Outcome {
    const KEYS: u64 = 120;
    case.figures.add("processes", 1);
    let family = Family::Tiny;
    let options = family.engine().one_log_file();
    let bucket = || "a".to_owned();
    let open =
        || Step::Open { bucket: bucket(), options: family.bucket().checkpoints_when_asked() };
    let sweep = |step| Sweep { step, ..Sweep::fill(KEYS, 3000, 8) };
    let fill = |step| Step::Traffic { bucket: bucket(), traffic: Traffic::sweep(sweep(step)) };
    let checkpoint = || Step::Checkpoint { bucket: bucket() };

    let weights = [1, 0, 0, 0, 0, 0, 0];
    let mix = Mix { keys: KEYS, ops: 8, weights, abort_pct: 0, ..Mix::default() };
    let traffic = Traffic { first_client: 1, clients: 16, source: Source::Mix(mix), txns: 1 };
    let collect = Step::Collect { rounds: 2 };
    let turn = if at_once {
        vec![Step::Beside { bucket: bucket(), traffic, steps: vec![collect] }]
    } else {
        vec![Step::Traffic { bucket: bucket(), traffic }, collect]
    };
    let turn = [vec![fill(2), checkpoint()], turn].concat();
    let turns = iter::repeat_n(turn, TURNS).flatten();
    let armed = iter::once(open()).chain(turns).collect();
    let setup = vec![open(), fill(1), checkpoint()];
    let stages = Stages {
        setup: vec![Stage::closing(&options, setup)],
        armed: Stage::closing(&options, armed),
    };
    let plan: Plan = SLOW_DISK.parse().unwrap_or_else(|error| panic!("{error}"));
    let places = Places::new(&case.dir().join(name));
    let recorded = record(&places, &MaceDriver, &stages, case.seed(), &plan);
    recorded.unwrap_or_else(|error| panic!("{error}")).outcome
}
