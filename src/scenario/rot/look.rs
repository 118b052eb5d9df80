//! A look at a database that may be damaged: the engine's checker, then an opening, all ways of reading, a
//! closing and another opening. What came of each step is noted as soon as it is known, since the process
//! may die of the next one; what a state was judged by that breaks a promise is stored. Starts no process.

use super::files::{Files, Kind};
use crate::{
    engine::{Driver, Engine, EngineOptions},
    error::{Error, Result},
    history::{History, child, dump::Dump, listen::Listening},
    oracle::{
        judge::{Evidence, Isolation, judge_all},
        recovery::{Promise, Reopened, Streams},
    },
    scenario::stored,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
};
use xxhash_rust::xxh3::xxh3_64;

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Note {
    /// The checker found so much, in these words.
    Checked(Vec<String>),
    /// The engine is open. It made log files shorter: their sizes now.
    Opened(BTreeMap<String, u64>),
    /// It logged an error.
    Logged(String),
    /// It declined, with these words.
    Denied(String),
    /// All that was read is as it was.
    Same,
    /// What was read is another state, which breaks no promise.
    Lawful(u64),
    /// What was read is another state, with its fingerprint; the broken promise.
    Differs(u64, String),
    /// It was closed.
    Closed,
}

/// What is known of the database without damage.
pub struct Sound<'a> {
    /// The engine.
    pub driver: &'a dyn Driver,
    /// How it is opened.
    pub options: EngineOptions,
    /// All that happened to it.
    pub history: History,
    /// Over how many streams the log is spread, at the most.
    pub streams: Streams,
    /// What is in it.
    pub dump: Dump,
}

/// Notes of one process.
#[derive(Clone, Debug)]
pub struct Notes {
    file: Arc<File>,
    /// Where that is, and where evidence goes.
    folder: PathBuf,
}

impl Notes {
    /// At the end of this file.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::options().create(true).append(true).open(path);
        let folder = path.parent().unwrap_or(path).to_owned();
        let notes = file.map(|file| Self { file: Arc::new(file), folder });
        notes.map_err(|error| Error::new("open", path, error))
    }

    fn note(&self, note: &Note) {
        let mut line = serde_json::to_string(note).expect("a note is plain data");
        line.push('\n');
        (&*self.file).write_all(line.as_bytes()).expect("the folder of the notes takes them");
    }

    /// Those that were made, in order.
    pub fn read(path: &Path) -> Result<Vec<Note>> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text.map_err(|error| Error::new("read", path, error))?,
        };
        let notes = text.lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>();
        notes.map_err(|error| Error::new("parse", path, error))
    }
}

impl Sound<'_> {
    /// Has the engine's checker look at the database.
    pub fn check(&self, dir: &Path, notes: &Notes) {
        if !self.driver.capabilities().checker {
            return;
        }
        match self.driver.check(dir) {
            Ok(found) => notes.note(&Note::Checked(found)),
            Err(denial) => notes.note(&Note::Checked(vec![denial.to_string()])),
        }
    }

    /// Opens the database twice and reads it in every way. `meanwhile` does something to its files when it
    /// is open for the first time and nothing of it has been read; `closed` sees them before the second time.
    pub fn open(&self, dir: &Path, notes: &Notes, meanwhile: impl FnOnce(), closed: impl FnOnce()) {
        let logged = notes.clone();
        let _listening = Listening::telling(move |error| logged.note(&Note::Logged(error)));
        let Some(engine) = self.opened(dir, notes) else { return };
        meanwhile();
        if !self.read(engine.as_ref(), notes) {
            return;
        }
        drop(engine);
        notes.note(&Note::Closed);
        closed();
        let Some(engine) = self.opened(dir, notes) else { return };
        self.read(engine.as_ref(), notes);
    }

    fn opened(&self, dir: &Path, notes: &Notes) -> Option<Box<dyn Engine>> {
        let before = log_sizes(dir);
        match self.driver.open(dir, &self.options) {
            Ok(engine) => {
                let mut cut = log_sizes(dir);
                cut.retain(|name, size| before.get(name).is_some_and(|before| before > size));
                notes.note(&Note::Opened(cut));
                Some(engine)
            }
            Err(denial) => {
                notes.note(&Note::Denied(denial.to_string()));
                None
            }
        }
    }

    /// Whether all could be read and breaks no promise.
    fn read(&self, engine: &dyn Engine, notes: &Notes) -> bool {
        let note = match child::dump(engine, &self.history) {
            Err(denial) => Note::Denied(denial.to_string()),
            Ok(dump) if dump == self.dump => Note::Same,
            Ok(dump) => self.judged(dump, notes),
        };
        notes.note(&note);
        matches!(note, Note::Same | Note::Lawful(_))
    }

    fn judged(&self, dump: Dump, notes: &Notes) -> Note {
        let print = fingerprint(&dump);
        let events = self.history.events.len();
        let promise = if self.options.durable { Promise::Acked } else { Promise::Synced };
        let states = [Reopened { events, promise, dump }];
        let evidence = Evidence {
            clients_misled: Some("what they saw was judged on the sound database"),
            isolation: Isolation::Not("no client ran on what was damaged"),
            ..Evidence::new(&self.history, self.streams, &states)
        };
        let violations = judge_all(&evidence).violations();
        let Some(first) = violations.first() else { return Note::Lawful(print) };
        let kept = stored::store(&evidence, &[], &[], &notes.folder);
        kept.expect("the folder of the notes takes evidence");
        let words = format!("{}: {}: {}", first.oracle, first.promise, first.witness);
        Note::Differs(print, words)
    }
}

/// What tells a state from another one.
pub fn fingerprint(dump: &Dump) -> u64 {
    xxh3_64(&postcard::to_allocvec(dump).expect("dumps are plain data"))
}

fn log_sizes(dir: &Path) -> BTreeMap<String, u64> {
    let entries = fs::read_dir(dir.join("log")).into_iter().flatten().flatten();
    let sizes = entries.filter_map(|entry| {
        let name = format!("log/{}", entry.file_name().to_str()?);
        let is_log = Kind::of(&name) == Some(Kind::Wal);
        is_log.then_some((name, entry.metadata().ok()?.len()))
    });
    sizes.collect()
}

/// A sound database whose log ends where an opening cut a damaged one: the same files, but for one byte
/// behind the cut that is no record, so that the opening cuts there again and reads nothing behind.
pub fn cut_alike(files: &Files, cut: &BTreeMap<String, u64>) -> Option<Files> {
    const NO_RECORD: u8 = 0xff;
    let mut files = files.clone();
    for (name, size) in cut {
        let bytes = files.get_mut(name)?;
        bytes.truncate(usize::try_from(*size).ok()?);
        bytes.push(NO_RECORD);
    }
    Some(files)
}
