//! Cause: `StatCtx::load` (`src/meta/stat.rs`) looks up which file holds an address, releases the lock, and
//! opens that file when it is not among the open ones. In between a collection may publish the rewritten file
//! and remove the old one (`rewrite_files`, `src/store/gc.rs`), and `MetaReader::new` (`src/map/data.rs`)
//! aborts when a file is absent. Every load of a page or a value goes this way: those of clients, of
//! checkpoints, and of the evictor when it folds a page (`Evictor::evict_bucket`).
//!
//! Sequence:
//! 1. Overwrite every second value several times, with a checkpoint each time, so that all older files are
//!    worth rewriting.
//! 2. In the next process, collect garbage while a client reads.
//! 3. Delay the disk when the collection makes its first rewritten file, so that the client reaches a file that
//!    is collected later.
//! 4. Delay the disk again when the client opens that file.
//!
//! Symptom: the process aborts: `fatal: must_ok failed: can't open payload metadata`. Under long random work
//! without a slow disk it showed about once in a hundred rounds, first in the evictor.
//!
//! Broken promise: "a reachable address stays readable until its metadata is durable"
//! (`emergent.reachable_junk_lifecycle`), and an invariant that fails must not be reachable through the public
//! interface.
//!
//! Ruled out: the slow disk. The same reading before the collection, on the same disk, comes to its end.

use crate::power::{
    record::{Places, recorded, set_up, trace},
    search::faults,
};
use faultfs::{Outcome, Plan};
use mace_prod::{
    engine::{Preset, mace::MaceDriver},
    history::clients::Traffic,
    scenario::{
        chaos::recipes::Stages,
        database::Stage,
        power::DATABASE,
        regression::Regression,
        run::{
            Judging,
            session::{Script, Verbs},
        },
    },
    settings::{FindingId, tries},
    workload::{Mix, Source, Sweep},
};
use std::{collections::BTreeSet, fs};

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

pub(crate) fn body(finding: &mut Regression<'_>) -> Judging<()> {
    for number in 0..tries(FindingId::READING_A_COLLECTED_FILE) {
        let (control, _) = read(finding, number, false);
        finding.expects(control == Outcome::Sound, &control)?;
        let (found, delays) = read(finding, number, true);
        let said = match &found {
            Outcome::Died(said) | Outcome::Panicked(said) => said.as_str(),
            _ => "",
        };
        finding.shows(said.contains(SYMPTOM))?;
        finding.expects(found == Outcome::Sound, &found)?;
        let both = u64::from(delays > 1);
        finding.came_to("a reader and a collection that open files meanwhile", both);
    }
    Ok(())
}

/// How a process ends in which a client reads, and files are collected at the same time or afterwards,
/// and how many calls the disk took its time over.
fn read(finding: &mut Regression<'_>, number: u32, at_once: bool) -> (Outcome, u64) {
    const KEYS: u64 = 120;
    finding.case.figures.add("processes", 1);
    let options = Preset::Tiny.engine().one_log_file();
    let buckets = Preset::Tiny.bucket().checkpoints_when_asked();
    let fill = |step| Traffic::sweep(Sweep { step, ..Sweep::fill(KEYS, VALUE, 8) });
    let setup = Script::of(&buckets, |s| {
        s.open("a");
        s.work("a", fill(1));
        s.checkpoint("a");
        for _ in 0..OVERWRITES {
            s.work("a", fill(2));
            s.checkpoint("a");
        }
    });
    let weights = [1, 0, 0, 0, 0, 0, 0];
    let mix = Mix { keys: KEYS, ops: 400, weights, abort_pct: 0, ..Mix::default() };
    let reader = Traffic { first_client: 1, clients: 1, source: Source::Mix(mix), txns: 1 };
    let readings = Script::of(&buckets, |s| {
        s.open("a");
        if at_once {
            s.work_beside("a", reader, |s| s.collect(2));
        } else {
            s.work("a", reader);
            s.collect(2);
        }
    });
    let stages = Stages {
        setup: vec![Stage::closing(&options, setup)],
        armed: Stage::closing(&options, readings),
    };
    let places = Places::new(&finding.dir(&format!("{number}-{at_once}")));
    let seed = finding.seed().derive(&format!("try {number}"));
    let recorded = set_up(&places, &MaceDriver, &stages, seed)
        .and_then(|()| recorded(&places, &MaceDriver, &stages, seed, &slow_disk(&places, number)));
    let outcome = recorded.unwrap_or_else(|error| panic!("{error}")).outcome;
    (outcome, faults(&trace(&places)))
}
