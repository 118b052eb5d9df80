//! Cause: the shared log of the durable route has a durable mark of where it begins. The switch to the relaxed
//! route, which removed the log's files, left that mark. The way back makes a new shared file, numbered above
//! everything that checkpoints know of (`load_physical_stream_boot`, `src/store/recovery.rs`), which may be
//! more than one above the mark. Only the end of the switch moves the mark up. An opening that finds the mark
//! and the new file takes the numbers in between for missing files: "wal gap detected after recycled prefix",
//! `Corruption`.
//!
//! Sequence:
//! 1. Work on the durable route, close, work on the relaxed route, and close; do both once more.
//! 2. Open the database on the durable route, and kill the process in that opening, after it made the shared
//!    file and before the switch ends.
//! 3. Open the database again.
//!
//! Symptom: the database can never be opened again, on either route, with any number of writers: each opening
//! returns `Corruption`. An empty file with the missing name makes it open.
//!
//! Broken promise: a crash during the switch is retried by the next opening ("a crash here must still retry
//! into the same era start and finish the wipe", `Recovery::phase2`).
//!
//! Ruled out: the switch itself. The same folder opens when nothing kills the opening.

use mace_prod::{
    engine::{EngineOptions, Preset},
    history::{
        Milestone,
        child::{ExitClass, KILLED},
        clients::Traffic,
        kill::Mark,
        script::Step,
    },
    regression,
    scenario::{
        database::{Database, Stage},
        exits::must,
        regression::{Ended, Regression},
        run::session::{Script, Verbs},
    },
    workload::Sweep,
};

regression!(KILLED_IN_ROUTE_SWITCH: a_route_switch_that_was_killed_is_retried, |finding| {
    let durable = Preset::Tiny.engine().one_log_file();
    let relaxed = EngineOptions { durable: false, ..durable.clone() };
    let mut base = finding.database("base");
    for options in [&durable, &relaxed, &durable, &relaxed] {
        let ended = finding.process(&mut base, &Stage::closing(options, work()));
        assert!(ended.is_done(), "nothing is wrong yet: {ended:?}");
    }
    let undisturbed = opened(finding, &base, &durable, None);
    finding.expects(undisturbed.is_done(), &undisturbed)?;
    let allocations = undisturbed.milestones.iter().find_map(Milestone::allocations);
    for tenth in 1..10 {
        let mark = Mark::Opening(allocations.unwrap_or_default() * tenth / 10);
        let found = opened(finding, &base, &durable, Some(mark));
        finding.shows(found.class == ExitClass::Refused)?;
        finding.expects(found.is_done(), &found)?;
    }
    Ok(())
});

/// The opening that follows one which was killed at the mark, and what is broken after it.
fn opened(
    finding: &mut Regression<'_>,
    base: &Database,
    options: &EngineOptions,
    mark: Option<Mark>,
) -> Ended {
    let mut fork = must(base.fork(finding.dir("switch")));
    if let Some(mark) = mark {
        let killed = finding.process(&mut fork, &Stage::killed(options, Vec::new(), mark));
        let is_killed = killed.class == ExitClass::Died(KILLED);
        finding.came_to("a kill within the switch", u64::from(is_killed));
    }
    let ended = finding.process(&mut fork, &Stage::closing(options, Vec::new()));
    if ended.is_done() {
        finding.judge(fork, options);
    }
    ended
}

/// A few commits, a checkpoint, and a commit after it.
fn work() -> Vec<Step> {
    let sweep = || Traffic::sweep(Sweep::fill(8, 100, 2));
    Script::of(&Preset::Tiny.bucket(), |s| {
        s.open("a");
        s.work("a", sweep());
        s.checkpoint("a");
        s.work("a", sweep());
    })
}
