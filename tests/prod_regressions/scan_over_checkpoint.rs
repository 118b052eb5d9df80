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
    history::{clients::Traffic, script::Step},
    regression,
    scenario::{
        database::Stage,
        regression::{Ended, Regression},
        run::session::{Script, Verbs},
    },
    workload::Sweep,
};

/// What the process says that dies of it.
const SYMPTOM: &str = "not found in intervals";

regression!(SCAN_OVER_CHECKPOINT: a_scan_goes_on_over_a_checkpoint, |finding| {
    let control = scanned(finding, "control", false);
    finding.expects(control.is_done(), &control)?;
    let found = scanned(finding, "checkpoint", true);
    finding.shows(found.died_saying(SYMPTOM))?;
    finding.expects(found.is_done(), &found)?;
    finding.came_to("a checkpoint within a scan", 1);
    Ok(())
});

fn options() -> EngineOptions {
    Preset::Tiny.engine().one_log_file()
}

/// How a process ends that overwrites keys in the middle of a scan.
fn scanned(finding: &mut Regression<'_>, name: &str, checkpoint: bool) -> Ended {
    let mut database = finding.database(name);
    let buckets = Preset::Tiny.bucket().checkpoints_when_asked();
    let sweep = || Traffic::sweep(Sweep::fill(8, 100, 8));
    let before = Script::of(&buckets, |s| (0..40).for_each(|_| s.work("a", sweep())));
    let mut amid = before.clone();
    if checkpoint {
        amid.extend(Script::of(&buckets, |s| s.checkpoint("a")));
    }
    let steps = Script::of(&buckets, |s| {
        s.open("a");
        s.work("a", sweep());
        s.step(Step::ScanAmid { bucket: "a".to_owned(), before, amid });
    });
    let ended = finding.process(&mut database, &Stage::closing(&options(), steps));
    if checkpoint && ended.is_done() {
        finding.judge(database, &options());
    }
    ended
}
