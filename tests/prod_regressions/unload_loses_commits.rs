//! Cause: nothing keeps the evictor from a bucket that is being unloaded. It looks whether the
//! bucket is to be dropped, takes a reference (`target_bucket`, `src/map/evictor.rs`), and may then
//! fold and replace a page while the last checkpoint is being written. A page that is replaced
//! after the cut has an address above `snap_addr`; the checkpoint leaves it to the next one
//! (`CheckpointTask::snapshot`, `src/map/data.rs`), and there is none: unloading drops the rest
//! (`checkpoint_before_reclaim` and `reclaim`, `src/map/buffer.rs`). The log would have it all, but
//! loading a bucket does not read the log.
//!
//! Sequence: a bucket with a cache so small that the evictor works; commit, give the handle back,
//! unload the bucket while the evictor folds a page, open it again. Left to chance it shows in one of
//! five unloadings on a busy machine and hardly ever on an idle one; here the evictor is held before it
//! allocates the new page.
//!
//! Symptom: some or all of the committed pairs are gone. Of those, some are still gone after a clean
//! close and another opening. With a checkpoint between, before the unloading, nothing was ever lost,
//! and nothing with a larger cache. At times the evictor meets a page of the bucket when that is gone
//! already, and the process aborts: `fatal: must_exist failed: must exist`
//! (`get_bucket_context_must_exist`, `src/meta/manifest.rs`). So the work is done in processes of
//! their own.
//!
//! Broken promise: a durable commit stays, and `Mace::drop_bucket` "unloads a bucket to release
//! memory".

use mace_prod::{
    engine::{BucketOptions, Preset},
    history::{
        Milestone,
        child::ExitClass,
        clients::Traffic,
        pause::{self, Place},
        script::Step,
    },
    oracle::Violation,
    scenario::{
        Case,
        database::{Database, Stage},
    },
    settings::FindingId,
    verdict::Verdict,
    workload::Sweep,
};

const ID: FindingId = FindingId::UNLOAD_RACES_THE_EVICTOR;

/// What a process says that dies of it.
const SYMPTOM: &str = "must_exist failed";

/// Room for the rows of a leaf that is folded is what the evictor asks for first, and nothing else that
/// it asks for here is so large.
const ROWS: usize = 64 << 10;

/// Keys that are written; the client's marker is one more.
const KEYS: u64 = 40;

/// Processes of which one has to be held; nearly all are.
const TRIES: u32 = 5;

/// What became of a bucket that was unloaded while the evictor folded its page.
enum Found {
    /// So many pairs after it was opened again, and what else is broken after that.
    Pairs(u64, Vec<Violation>),
    /// The process died of the evictor's work.
    Died,
}

#[test]
fn unloading_a_bucket_keeps_its_commits() {
    Case::run(|case| {
        if !pause::is_possible() {
            return case.skip("threads can be held on Linux only");
        }
        // The control: a checkpoint begins within the fold, and is followed by the unloading's own.
        match (unloaded(case, true), unloaded(case, false)) {
            (Ok(Found::Pairs(control, _)), Ok(found)) if control == KEYS + 1 => match found {
                Found::Pairs(all, others) if all == control => {
                    case.shows_nothing("an evictor that was held within a fold", 1, others)
                }
                Found::Pairs(..) | Found::Died => case.known_finding(ID),
            },
            (Ok(Found::Pairs(control, _)), Ok(_)) => {
                Verdict::Crashed(format!("the control found {control} of {} pairs", KEYS + 1))
            }
            (Ok(Found::Died), Ok(_)) => Verdict::Crashed(format!("the control: {SYMPTOM}")),
            (Err(verdict), _) | (_, Err(verdict)) => verdict,
        }
    });
}

/// Unloads in a process whose evictor is held; it may be done before it could be, and then all is tried
/// again.
fn unloaded(case: &mut Case, checkpoint: bool) -> Result<Found, Verdict> {
    for attempt in 0..TRIES {
        let root = case.dir().join(format!("checkpoint-{checkpoint}-{attempt}"));
        let mut database = Database::new(root, case.seed()).expect("the case's folder takes files");
        let exit = database.process(&process(checkpoint), &mut case.figures);
        let exit = exit.expect("the child program is built with the tests");
        let milestones = database.milestones().expect("the journal can be read");
        let held = milestones.iter().any(Milestone::is_held);
        let read = milestones.iter().find_map(|milestone| match milestone {
            Milestone::Read { pairs } => Some(*pairs),
            _ => None,
        });
        match (exit.class, read) {
            (ExitClass::Done, Some(pairs)) if held => {
                let others = database.broken(&Preset::Defaults.engine(), &mut case.figures);
                let others = others.expect("the child program is built with the tests");
                return Ok(Found::Pairs(pairs, others));
            }
            (ExitClass::Done, Some(_)) => {}
            (ExitClass::Died(_) | ExitClass::Panicked, _) if exit.stderr.contains(SYMPTOM) => {
                return Ok(Found::Died);
            }
            (class, _) => return Err(Verdict::Crashed(format!("{class:?}: {}", exit.stderr))),
        }
    }
    Err(Verdict::Inconclusive(format!("the evictor was not held in {TRIES} processes")))
}

/// The process that fills a bucket, unloads it, opens it again and reads it.
fn process(checkpoint: bool) -> Stage {
    let bucket = || "a".to_owned();
    let made = BucketOptions {
        cache_bytes: 16 << 10,
        evict_pct: 80,
        consolidate_deltas: 64,
        ..Preset::Defaults.bucket()
    };
    let open = Step::Open { bucket: bucket(), options: made };
    let overwrite = |keys| {
        let traffic = Traffic::sweep(Sweep::fill(keys, 900, 20));
        Step::Traffic { bucket: bucket(), traffic }
    };
    let before = checkpoint.then(|| Step::Checkpoint { bucket: bucket() });
    let hold = Step::Hold {
        place: Place { thread: "evictor".to_owned(), bytes: ROWS, nth: 1 },
        lead: vec![open.clone(), overwrite(1)],
        amid: before.into_iter().chain([Step::Unload { bucket: bucket() }]).collect(),
    };
    // The second pass makes a client fold the leaf, which puts it into the cache.
    let fill = [open.clone(), overwrite(KEYS), overwrite(KEYS)];
    let again = [hold, open, Step::ReadAll { bucket: bucket() }];
    Stage::closing(&Preset::Defaults.engine(), fill.into_iter().chain(again).collect())
}
