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
        child::{Exit, ExitClass, KILLED},
        clients::Traffic,
        kill::Mark,
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
        let undisturbed = opened(case, &base, &durable, None);
        if undisturbed.class != ExitClass::Done {
            let class = undisturbed.class;
            return Verdict::Crashed(format!("the undisturbed switch: {class:?}"));
        }
        let mut kills = 0;
        let mut others = Vec::new();
        for tenth in 1..10 {
            let mark = Mark::Opening(undisturbed.allocations * tenth / 10);
            let found = opened(case, &base, &durable, Some(mark));
            kills += u64::from(found.killed);
            match found.class {
                ExitClass::Refused => return case.known_finding(ID),
                ExitClass::Done => others.extend(found.broken),
                other => return Verdict::Crashed(format!("after {mark:?}: {other:?}")),
            }
        }
        case.shows_nothing("a kill within the switch", kills, others)
    });
}

/// An opening.
struct Found {
    /// Whether the one before it was killed.
    killed: bool,
    /// How it ended.
    class: ExitClass,
    /// How many allocations it took.
    allocations: u64,
    /// What is broken after it.
    broken: Vec<Violation>,
}

/// The opening that follows one which was killed at the mark.
fn opened(case: &mut Case, base: &Database, options: &EngineOptions, mark: Option<Mark>) -> Found {
    let fork = base.fork(case.dir().join("switch"));
    let mut fork = fork.expect("the case's folder takes copies");
    let mut killed = false;
    if let Some(mark) = mark {
        let exit = run(case, &mut fork, &Stage::killed(options, Vec::new(), mark));
        killed = exit.class == ExitClass::Died(KILLED);
    }
    let class = run(case, &mut fork, &Stage::closing(options, Vec::new())).class;
    let milestones = fork.milestones().expect("the journal can be read");
    let allocations = milestones.iter().find_map(Milestone::allocations).unwrap_or_default();
    let broken = match class {
        ExitClass::Done => fork.broken(options, &mut case.figures),
        _ => Ok(Vec::new()),
    };
    let broken = broken.expect("the child program is built with the tests");
    Found { killed, class, allocations, broken }
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
