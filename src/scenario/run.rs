//! A database and everything that a case does with it: sessions in this process, or processes of
//! its own that are killed or close it. Whatever they leave is collected, and the end of the case
//! judges all of it ([`Run::judge`], which [`Case::over`](super::Case::over) calls). After the first
//! thing that ends a run early nothing more is done; what was collected until then is judged too.
//!
//! Every figure comes from the evidence, not from the plan. Folder and journal are those of a
//! [`Database`], so that a failed case leaves both behind.

pub mod goals;
pub mod processes;
pub mod session;

use crate::{
    engine::{
        BucketOptions, Capabilities, Driver, EngineError, EngineOptions, Identity, Merge, Need,
        Outcome, Preset, serialised_maintenance::SerialisedMaintenance, under_test,
    },
    error::Error,
    history::{
        Event, History, Milestone,
        accounting::account,
        dump::Dump,
        journal::{self, Recorder},
        listen::Listening,
        script::{buckets_named, keys_of},
        snapshot_readers::Snapshot,
    },
    oracle::{
        self, Allowance, OracleName, Violation,
        conservation::Total,
        judge::{Accounts, Judgement, Sizes, judge_all},
        promise::{self, After},
        recovery::{Expect, Promise, Reopened, Streams},
        space::Bound,
    },
    report::{self, Figures, say},
    scenario::{database::Database, stored},
    settings::{FindingId, Seed},
    verdict::Verdict,
    workload::bank::{ACCOUNTS, Bank},
};
use goals::{Depth, Goal, counted};
use knobs::budget::Unit;
use results::{absorbed, marker::Marker};
use session::{Evidence, Place, Session};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A step towards a verdict: the way on, or a verdict that ends the case early.
pub type Judging<T> = Result<T, Verdict>;

/// Whether a known finding is behind a verdict on a process, by what its database shows on disk: with the
/// evidence.
pub type Explain = fn(&Verdict, &Database, &mut Figures) -> Option<(FindingId, String)>;

/// All that happened to one database, and the states that it was found in.
struct Left {
    /// Where what shows violations is written.
    root: PathBuf,
    history: History,
    reopened: Vec<Reopened>,
}

/// Why clients of a database whose process died cannot be blamed for what they miss.
const MISLED: &str = "relaxed commits of this engine do not outlive their process";

const CARRIED_OUT: &str = "a call within the documented limits is carried out";

/// One database, what is done with it and what is known of it.
pub struct Run<'a> {
    /// How the database is opened from now on.
    pub options: EngineOptions,
    /// How buckets are made from now on.
    pub buckets: BucketOptions,
    /// How many files a process of its own may have open at once; what the system allows without.
    pub open_files: Option<u64>,
    /// What the run counted.
    pub figures: Figures,
    driver: &'a dyn Driver,
    preset: Preset,
    apart: bool,
    folder: PathBuf,
    database: Database,
    seed: Seed,
    sessions: u32,
    processes: u32,
    streams: Streams,
    /// What it acknowledged may have been in memory alone.
    keeps_to_itself: bool,
    reopened: Vec<Reopened>,
    copies: Vec<(String, Left)>,
    evidence: Evidence,
    explain: Option<Explain>,
    excused: &'static [&'static str],
    bank: Option<Bank>,
    bound: Option<Bound>,
    goals: Vec<Goal>,
    early: Option<Verdict>,
}

impl Run<'static> {
    /// A run of the engine under test.
    pub fn new(preset: Preset, folder: PathBuf, seed: Seed) -> Self {
        Self::of(under_test::driver(), preset, folder, seed)
    }

    /// A run that goes on with a database as other processes left it, in its folder, and opens it so.
    pub fn after(database: Database, options: &EngineOptions, seed: Seed) -> Self {
        let mut run = Self::new(Preset::Defaults, database.root().join("run"), seed);
        run.options = options.clone();
        run.database = database;
        run.processes = 1;
        run
    }
}

impl<'a> Run<'a> {
    /// A run of this engine, with a database that is not there yet.
    ///
    /// # Panics
    /// When the folder cannot be made.
    pub fn of(driver: &'a dyn Driver, preset: Preset, folder: PathBuf, seed: Seed) -> Self {
        let database = Database::new(folder.join("database"), seed);
        Self {
            options: preset.engine(),
            buckets: preset.bucket(),
            open_files: None,
            figures: Figures::default(),
            driver,
            preset,
            apart: false,
            folder,
            database: must(database),
            seed,
            sessions: 0,
            processes: 0,
            streams: Streams::One,
            keeps_to_itself: false,
            reopened: Vec::new(),
            copies: Vec::new(),
            evidence: Evidence::default(),
            explain: None,
            excused: &[],
            bank: None,
            bound: None,
            goals: Vec::new(),
            early: None,
        }
    }

