//! Cause: a checkpoint notes itself in the log: `Logging::checkpoint` (`src/cc/log.rs`) writes the record and
//! then moves the log's position on by its length. A panic between the two, which the failpoint
//! `mace_wal_after_checkpoint_write` stands for, ends the checkpointer's thread but not the process. The lock
//! is released, and clients go on with a position that is 21 bytes behind the file. From then on each record's
//! link to the record before it names a place where no record begins.
//!
//! Sequence:
//! 1. Begin a transaction and write in it.
//! 2. Let the checkpointer panic between its record and the record's length.
//! 3. Write more in the transaction, and drop it.
//! 4. Kill the process, and open the database.
//!
//! Symptom: the database can never be opened again: each opening returns `Corruption`. Recovery follows the
//! dropped transaction's links (`validate_abort_clean_link`, `src/store/gc.rs`). Nearly every try shows it.
//!
//! Broken promise: a process that died leaves a database that can be opened. No other panic is known at that
//! place, so users will hardly meet it; what matters is that the engine goes on after a panic of its own
//! thread.
//!
//! Ruled out: the dropped transaction and the kill. Without the panic the same steps leave a database that
//! opens (the control of the program).

use mace_prod::{
    engine::{
        Driver, EngineOptions, Preset,
        failpoint::{Action, Rule},
        mace::MaceDriver,
    },
    history::{child::ExitClass, clients::Traffic},
    regression,
    scenario::{
        database::Stage,
        regression::{Ended, Regression},
        run::session::{Script, Verbs},
    },
    settings::{FindingId, tries},
    workload::{Mix, Source},
};

regression!(
    PANIC_WITHIN_A_CHECKPOINT_RECORD: a_database_opens_after_a_panic_of_the_checkpointer,
    |finding| {
        let has_failpoints = MaceDriver.capabilities().failpoints;
        finding.needs(has_failpoints, "this build of the engine has no failpoints")?;
        for number in 0..tries(FindingId::PANIC_WITHIN_A_CHECKPOINT_RECORD) {
            let opening = opened_after_panic(finding, number);
            finding.shows(opening.is_corrupt())?;
            finding.expects(opening.is_done(), &opening)?;
            finding.came_to("a panic within a checkpoint record", 1);
        }
        Ok(())
    }
);

fn options() -> EngineOptions {
    Preset::OneWriter.engine().one_log_file()
}

/// How a process ends that opens the database after one in which the checkpointer panicked beside
/// clients that drop much of what they do.
fn opened_after_panic(finding: &mut Regression<'_>, number: u32) -> Ended {
    let mut database = finding.database(&format!("try-{number}"));
    let mix = Mix { ops: 30, abort_pct: 70, ..Mix::default() };
    let traffic = Traffic { first_client: 1, clients: 2, source: Source::Mix(mix), txns: 40 };
    let steps = Script::of(&Preset::OneWriter.bucket(), |s| {
        s.open("a");
        s.work("a", traffic.clone());
        s.work_beside("a", traffic, |s| s.checkpoint("a"));
    });
    let rule = Rule::new("mace_wal_after_checkpoint_write", Action::Panic, 1).to_string();
    let panicked = finding.process(&mut database, &Stage::dying(&options(), steps).under(rule));
    assert!(panicked.class != ExitClass::Done, "the panic was to end the process");
    let opening = finding.process(&mut database, &Stage::closing(&options(), Vec::new()));
    if opening.is_done() {
        finding.judge(database, &options());
    }
    opening
}
