//! Cause: a leaf is folded (consolidated) into a new page. Older versions that a snapshot may still ask for go
//! into pages of their own, which are allocated first (`save_hist_regions`, `src/types/base.rs`). All of these
//! pages carry the log position of the whole leaf. A checkpoint that is cut between the two allocations leaves
//! the leaf to the next checkpoint, since its address is above `snap_addr`. The checkpoint follows the leaf's
//! links to the history, finds that below `snap_addr`, writes it, and takes over its log position
//! (`CheckpointTask::snapshot`, `src/map/data.rs`). The bucket's frontier then says that everything up to the
//! leaf's newest write is in data files, and recovery skips what the frontier covers (`handle_update`,
//! `src/store/recovery.rs`).
//!
//! Sequence:
//! 1. Open a snapshot, overwrite the keys of a leaf, and commit.
//! 2. Let the evictor, or a client that writes, fold the leaf, and hold that thread between its two
//!    allocations.
//! 3. Write a checkpoint meanwhile.
//! 4. Kill the process before the next checkpoint, and open the database.
//!
//! Symptom: acknowledged commits are gone: all commits to the leaf since the previous checkpoint, or the end of
//! one transaction without its beginning. First seen without any hold, where a checkpoint came due in the
//! middle of a transaction.
//!
//! Broken promise: a commit that returned with `sync_on_write` survives the death of the process.
//!
//! Ruled out: the checkpoint and the kill. The same work without an evictor in the leaf loses nothing.

use mace_prod::{
    engine::{BucketOptions, Preset},
    history::{
        clients::Traffic,
        hold::{self, At, Place},
        script::Step,
    },
    regression,
    scenario::{
        database::Stage,
        regression::{Regression, loses_commits},
        run::{
            Judging,
            session::{Script, Verbs},
        },
    },
    verdict::Verdict,
    workload::Sweep,
};

/// A page of history takes up to 128 KiB (`HIST_PAGE_BUDGET`); nothing else that the evictor asks for is
/// so large here, with or without the rows of a leaf that is folded.
const HISTORY: usize = 120 << 10;

/// Processes of which one has to be held: on an idle machine about half are, on a busy one nearly all.
const TRIES: u32 = 16;

regression!(HISTORY_AHEAD_OF_ITS_PAGE: stress_a_checkpoint_in_a_fold_keeps_its_commits, |finding| {
    finding.needs(hold::is_possible(), "threads can be held on Linux only")?;
    let control = found_after_kill(finding, false)?;
    let found = found_after_kill(finding, true)?;
    let is_caused = control == Verdict::Pass;
    finding.breaks(control);
    finding.shows(is_caused && loses_commits(&found))?;
    finding.breaks(found);
    finding.came_to("an evictor that was held within a fold", 1);
    Ok(())
});

/// What a killed process left that wrote a checkpoint while the evictor folded the only leaf, or, as a
/// control, without an evictor at work. The evictor may be done before it could be held; then all is
/// tried again.
fn found_after_kill(finding: &mut Regression<'_>, evicting: bool) -> Judging<Verdict> {
    for attempt in 0..TRIES {
        let mut database = finding.database(&format!("evicting-{evicting}-{attempt}"));
        let ended = finding.process(&mut database, &process(evicting));
        finding.expects(ended.is_done(), &ended)?;
        if ended.is_held() == evicting {
            return Ok(finding.judged(database, &Preset::Defaults.engine()));
        }
    }
    Err(Verdict::Inconclusive(format!("the evictor was not held in {TRIES} processes")))
}

/// The process that overwrites keys under a snapshot, writes a checkpoint, and dies.
fn process(evicting: bool) -> Stage {
    // Far less is written than what makes a checkpoint due. A client folds the leaf once, before the
    // snapshot, since only then it counts as a part of the cache; what is written after that is too
    // little for another time, and is left to the evictor.
    let mut made = BucketOptions { consolidate_deltas: 256, ..Preset::Defaults.bucket() };
    if evicting {
        made = BucketOptions { cache_bytes: 16 << 10, evict_pct: 80, ..made };
    }
    let overwrite = |s: &mut Script, keys| s.work("a", Traffic::sweep(Sweep::fill(keys, 900, 20)));
    let lead = Script::of(&made, |s| {
        s.open("a");
        overwrite(s, 1);
    });
    let amid = Script::of(&made, |s| s.checkpoint("a"));
    let before = Script::of(&made, |s| {
        (0..5).for_each(|_| overwrite(s, 40));
        if evicting {
            let place = Place { thread: "evictor".to_owned(), at: At::Asking(HISTORY), nth: 1 };
            s.step(Step::Hold { place, lead, amid });
        } else {
            overwrite(s, 1);
            s.checkpoint("a");
        }
    });
    let steps = Script::of(&made, |s| {
        s.open("a");
        (0..7).for_each(|_| overwrite(s, 40));
        s.checkpoint("a");
        s.step(Step::ScanAmid { bucket: "a".to_owned(), before, amid: Vec::new() });
    });
    Stage::dying(&Preset::Defaults.engine(), steps)
}
