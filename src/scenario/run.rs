//! A database that lives in the process of its case: sessions open it, run scripts and clients
//! with watchers beside them, and close it; in between it is looked at. The last verb judges
//! everything that was collected. Every figure comes from the evidence, not from the plan.
//!
//! Folder and journal are those of a [`Database`], so that a failed case leaves both behind.

use crate::{
    engine::{Bucket, Denial, Driver, Engine, EngineOptions, Merge, Outcome},
    error::Error,
    history::{
        Event, History, Milestone,
        drive::Tally,
        dump::Dump,
        journal::{self, Recorder},
        reach,
        script::{Runner, Step, buckets_named, keys_of},
        watch::{self, Snapshot, Watch},
    },
    oracle::{
        self, Allowance, OracleName, Violation,
        conservation::Total,
        judge::{Accounts, Equals, Judgement, Sizes, judge_all},
        recovery::{Expect, Reopened, Streams},
        space::{Bound, Sample},
    },
    report::{Figures, say},
    scenario::database::Database,
    settings::Seed,
    testdir,
    verdict::Verdict,
    workload::bank::{ACCOUNTS, Bank},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A step towards a verdict: the way on, or a verdict that ends the case early.
pub type Judging<T> = Result<T, Verdict>;

/// How many times as many commits one of several equal clients may have as another.
const FAIRNESS: u64 = 3;

const CARRIED_OUT: &str = "a call within the documented limits is carried out";

/// A database and what is known of it.
pub struct Live<'a> {
    driver: &'a dyn Driver,
    database: Database,
    seed: Seed,
    sessions: u32,
    streams: Streams,
    reopened: Vec<Reopened>,
    bank: Option<Bank>,
    bound: Option<Bound>,
    /// What the sessions collected.
    pub evidence: Evidence,
}

/// What sessions collect besides the journal.
#[derive(Debug, Default)]
pub struct Evidence {
    /// What clients came to.
    pub tally: Tally,
    /// Snapshots that were held open beside work.
    pub snapshots: Vec<Snapshot>,
    /// Sizes after rounds of work and collection.
    pub samples: Vec<Sample>,
    /// Data files and blob files that were collected.
    pub collected: (u64, u64),
    /// Commits of clients that did equal work side by side, group by group.
    equals: Vec<Tally>,
}

/// An open database.
pub struct Session<'a> {
    /// The engine.
    pub engine: &'a dyn Engine,
    /// Carries out scripts on it.
    pub runner: Runner<'a>,
    /// Where everything is recorded.
    pub recorder: &'a Recorder,
    dir: PathBuf,
    evidence: &'a mut Evidence,
}

impl<'a> Live<'a> {
    /// A database that is not there yet, in a folder of its own.
    ///
    /// # Panics
    /// When the folder cannot be made.
    pub fn new(driver: &'a dyn Driver, root: PathBuf, seed: Seed) -> Self {
        let database = Database::new(root, seed).unwrap_or_else(|error| panic!("{error}"));
        Self {
            driver,
            database,
            seed,
            sessions: 0,
            streams: Streams::One,
            reopened: Vec::new(),
            bank: None,
            bound: None,
            evidence: Evidence::default(),
        }
    }

    /// The engine's folder.
    pub fn dir(&self) -> PathBuf {
        self.database.dir()
    }

