//! Cause: nothing keeps the evictor from a bucket that is being unloaded. The evictor looks whether the bucket
//! is to be dropped, takes a reference (`target_bucket`, `src/map/evictor.rs`), and may then fold and replace a
//! page while the last checkpoint is being written. A page that is replaced after the cut has an address above
//! `snap_addr`, and the checkpoint leaves it to the next one (`CheckpointTask::snapshot`, `src/map/data.rs`).
//! There is no next one: unloading drops the rest (`checkpoint_before_reclaim` and `reclaim`,
//! `src/map/buffer.rs`). The log has all of it, but loading a bucket does not read the log.
//!
//! Sequence:
//! 1. Make a bucket with a cache so small that the evictor works, and commit.
//! 2. Give the handle back, let the evictor fold a page, and hold it before it allocates the new page.
//! 3. Unload the bucket meanwhile, and let the evictor go on.
//! 4. Open the bucket again, and read it.
//!
//! Symptom: some or all of the committed pairs are gone, and some of those are still gone after a clean close
//! and another opening. At times the evictor reaches a page of the bucket after the bucket is gone, and the
//! process aborts: `fatal: must_exist failed: must exist` (`get_bucket_context_must_exist`,
//! `src/meta/manifest.rs`). Without a hold it showed in one of five unloadings on a busy machine, and hardly
//! ever on an idle one.
//!
//! Broken promise: a durable commit stays, and `Mace::drop_bucket` "unloads a bucket to release memory".
//!
//! Ruled out: eviction and unloading as such. With a checkpoint that begins while the evictor is held, before
//! the unloading, all pairs are there. Nothing was ever lost with a checkpoint before the unloading, or with a
//! larger cache.

use mace_prod::{
    engine::{BucketOptions, Preset},
    history::{
        Milestone,
        clients::Traffic,
        hold::{self, At, Place},
        script::{Step, held::LEAF},
    },
    regression,
    scenario::{
        database::Stage,
        regression::{Ended, Regression},
        run::{
            Judging,
            session::{Script, Verbs},
        },
    },
    verdict::Verdict,
    workload::Sweep,
};

/// What a process says that dies of it.
const SYMPTOM: &str = "must_exist failed";

/// Keys that are written; the client's marker is one more.
const KEYS: u64 = 40;

/// Processes of which one has to be held; nearly all are.
const TRIES: u32 = 5;

regression!(UNLOAD_RACES_THE_EVICTOR: unloading_a_bucket_keeps_its_commits, |finding| {
    finding.needs(hold::is_possible(), "threads can be held on Linux only")?;
    // The control: a checkpoint begins within the fold, and is followed by the unloading's own.
    let control = unloaded(finding, true)?;
    finding.expects(pairs(&control) == Some(KEYS + 1), &control)?;
    let found = unloaded(finding, false)?;
    finding.shows(pairs(&found) != Some(KEYS + 1))?;
    finding.came_to("an evictor that was held within a fold", 1);
    Ok(())
});

/// How many pairs were there after the bucket was opened again; none when the process died of the
/// evictor's work.
fn pairs(ended: &Ended) -> Option<u64> {
    ended.milestones.iter().find_map(|milestone| match milestone {
        Milestone::Read { pairs } if ended.is_done() => Some(*pairs),
        _ => None,
    })
}

/// Unloads in a process whose evictor is held; it may be done before it could be, and then all is tried
/// again.
fn unloaded(finding: &mut Regression<'_>, checkpoint: bool) -> Judging<Ended> {
    for attempt in 0..TRIES {
        let mut database = finding.database(&format!("checkpoint-{checkpoint}-{attempt}"));
        let ended = finding.process(&mut database, &process(checkpoint));
        let died = ended.died_saying(SYMPTOM);
        finding.expects(died || pairs(&ended).is_some(), &ended)?;
        if !died && ended.is_held() {
            finding.judge(database, &Preset::Defaults.engine());
        }
        if died || ended.is_held() {
            return Ok(ended);
        }
    }
    Err(Verdict::Inconclusive(format!("the evictor was not held in {TRIES} processes")))
}

/// The process that fills a bucket, unloads it, opens it again and reads it.
fn process(checkpoint: bool) -> Stage {
    let made = BucketOptions {
        cache_bytes: 16 << 10,
        evict_pct: 80,
        consolidate_deltas: 64,
        ..Preset::Defaults.bucket()
    };
    let overwrite = |keys| Traffic::sweep(Sweep::fill(keys, 900, 20));
    let lead = Script::of(&made, |s| {
        s.open("a");
        s.work("a", overwrite(1));
    });
    let amid = Script::of(&made, |s| {
        if checkpoint {
            s.checkpoint("a");
        }
        s.unload("a");
    });
    let place = Place { thread: "evictor".to_owned(), at: At::Asking(LEAF), nth: 1 };
    let steps = Script::of(&made, |s| {
        s.open("a");
        // The second pass makes a client fold the leaf, which puts it into the cache.
        s.work("a", overwrite(KEYS));
        s.work("a", overwrite(KEYS));
        s.step(Step::Hold { place, lead, amid });
        s.open("a");
        s.step(Step::ReadAll { bucket: "a".to_owned() });
    });
    Stage::closing(&Preset::Defaults.engine(), steps)
}