    /// The preset that the case runs in.
    pub fn preset(&self) -> Preset {
        self.preset
    }

    /// What the engine can do, and what it promises.
    pub fn can(&self) -> Capabilities {
        self.driver.capabilities()
    }

    /// The run's seed.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// The run's folder, for a case that opens databases itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The engine's folder.
    pub fn dir(&self) -> PathBuf {
        self.database.dir()
    }

    /// The journal of all that works on the database.
    pub fn journal(&self) -> PathBuf {
        self.database.journal()
    }

    /// Gives the database a log that does not rotate, for work that drops transactions or meets
    /// conflicts ([`EngineOptions::one_log_file`]).
    pub fn keep_one_log_file(&mut self) {
        self.options = self.options.clone().one_log_file();
    }

    /// Lets no reading overlap a checkpoint or a round of collection ([`SerialisedMaintenance`]), and has
    /// checkpoints written when they are asked for.
    pub fn serialise_maintenance(&mut self) {
        self.apart = true;
        self.buckets = self.buckets.clone().checkpoints_when_asked();
    }

    /// Says why the case judges nothing here; it then passes, and is reported apart.
    pub fn skip(&mut self, reason: &str) {
        report::mark(&Marker::Skip { reason: reason.to_owned() });
        self.early = Some(Verdict::Pass);
    }

    /// Skips the case on an engine that lacks one of these; whether it does.
    pub fn lacks(&mut self, needs: &[Need]) -> bool {
        let can = self.can();
        let Some(what) = needs.iter().find_map(|need| can.lacks(*need)) else { return false };
        self.skip(&known_to_lack(self.driver, what));
        true
    }

    /// A process that ends otherwise than told is no failure where a known finding explains it. The run counts
    /// as one judged crash, for the finding's budget.
    pub fn explain_by(&mut self, explain: Explain) {
        self.figures.add(absorbed::judged(Unit::Crashes), 1);
        self.explain = Some(explain);
    }

