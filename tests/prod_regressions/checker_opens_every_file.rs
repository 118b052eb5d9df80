//! Cause: the offline checker follows each page's chain through the data and blob files (`check_page_chains`,
//! `src/store/checker.rs`), and keeps each file that it opened there open until its end: `PayloadChecks::readers` has no
//! bound.
//!
//! Sequence:
//! 1. Have a database with more data and blob files than a process may have open. With files of 64 MiB and the usual
//!    limit of 1,024 open files that is a database of 64 GiB.
//! 2. Close it, and check it: with `check_database`, or with `mace-kv check`.
//!
//! Symptom: the checker calls the database damaged: `bad_payload_file: … page record reader failed: IoError` for a file
//! beyond the limit, and `unreadable_metadata: cannot list …: Too many open files` for the folders of its data and its
//! log, whose files it then leaves out.
//!
//! Broken promise: `mace-kv check` "exits `0` on a clean check, `1` when it reports a finding", and a report of
//! `bad_payload_file` says that "a data/blob file is unreadable or self-inconsistent". None is.
//!
//! Ruled out: damage, and a limit that is too low for the engine. The engine reads every pair under the same limit,
//! with its default options, before the check. A database of eight files passes it.

use mace_prod::{
    engine::{Driver, EngineOptions, Preset, mace::MaceDriver},
    history::{Event, Milestone, OracleName, child::End, clients::Traffic, script::Step},
    regression,
    scenario::{
        database::{Database, Stage},
        exits::must,
        regression::Regression,
        run::{
            Judging,
            goals::data_files,
            session::{Script, Verbs},
        },
    },
    workload::Sweep,
};

/// Open files that the engine's default options let the cache of data files hold.
const HANDLES: u64 = 128;

/// Open files that a process may have: what that cache may hold, and 40 that a process has anyway.
const OPEN: u64 = HANDLES + 40;

/// What the checker says of a file that it cannot open.
const SYMPTOMS: [&str; 2] = ["IoError", "Too many open files"];

regression!(CHECKER_OPENS_EVERY_FILE: a_sound_database_passes_its_check, |finding| {
    finding.needs(cfg!(unix), "a process has no limit of open files here")?;
    finding.needs(MaceDriver.capabilities().checker, "this engine has no checker")?;
    let (few, _) = checked(finding, "few", 8)?;
    finding.expects(few.is_empty(), &few)?;
    let (found, database) = checked(finding, "many", OPEN + 40)?;
    let is_it = |witness: &String| SYMPTOMS.iter().any(|words| witness.contains(words));
    finding.shows(!found.is_empty() && found.iter().all(is_it))?;
    finding.keeps(found.is_empty(), "a sound database passes its check", &found)?;
    let more = data_files(&database.dir()).saturating_sub(OPEN);
    finding.came_to("a file to check beyond what may be open", more);
    finding.judge(database, &EngineOptions::default());
    Ok(())
});

/// What the checker says of a database of at least so many files, whose pairs were all read under the same limit before.
fn checked(
    finding: &mut Regression<'_>,
    name: &str,
    least: u64,
) -> Judging<(Vec<String>, Database)> {
    let mut database = finding.database(name);
    // Every record has a data file of its own.
    let small = EngineOptions { data_file_bytes: 1, ..EngineOptions::default() };
    let bucket = Preset::Defaults.bucket().checkpoints_when_asked();
    let made = Script::of(&bucket, |s| {
        s.open("a");
        s.work("a", Traffic::sweep(Sweep::fill(least, 40, 8)));
        s.checkpoint("a");
    });
    let read = Script::of(&bucket, |s| {
        s.open("a");
        s.step(Step::ReadAll { bucket: "a".to_owned() });
    });
    let limited = Stage { open_files: Some(OPEN), ..Stage::closing(&small, Vec::new()) };
    let stages = [
        Stage::closing(&small, made),
        Stage { steps: read, ..limited.clone() },
        Stage { end: End::CheckUnopened, ..limited },
    ];
    for stage in stages {
        let ended = finding.process(&mut database, &stage);
        finding.expects(ended.is_done(), &ended)?;
        let has_read = |milestone: &Milestone| matches!(milestone, Milestone::Read { pairs } if *pairs >= least);
        let is_whole = stage.open_files.is_none()
            || stage.steps.is_empty()
            || ended.milestones.iter().any(has_read);
        finding.expects(is_whole, &ended)?;
    }
    finding.expects(data_files(&database.dir()) >= least, &data_files(&database.dir()))?;
    let history = must(database.history());
    let complaints = history.events.into_iter().filter_map(|event| match event {
        Event::Wrong { oracle: OracleName::Checker, witness } => Some(witness),
        _ => None,
    });
    Ok((complaints.collect(), database))
}
