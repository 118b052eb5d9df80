//! An open folder is its opener's alone: another process is refused and changes nothing, and it is let in
//! once the folder is closed. A folder whose process was killed can be opened again at once.
//!
//! What it does not verify, and why: a second opening in the same process (the case of
//! `folder-opened-twice`); how long a refusal takes (the engine waits a while for the lock,
//! and promises no time).

use crate::{
    engine::{Driver, Engine, EngineError, EngineOptions, Merge, Outcome, Preset, Reason, Scan},
    error::Result,
    history::{
        Milestone, OracleName,
        child::{ExitClass, KILLED},
        clients::clients,
        kill::Mark,
        script::Step,
    },
    oracle::{
        Violation,
        promise::{After, promises},
    },
    report::Figures,
    scenario::{
        Case,
        database::{Database, Stage},
    },
    verdict::Verdict,
    workload::Mix,
};
use std::path::PathBuf;

/// The promise in one sentence.
const EXCLUSIVE: &str =
    "an open folder is refused to another process, and free once it is closed or its process dead";

const BUCKET: &str = "a";

/// Whoever else comes to the folder.
pub trait Other {
    /// The folder.
    fn dir(&self) -> PathBuf;

    /// Opens the folder and closes it again.
    fn opens(&mut self) -> Outcome<()>;

    /// Opens the folder, works and is killed with it open; why not, if that did not come about.
    fn is_killed(&mut self) -> std::result::Result<(), String>;
}

/// Another process, with the engine under test.
#[derive(Debug)]
pub struct OtherProcess {
    database: Database,
    preset: Preset,
    /// What its processes counted.
    pub figures: Figures,
}

impl OtherProcess {
    /// Comes to a database in the folder of a case.
    pub fn new(case: &Case, preset: Preset) -> Result<Self> {
        let database = Database::new(case.dir().join("database"), case.seed())?;
        Ok(Self { database, preset, figures: Figures::default() })
    }

    fn options(&self) -> EngineOptions {
        self.preset.engine().one_log_file()
    }
}

impl Other for OtherProcess {
    fn dir(&self) -> PathBuf {
        self.database.dir()
    }

    fn opens(&mut self) -> Outcome<()> {
        let stage = Stage::closing(&self.options(), Vec::new());
        let exit = self.database.process(&stage, &mut self.figures);
        let exit = exit.unwrap_or_else(|error| panic!("{error}"));
        let milestones = self.database.milestones().unwrap_or_else(|error| panic!("{error}"));
        match (exit.class, milestones.last()) {
            (ExitClass::Done, _) => Ok(()),
            (ExitClass::Refused, Some(Milestone::Denied(denial))) => Err(denial.clone()),
            (class, _) => Err(EngineError::Failed(format!("{class:?}: {}", exit.stderr))),
        }
    }

    fn is_killed(&mut self) -> std::result::Result<(), String> {
        let bucket = "of-the-killed".to_owned();
        let traffic = clients(0..1).mix(&Mix::default(), 20);
        let options = self.preset.bucket().for_kills();
        let steps =
            vec![Step::Open { bucket: bucket.clone(), options }, Step::Traffic { bucket, traffic }];
        let stage = Stage::killed(&self.options(), steps, Mark::Acked(5));
        let exit = self.database.process(&stage, &mut self.figures);
        let exit = exit.unwrap_or_else(|error| panic!("{error}"));
        if exit.class == ExitClass::Died(KILLED) {
            return Ok(());
        }
        Err(format!("instead of being killed it ended so: {:?}: {}", exit.class, exit.stderr))
    }
}

/// Opens a folder, has another come to it while it is open, after it was closed, and be killed with it
/// open.
pub fn is_exclusive(
    case: &mut Case,
    driver: &dyn Driver,
    preset: Preset,
    other: &mut dyn Other,
) -> Verdict {
    case.figures.tries(promises([OracleName::Contract], After::Work));
    let mut found = Vec::new();
    let killed = match judged(driver, preset, other, &mut found) {
        Ok(killed) => killed,
        Err(denial) => {
            found.push(broken(format!("it was denied: {denial}")));
            Ok(())
        }
    };
    let verdict = Verdict::from_violations(found);
    match killed {
        Err(why) if verdict == Verdict::Pass => Verdict::Inconclusive(why),
        _ => verdict,
    }
}

fn judged(
    driver: &dyn Driver,
    preset: Preset,
    other: &mut dyn Other,
    found: &mut Vec<Violation>,
) -> Outcome<std::result::Result<(), String>> {
    let dir = other.dir();
    let open = || driver.open(&dir, &preset.engine().one_log_file());
    let engine = open()?;
    let mut wanted = Vec::new();
    engine.create_bucket(BUCKET, &preset.bucket()).map(drop)?;
    store(engine.as_ref(), b"before", &mut wanted)?;
    let answer = other.opens();
    if answer != Err(EngineError::Refused(Reason::Busy)) {
        found.push(broken(format!("while it is open, another process is answered {answer:?}")));
    }
    store(engine.as_ref(), b"behind", &mut wanted)?;
    missing(engine.as_ref(), &wanted, "after another process came", found)?;
    drop(engine);
    let answer = other.opens();
    if answer.is_err() {
        found.push(broken(format!("once it is closed, another process is answered {answer:?}")));
    }
    missing(open()?.as_ref(), &wanted, "after another process had it open", found)?;
    if let Err(why) = other.is_killed() {
        return Ok(Err(why));
    }
    match open() {
        Ok(engine) => missing(engine.as_ref(), &wanted, "after another process died", found)?,
        Err(denial) => {
            found.push(broken(format!("once its process is dead, opening is answered {denial:?}")));
        }
    }
    Ok(Ok(()))
}

fn store(engine: &dyn Engine, key: &[u8], wanted: &mut Vec<Vec<u8>>) -> Outcome<()> {
    let bucket = engine.open_bucket(BUCKET, Merge::None)?;
    let txn = bucket.begin()?;
    txn.put(key, b"here")?;
    txn.commit()?;
    wanted.push(key.to_vec());
    Ok(())
}

fn missing(
    engine: &dyn Engine,
    wanted: &[Vec<u8>],
    when: &str,
    found: &mut Vec<Violation>,
) -> Outcome<()> {
    let pairs = engine.open_bucket(BUCKET, Merge::None)?.view()?.scan(&Scan::all())?;
    let keys: Vec<_> = pairs.into_iter().map(|(key, _)| key).collect();
    if keys != wanted {
        found.push(broken(format!("{when} there are {} of {} pairs", keys.len(), wanted.len())));
    }
    Ok(())
}

fn broken(witness: String) -> Violation {
    Violation::new(OracleName::Contract, EXCLUSIVE, witness)
}