    /// What the engine's checker or its account says with one of these words is the doing of the case.
    pub fn excuse(&mut self, words: &'static [&'static str]) {
        self.excused = words;
    }

    /// Ends the run with a verdict that the case found itself.
    pub fn conclude(&mut self, verdict: Verdict) {
        self.attempt(|_| Err(verdict));
    }

    /// Opens the database in this process, does something with it and closes it.
    pub fn session(&mut self, work: impl FnOnce(&mut Session<'_>)) {
        self.attempt(|run| run.opened(work));
    }

    fn opened(&mut self, work: impl FnOnce(&mut Session<'_>)) -> Judging<()> {
        self.sessions += 1;
        let options = self.options.clone();
        self.note_streams(&options);
        let recorder = Arc::new(must(Recorder::file(&self.database.journal())));
        recorder.record(Event::Milestone(Milestone::Started));
        let _listening = Listening::begin(&recorder);
        let dir = self.dir();
        let apart = SerialisedMaintenance::new(self.driver);
        let driver: &dyn Driver = if self.apart { &apart } else { self.driver };
        let engine = driver.open(&dir, &self.options).map_err(|denial| denied("open", &denial))?;
        let seed = self.seed.derive(&format!("session {}", self.sessions));
        let engine = engine.as_ref();
        let buckets = &self.buckets;
        let place = Place { engine, recorder: &recorder, dir: &dir, buckets, seed };
        let done = Session::run(place, &mut self.evidence, work);
        done.map_err(|denial| denied("a step", &denial))
    }

    /// Opens the database, reads every bucket in every way, and closes it; after a process was
    /// killed, in a process that dies with it open.
    pub fn reopen(&mut self) {
        self.attempt(|run| if run.processes > 0 { run.looked_at() } else { run.dumped() });
    }

    fn dumped(&mut self) -> Judging<()> {
        let history = self.history();
        let keys = keys_of(&history);
        let mut dump = Dump::default();
        self.opened(|session| {
            session.attempt(|session| read_all(session, &history, &keys, &mut dump));
        })?;
        self.reopened.push(Reopened::after(&history, dump));
        Ok(())
    }

    /// Has the engine's own checker look at the closed database; after a process was killed, in a
    /// process that reads everything and closes it first.
    pub fn check(&mut self) {
        self.attempt(
            |run| if run.processes > 0 { run.closed_and_checked() } else { run.checked() },
        );
    }

    fn checked(&mut self) -> Judging<()> {
        if !self.can().checker {
            return Ok(());
        }
        let complaints = self.driver.check(&self.dir());
        let complaints = complaints.map_err(|denial| denied("check", &denial))?;
        let recorder = must(Recorder::file(&self.database.journal()));
        for witness in complaints {
            recorder.record(Event::Wrong { oracle: OracleName::Checker, witness });
        }
        let buckets = buckets_named(&self.history());
        account(self.driver, &self.dir(), &self.options, &buckets, &recorder)
            .map_err(|denial| denied("its account", &denial))
    }

    /// What was recorded so far.
    ///
    /// # Panics
    /// When the journal cannot be read.
    pub fn history(&self) -> History {
        must(journal::read(&self.database.journal()))
    }

    /// Has the total of a bank judged at every snapshot, and in every state found at a reopening.
    pub fn conserves(&mut self, bank: Bank) {
        self.bank = Some(bank);
    }

    /// Has the sizes judged that were sampled.
    pub fn bounded(&mut self, bound: Bound) {
        self.bound = Some(bound);
    }

    /// Wants something reached, or else a run in which nothing is wrong is inconclusive.
    pub fn must_reach(&mut self, goal: Goal) {
        self.goals.push(goal);
    }

    /// Wants the database to be deep ([`goals::Depth::LEAST`]): by the pairs that the last reopening
    /// found and by the data files, and where the engine counts them by the pages that it divided.
    pub fn must_be_deep(&mut self) {
        let states = self.reopened.iter().map(|state| &state.dump).chain(&self.database.dumps);
        let pairs = states.last().and_then(|dump| dump.buckets.values().map(BTreeMap::len).max());
        let pairs = pairs.unwrap_or_default() as u64;
        let depth = Depth::of_database(pairs, self.buckets.split_keys, &self.dir());
        let can = self.can();
        depth.count(&mut self.figures, can);
        self.goals.extend(depth.goals(can));
        if let Some(splits) = self.evidence.splits {
            self.figures.add("deep.splits", splits);
            self.must_reach(counted("a page that was divided", splits).times(goals::DEEP_SPLITS));
        }
    }

    /// Wants so many pages joined to their neighbours, where the engine counts it.
    pub fn must_join_pages(&mut self, least: u64) {
        if let Some(joins) = self.evidence.joins {
            self.figures.add("deep.joins", joins);
            self.must_reach(counted("a page that was joined", joins).times(least));
        }
    }

    /// Whether the run got there by now; also when it ended early, so that a loop ends.
    pub fn has_reached(&self, goal: &Goal) -> bool {
        self.early.is_some() || self.came_to(goal, &self.history()) == Verdict::Pass
    }

    fn came_to(&self, goal: &Goal, history: &History) -> Verdict {
        goal.verdict(history, &self.evidence, self.can())
    }

    /// Runs on new databases, each judged at its end, until one has reached its goals or one is
    /// wrong; at the most so many. Each draws from a seed of its own.
    pub fn on_new_databases(&mut self, most: u32, name: &str, body: impl Fn(&mut Run<'_>)) {
        self.attempt(|run| {
            let mut verdict = Verdict::Pass;
            for number in 1..=most {
                let label = format!("{name}-{number}");
                let seed = run.seed.derive(&label);
                let mut other = Run::of(run.driver, run.preset, run.folder.join(&label), seed);
                other.figures = std::mem::take(&mut run.figures);
                body(&mut other);
                verdict = other.judge();
                run.figures = other.figures;
                if !matches!(verdict, Verdict::Inconclusive(_)) {
                    break;
                }
            }
            Err(verdict)
        });
    }

    /// Judges everything that was collected, and counts it.
    pub fn judge(&mut self) -> Verdict {
        let early = self.early.take();
        if self.sessions + self.processes == 0 {
            // A case that is skipped, or that ran on other databases only.
            let nothing = || Verdict::Inconclusive("the case did nothing".to_owned());
            return early.unwrap_or_else(nothing);
        }
        let left = self.left();
        let violations = Verdict::from_violations(self.judged(&left));
        let history = &left.history;
        self.count(history);
        let verdict = if let Some(early) = early {
            say(&format!("the run ended early: {early:?}"));
            violations.and(early)
        } else {
            let goals = self.goals.iter().map(|goal| self.came_to(goal, history));
            goals.fold(violations, Verdict::and)
        };
        if !matches!(verdict, Verdict::Pass | Verdict::Known(_)) {
            self.store(&left);
        }
        verdict
    }

    /// Stores what the oracles were given, for `just judge`.
    fn store(&self, left: &Left) {
        let copies = self.copies.iter().map(|(_, copy)| (&copy.root, self.evidence_alone(copy)));
        for (root, evidence) in [(&left.root, self.evidence_of(left))].into_iter().chain(copies) {
            if let Err(error) = stored::store(&evidence, self.excused, &[], root) {
                say(&format!("evidence for `just judge` is missing: {error}"));
            }
        }
    }

    /// What is left of the database itself.
    fn left(&mut self) -> Left {
        let history = self.history();
        let mut reopened = std::mem::take(&mut self.reopened);
        let dumps = std::mem::take(&mut self.database.dumps);
        reopened.extend(Reopened::at_milestones(&history, dumps));
        if self.keeps_to_itself {
            // Of all states, also where some processes were durable: those behind them may not have been.
            for state in &mut reopened {
                state.promise = Promise::Synced;
            }
        }
        Left { root: self.folder.clone(), history, reopened }
    }

    /// What a history and the states of a database show alone, by what its engine promises.
    fn evidence_alone<'e>(&self, copy: &'e Left) -> oracle::judge::Evidence<'e> {
        let Capabilities { level, writers, .. } = self.can();
        oracle::judge::Evidence {
            level,
            writers,
            ..oracle::judge::Evidence::new(&copy.history, self.streams, &copy.reopened)
        }
    }

    fn evidence_of<'e>(&'e self, left: &'e Left) -> oracle::judge::Evidence<'e> {
        let Evidence { snapshots, samples, equals, .. } = &self.evidence;
        oracle::judge::Evidence {
            snapshots,
            equals,
            accounts: self.bank.map(|bank| self.accounts(bank, &left.reopened)),
            sizes: self.bound.map(|bound| Sizes { samples: samples.clone(), bound }),
            clients_misled: (self.keeps_to_itself && self.processes > 0).then_some(MISLED),
            ..self.evidence_alone(left)
        }
    }

    fn judged(&mut self, left: &Left) -> Vec<Violation> {
        let judgement = judge_all(&self.evidence_of(left));
        let after = if self.processes > 0 { After::Kill } else { After::Work };
        let mut violations = concluded(judgement, after, &left.root, &mut self.figures);
        let of_copies: Vec<_> = self
            .copies
            .iter()
            .map(|(name, copy)| (name, &copy.root, judge_all(&self.evidence_alone(copy))))
            .collect();
        for (name, root, judgement) in of_copies {
            let found = concluded(judgement, after, root, &mut self.figures);
            violations.extend(found.into_iter().map(|violation| {
                let witness = format!("in `{name}`, {}", violation.witness);
                Violation { witness, ..violation }
            }));
        }
        violations.retain(|violation| !self.is_excused(violation));
        violations
    }

    fn is_excused(&self, violation: &Violation) -> bool {
        let is_excused = violation.is_excused(self.excused);
        if is_excused {
            say(&format!("said because of the fault: {}", violation.witness));
        }
        is_excused
    }

    fn accounts(&self, bank: Bank, reopened: &[Reopened]) -> Accounts {
        let snapshots = self.evidence.snapshots.iter();
        let mut seen: Vec<Total> = snapshots
            .flat_map(|Snapshot { what, first, last, .. }| [(what, first), (what, last)])
            .map(|(what, pairs)| Total::of(what, pairs, ACCOUNTS))
            .collect();
        let found = reopened.iter().flat_map(|state| state.dump.buckets.iter());
        seen.extend(
            found.map(|(name, pairs)| Total::of(format!("{name} at a reopening"), pairs, ACCOUNTS)),
        );
        Accounts { accounts: bank.accounts, total: bank.total(), seen }
    }

    fn count(&mut self, history: &History) {
        let figures = &mut self.figures;
        count(history, figures);
        if self.processes > 0 {
            let asked = history.events.iter().filter(|event| matches!(event, Event::Commit { .. }));
            let answered = history.events.iter().filter(|event| matches!(event, Event::Ok { .. }));
            let open = asked.count().saturating_sub(answered.count());
            figures.add("commits_in_flight", open as u64);
            return;
        }
        let Evidence { snapshots, samples, data_files, blob_files, .. } = &self.evidence;
        figures.add("snapshots", snapshots.len() as u64);
        figures.add("readings", snapshots.iter().map(|snapshot| snapshot.readings).sum());
        figures.add("data_files_collected", *data_files);
        figures.add("blob_files_collected", *blob_files);
        figures.add("reopenings", u64::from(self.sessions.saturating_sub(1)));
        if let (Some(last), Some(_)) = (samples.last(), self.bound) {
            figures.add("live_bytes", last.live_bytes);
            figures.add("file_bytes", last.file_bytes);
        }
    }

    /// A verb of the case's own: nothing more is done once one ended the run.
    pub fn attempt(&mut self, verb: impl FnOnce(&mut Self) -> Judging<()>) {
        if self.early.is_none() {
            self.early = verb(self).err();
        }
    }

    fn note_streams(&mut self, options: &EngineOptions) {
        let can = self.can();
        if Expect::of(options, can).streams == Streams::Many {
            self.streams = Streams::Many;
        }
        self.keeps_to_itself |= !options.durable && !can.outlives;
    }
}

