//! What judging a crash state leaves behind besides its answer. Judges run in processes of their own
//! that come and go: what they let pass is counted in a file, and the first picture of broken
//! isolation is kept. Isolation is judged once in a process for each state that a history led to,
//! because many crash states of different bytes hold the same pairs. A state that was chosen is judged
//! once more, and what it was judged by is stored. Chooses no crash.

use crate::{
    error::Error,
    history::History,
    history::OracleName,
    oracle::{
        Allowance, Violation,
        judge::{Evidence, Sound},
        recovery::Reopened,
    },
    report::{Figures, say},
    scenario::stored,
};
use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};
use xxhash_rust::xxh3::Xxh3;

/// The file of what was let pass.
const PASSED: &str = "passed";

/// Beside a recording, outside of the recorded folder.
#[derive(Debug)]
pub struct Notes {
    folder: PathBuf,
    /// Whether what the first violations were judged by is stored here, for `just judge`.
    stores: bool,
    /// By history and state: what was let pass where nothing was found.
    sound: Mutex<HashMap<u128, Vec<Allowance>>>,
}

/// What was let pass, by its oracle and the engine's sentence: how often, and in how many crash states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed(BTreeMap<(OracleName, String), (u64, u64)>);

impl Notes {
    /// In this folder, which is made when there is something to note.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), stores: false, sound: Mutex::default() }
    }

    /// The same, and the first evidence that something is broken is stored there.
    pub(super) fn storing(folder: impl Into<PathBuf>) -> Self {
        Self { stores: true, ..Self::new(folder) }
    }

    /// Stores what violations were judged by, where that is wanted; `beyond` it, what only an engine shows.
    pub(super) fn keep(&self, evidence: &Evidence<'_>, found: &[Violation], beyond: &[Violation]) {
        if !self.stores || found.is_empty() && beyond.is_empty() || stored::is_in(&self.folder) {
            return;
        }
        if let Err(error) = stored::store(evidence, &[], beyond, self.made()) {
            say(&format!("evidence for `just judge` is missing: {error}"));
        }
    }

    /// What is known of the states of a life. `life` tells histories with the same stamps apart.
    pub(super) fn of_life(&self, life: u64) -> OfLife<'_> {
        OfLife { notes: self, life }
    }

    /// Keeps the first evidence of its kind.
    pub(super) fn show(&self, evidence: &[(String, String)]) {
        for (name, content) in evidence {
            let path = self.made().join(name);
            if let Ok(mut file) = OpenOptions::new().write(true).create_new(true).open(&path) {
                done("write", &path, file.write_all(content.as_bytes()));
            }
        }
    }

    /// Counts what was let pass in one crash state.
    pub(super) fn let_pass(&self, allowances: &[Allowance]) {
        if allowances.is_empty() {
            return;
        }
        let line = |Allowance { oracle, sentence, count }: &Allowance| {
            let line = serde_json::to_string(&(oracle, count, sentence));
            line.expect("an allowance is plain data") + "\n"
        };
        // One call for all of it: other processes write here too.
        let lines: String = allowances.iter().map(line).collect();
        let path = self.made().join(PASSED);
        let mut file =
            done("open", &path, OpenOptions::new().append(true).create(true).open(&path));
        done("write", &path, file.write_all(lines.as_bytes()));
    }

    fn made(&self) -> &Path {
        done("create", &self.folder, fs::create_dir_all(&self.folder));
        &self.folder
    }

    /// What was let pass so far.
    pub fn passed(&self) -> Passed {
        let mut passed = Passed::default();
        let path = self.folder.join(PASSED);
        if !path.exists() {
            return passed;
        }
        for line in done("read", &path, fs::read_to_string(&path)).lines() {
            let entry: (OracleName, u64, String) =
                serde_json::from_str(line).expect("a line is an allowance");
            let (oracle, count, sentence) = entry;
            let (sum, crash_states) = passed.0.entry((oracle, sentence)).or_default();
            *sum += count;
            *crash_states += 1;
        }
        passed
    }
}

impl Passed {
    /// Adds what was let pass elsewhere.
    pub fn join(&mut self, other: Self) {
        for (what, (count, crash_states)) in other.0 {
            let (sum, all) = self.0.entry(what).or_default();
            *sum += count;
            *all += crash_states;
        }
    }

    /// How often anything was let pass.
    pub fn count(&self) -> u64 {
        self.0.values().map(|(count, _)| count).sum()
    }

    /// Says and counts it.
    pub fn report(&self, figures: &mut Figures) {
        for ((oracle, sentence), (count, crash_states)) in &self.0 {
            say(&format!("{oracle} let {count} pass in {crash_states} crash_states: {sentence}"));
            figures.add(format!("{oracle}.allowed"), *count);
        }
    }
}

