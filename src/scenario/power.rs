//! Power loss: what a recorded run promised up to a crash, and how a crash state of its folder is
//! judged. How the run is traced and which crash states there are is the business of `faultfs`, which
//! only the binary of the power cases is linked with; nothing here knows it.
//!
//! A trace carries one number for each word that the suite says to it. Numbers are the stamps of
//! events; milestones, which have no stamp, are counted above all stamps.

mod answer;
pub mod forking;
pub mod known;
mod notes;
pub mod other_engines;
mod second_crash;
pub mod workloads;

use answer::told;
pub use answer::{known_id, put_down_to};
pub use known::LogFile;
pub use notes::{Notes, Passed};
pub use second_crash::SecondCrashes;

use crate::{
    engine::{Capabilities, Driver, EngineError, EngineOptions},
    history::OracleName,
    history::{BucketChange, Event, History, Milestone, child},
    oracle::{
        Violation,
        judge::{Evidence, Isolation, Judgement, judge_all},
        recovery::{Promise, Reopened, Streams},
    },
    settings::FindingId,
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The number of the first milestone of a recorded run: no run hands out so many stamps.
const MILESTONES: u64 = 1 << 40;

/// The engine's folder within the recorded one; copies stand beside it.
pub const DATABASE: &str = "db";

const SERVES: &str = "a database that lost its power can be opened and serves";
const CHECKS: &str = "a database that lost its power passes the engine's own checker";
const MISLED: &str = "the first run was judged; a power loss may take what it was told";
const COPIED: &str = "a copy that was acknowledged survives and can be opened";

/// A word to the trace about the work with this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceMark {
    /// From here on it may have happened.
    Asked(u64),
    /// From here on a power loss must not take it.
    Promised(u64),
}

/// What a run says to its trace.
#[derive(Debug)]
pub struct TraceMarks {
    durable: bool,
    milestones: AtomicU64,
}

impl TraceMarks {
    /// The words of a run on this route: on the durable one an acknowledged commit is promised, on
    /// the relaxed one only a barrier that returned.
    pub fn of(options: &EngineOptions) -> Self {
        Self { durable: options.durable, milestones: AtomicU64::new(MILESTONES) }
    }

    /// The word that goes with an event, if any.
    pub fn of_event(&self, event: &Event) -> Option<TraceMark> {
        use BucketChange as B;
        match event {
            Event::Ok { stamp, .. } if self.durable => Some(TraceMark::Promised(*stamp)),
            Event::Commit { stamp, .. } | Event::Ok { stamp, .. } => Some(TraceMark::Asked(*stamp)),
            Event::Synced { stamp, .. } => Some(TraceMark::Promised(*stamp)),
            Event::Bucket { stamp, change: B::Creating | B::Deleting, .. } => {
                Some(TraceMark::Asked(*stamp))
            }
            Event::Bucket { stamp, change: B::Created | B::Deleted, .. } => {
                Some(TraceMark::Promised(*stamp))
            }
            Event::Milestone(milestone) => {
                let number = self.milestones.fetch_add(1, Ordering::SeqCst);
                Some(match milestone {
                    Milestone::Copied { .. } => TraceMark::Promised(number),
                    _ => TraceMark::Asked(number),
                })
            }
            Event::Begin { .. }
            | Event::Abort { .. }
            | Event::Info { .. }
            | Event::Checkpoint { .. }
            | Event::Wrong { .. }
            | Event::Waited(_) => None,
        }
    }
}

/// What a crash left.
#[derive(Clone, Copy, Debug)]
pub struct Crash<'a> {
    /// The crash state of the recorded folder.
    pub folder: &'a Path,
    /// The numbers of the work that had been asked for.
    pub asked: &'a [u64],
    /// The numbers of the work that had been promised.
    pub promised: &'a [u64],
    /// How many events of the recording had happened.
    pub at: u32,
}

