//! What a run left for its oracles, stored beside its database when it does not pass, and judged again
//! without an engine. What only an engine shows, as a refused opening or what its checker says, is stored
//! as words. Of a case that was killed nothing was stored: its journals and the dumps of its processes are
//! there all the same. Reads and writes evidence; the oracles judge it.

use crate::{
    engine::{Capabilities, Writers, under_test},
    error::{Error, Result},
    history::{
        Event, History, Milestone,
        child::{Plan, read_dump},
        journal,
        snapshot_readers::Snapshot,
    },
    oracle::{
        Allowance, OracleName, Violation,
        judge::{Accounts, Equals, Evidence, Isolation, Judgement, Sizes, Sound, judge_all},
        recovery::{Expect, Reopened, Streams},
    },
};
use isolation::Level;
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// The file that holds a run's evidence.
const FILE: &str = "evidence";

/// The form of that file.
const FORMAT: u32 = 4;

/// What a judged case says of itself, in the folder that it left.
const VERDICT: &str = "verdict.txt";

/// Everything that the oracles are given.
#[derive(Serialize, Deserialize)]
struct Stored {
    format: u32,
    streams: Streams,
    /// What the engine promises of isolation, by its name.
    level: String,
    /// How the engine's writers get on with one another.
    writers: Writers,
    /// Clients could not rely on what they were told.
    misled: bool,
    isolation: Looks,
    /// The events, as lines of a journal.
    events: Vec<String>,
    reopened: Vec<Reopened>,
    snapshots: Vec<Snapshot>,
    equals: Vec<Equals>,
    accounts: Option<Accounts>,
    sizes: Option<Sizes>,
    excused: Vec<String>,
    /// What only an engine shows: the oracle in charge, and what was seen.
    beyond: Vec<(OracleName, String)>,
}

/// What of isolation was looked for.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Looks {
    Whole,
    OfState,
    Not,
}

/// No state was looked at before.
struct Unseen;

impl Sound for Unseen {
    fn known(&self, _: &History, _: &[Reopened]) -> Option<Vec<Allowance>> {
        None
    }

    fn keep(&self, _: &History, _: &[Reopened], _: &[Allowance]) {}
}

/// Stores evidence in `folder`, and `beyond` it what only an engine shows. Complaints of the engine's with
/// one of the `excused` words in them are not its own doing.
pub fn store(
    evidence: &Evidence<'_>,
    excused: &[&str],
    beyond: &[Violation],
    folder: &Path,
) -> Result<()> {
    let line = |event| serde_json::to_string(event).expect("events are plain data");
    let stored = Stored {
        format: FORMAT,
        streams: evidence.streams,
        level: evidence.level.name().to_owned(),
        writers: evidence.writers,
        misled: evidence.clients_misled.is_some(),
        isolation: match evidence.isolation {
            Isolation::Whole => Looks::Whole,
            Isolation::OfState(_) => Looks::OfState,
            Isolation::Not(_) => Looks::Not,
        },
        events: evidence.history.events.iter().map(line).collect(),
        reopened: evidence.reopened.to_vec(),
        snapshots: evidence.snapshots.to_vec(),
        equals: evidence.equals.to_vec(),
        accounts: evidence.accounts.clone(),
        sizes: evidence.sizes.clone(),
        excused: excused.iter().map(|words| (*words).to_owned()).collect(),
        beyond: beyond.iter().map(|found| (found.oracle, found.witness.clone())).collect(),
    };
    let bytes = postcard::to_allocvec(&stored).expect("evidence is plain data");
    let path = folder.join(FILE);
    fs::write(&path, bytes).map_err(|error| Error::new("write", &path, error))
}

/// Whether evidence is stored in `folder` itself.
pub fn is_in(folder: &Path) -> bool {
    folder.join(FILE).exists()
}

/// A run that was judged again.
#[derive(Debug)]
pub struct JudgedAgain {
    /// Where its evidence is.
    pub place: PathBuf,
    /// How many events it has.
    pub events: usize,
    /// How many states were found at reopenings.
    pub states: usize,
    /// What was missing, in words.
    pub lacks: Vec<&'static str>,
    /// The broken promises.
    pub violations: Vec<Violation>,
    /// Which oracles did not run, and why.
    pub not_run: Vec<String>,
    /// What was seen that only an engine shows.
    pub beyond: Vec<String>,
}

/// Judges all that is stored below `folder`; where nothing is, the journals there.
///
/// # Errors
/// When there is neither, or something cannot be read.
pub fn judge(folder: &Path) -> Result<Vec<JudgedAgain>> {
    let stored = named(FILE, folder)?;
    let journals = named("journal", folder)?;
    if stored.is_empty() && journals.is_empty() {
        let why = "there is no file `evidence` and no file `journal`";
        return Err(Error::new("find evidence in", folder, why));
    }
    if stored.is_empty() {
        return journals.iter().map(|path| judge_journal(path)).collect();
    }
    stored.iter().map(|path| judge_stored(path)).collect()
}

