//! Cause: pages that were made and replaced between two checkpoints are never written to a file;
//! they live in memory until the checkpoint that seals their generation is finished, and are
//! dropped then at once (`CheckpointTask::finish`, `src/map/data.rs`). A reader that still walks an
//! older image of a leaf is protected by an epoch, and so is that image, but not the pages that it
//! refers to: the history of its keys and its large values. `Loader::load_sibling` finds such a
//! page neither in memory nor in a file.
//!
//! Sequence: hold a snapshot, overwrite its keys until a leaf is folded and has a history; scan the
//! snapshot; while the scan is in the leaf, overwrite until the leaf is folded again, and write a
//! checkpoint; go on with the scan. A point read has the same gap, which is short; a scan stays in
//! a leaf as long as its caller takes.
//!
//! Symptom: the process aborts: `fatal: must_exist failed: addr … not found in intervals`.
//!
//! A page or a value that is in a file can be gone in the same way: it is junk when the leaf is folded, and
//! collection leaves it out or removes the file. Where that is fixed as well (`reading-a-collected-file`),
//! another scan has to go on over a collection.
//!
//! Broken promise: "readers see exactly their snapshot" while checkpoints are written; and an
//! invariant that fails must not be reachable through the public interface.

use mace_prod::{
    engine::{Driver, EngineOptions, Preset, Scan, mace::MaceDriver},
    history::{
        child::{Exit, ExitClass},
        clients::Traffic,
        script::Step,
    },
    oracle::{OracleName, Violation},
    scenario::{
        Case,
        database::{Database, Stage},
    },
    settings::{FindingId, excludes},
    verdict::Verdict,
    workload::Sweep,
};
use std::ops::Range;

const ID: FindingId = FindingId::SCAN_OVER_CHECKPOINT;

/// Keys of the scan that goes on over a collection, and how often that is tried.
const KEYS: u8 = 8;
const COLLECTIONS: u32 = 50;

/// What the process says that dies of it.
const SYMPTOM: &str = "not found in intervals";

#[test]
fn a_scan_goes_on_over_a_checkpoint() {
    Case::run(|case| {
        let (_, control) = scanned(case, "control", false);
        if control.class != ExitClass::Done {
            let class = control.class;
            return Verdict::Crashed(format!("the control without a checkpoint: {class:?}"));
        }
        let (mut database, exit) = scanned(case, "checkpoint", true);
        match (exit.class, exit.stderr) {
            (ExitClass::Done, _) => {
                let others = database.broken(&options(), &mut case.figures);
                let mut others = others.expect("the child program is built with the tests");
                let mut files = 1;
                if !excludes(FindingId::READING_A_COLLECTED_FILE) {
                    match collected(case) {
                        Ok(collected) => files = collected,
                        Err(violation) => others.push(violation),
                    }
                }
                case.shows_nothing("a checkpoint and a collection within a scan", files, others)
            }
            // 0.1.2 panics where later versions abort.
            (ExitClass::Died(_) | ExitClass::Panicked, said) if said.contains(SYMPTOM) => {
                case.known_finding(ID)
            }
            (class, said) => Verdict::Crashed(format!("{class:?}: {said}")),
        }
    });
}

fn options() -> EngineOptions {
    Preset::Tiny.engine().one_log_file()
}

/// How a process ends that overwrites keys in the middle of a scan.
fn scanned(case: &mut Case, name: &str, checkpoint: bool) -> (Database, Exit) {
    let root = case.dir().join(name);
    let mut database = Database::new(root, case.seed()).expect("the case's folder takes files");
    let bucket = || "a".to_owned();
    let sweep =
        || Step::Traffic { bucket: bucket(), traffic: Traffic::sweep(Sweep::fill(8, 100, 8)) };
    let overwrite: Vec<Step> = (0..40).map(|_| sweep()).collect();
    let mut amid = overwrite.clone();
    amid.extend(checkpoint.then(|| Step::Checkpoint { bucket: bucket() }));
    let steps = vec![
        Step::Open { bucket: bucket(), options: Preset::Tiny.bucket().checkpoints_when_asked() },
        sweep(),
        Step::ScanAmid { bucket: bucket(), before: overwrite, amid },
    ];
    let exit = database.process(&Stage::closing(&options(), steps), &mut case.figures);
    let exit = exit.expect("the child program is built with the tests");
    (database, exit)
}

/// How many files were collected while a scan went on that reads what they held. An engine that aborts
/// ends this process.
fn collected(case: &Case) -> Result<u64, Violation> {
    let engine = MaceDriver.open(&case.dir().join("collection"), &options());
    let engine = engine.expect("a fresh database opens");
    let made = Preset::Tiny.bucket().checkpoints_when_asked();
    let bucket = engine.create_bucket("a", &made).expect("a fresh bucket");
    let write = |rounds: Range<u8>| {
        for (round, key) in rounds.flat_map(|round| (0..KEYS).map(move |key| (round, key))) {
            let txn = bucket.begin().expect("a transaction begins");
            txn.upsert(&[key], &[round; 100]).expect("the only writer");
            txn.commit().expect("a commit on a healthy disk");
        }
        bucket.checkpoint_and_wait();
    };
    let files = || engine.collected().0 + engine.collected().1;
    write(0..1);
    let view = bucket.view().expect("a view opens");
    write(1..40);
    let before = files();
    let mut met = Vec::new();
    let scanned = view.visit(&Scan::all(), &mut |key, value| {
        if met.is_empty() {
            for _ in (0..COLLECTIONS).take_while(|_| files() == before) {
                write(40..80);
                engine.collect_garbage();
            }
        }
        met.push((key.to_vec(), value.to_vec()));
    });
    scanned.expect("a scan");
    let wanted: Vec<_> = (0..KEYS).map(|key| (vec![key], vec![0; 100])).collect();
    if met == wanted {
        return Ok(files() - before);
    }
    Err(Violation::new(OracleName::Scan, "a reader sees its snapshot", format!("{met:?}")))
}