    /// Opens the database, does something with it and closes it.
    pub fn session(
        &mut self,
        options: &EngineOptions,
        work: impl FnOnce(&mut Session<'_>) -> Outcome<()>,
    ) -> Judging<()> {
        self.sessions += 1;
        if Expect::of(options).streams == Streams::Many {
            self.streams = Streams::Many;
        }
        let recorder = Recorder::file(&self.database.journal());
        let recorder = recorder.unwrap_or_else(|error| panic!("{error}"));
        recorder.record(Event::Milestone(Milestone::Started));
        let dir = self.dir();
        let engine = self.driver.open(&dir, options).map_err(|denial| denied("open", &denial))?;
        let seed = self.seed.derive(&format!("session {}", self.sessions));
        let runner = Runner::new(engine.as_ref(), &dir, &recorder, seed);
        let (engine, evidence) = (engine.as_ref(), &mut self.evidence);
        let mut session =
            Session { engine, runner, recorder: &recorder, dir: dir.clone(), evidence };
        let outcome = work(&mut session);
        let tally = std::mem::take(&mut session.runner.tally);
        drop(session);
        self.evidence.tally.join(tally);
        let (data, blob) = engine.collected();
        self.evidence.collected.0 += data;
        self.evidence.collected.1 += blob;
        outcome.map_err(|denial| denied("a step", &denial))
    }

    /// Opens the database, reads every bucket in every way, and closes it.
    pub fn look(&mut self, options: &EngineOptions) -> Judging<()> {
        let history = self.history();
        let keys = keys_of(&history);
        let mut dump = Dump::default();
        self.session(options, |session| {
            for name in buckets_named(&history) {
                match session.engine.open_bucket(&name, Merge::Sum) {
                    Ok(bucket) => dump.add(&name, bucket.as_ref(), &keys)?,
                    Err(Denial::Absent) => {}
                    Err(denial) => return Err(denial),
                }
            }
            Ok(())
        })?;
        self.reopened.push(Reopened::after(&history, dump));
        Ok(())
    }

    /// Has the engine's own checker look at the closed database.
    pub fn check(&mut self) -> Judging<()> {
        if !self.driver.capabilities().checker {
            return Ok(());
        }
        let complaints = self.driver.check(&self.dir());
        let complaints = complaints.map_err(|denial| denied("check", &denial))?;
        let recorder = Recorder::file(&self.database.journal());
        let recorder = recorder.unwrap_or_else(|error| panic!("{error}"));
        for witness in complaints {
            recorder.record(Event::Wrong { oracle: OracleName::Checker, witness });
        }
        Ok(())
    }

    /// What the sessions recorded so far.
    ///
    /// # Panics
    /// When the journal cannot be read.
    pub fn history(&self) -> History {
        journal::read(&self.database.journal()).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Has the total of a bank judged at every snapshot, and in every state found at a reopening.
    pub fn conserves(&mut self, bank: Bank) {
        self.bank = Some(bank);
    }

    /// Has the sizes judged that were sampled.
    pub fn bounded(&mut self, bound: Bound) {
        self.bound = Some(bound);
    }

    /// Judges everything that was collected, and counts it.
    pub fn judge(&self, figures: &mut Figures) -> Verdict {
        let history = self.history();
        let Evidence { snapshots, samples, collected, equals, .. } = &self.evidence;
        let equals: Vec<Equals> = equals
            .iter()
            .map(|group| Equals { commits: group.commits.clone(), most_times: FAIRNESS })
            .collect();
        let bound = self.bound;
        let judgement = judge_all(&oracle::judge::Evidence {
            snapshots,
            equals: &equals,
            accounts: self.bank.map(|bank| self.accounts(bank)),
            sizes: bound.map(|bound| Sizes { samples: samples.clone(), bound }),
            ..oracle::judge::Evidence::new(&history, self.streams, &self.reopened)
        });
        let violations = concluded(judgement, self.database.root(), figures);
        count(&history, figures);
        figures.add("snapshots", snapshots.len() as u64);
        figures.add("readings", snapshots.iter().map(|snapshot| snapshot.readings).sum());
        figures.add("data_files_collected", collected.0);
        figures.add("blob_files_collected", collected.1);
        figures.add("reopenings", u64::from(self.sessions.saturating_sub(1)));
        if let (Some(last), Some(_)) = (samples.last(), bound) {
            figures.add("live_bytes", last.live_bytes);
            figures.add("file_bytes", last.file_bytes);
        }
        Verdict::from_violations(violations)
    }

    fn accounts(&self, bank: Bank) -> Accounts {
        let snapshots = self.evidence.snapshots.iter();
        let mut seen: Vec<Total> = snapshots
            .flat_map(|Snapshot { what, first, last, .. }| [(what, first), (what, last)])
            .map(|(what, pairs)| Total::of(what, pairs, ACCOUNTS))
            .collect();
        let found = self.reopened.iter().flat_map(|state| state.dump.buckets.iter());
        seen.extend(
            found.map(|(name, pairs)| Total::of(format!("{name} at a reopening"), pairs, ACCOUNTS)),
        );
        Accounts { accounts: bank.accounts, total: bank.total(), seen }
    }

    /// How many of the snapshots were still open when others had committed.
    pub fn overtaken(&self) -> u64 {
        let history = self.history();
        let acked: Vec<u64> = history
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Ok { stamp, .. } => Some(*stamp),
                _ => None,
            })
            .collect();
        let overtaken = self.evidence.snapshots.iter().filter(|snapshot| {
            // Its own acknowledgement is among them.
            let after = acked.partition_point(|&stamp| stamp <= snapshot.opened);
            acked.partition_point(|&stamp| stamp < snapshot.closed) > after + 1
        });
        overtaken.count() as u64
    }
}

