//! Cause: a leaf is folded into a new page. Older versions that a snapshot may still ask for go into
//! pages of their own, which are allocated first (`save_hist_regions`, `src/types/base.rs`); all of
//! them carry the log position of the whole leaf. A checkpoint that is cut between the two
//! allocations leaves the leaf to the next one, since its address is above `snap_addr`, follows its
//! links to the history, finds that below, writes it, and takes over its log position
//! (`CheckpointTask::snapshot`, `src/map/data.rs`): the bucket's frontier then says that everything
//! up to the leaf's newest write is in data files. Recovery passes by what the frontier covers
//! (`handle_update`, `src/store/recovery.rs`).
//!
//! Sequence: overwrite keys while a snapshot is open, commit; a checkpoint begins while the evictor, or
//! a client that writes, folds the leaf; the process is killed before the next checkpoint.
//!
//! Symptom: acknowledged commits are gone, all of a leaf's since the checkpoint before, or the end of
//! one transaction without its beginning. First seen in a chaos case, where a checkpoint was due in
//! the middle of a transaction; here the evictor is held between its two allocations.
//!
//! Broken promise: a commit that returned with `sync_on_write` survives the death of the process.

use mace_prod::{
    engine::{BucketOptions, Preset},
    history::{
        Milestone,
        child::ExitClass,
        clients::Traffic,
        pause::{self, Place},
        script::Step,
    },
    oracle::{OracleName, Violation},
    scenario::{
        Case,
        database::{Database, Stage},
    },
    settings::FindingId,
    verdict::Verdict,
    workload::Sweep,
};

const ID: FindingId = FindingId::HISTORY_AHEAD_OF_ITS_PAGE;

/// A page of history takes up to 128 KiB (`HIST_PAGE_BUDGET`); nothing else that the evictor asks for is
/// so large here, with or without the rows of a leaf that is folded.
const HISTORY: usize = 120 << 10;

/// Processes of which one has to be held: on an idle machine about half are, on a busy one nearly all.
const TRIES: u32 = 16;

#[test]
fn a_checkpoint_within_a_fold_keeps_its_commits() {
    Case::run(|case| {
        if !pause::is_possible() {
            return case.skip("threads can be held on Linux only");
        }
        match (found_after_kill(case, false), found_after_kill(case, true)) {
            (Ok(control), Ok(found)) if control.is_empty() => {
                // With luck the last transaction is torn, and not lost whole.
                let lost = |violation: &Violation| {
                    [OracleName::Durability, OracleName::Atomicity].contains(&violation.oracle)
                };
                if found.iter().any(lost) {
                    return case.known_finding(ID);
                }
                case.shows_nothing("an evictor that was held within a fold", 1, found)
            }
            (Ok(control), Ok(_)) => Verdict::from_violations(control),
            (Err(verdict), _) | (_, Err(verdict)) => verdict,
        }
    });
}

/// What a killed process left that wrote a checkpoint while the evictor folded the only leaf, or, as a
/// control, without an evictor at work. The evictor may be done before it could be held; then all is
/// tried again.
fn found_after_kill(case: &mut Case, evicting: bool) -> Result<Vec<Violation>, Verdict> {
    for attempt in 0..TRIES {
        let root = case.dir().join(format!("evicting-{evicting}-{attempt}"));
        let mut database = Database::new(root, case.seed()).expect("the case's folder takes files");
        let held = ran(case, &mut database, &process(evicting))?;
        if held == evicting {
            let options = Preset::Defaults.engine();
            let broken = database.broken(&options, &mut case.figures);
            return Ok(broken.expect("the child program is built with the tests"));
        }
    }
    Err(Verdict::Inconclusive(format!("the evictor was not held in {TRIES} processes")))
}

/// The process that overwrites keys under a snapshot, writes a checkpoint, and dies.
fn process(evicting: bool) -> Stage {
    let bucket = || "a".to_owned();
    // Far less is written than what makes a checkpoint due. A client folds the leaf once, before the
    // snapshot, since only then it counts as a part of the cache; what is written after that is too
    // little for another time, and is left to the evictor.
    let mut made = BucketOptions { consolidate_deltas: 256, ..Preset::Defaults.bucket() };
    if evicting {
        made = BucketOptions { cache_bytes: 16 << 10, evict_pct: 80, ..made };
    }
    let open = Step::Open { bucket: bucket(), options: made };
    let overwrite = |keys| {
        let traffic = Traffic::sweep(Sweep::fill(keys, 900, 20));
        Step::Traffic { bucket: bucket(), traffic }
    };
    let checkpoint = || Step::Checkpoint { bucket: bucket() };
    let last = if evicting {
        vec![Step::Hold {
            place: Place { thread: "evictor".to_owned(), bytes: HISTORY, nth: 1 },
            lead: vec![open.clone(), overwrite(1)],
            amid: vec![checkpoint()],
        }]
    } else {
        vec![overwrite(1), checkpoint()]
    };
    let before = (0..5).map(|_| overwrite(40)).chain(last).collect();
    let scan = Step::ScanAmid { bucket: bucket(), before, amid: Vec::new() };
    let mut steps = vec![open];
    steps.extend((0..7).map(|_| overwrite(40)));
    steps.extend([checkpoint(), scan]);
    Stage::dying(&Preset::Defaults.engine(), steps)
}

/// Whether a thread was held in a process that came to its end.
fn ran(case: &mut Case, database: &mut Database, stage: &Stage) -> Result<bool, Verdict> {
    let exit = database.process(stage, &mut case.figures);
    let exit = exit.expect("the child program is built with the tests");
    let milestones = database.milestones().expect("the journal can be read");
    let ended = milestones.iter().any(Milestone::is_scripted);
    match exit.class {
        ExitClass::Died(_) if ended => Ok(milestones.iter().any(Milestone::is_held)),
        class => Err(Verdict::Crashed(format!("{class:?} after {milestones:?}: {}", exit.stderr))),
    }
}
