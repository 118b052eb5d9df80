//! Cause: a checkpoint notes itself in the log: `Logging::checkpoint` (`src/cc/log.rs`) writes the
//! record and then moves the log's position on by its length. A panic between the two, which the
//! failpoint `mace_wal_after_checkpoint_write` stands for, ends the checkpointer's thread and not the
//! process; the lock is given back, and clients go on with a position that is 21 bytes behind the
//! file. From then on each record's link to the one before it names a place where none begins.
//!
//! Sequence: that panic while clients work; one of them drops a transaction that began before it
//! and went on after it; the process dies; open.
//!
//! Symptom: the database cannot be opened any more: `Corruption`. Recovery follows the dropped
//! transaction's links (`validate_abort_clean_link`, `src/store/gc.rs`). Seen in nearly every try.
//!
//! Broken promise: a process that died leaves a database that can be opened. No other panic is
//! known at that place, so that users will hardly meet it; that the engine goes on after a panic of
//! its own thread is what makes it matter.

use mace_prod::{
    engine::{
        Driver, EngineOptions, Preset,
        failpoint::{Action, Rule},
        mace::MaceDriver,
    },
    history::{Milestone, child::ExitClass, clients::Traffic, script::Step},
    scenario::{
        Case,
        database::{Database, Stage},
    },
    settings::{FindingId, tries},
    verdict::Verdict,
    workload::{Mix, Source},
};

const ID: FindingId = FindingId::PANIC_WITHIN_A_CHECKPOINT_RECORD;

#[test]
fn a_database_opens_after_a_panic_of_the_checkpointer() {
    Case::run(|case| {
        if !MaceDriver.capabilities().failpoints {
            return case.skip("this build of the engine has no failpoints");
        }
        let mut others = Vec::new();
        for number in 0..tries(ID) {
            let (class, mut database) = opened_after_panic(case, number);
            let reached = database.milestones().expect("the journal can be read");
            match class {
                ExitClass::Done => {
                    let broken = database.broken(&options(), &mut case.figures);
                    others.extend(broken.expect("the child program is built with the tests"));
                }
                ExitClass::Refused if reached.contains(&Milestone::corruption()) => {
                    return case.known_finding(ID);
                }
                class => return Verdict::Crashed(format!("{class:?} after {reached:?}")),
            }
        }
        let panics = u64::from(tries(ID));
        case.shows_nothing("a panic within a checkpoint record", panics, others)
    });
}

fn options() -> EngineOptions {
    Preset::OneWriter.engine().one_log_file()
}

/// How a process ends that opens the database after one in which the checkpointer panicked beside
/// clients that drop much of what they do.
fn opened_after_panic(case: &mut Case, number: u32) -> (ExitClass, Database) {
    let root = case.dir().join(format!("try-{number}"));
    let mut database = Database::new(root, case.seed()).expect("the case's folder takes files");
    let bucket = || "a".to_owned();
    let mix = Mix { ops: 30, abort_pct: 70, ..Mix::default() };
    let traffic = Traffic { first_client: 1, clients: 2, source: Source::Mix(mix), txns: 40 };
    let checkpoint = Step::Checkpoint { bucket: bucket() };
    let open = Step::Open { bucket: bucket(), options: Preset::OneWriter.bucket() };
    let fill = Step::Traffic { bucket: bucket(), traffic: traffic.clone() };
    let steps =
        vec![open, fill, Step::Beside { bucket: bucket(), traffic, steps: vec![checkpoint] }];
    let rule = Rule::new("mace_wal_after_checkpoint_write", Action::Panic, 1).to_string();
    let mut run = |stage: &Stage| {
        let exit = database.process(stage, &mut case.figures);
        exit.expect("the child program is built with the tests").class
    };
    let panicked = run(&Stage::dying(&options(), steps).under(rule));
    assert!(panicked != ExitClass::Done, "the panic was to end the process");
    let class = run(&Stage::closing(&options(), Vec::new()));
    (class, database)
}