/// A recorded run: everything that is needed to judge what a crash leaves of it.
pub struct Recorded<'a> {
    /// The engine.
    pub driver: &'a dyn Driver,
    /// How the crash state is opened.
    pub options: EngineOptions,
    /// All that happened to the database, before the recording and in it.
    pub history: Arc<History>,
    /// How many of the events were before the recording: a power loss does not take them.
    pub before: usize,
    /// Over how many streams the log was spread, at the most.
    pub streams: Streams,
    /// The log files of the recording.
    pub logs: Vec<LogFile>,
    /// Of which life it is: 0 for the first one, which was recorded.
    pub life: u64,
    /// What is noted beside the answers.
    pub notes: Arc<Notes>,
}

impl Recorded<'_> {
    /// The same run, of which what is judged to be broken first is stored in this folder, for `just judge`.
    #[must_use]
    pub fn storing(&self, folder: impl Into<PathBuf>) -> Recorded<'_> {
        Recorded {
            driver: self.driver,
            options: self.options.clone(),
            history: Arc::clone(&self.history),
            logs: self.logs.clone(),
            notes: Arc::new(Notes::storing(folder)),
            ..*self
        }
    }

    /// Keeps words for what no oracle can be given: a refused opening, a process that died.
    pub fn keep_words(&self, history: &History, states: &[Reopened], found: &[Violation]) {
        let evidence = Evidence {
            clients_misled: Some(MISLED),
            isolation: Isolation::Not("nothing was read"),
            ..self.evidence(history, states)
        };
        self.notes.keep(&evidence, &[], found);
    }

    /// Judges evidence, which is kept where something is broken.
    fn judged(&self, evidence: &Evidence<'_>) -> Judgement {
        let judgement = judge_all(evidence);
        self.notes.keep(evidence, &judgement.judged.violations, &[]);
        judgement
    }

    /// The history up to a crash before which the run had said these words, and what must be left
    /// of it.
    pub fn until(&self, asked: &[u64], promised: &[u64]) -> (History, Promise) {
        let said: BTreeSet<u64> = asked.iter().chain(promised).copied().collect();
        let newest = said.range(..MILESTONES).next_back().copied().unwrap_or_default();
        let words = TraceMarks::of(&self.options);
        let (setup, recorded) = self.history.events.split_at(self.before);
        let happened = |event: &&Event| match words.of_event(event) {
            Some(TraceMark::Asked(number) | TraceMark::Promised(number)) => said.contains(&number),
            None => event.stamp().is_some_and(|stamp| stamp <= newest),
        };
        let mut events = setup.to_vec();
        events.extend(recorded.iter().filter(happened).cloned());
        let history = History { events };
        let promise = self.promise(&history);
        (history, promise)
    }

    /// On the relaxed route: what was acknowledged before the last barrier was asked for, and all
    /// that was there before the recording.
    fn promise(&self, history: &History) -> Promise {
        if self.options.durable {
            return Promise::Acked;
        }
        let setup = self.history.events[..self.before].iter().filter_map(Event::stamp).max();
        let barriers = history.events.iter().filter_map(|event| match event {
            Event::Synced { asked, .. } => Some(*asked),
            _ => None,
        });
        let barrier = barriers.max().unwrap_or_default();
        Promise::AckedBefore(barrier.max(setup.map_or(0, |stamp| stamp + 1)))
    }

    /// Judges what the first power loss left. The first line of the answer says which promise is
    /// broken, the others are the witnesses.
    fn judge_first(&self, crash: &Crash<'_>) -> Result<(), String> {
        let (history, promise) = self.until(crash.asked, crash.promised);
        let judged = self.crash_state(crash, DATABASE, &history, promise);
        if judged.is_ok() { self.copies(crash, &history) } else { judged }
    }

    /// Judges the recorded folder as a process left it that met a failing disk and then died or
    /// closed: the page cache is whole, so everything that was acknowledged counts, unless the engine
    /// keeps relaxed commits to itself.
    pub fn judge_death(&self, folder: &Path) -> Result<(), String> {
        let crash = Crash { folder, asked: &[], promised: &[], at: u32::MAX };
        let outlives = self.driver.capabilities().outlives;
        let promise = if outlives { Promise::Acked } else { self.promise(&self.history) };
        self.crash_state(&crash, DATABASE, &self.history, promise)?;
        let misled = Some("of a process that met a failing disk, the state counts");
        let evidence = Evidence { clients_misled: misled, ..self.evidence(&self.history, &[]) };
        told(&self.judged(&evidence).violations(), None)
    }

    /// Judges one database of the folder, and says so when what is broken is a known finding's doing.
    fn crash_state(
        &self,
        crash: &Crash<'_>,
        name: &str,
        history: &History,
        promise: Promise,
    ) -> Result<(), String> {
        let dir = crash.folder.join(name);
        let has_header = known::has_header(&dir);
        // Beside the folder, which may be recorded.
        let aside = crash.folder.with_extension("mended");
        let mended = known::mended(crash.folder, name, &self.logs, crash.at, &aside);
        let is_mended = mended.map_err(|error| error.to_string())?;
        let (violations, known) = self.database(&dir, history, promise);
        let known = if violations.is_empty() || known.is_some() {
            known
        } else if known::is_cut_off(has_header, &violations) && !promises(history) {
            Some(known::CUT_OFF_CREATION)
        } else if is_mended && self.database(&aside.join(name), history, promise).0.is_empty() {
            Some(known::SHORT_LOG_FILE)
        } else {
            let engine = self.driver.identity().name;
            let again = |dir: &Path| self.database(dir, history, promise).0;
            other_engines::torn_batch(&engine, &violations, &dir, &aside, again)
        };
        if is_mended {
            let _ = fs::remove_dir_all(&aside);
        }
        told(&violations, known)
    }

    /// Opens the database, reads it in every way, closes it and has it checked: what is broken, and
    /// the known finding that is the cause of all of it.
    fn database(
        &self,
        dir: &Path,
        history: &History,
        promise: Promise,
    ) -> (Vec<Violation>, Option<FindingId>) {
        self.database_after(dir, history, Vec::new(), promise)
    }

    /// The same of one that was opened before, and found in these states.
    fn database_after(
        &self,
        dir: &Path,
        history: &History,
        mut states: Vec<Reopened>,
        promise: Promise,
    ) -> (Vec<Violation>, Option<FindingId>) {
        let opened = self.driver.open(dir, &self.options);
        let dump = match opened.and_then(|engine| child::dump(engine.as_ref(), history)) {
            Err(denial) => {
                let found = refused(&denial);
                self.keep_words(history, &states, &found);
                return (found, None);
            }
            Ok(dump) => dump,
        };
        states.push(Reopened { events: history.events.len(), promise, dump });
        let sound = self.notes.of_life(self.life);
        let evidence = Evidence {
            clients_misled: Some(MISLED),
            isolation: Isolation::OfState(&sound),
            ..self.evidence(history, &states)
        };
        let judgement = judge_all(&evidence);
        self.notes.show(&judgement.files);
        let judged = judgement.judged;
        let is_known = known::is_revived(&judged.violations, history, &states, self.streams);
        let mut known = is_known.then_some(known::REVIVED_COMMIT);
        self.notes.let_pass(&judged.allowances);
        let more = self.checked(dir);
        known = known.filter(|_| more.is_empty());
        self.notes.keep(&evidence, &judged.violations, &more);
        ([judged.violations, more].concat(), known)
    }

    /// What the engine's own checker finds, where there is one.
    fn checked(&self, dir: &Path) -> Vec<Violation> {
        if !self.driver.capabilities().checker {
            return Vec::new();
        }
        match self.driver.check(dir) {
            Err(denial) => refused(&denial),
            Ok(complaints) => {
                let said = complaints.into_iter();
                said.map(|witness| Violation::new(OracleName::Checker, CHECKS, witness)).collect()
            }
        }
    }

    /// A history and states, judged by what the engine promises.
    fn evidence<'e>(&self, history: &'e History, states: &'e [Reopened]) -> Evidence<'e> {
        let Capabilities { level, writers, .. } = self.driver.capabilities();
        Evidence { level, writers, ..Evidence::new(history, self.streams, states) }
    }

    /// A copy that was acknowledged is there; one that is there holds all that was acknowledged
    /// before it was asked for.
    fn copies(&self, crash: &Crash<'_>, history: &History) -> Result<(), String> {
        for (at, event) in history.events.iter().enumerate().skip(self.before) {
            let Event::Milestone(Milestone::Copying { name }) = event else { continue };
            let copied = Event::Milestone(Milestone::Copied { name: name.clone() });
            let done = history.events[at..].contains(&copied);
            if crash.folder.join(name).exists() {
                let before = History { events: history.events[..at].to_vec() };
                let promise = self.promise(&before);
                self.crash_state(crash, name, &before, promise)?;
            } else if done {
                let lost = format!("{name} is not there");
                let lost = [Violation::new(OracleName::Durability, COPIED, lost)];
                self.keep_words(history, &[], &lost);
                told(&lost, None)?;
            }
        }
        Ok(())
    }

    /// What clients saw while the engine was open.
    pub fn live(&self) -> Judgement {
        self.judged(&self.evidence(&self.history, &[]))
    }
}