/// What is known of the states of one life.
pub(super) struct OfLife<'a> {
    notes: &'a Notes,
    life: u64,
}

impl Sound for OfLife<'_> {
    fn known(&self, history: &History, states: &[Reopened]) -> Option<Vec<Allowance>> {
        let sound = self.notes.sound.lock().unwrap_or_else(PoisonError::into_inner);
        sound.get(&print(self.life, history, states)).cloned()
    }

    fn keep(&self, history: &History, states: &[Reopened], allowances: &[Allowance]) {
        let mut sound = self.notes.sound.lock().unwrap_or_else(PoisonError::into_inner);
        sound.insert(print(self.life, history, states), allowances.to_owned());
    }
}

/// Of what isolation is judged from; the states before the last one go with the life.
fn print(life: u64, history: &History, states: &[Reopened]) -> u128 {
    let mut print = Xxh3::new();
    let mut add = |bytes: &[u8]| {
        print.update(&(bytes.len() as u64).to_le_bytes());
        print.update(bytes);
    };
    add(&life.to_le_bytes());
    let stamps = history.events.iter().map(|event| event.stamp().unwrap_or(u64::MAX));
    add(&stamps.flat_map(u64::to_le_bytes).collect::<Vec<u8>>());
    if let Some(Reopened { promise, dump, .. }) = states.last() {
        add(format!("{promise:?}").as_bytes());
        for (bucket, pairs) in &dump.buckets {
            add(bucket.as_bytes());
            add(&(pairs.len() as u64).to_le_bytes());
            for (key, value) in pairs {
                add(key);
                add(value);
            }
        }
    }
    print.digest128()
}

fn done<T>(verb: &'static str, path: &Path, result: std::io::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{}", Error::new(verb, path, error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        history::{
            Event, KeyText, Seen, Write as Wrote,
            dump::{Dump, Pairs},
        },
        oracle::recovery::Promise,
        testdir::TestDir,
        workload::{TxnId, Version},
    };

    #[test]
    fn what_processes_let_pass_adds_up() {
        let dir = TestDir::new("notes").unwrap();
        let folder = dir.path().join("notes");
        let notes = || Notes::new(&folder);
        assert_eq!(notes().passed(), Passed::default());
        let oracle = OracleName::Order;
        let sentence = "it says so";
        for count in [2, 3] {
            notes().let_pass(&[Allowance { oracle, sentence, count }]);
        }
        notes().let_pass(&[]);
        let mut all = notes().passed();
        assert_eq!(all.0[&(oracle, sentence.to_owned())], (5, 2));
        all.join(notes().passed());
        assert_eq!(all.count(), 10);
    }

    /// A transaction that read and wrote a key, and what a reopening found there.
    fn reopened(found: Option<Version>) -> (History, Vec<Reopened>) {
        let txn = TxnId { client: 1, seq: 1 };
        let key = KeyText::new(b"x");
        let bucket = "b".to_owned();
        let version = Version { txn, op: 0, len: 40 };
        let reads = vec![(key.clone(), Seen::Absent)];
        let writes = vec![(key, Wrote::Set(version))];
        let history = History {
            events: vec![
                Event::Begin { txn, bucket: bucket.clone(), stamp: 1 },
                Event::Commit { txn, stamp: 3, begun: 2, reads, writes, scans: Vec::new() },
                Event::Ok { txn, stamp: 4 },
            ],
        };
        let pairs: Pairs =
            found.map(|version| (b"x".to_vec(), version.encode(b"x"))).into_iter().collect();
        let dump = Dump { buckets: BTreeMap::from([(bucket, pairs)]), ..Dump::default() };
        let events = history.events.len();
        let promise = Promise::Acked;
        (history, vec![Reopened { events, promise, dump }])
    }

    #[test]
    fn a_state_is_judged_once_and_another_one_anew() {
        let dir = TestDir::new("notes").unwrap();
        let notes = Notes::new(dir.path().join("notes"));
        let there = Version { txn: TxnId { client: 1, seq: 1 }, op: 0, len: 40 };
        let (history, states) = reopened(Some(there));
        let (other, others) = reopened(None);
        let life = notes.of_life(0);
        assert_eq!(life.known(&history, &states), None);
        life.keep(&history, &states, &[]);
        assert_eq!(life.known(&history, &states), Some(Vec::new()));
        assert_eq!(life.known(&other, &others), None);
        assert_eq!(notes.of_life(1).known(&history, &states), None);
    }
}
