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
//! Broken promise: "readers see exactly their snapshot" while checkpoints are written; and an
//! invariant that fails must not be reachable through the public interface.

use mace_prod::{
    engine::{EngineOptions, Preset},
    history::{
        child::{Exit, ExitClass},
        clients::Traffic,
        script::Step,
    },
    scenario::{
        Case,
        database::{Database, Stage},
    },
    settings::FindingId,
    verdict::Verdict,
    workload::Sweep,
};

const ID: FindingId = FindingId::SCAN_OVER_CHECKPOINT;

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
                let others = others.expect("the child program is built with the tests");
                case.shows_nothing("a checkpoint within a scan", 1, others)
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
