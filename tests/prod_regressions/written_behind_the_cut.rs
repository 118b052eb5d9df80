//! Cause: a write takes its place in the log, and then its part in a generation of pages (`Tree::link`,
//! `src/index/tree.rs`: `check` before `begin_build`). A checkpoint that is cut between the two has pages of
//! the previous generation. Their log positions include those of a write of the same writer group that began a
//! moment later and was quicker, and the bucket's frontier (`CheckpointTask::snapshot`, `src/map/data.rs`) is
//! the greatest of them. The slower write goes to the next generation, with a position below the frontier, and
//! recovery skips what the frontier covers (`handle_update`, `src/store/recovery.rs`).
//!
//! Sequence:
//! 1. Let several clients write to one bucket in one writer group. (With default options clients are spread
//!    over sixteen groups by load, and may share one.)
//! 2. Hold one client right after it has released the lock of the group's log and woken the next client.
//! 3. Commit with another client, and write a checkpoint.
//! 4. Let the held client go on and commit.
//! 5. Kill the process before the next checkpoint, and open the database.
//!
//! Symptom: acknowledged commits are gone, or a part of one. First seen without any hold, twice in a hundred
//! runs of checkpoints beside eight clients in one writer group, on two busy cores.
//!
//! Broken promise: a commit that returned with `sync_on_write` survives the death of the process.
//!
//! Ruled out: the hold and the kill. With both, and without the checkpoint, nothing is lost.

use mace_prod::{
    engine::{BucketOptions, EngineOptions, Preset},
    history::{
        clients::{Traffic, clients},
        hold::{At, Place},
        script::{Step, held::LEAD},
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
    workload::{Mix, Sweep},
};

/// Keys that each client has to itself.
const KEYS: u64 = 512;

const CLIENTS: u16 = 6;

/// The room that a log has in memory: a record that is longer is written while the lock is held, and others wait
/// for it.
const RING: u64 = 8 << 10;

/// Processes that are tried.
const TRIES: u64 = 64;

regression!(WRITTEN_BEHIND_THE_CUT: a_write_across_a_cut_survives_a_kill, |finding| {
    let can_wake = cfg!(all(target_os = "linux", target_env = "gnu"));
    finding.needs(can_wake, "threads are held behind their wakes on Linux with glibc only")?;
    for attempt in 0..TRIES {
        let Some(found) = found_after_kill(finding, attempt, true)? else { continue };
        finding.came_to("a client that was held behind its wake", 1);
        if loses_commits(&found) {
            let control = (0..TRIES).find_map(|at| found_after_kill(finding, at, false).transpose());
            let Some(control) = control.transpose()? else {
                let why = format!("without a checkpoint no client was held in {TRIES} processes");
                return Err(Verdict::Inconclusive(why));
            };
            finding.expects(control == Verdict::Pass, &control)?;
            return finding.shows(true);
        }
        finding.breaks(found);
    }
    Ok(())
});

/// What a killed process left whose client was held behind a wake, with a checkpoint meanwhile or, as a control,
/// without one; nothing where no client came by.
fn found_after_kill(
    finding: &mut Regression<'_>,
    attempt: u64,
    checkpoint: bool,
) -> Judging<Option<Verdict>> {
    let mut database = finding.database(&format!("checkpoint-{checkpoint}-{attempt}"));
    let made = BucketOptions::default();
    let options = EngineOptions { writers: 1, wal_buffer_bytes: RING, ..Preset::Defaults.engine() };
    let fill = Script::of(&made, |s| {
        s.open("a");
        let filled = KEYS * (u64::from(CLIENTS) + 1);
        s.work("a", Traffic::sweep(Sweep::fill(filled, 100, 256)));
        s.checkpoint("a");
    });
    let ended = finding.process(&mut database, &Stage::closing(&options, fill));
    finding.expects(ended.is_done(), &ended)?;
    let mix = Mix {
        keys: KEYS,
        ops: 6,
        lengths: vec![300_000],
        weights: [0, 0, 0, 0, 1, 0, 0],
        abort_pct: 0,
        apart: true,
        ..Mix::default()
    };
    let lead = Script::of(&made, |s| {
        s.open("a");
        s.work("a", clients(1..CLIENTS + 1).mix(&mix, 1));
    });
    let amid = Script::of(&made, |s| {
        s.work("a", clients(0..1).mix(&mix, 1));
        if checkpoint {
            s.checkpoint("a");
        }
    });
    let steps = Script::of(&made, |s| {
        s.open("a");
        s.step(Step::Hold {
            place: Place { thread: LEAD.to_owned(), at: At::Waking, nth: 1 },
            lead,
            amid,
        });
    });
    let ended = finding.process(&mut database, &Stage::dying(&options, steps));
    finding.expects(ended.is_done(), &ended)?;
    if !ended.is_held() {
        return Ok(None);
    }
    Ok(Some(finding.judged(database, &options)))
}