/// What the case itself had said.
pub fn verdict(folder: &Path) -> Option<String> {
    fs::read_to_string(folder.join(VERDICT)).ok()
}

/// The files of this name below a folder, apart from what is the engine's.
fn named(name: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let unreadable = |error: io::Error| Error::new("read", &folder, error);
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            match path.file_name() {
                Some(file) if path.is_dir() && file != "db" => folders.push(path),
                Some(file) if path.is_file() && file == name => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

fn judge_stored(path: &Path) -> Result<JudgedAgain> {
    let unusable = |why: String| Error::new("use", path, why);
    let bytes = fs::read(path).map_err(|error| Error::new("read", path, error))?;
    let format = postcard::take_from_bytes::<u32>(&bytes).map(|(format, _)| format);
    if format != Ok(FORMAT) {
        return Err(unusable(format!("it is no evidence of the form {FORMAT}")));
    }
    let stored: Stored =
        postcard::from_bytes(&bytes).map_err(|error| unusable(error.to_string()))?;
    let events = stored.events.iter().map(|line| serde_json::from_str(line));
    let events: serde_json::Result<Vec<Event>> = events.collect();
    let history = History { events: events.map_err(|error| unusable(error.to_string()))? };
    let level = Level::parse(&stored.level);
    let evidence = Evidence {
        level: level.ok_or_else(|| unusable(format!("it has no level `{}`", stored.level)))?,
        writers: stored.writers,
        clients_misled: stored
            .misled
            .then_some("the clients of the case could not rely on what they were told"),
        isolation: match stored.isolation {
            Looks::Whole => Isolation::Whole,
            Looks::OfState => Isolation::OfState(&Unseen),
            Looks::Not => Isolation::Not("the case did not look for it there"),
        },
        snapshots: &stored.snapshots,
        equals: &stored.equals,
        accounts: stored.accounts.clone(),
        sizes: stored.sizes.clone(),
        ..Evidence::new(&history, stored.streams, &stored.reopened)
    };
    let mut again = again(path, &evidence, Vec::new());
    again.violations.retain(|violation| !violation.is_excused(&stored.excused));
    let line = |(oracle, witness): &(OracleName, String)| format!("{oracle}: {witness}");
    again.beyond = stored.beyond.iter().map(line).collect();
    Ok(again)
}

/// A journal with the dumps and the last plan beside it.
fn judge_journal(path: &Path) -> Result<JudgedAgain> {
    let history = journal::read(path)?;
    let mut lacks = vec!["the case had stored no evidence: this is its journal"];
    let plan = path.with_extension("plan");
    let streams = if let Ok(text) = fs::read(&plan) {
        let plan: Plan =
            serde_json::from_slice(&text).map_err(|error| Error::new("parse", &plan, error))?;
        Expect::of(&plan.options, under_test::driver().capabilities()).streams
    } else {
        lacks.push("how the database was opened: judged as with several streams of its log");
        Streams::Many
    };
    let is_dump = |event: &&Event| matches!(event, Event::Milestone(Milestone::Dumped));
    let wanted = history.events.iter().filter(is_dump).count();
    let mut dumps = dumps_beside(path)?;
    // One that was being written when its process died has no milestone.
    dumps.truncate(wanted);
    if dumps.len() < wanted {
        lacks.push("dumps of states that the journal speaks of: no state is judged");
        dumps.clear();
    }
    let dumps = dumps.iter().map(|path| read_dump(path)).collect::<Result<_>>()?;
    let reopened = Reopened::at_milestones(&history, dumps);
    let Capabilities { level, writers, .. } = under_test::driver().capabilities();
    let evidence = Evidence { level, writers, ..Evidence::new(&history, streams, &reopened) };
    if !under_test::driver().capabilities().outlives {
        lacks.push("which commits were relaxed: all are judged as if they outlived their process");
    }
    Ok(again(path, &evidence, lacks))
}

/// The dumps of processes, in the order of these.
fn dumps_beside(journal: &Path) -> Result<Vec<PathBuf>> {
    let folder = journal.parent().unwrap_or(journal);
    let unreadable = |error: io::Error| Error::new("read", folder, error);
    let mut dumps = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(number) =
            name.strip_prefix("dump-").and_then(|number| number.parse::<u32>().ok())
        {
            dumps.push((number, path));
        }
    }
    dumps.sort();
    Ok(dumps.into_iter().map(|(_, path)| path).collect())
}

fn again(path: &Path, evidence: &Evidence<'_>, lacks: Vec<&'static str>) -> JudgedAgain {
    let judgement = judge_all(evidence);
    let not_run = |(oracle, why): &(_, &str)| format!("{oracle}: {why}");
    JudgedAgain {
        place: path.to_owned(),
        events: evidence.history.events.len(),
        states: evidence.reopened.len(),
        lacks,
        not_run: judgement.not_run.iter().map(not_run).collect(),
        beyond: Vec::new(),
        violations: Judgement::violations(judgement),
    }
}

impl std::fmt::Display for JudgedAgain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { place, events, states, lacks, violations, not_run, beyond } = self;
        write!(f, "{}: {events} events, {states} states found", place.display())?;
        lacks.iter().try_for_each(|what| write!(f, "\n  lacks {what}"))?;
        not_run.iter().try_for_each(|line| write!(f, "\n  not judged by {line}"))?;
        let why = "not judged here, since only an engine shows it";
        beyond.iter().try_for_each(|line| write!(f, "\n  {why}: {line}"))?;
        violations.iter().try_for_each(|violation| write!(f, "\n  {violation}"))?;
        let else_ = if beyond.is_empty() { "" } else { " else" };
        if violations.is_empty() { write!(f, "\n  nothing{else_} is broken") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        history::dump::Pairs,
        oracle::history_builder::{Script, W, found},
        testdir::TestDir,
    };

    fn script() -> Script {
        Script::new().txn("b", 0, &[("a", W::Set)])
    }

    /// The oracles that raise something, and what was missing.
    fn judged(folder: &Path) -> (Vec<OracleName>, usize) {
        let judged = judge(folder).unwrap();
        let [again] = judged.as_slice() else { panic!("{judged:?}") };
        let raised = again.violations.iter().map(|violation| violation.oracle).collect();
        (raised, again.lacks.len())
    }

    #[test]
    fn stored_evidence_is_judged_again() {
        let dir = TestDir::new("stored").unwrap();
        let history = script().history();
        for (state, raised) in
            [(script().state("b"), vec![]), (Pairs::default(), vec![OracleName::Durability])]
        {
            let states = [found(&script(), state)];
            let evidence = Evidence::new(&history, Streams::One, &states);
            store(&evidence, &[], &[], dir.path()).unwrap();
            assert_eq!(judged(dir.path()), (raised, 0));
        }
        // What else is there counts for nothing beside it, and what is not ours is refused.
        fs::write(dir.join("journal"), "").unwrap();
        assert_eq!(judged(dir.path()).0, [OracleName::Durability]);
        fs::write(dir.join(FILE), "\u{9}").unwrap();
        let error = judge(dir.path()).unwrap_err().to_string();
        assert!(error.contains("no evidence of the form 4"), "{error}");
    }

    #[test]
    fn what_only_an_engine_shows_is_told_as_it_was_seen() {
        let dir = TestDir::new("stored").unwrap();
        let history = script().history();
        let refused = Violation::new(OracleName::Answers, "it opens", "the opening is refused");
        let evidence = Evidence::new(&history, Streams::One, &[]);
        store(&evidence, &[], &[refused], dir.path()).unwrap();
        let said = judge(dir.path()).unwrap()[0].to_string();
        let told =
            "not judged here, since only an engine shows it: answers: the opening is refused";
        assert!(said.contains(told), "{said}");
        assert!(said.ends_with("nothing else is broken"), "{said}");
    }

    #[test]
    fn a_killed_case_is_judged_by_its_journal() {
        let dir = TestDir::new("stored").unwrap();
        let error = judge(dir.path()).unwrap_err().to_string();
        assert!(error.contains("no file `evidence`"), "{error}");
        fs::create_dir_all(dir.join("database/db")).unwrap();
        // The engine's own files are not ours.
        fs::write(dir.join("database/db/journal"), "nonsense").unwrap();
        let mut events = script().history().events;
        events.push(Event::Milestone(Milestone::Dumped));
        let line = |event| serde_json::to_string(event).unwrap() + "\n";
        let lines: String = events.iter().map(line).collect();
        fs::write(dir.join("database/journal"), lines).unwrap();
        let dump = |pairs| {
            let bytes = postcard::to_allocvec(&found(&script(), pairs).dump).unwrap();
            fs::write(dir.join("database/dump-1"), bytes).unwrap();
        };
        dump(Pairs::default());
        assert_eq!(judged(dir.path()), (vec![OracleName::Durability], 2));
        // One more was being written when the process died.
        fs::write(dir.join("database/dump-10"), "half").unwrap();
        dump(script().state("b"));
        assert_eq!(judged(dir.path()), (vec![], 2));
        fs::remove_file(dir.join("database/dump-1")).unwrap();
        fs::remove_file(dir.join("database/dump-10")).unwrap();
        assert_eq!(judged(dir.path()), (vec![], 3), "the state that is missing is not judged");
    }
}
