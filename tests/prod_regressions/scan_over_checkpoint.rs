//! Cause: pages that were made and replaced between two checkpoints are never written to a file. They live in
//! memory until the checkpoint that seals their generation is finished, and are dropped at once then
//! (`CheckpointTask::finish`, `src/map/data.rs`). An epoch protects a reader that still walks an older image of
//! a leaf, and that image too. It does not protect the pages that the image refers to: the history of its keys,
//! and its large values. `Loader::load_sibling` finds such a page neither in memory nor in a file.
//!
//! Sequence:
//! 1. Open a snapshot, and overwrite its keys until a leaf is folded and has a history.
//! 2. Scan the snapshot until the scan is in that leaf.
//! 3. Overwrite the keys until the leaf is folded again, and write a checkpoint.
//! 4. Go on with the scan.
//!
//! Symptom: the process aborts: `fatal: must_exist failed: addr … not found in intervals`. A point read has the
//! same gap, but a short one; a scan stays in a leaf as long as its caller takes.
//!
//! A page or a value that is in a file can disappear in the same way. It is junk when the leaf is folded, and a
//! collection leaves it out or removes the file. On an engine in which `reading-a-collected-file` is fixed as
//! well, the test therefore also runs a scan over a collection.
//!
//! Broken promise: "a reachable address stays readable until its metadata is durable"
//! (`emergent.reachable_junk_lifecycle`), and an invariant that fails must not be reachable through the public
//! interface.
//!
//! Ruled out: the overwriting. Without the checkpoint the same scan comes to its end.

use mace_prod::{
    engine::{Driver, EngineOptions, Preset, Scan, mace::MaceDriver},
    history::{clients::Traffic, script::Step},
    regression,
    scenario::{
        database::Stage,
        regression::{Ended, Regression},
        run::{
            Judging,
            session::{Script, Verbs},
        },
    },
    settings::{FindingId, excludes},
    verdict::Verdict,
    workload::Sweep,
};
use std::ops::Range;

/// Keys of the scan that goes on over a collection, and how often that is tried.
const KEYS: u8 = 8;
const COLLECTIONS: u32 = 50;

/// What the process says that dies of it.
const SYMPTOM: &str = "not found in intervals";

regression!(SCAN_OVER_CHECKPOINT: a_scan_goes_on_over_a_checkpoint, |finding| {
    let control = scanned(finding, "control", false);
    finding.expects(control.is_done(), &control)?;
    let found = scanned(finding, "checkpoint", true);
    finding.shows(found.died_saying(SYMPTOM))?;
    finding.expects(found.is_done(), &found)?;
    finding.came_to("a checkpoint within a scan", 1);
    if excludes(FindingId::READING_A_COLLECTED_FILE) { Ok(()) } else { collected(finding) }
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

/// Collects files while a scan goes on that reads what they held: it meets its snapshot. An engine that
/// aborts ends this process.
fn collected(finding: &Regression<'_>) -> Judging<()> {
    let engine = MaceDriver.open(&finding.dir("collection"), &options());
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
    let there: Vec<_> = (0..KEYS).map(|key| (vec![key], vec![0; 100])).collect();
    finding.keeps(met == there, "a reader sees its snapshot", &met)?;
    if files() > before {
        return Ok(());
    }
    Err(Verdict::Inconclusive(format!(
        "no file was collected in {COLLECTIONS} rounds within a scan"
    )))
}