fn read_all(
    session: &Session<'_>,
    history: &History,
    keys: &[Vec<u8>],
    dump: &mut Dump,
) -> Outcome<()> {
    for name in buckets_named(history) {
        match session.engine().open_bucket(&name, Merge::Sum) {
            Ok(bucket) => dump.add(&name, bucket.as_ref(), keys)?,
            Err(EngineError::Absent) => {}
            Err(denial) => return Err(denial),
        }
    }
    Ok(())
}
/// Notes which promises were tried, writes what shows the violations to a folder of the case, says what was let pass and which oracles
/// had no evidence, counts what was seen, and hands the violations on.
pub fn concluded(
    judgement: Judgement,
    after: After,
    dir: &Path,
    figures: &mut Figures,
) -> Vec<Violation> {
    figures.tries(promise::tried(&judgement, after));
    for (name, content) in &judgement.files {
        let path = dir.join(name);
        fs::write(&path, content)
            .unwrap_or_else(|error| panic!("{}", Error::new("write", &path, error)));
    }
    for Allowance { oracle, sentence, count } in &judgement.judged.allowances {
        say(&format!("{oracle} let {count} pass: {sentence}"));
        if *oracle == OracleName::Isolation {
            figures.add("isolation.allowed", *count);
        }
    }
    for (oracle, why) in &judgement.not_run {
        say(&format!("not judged by {oracle}: {why}"));
    }
    if let Some(seen) = &judgement.seen {
        figures.add("isolation.transactions", seen.transactions);
        figures.add("isolation.reads", seen.reads);
        figures.add("isolation.overlaps", seen.overlaps);
        figures.add("isolation.write_skews", seen.write_skews);
        figures.add("isolation.scans", seen.scans);
        figures.add("isolation.unknown", seen.unknown);
        figures.add("isolation.ambiguous", seen.ambiguous);
    }
    judgement.violations()
}

/// Why a case is skipped on an engine that lacks something.
pub fn known_to_lack(driver: &dyn Driver, what: &str) -> String {
    let Identity { name, version, .. } = driver.identity();
    format!("{name} {version} knows {what}")
}

/// Adds to the figures what a history shows.
pub fn count(history: &History, figures: &mut Figures) {
    for event in &history.events {
        match event {
            Event::Begin { .. } => figures.add("transactions", 1),
            Event::Ok { .. } => figures.add("commits", 1),
            Event::Abort { denial: Some(EngineError::Conflict), .. } => figures.add("conflicts", 1),
            Event::Waited(waits) => {
                waits.figures().for_each(|(name, count)| figures.add(name, count));
            }
            _ => {}
        }
    }
}

/// The verdict of a call that must succeed and did not.
pub fn denied(what: &str, denial: &EngineError) -> Verdict {
    let witness = format!("{what} was answered with: {denial}");
    Verdict::Violated(vec![Violation::new(OracleName::Answers, CARRIED_OUT, witness)])
}

fn must<T>(result: crate::error::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}
