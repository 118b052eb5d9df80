//! What a case does with an open database, in two forms that share their words ([`Verbs`]): a
//! [`Session`] does it at once, in this process, and may have readers and upkeep beside it; a
//! [`Script`] collects it as steps for a process of its own. After the first call that the engine
//! denied nothing more is done. Judges nothing.

use crate::{
    engine::{Bucket, BucketOptions, Counter, Engine, Merge, Outcome, Scan},
    history::{
        Event, OracleName,
        clients::{Tally, Traffic},
        counters,
        dump::Dump,
        journal::Recorder,
        script::{Runner, Step},
        snapshot_readers::{self, Snapshot, Watch},
    },
    oracle::{judge::Equals, space::Sample},
    settings::Seed,
    testdir,
};
use std::{fs, path::Path};

/// How many times as many commits one of several equal clients may have as another.
const FAIRNESS: u64 = 3;

/// What sessions collect besides the journal.
#[derive(Debug, Default)]
pub struct Evidence {
    /// What clients came to.
    pub tally: Tally,
    /// Snapshots that were held open beside work.
    pub snapshots: Vec<Snapshot>,
    /// Sizes after rounds of work and collection.
    pub samples: Vec<Sample>,
    /// Data files that were collected.
    pub data_files: u64,
    /// Blob files that were collected.
    pub blob_files: u64,
    /// Pages that were divided, where the engine counts them.
    pub splits: Option<u64>,
    /// Pages that were joined to their neighbours, where the engine counts them.
    pub joins: Option<u64>,
    /// Commits of clients that did equal work side by side, group by group.
    pub equals: Vec<Equals>,
}

/// The words that a session and a script have in common.
pub trait Verbs {
    /// Takes a step.
    fn step(&mut self, step: Step);

    /// How buckets are made.
    fn bucket_options(&self) -> &BucketOptions;

    /// Takes steps that were written down before.
    fn steps(&mut self, steps: Vec<Step>) {
        for step in steps {
            self.step(step);
        }
    }

    /// Makes a bucket as the run says, or opens it when it is there.
    fn open(&mut self, bucket: &str) {
        let options = self.bucket_options().clone();
        self.open_as(bucket, &options);
    }

    /// Makes a bucket with options of its own, or opens it when it is there.
    fn open_as(&mut self, bucket: &str, options: &BucketOptions) {
        self.step(Step::Open { bucket: bucket.to_owned(), options: options.clone() });
    }

    /// Clients work in a bucket until they are done.
    fn work(&mut self, bucket: &str, traffic: Traffic) {
        self.step(Step::Traffic { bucket: bucket.to_owned(), traffic });
    }

    /// Clients work in several buckets at once.
    fn work_in_each(&mut self, parts: &[(&str, Traffic)]) {
        let parts = parts.iter().map(|(bucket, traffic)| ((*bucket).to_owned(), traffic.clone()));
        self.step(Step::Parallel { parts: parts.collect() });
    }

    /// Clients work in a bucket, again and again, until a script beside them is done.
    fn work_beside(&mut self, bucket: &str, traffic: Traffic, script: impl FnOnce(&mut Script)) {
        let steps = Script::of(self.bucket_options(), script);
        self.step(Step::Beside { bucket: bucket.to_owned(), traffic, steps });
    }

    /// Writes a checkpoint of a bucket and waits for it.
    fn checkpoint(&mut self, bucket: &str) {
        self.step(Step::Checkpoint { bucket: bucket.to_owned() });
    }

    /// Copies the open database to a folder of this name beside it.
    fn copy(&mut self, name: &str) {
        self.step(Step::Copy { name: name.to_owned() });
    }

    /// Runs rounds of garbage collection.
    fn collect(&mut self, rounds: u32) {
        self.step(Step::Collect { rounds });
    }

    /// Closes our handle of a bucket and unloads it.
    fn unload(&mut self, bucket: &str) {
        self.step(Step::Unload { bucket: bucket.to_owned() });
    }

    /// Deletes a bucket.
    fn delete(&mut self, bucket: &str) {
        self.step(Step::Delete { bucket: bucket.to_owned() });
    }

    /// Collects until so many buckets count against the quota.
    fn reap_to(&mut self, buckets: u64) {
        self.step(Step::ReapTo { buckets });
    }
}

/// Steps for a process of its own.
#[derive(Clone, Debug)]
pub struct Script {
    buckets: BucketOptions,
    steps: Vec<Step>,
}

impl Script {
    /// The steps that are written down here.
    pub fn of(buckets: &BucketOptions, write: impl FnOnce(&mut Self)) -> Vec<Step> {
        let mut script = Self { buckets: buckets.clone(), steps: Vec::new() };
        write(&mut script);
        script.steps
    }
}

impl Verbs for Script {
    fn step(&mut self, step: Step) {
        self.steps.push(step);
    }

    fn bucket_options(&self) -> &BucketOptions {
        &self.buckets
    }
}

/// A database that is open in this process.
pub struct Session<'a> {
    engine: &'a dyn Engine,
    runner: Runner<'a>,
    recorder: &'a Recorder,
    dir: &'a Path,
    buckets: &'a BucketOptions,
    evidence: &'a mut Evidence,
    done: Outcome<()>,
}

impl Verbs for Session<'_> {
    fn step(&mut self, step: Step) {
        self.attempt(|session| session.runner.run(&[step]));
    }

    fn bucket_options(&self) -> &BucketOptions {
        self.buckets
    }
}