fn refused(denial: &EngineError) -> Vec<Violation> {
    vec![Violation::new(OracleName::Answers, SERVES, format!("the opening answers {denial}"))]
}

/// Whether anything was acknowledged.
fn promises(history: &History) -> bool {
    history.events.iter().any(|event| {
        matches!(event, Event::Ok { .. } | Event::Synced { .. })
            || matches!(event, Event::Bucket { change: BucketChange::Created, .. })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::{Preset, mace::MaceDriver},
        workload::TxnId,
    };

    /// One commit, acknowledged at 3, a barrier asked for at 4 that returned at 5.
    fn recorded(preset: Preset) -> Recorded<'static> {
        let txn = TxnId { client: 0, seq: 1 };
        let events = vec![
            Event::Milestone(Milestone::Started),
            Event::Begin { txn, bucket: "a".to_owned(), stamp: 1 },
            Event::Commit {
                txn,
                stamp: 2,
                begun: 1,
                reads: Vec::new(),
                writes: Vec::new(),
                scans: Vec::new(),
            },
            Event::Ok { txn, stamp: 3 },
            Event::Synced { asked: 4, stamp: 5 },
        ];
        let options = preset.engine();
        let history = Arc::new(History { events });
        let streams = Streams::One;
        let notes = Arc::new(Notes::new("nowhere"));
        let driver = &MaceDriver;
        let logs = Vec::new();
        Recorded { driver, options, history, before: 0, streams, logs, life: 0, notes }
    }

    #[test]
    fn what_was_not_said_before_a_crash_did_not_happen() {
        let run = recorded(Preset::Tiny);
        let (history, promise) = run.until(&[MILESTONES, 2], &[]);
        assert_eq!((history.events.len(), promise), (3, Promise::Acked));
        let (history, _) = run.until(&[MILESTONES, 2], &[3]);
        assert!(matches!(history.events.last(), Some(Event::Ok { .. })));
    }

    #[test]
    fn the_relaxed_route_promises_what_a_barrier_covers() {
        let run = recorded(Preset::Relaxed);
        assert_eq!(run.until(&[MILESTONES, 2, 3], &[]).1, Promise::AckedBefore(0));
        assert_eq!(run.until(&[MILESTONES, 2, 3], &[5]).1, Promise::AckedBefore(4));
    }
}
