//! Cause: the shared log of the durable route has a durable mark of where it begins, left by the
//! switch to the relaxed route, which removed its files. The way back makes a new shared file,
//! numbered above everything that checkpoints know of (`load_physical_stream_boot`,
//! `src/store/recovery.rs`), which may be more than one above that mark; only the end of the switch
//! moves the mark up. An opening that finds the mark and the new file takes what lies between for
//! files that are missing: "wal gap detected after recycled prefix", `Corruption`.
//!
//! Sequence: work on the durable route, on the relaxed one, open on the durable route again, and
//! die in that opening, between the making of the shared file and the end of the switch.
//!
//! Symptom: the database cannot be opened any more, on either route, with any number of writers:
//! `Corruption`, each time. An empty file with the missing name makes it open.
//!
//! Broken promise: a crash while the route is switched is retried by the next opening ("a crash
//! here must still retry into the same era start and finish the wipe", `Recovery::phase2`).

use mace_prod::{
    engine::{EngineOptions, Preset},
    history::{
        Milestone,
        child::{Exit, ExitClass},
        clients::Traffic,
        kill::Mark,
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

const ID: FindingId = FindingId::KILLED_IN_ROUTE_SWITCH;

#[test]
fn a_route_switch_that_was_killed_is_retried() {
    Case::run(|case| {
        let durable = Preset::Tiny.engine().one_log_file();
        let relaxed = EngineOptions { durable: false, ..durable.clone() };
        let root = case.dir().join("base");
        let mut base = Database::new(root, case.seed()).expect("the case's folder takes files");
        for options in [&durable, &relaxed, &durable, &relaxed] {
            let exit = run(case, &mut base, &Stage::closing(options, work()));
            assert_eq!(exit.class, ExitClass::Done, "nothing is wrong yet: {}", exit.stderr);
        }
        let (undisturbed, allocations) = opened(case, &base, &durable, None);
        if undisturbed != ExitClass::Done {
            return Verdict::Crashed(format!("the undisturbed switch: {undisturbed:?}"));
        }
        for tenth in 1..10 {
            let mark = Mark::Opening(allocations * tenth / 10);
            match opened(case, &base, &durable, Some(mark)).0 {
                ExitClass::Refused => return case.known_finding(ID),
                ExitClass::Done => {}
                other => return Verdict::Crashed(format!("after {mark:?}: {other:?}")),
            }
        }
        Verdict::Pass
    });
}

/// How an opening ends that follows one which was killed at the mark, and how many allocations it
/// took.
fn opened(
    case: &mut Case,
    base: &Database,
    options: &EngineOptions,
    mark: Option<Mark>,
) -> (ExitClass, u64) {
    let fork = base.fork(case.dir().join("switch"));
    let mut fork = fork.expect("the case's folder takes copies");
    if let Some(mark) = mark {
        run(case, &mut fork, &Stage::killed(options, Vec::new(), mark));
    }
    let exit = run(case, &mut fork, &Stage::closing(options, Vec::new()));
    let milestones = fork.milestones().expect("the journal can be read");
    let allocations = milestones.iter().find_map(Milestone::allocations);
    (exit.class, allocations.unwrap_or_default())
}

/// A few commits, a checkpoint, and a commit after it.
fn work() -> Vec<Step> {
    let bucket = || "a".to_owned();
    let sweep =
        || Step::Traffic { bucket: bucket(), traffic: Traffic::sweep(Sweep::fill(8, 100, 2)) };
    vec![
        Step::Open { bucket: bucket(), options: Preset::Tiny.bucket() },
        sweep(),
        Step::Checkpoint { bucket: bucket() },
        sweep(),
    ]
}

fn run(case: &mut Case, database: &mut Database, stage: &Stage) -> Exit {
    let exit = database.process(stage, &mut case.figures);
    exit.expect("the child program is built with the tests")
}