impl<'a> Session<'a> {
    /// Does something with an open database; what its clients came to is evidence.
    ///
    /// # Errors
    /// The first call that the engine denied.
    pub fn run(
        place: Place<'a>,
        evidence: &'a mut Evidence,
        work: impl FnOnce(&mut Self),
    ) -> Outcome<()> {
        let Place { engine, recorder, dir, buckets, seed } = place;
        let runner = Runner::new(engine, dir, recorder, seed);
        let mut session = Self { engine, runner, recorder, dir, buckets, evidence, done: Ok(()) };
        work(&mut session);
        session.evidence.tally.join(session.runner.tally);
        let (data, blob) = engine.collected();
        session.evidence.data_files += data;
        session.evidence.blob_files += blob;
        let Evidence { splits, joins, .. } = session.evidence;
        for (counter, sum) in [(Counter::Splits, splits), (Counter::Joins, joins)] {
            if let Some(more) = engine.counted(counter) {
                *sum.get_or_insert_default() += more;
            }
        }
        session.done
    }

    /// The open engine.
    pub fn engine(&self) -> &dyn Engine {
        self.engine
    }

    /// Calls the engine, unless it denied something before.
    pub fn attempt(&mut self, call: impl FnOnce(&mut Self) -> Outcome<()>) {
        if self.done.is_ok() {
            let done = call(self);
            self.done = std::mem::replace(&mut self.done, Ok(())).and(done);
        }
    }

    /// Conflicts that this session's clients met so far.
    pub fn conflicts(&self) -> u64 {
        self.runner.tally.conflicts
    }

    /// Clients that work in here have equal work: each of them has to get on.
    pub fn fairly(&mut self, work: impl FnOnce(&mut Self)) {
        let before = std::mem::take(&mut self.runner.tally);
        work(self);
        let group = std::mem::replace(&mut self.runner.tally, before);
        self.runner.tally.join(group.clone());
        if self.done.is_ok() {
            self.evidence.equals.push(Equals { commits: group.commits, most_times: FAIRNESS });
        }
    }

    /// Works with readers beside it, each of which holds snapshots open and reads them again.
    pub fn beside(&mut self, readers: &[Watch], work: impl FnOnce(&mut Self)) {
        self.attempt(|session| {
            let handles = session.handles(readers)?;
            let recorder = session.recorder;
            let ((), snapshots) = snapshot_readers::beside(&handles, recorder, || work(session));
            session.evidence.snapshots.extend(snapshots?);
            Ok(())
        });
    }

    /// Works, fairly, with readers beside it and with a thread that writes checkpoints of a bucket
    /// and collects garbage.
    pub fn beside_upkeep(&mut self, bucket: &str, readers: &[Watch], work: impl FnOnce(&mut Self)) {
        self.attempt(|session| {
            let kept = session.engine.open_bucket(bucket, Merge::Sum)?;
            let engine = session.engine;
            let recorder = session.recorder;
            session.fairly(|session| {
                snapshot_readers::upkeep(engine, kept.as_ref(), recorder, || {
                    session.beside(readers, work);
                });
            });
            Ok(())
        });
    }

    /// Reads a bucket in every way, to be judged like a transaction that only reads.
    pub fn glance(&mut self, watch: &Watch) {
        self.attempt(|session| {
            snapshot_readers::glance(watch, session.runner.bucket(&watch.bucket), session.recorder)
        });
    }

    /// Reads a bucket in every way and says how many bytes came from files; nothing where the
    /// system does not count them, or after a denial.
    pub fn reload(&mut self, bucket: &str) -> Option<u64> {
        let mut bytes = None;
        self.attempt(|session| {
            bytes = session.bytes_of_reading(bucket)?;
            Ok(())
        });
        bytes
    }

    fn bytes_of_reading(&self, bucket: &str) -> Outcome<Option<u64>> {
        let before = counters::thread_bytes_read();
        let mut dump = Dump::default();
        dump.add(bucket, self.runner.bucket(bucket), &[])?;
        let Some((before, after)) = before.zip(counters::thread_bytes_read()) else {
            return Ok(None);
        };
        for witness in dump.disagreements {
            self.recorder.record(Event::Wrong { oracle: OracleName::Scan, witness });
        }
        // Asking the system is itself a read, of less than this.
        let bytes = after - before;
        Ok(Some(if bytes > counters::ASKING { bytes } else { 0 }))
    }

    fn handles(&self, watches: &[Watch]) -> Outcome<Vec<(Watch, Box<dyn Bucket>)>> {
        let handles = watches.iter().map(|watch| {
            let bucket = self.engine.open_bucket(&watch.bucket, Merge::Sum)?;
            Ok((watch.clone(), bucket))
        });
        handles.collect()
    }

    /// Notes how much a bucket holds and how much room the database's files take.
    pub fn sample(&mut self, bucket: &str) {
        self.attempt(|session| {
            let view = session.runner.bucket(bucket).view()?;
            let pairs = view.scan(&Scan::all())?;
            let live_bytes =
                pairs.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
            let data = session.dir.join("data");
            let files = fs::read_dir(&data).map_or(0, |entries| entries.count() as u64);
            let file_bytes = testdir::bytes_below(&data);
            let sample = Sample { live_bytes: live_bytes as u64, file_bytes, files };
            session.evidence.samples.push(sample);
            Ok(())
        });
    }
}

/// Where a session works.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The open engine.
    pub engine: &'a dyn Engine,
    /// Where everything is recorded.
    pub recorder: &'a Recorder,
    /// The engine's folder.
    pub dir: &'a Path,
    /// How buckets are made.
    pub buckets: &'a BucketOptions,
    /// What its steps draw from.
    pub seed: Seed,
}
