//! Cause: `StatCtx::load` (`src/meta/stat.rs`) looks up which file holds an address, lets go of the
//! lock, and opens that file when it is not among the open ones. Collection may publish the
//! rewritten file and remove the old one in between (`rewrite_files`, `src/store/gc.rs`), and
//! `MetaReader::new` (`src/map/data.rs`) takes a file that is not there for a reason to abort.
//! Everyone who loads a page or a value goes this way: clients, checkpoints, and the evictor when it
//! folds a page (`Evictor::evict_bucket`), in which a soak met it first.
//!
//! Sequence: overwrite every second value and write a checkpoint, so that all older files are worth
//! rewriting; in the next process collect while a client reads. The disk is slow twice: when the first
//! rewritten file is made, so that the client gets to one of the files that come later, and when the
//! client opens that one. Without a slow disk a soak met it about once in a hundred cycles.
//!
//! Symptom: the process aborts: `fatal: must_ok failed: can't open payload metadata`.
//!
//! Broken promise: "readers see exactly their snapshot" while files are collected; and an invariant
//! that fails must not be reachable through the public interface.

use crate::power::{
    explore::fails,
    record::{Places, recorded, set_up, trace},
};
use faultfs::{Outcome, Plan};
use mace_prod::{
    engine::{Preset, mace::MaceDriver},
    history::{clients::Traffic, script::Step},
    scenario::{Case, chaos::recipes::Stages, database::Stage, power::DATABASE},
    settings::{FindingId, tries},
    verdict::Verdict,
    workload::{Mix, Source, Sweep},
};
use std::{collections::BTreeSet, fs, iter};

/// The finding's name.
const ID: FindingId = FindingId::READING_A_COLLECTED_FILE;

/// Bytes of a value, which has a file of its own kind in every version of the engine.
const VALUE: u32 = 5000;

/// How often every second value is overwritten: so much garbage is collected in every build.
const OVERWRITES: usize = 3;

/// What the process says that dies of it.
const SYMPTOM: &str = "can't open";

/// A disk that takes its time over the first file that collection makes, and for the client over one
/// of the files that are collected later, which is the first to open that one.
fn slow_disk(places: &Places, number: u32) -> Plan {
    let data = places.disk().join(DATABASE).join("data");
    let names = fs::read_dir(data).expect("the database has a folder of files");
    let numbers = names.filter_map(|entry| {
        let name = entry.expect("the folder can be read").file_name();
        name.to_str()?.strip_prefix("blob_")?.parse::<u64>().ok()
    });
    let numbers: BTreeSet<u64> = numbers.collect();
    let (first, last) = numbers.first().zip(numbers.last()).expect("values have files");
    // The oldest are collected in their order; another one of those in the middle in each try.
    let some = (last - first) / 8;
    let most = (last - first) / 4;
    let later = first + some + u64::from(number) % most.max(1);
    let made = last + 1;
    let rules =
        format!("open[blob_{made}]=1*return(delay=200);open[blob_{later}]=1*return(delay=600)");
    rules.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// Runs the case.
pub(crate) fn judge(case: &mut Case) -> Verdict {
    let mut delayed = 0;
    for number in 0..tries(ID) {
        match read(case, number, false) {
            Outcome::Sound => {}
            other => {
                return Verdict::Crashed(format!("the control, which collects later: {other}"));
            }
        }
        match read(case, number, true) {
            Outcome::Sound => delayed += u64::from(delays(&places(case, number, true)) > 1),
            Outcome::Died(said) | Outcome::Panicked(said) if said.contains(SYMPTOM) => {
                return case.known_finding(ID);
            }
            other => return Verdict::Crashed(other.to_string()),
        }
    }
    case.shows_nothing("a reader and a collection that open files meanwhile", delayed, Vec::new())
}

fn places(case: &Case, number: u32, at_once: bool) -> Places {
    Places::new(&case.dir().join(format!("{number}-{at_once}")))
}

/// How many calls the disk took its time over.
fn delays(places: &Places) -> usize {
    trace(places).events().iter().filter(|event| fails(&event.op)).count()
}

/// How a process ends in which a client reads, and files are collected at the same time or afterwards.
fn read(case: &mut Case, number: u32, at_once: bool) -> Outcome {
    const KEYS: u64 = 120;
    case.figures.add("processes", 1);
    let preset = Preset::Tiny;
    let options = preset.engine().one_log_file();
    let bucket = || "a".to_owned();
    let open =
        || Step::Open { bucket: bucket(), options: preset.bucket().checkpoints_when_asked() };
    let sweep = |step| Sweep { step, ..Sweep::fill(KEYS, VALUE, 8) };
    let fill = |step| Step::Traffic { bucket: bucket(), traffic: Traffic::sweep(sweep(step)) };
    let checkpoint = || Step::Checkpoint { bucket: bucket() };

    let weights = [1, 0, 0, 0, 0, 0, 0];
    let mix = Mix { keys: KEYS, ops: 400, weights, abort_pct: 0, ..Mix::default() };
    let traffic = Traffic { first_client: 1, clients: 1, source: Source::Mix(mix), txns: 1 };
    let collect = Step::Collect { rounds: 2 };
    let readings = if at_once {
        vec![Step::Beside { bucket: bucket(), traffic, steps: vec![collect] }]
    } else {
        vec![Step::Traffic { bucket: bucket(), traffic }, collect]
    };
    let overwritten = iter::repeat_n([fill(2), checkpoint()], OVERWRITES).flatten();
    let setup = [open(), fill(1), checkpoint()].into_iter().chain(overwritten).collect();
    let stages = Stages {
        setup: vec![Stage::closing(&options, setup)],
        armed: Stage::closing(&options, [vec![open()], readings].concat()),
    };
    let places = places(case, number, at_once);
    let seed = case.seed().derive(&format!("try {number}"));
    let recorded = set_up(&places, &MaceDriver, &stages, seed)
        .and_then(|()| recorded(&places, &MaceDriver, &stages, seed, &slow_disk(&places, number)));
    recorded.unwrap_or_else(|error| panic!("{error}")).outcome
}