impl Session<'_> {
    /// Carries out the steps in order.
    pub fn run(&mut self, steps: &[Step]) -> Outcome<()> {
        self.runner.run(steps)
    }

    /// The same for steps in which all clients have equal work: each of them has to get on.
    pub fn run_equals(&mut self, steps: &[Step]) -> Outcome<()> {
        self.equals(|session| session.run(steps))
    }

    /// Carries out steps with watchers beside them.
    pub fn watched(&mut self, watches: &[Watch], steps: &[Step]) -> Outcome<()> {
        let handles = self.handles(watches)?;
        let (done, snapshots) = watch::beside(&handles, self.recorder, || self.runner.run(steps));
        self.evidence.snapshots.extend(snapshots?);
        done
    }

    /// The same while another thread writes checkpoints of `bucket` and collects garbage, for
    /// steps in which all clients have equal work.
    pub fn watched_under_upkeep(
        &mut self,
        bucket: &str,
        watches: &[Watch],
        steps: &[Step],
    ) -> Outcome<()> {
        let kept = self.engine.open_bucket(bucket, Merge::Sum)?;
        self.equals(|session| {
            let (engine, recorder) = (session.engine, session.recorder);
            watch::upkeep(engine, kept.as_ref(), recorder, || session.watched(watches, steps))
        })
    }

    /// Reads a bucket in every way, to be judged like a transaction that only reads.
    pub fn glance(&mut self, watch: &Watch) -> Outcome<()> {
        watch::glance(watch, self.runner.bucket(&watch.bucket), self.recorder)
    }

    /// Reads a bucket in every way and says how many bytes came from files; nothing where the
    /// system does not count them.
    pub fn reload(&mut self, bucket: &str) -> Outcome<Option<u64>> {
        let before = reach::thread_bytes_read();
        let mut dump = Dump::default();
        dump.add(bucket, self.runner.bucket(bucket), &[])?;
        let Some((before, after)) = before.zip(reach::thread_bytes_read()) else {
            return Ok(None);
        };
        for witness in dump.disagreements {
            self.recorder.record(Event::Wrong { oracle: OracleName::Scan, witness });
        }
        // Asking the system is itself a read, of less than this.
        let bytes = after - before;
        Ok(Some(if bytes > reach::ASKING { bytes } else { 0 }))
    }

    fn handles(&self, watches: &[Watch]) -> Outcome<Vec<(Watch, Box<dyn Bucket>)>> {
        let handles = watches.iter().map(|watch| {
            let bucket = self.engine.open_bucket(&watch.bucket, Merge::Sum)?;
            Ok((watch.clone(), bucket))
        });
        handles.collect()
    }

    fn equals(&mut self, work: impl FnOnce(&mut Self) -> Outcome<()>) -> Outcome<()> {
        let before = std::mem::take(&mut self.runner.tally);
        let done = work(self);
        let group = std::mem::replace(&mut self.runner.tally, before);
        self.runner.tally.join(group.clone());
        self.evidence.equals.push(group);
        done
    }

    /// Notes how much a bucket holds and how much room the database's files take.
    pub fn sample(&mut self, bucket: &str) -> Outcome<()> {
        let view = self.runner.bucket(bucket).view()?;
        let pairs = view.scan(&crate::engine::Scan::all())?;
        let live_bytes = pairs.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
        let data = self.dir.join("data");
        let files = fs::read_dir(&data).map_or(0, |entries| entries.count() as u64);
        let file_bytes = testdir::bytes_below(&data);
        let sample = Sample { live_bytes: live_bytes as u64, file_bytes, files };
        self.evidence.samples.push(sample);
        Ok(())
    }
}

/// Writes what shows the violations to a folder of the case, says what was let pass and which oracles
/// had no evidence, counts what was seen, and hands the violations on.
pub fn concluded(judgement: Judgement, dir: &Path, figures: &mut Figures) -> Vec<Violation> {
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

/// Adds to the figures what a history shows.
pub fn count(history: &History, figures: &mut Figures) {
    for event in &history.events {
        match event {
            Event::Begin { .. } => figures.add("transactions", 1),
            Event::Ok { .. } => figures.add("commits", 1),
            Event::Abort { denial: Some(Denial::Conflict), .. } => figures.add("conflicts", 1),
            _ => {}
        }
    }
}

/// The verdict of a run that never got to where it was to go.
pub fn reached(what: &str, count: u64) -> Verdict {
    match count {
        0 => Verdict::Inconclusive(format!("the run never came to {what}")),
        _ => Verdict::Pass,
    }
}

/// The verdict of a call that must succeed and did not.
pub fn denied(what: &str, denial: &Denial) -> Verdict {
    let witness = format!("{what} was answered with: {denial}");
    Verdict::Violated(vec![Violation::new(OracleName::Answers, CARRIED_OUT, witness)])
}
