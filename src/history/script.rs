//! Scripts: what to do with an open database, as data that crosses a process boundary. The one
//! way in which cases beyond single transactions drive an engine. Judges nothing but calls that
//! must succeed: one that does not is recorded as wrong.

pub mod held;
pub mod meet;
mod step;

pub use step::{Meeting, Step, Then};

use crate::{
    engine::{Bucket, BucketOptions, Engine, EngineError, Merge, Outcome, Reason, Scan},
    history::OracleName,
    history::{
        BucketChange, Event, History, KeyText, Milestone,
        clients::{Tally, Traffic},
        journal::Recorder,
        snapshot_readers::{self, Watch},
    },
    settings::Seed,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// How long a call that the engine may answer with "busy" is asked again, with a round of
/// collection each time, which is what the engine needs to get unbusy. Some of its work waits for
/// timers of its own (1.3 s were measured), so a number of rounds would say nothing. Where every read
/// fails, mace-kv is busy with a dropped transaction for ever.
const PATIENCE: Duration = Duration::from_secs(10);

/// Carries out scripts on one open engine.
pub struct Runner<'a> {
    engine: &'a dyn Engine,
    dir: &'a Path,
    recorder: &'a Recorder,
    seed: Seed,
    buckets: BTreeMap<String, Box<dyn Bucket>>,
    steps: u32,
    /// What all clients came to so far.
    pub tally: Tally,
}

impl<'a> Runner<'a> {
    /// A runner on an engine open in `dir`. Each step draws from a seed of its own.
    pub fn new(engine: &'a dyn Engine, dir: &'a Path, recorder: &'a Recorder, seed: Seed) -> Self {
        let buckets = BTreeMap::new();
        let tally = Tally::default();
        Self { engine, dir, recorder, seed, buckets, steps: 0, tally }
    }

    /// Carries out the steps in order; the first denial ends the script and is returned.
    pub fn run(&mut self, steps: &[Step]) -> Outcome<()> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    /// An open bucket.
    ///
    /// # Panics
    /// When no step opened it.
    pub fn bucket(&self, name: &str) -> &dyn Bucket {
        let bucket = self.buckets.get(name);
        bucket.unwrap_or_else(|| panic!("the script did not open bucket {name}")).as_ref()
    }

    fn step(&mut self, step: &Step) -> Outcome<()> {
        self.steps += 1;
        let seed = self.seed.derive(&format!("step {}", self.steps));
        match step {
            Step::Open { bucket, options } => self.open(bucket, options),
            Step::Traffic { bucket, traffic } => {
                let tally = traffic.run(bucket, self.bucket(bucket), self.recorder, seed);
                self.tally.join(tally);
                Ok(())
            }
            Step::Parallel { parts } => {
                self.parallel(parts, seed);
                Ok(())
            }
            Step::Beside { bucket, traffic, steps } => self.beside(bucket, traffic, steps, seed),
            Step::Checkpoint { bucket } => {
                self.recorder.checkpoint(bucket, self.bucket(bucket));
                Ok(())
            }
            Step::Collect { rounds } => {
                (0..*rounds).for_each(|_| self.engine.collect_garbage());
                Ok(())
            }
            Step::CollectUntil { data, blob, rounds } => {
                for _ in 0..*rounds {
                    let (data_now, blob_now) = self.engine.collected();
                    if data_now >= *data && blob_now >= *blob {
                        break;
                    }
                    self.engine.collect_garbage();
                }
                Ok(())
            }
            Step::Unload { bucket } => {
                self.buckets.remove(bucket);
                self.patiently(|engine| engine.unload_bucket(bucket))
            }
            Step::Delete { bucket } => self.delete(bucket),
            Step::Reap => self.reap(self.engine.loaded_buckets().len() as u64),
            Step::ReapTo { buckets } => self.reap(*buckets),
            Step::Sync => self.sync(),
            Step::Copy { name } => {
                self.reach(Milestone::Copying { name: name.clone() });
                self.engine.copy_to(&self.dir.with_file_name(name))?;
                self.reach(Milestone::Copied { name: name.clone() });
                Ok(())
            }
            Step::Attempt { step } => {
                if let Err(denial) = self.step(step) {
                    self.reach(Milestone::LetPass(denial));
                }
                Ok(())
            }
            Step::ReadAll { bucket } => {
                let pairs = self.bucket(bucket).view()?.scan(&Scan::all())?.len();
                self.reach(Milestone::Read { pairs: pairs as u64 });
                Ok(())
            }
            Step::Glance { bucket, reader } => {
                let watch = Watch::throughout(bucket, *reader);
                snapshot_readers::glance(&watch, self.bucket(bucket), self.recorder)
            }
            Step::ScanAmid { bucket, before, amid } => self.scan_amid(bucket, before, amid),
            Step::Hold { place, lead, amid } => self.hold(place, lead, amid, seed),
            Step::Record { acts } => self.record(acts, seed),
            Step::Meet(meeting) => self.meet(meeting, seed),
            Step::Die => std::process::abort(),
        }
    }

    fn beside(&mut self, name: &str, traffic: &Traffic, steps: &[Step], seed: Seed) -> Outcome<()> {
        let bucket = self.engine.open_bucket(name, Merge::Sum)?;
        let over = AtomicBool::new(false);
        let recorder = self.recorder;
        let clients = || {
            let mut tally = Tally::default();
            for turn in 0.. {
                let seed = seed.derive(&format!("turn {turn}"));
                tally.join(traffic.run(name, bucket.as_ref(), recorder, seed));
                if over.load(Ordering::SeqCst) {
                    break;
                }
            }
            tally
        };
        let (done, tally) = thread::scope(|scope| {
            let clients = scope.spawn(clients);
            let done = catch_unwind(AssertUnwindSafe(|| self.run(steps)));
            over.store(true, Ordering::SeqCst);
            (done, clients.join())
        });
        match (done, tally) {
            (Ok(done), Ok(tally)) => {
                self.tally.join(tally);
                done
            }
            (Err(panic), _) | (_, Err(panic)) => resume_unwind(panic),
        }
    }

    fn scan_amid(&mut self, name: &str, before: &[Step], amid: &[Step]) -> Outcome<()> {
        let bucket = self.engine.open_bucket(name, Merge::Sum)?;
        let view = bucket.view()?;
        let scan = Scan::all();
        let first = view.scan(&scan)?;
        self.run(before)?;
        let mut again = Vec::new();
        let mut done = Ok(());
        view.visit(&scan, &mut |key, value| {
            if again.is_empty() {
                done = self.run(amid);
            }
            again.push((key.to_vec(), value.to_vec()));
        })?;
        if first != again {
            let witness = format!("{name}: a snapshot changed in the middle of a scan");
            self.recorder.record(Event::Wrong { oracle: OracleName::Reads, witness });
        }
        done
    }

    fn open(&mut self, name: &str, options: &BucketOptions) -> Outcome<()> {
        if self.buckets.contains_key(name) {
            return Ok(());
        }
        let bucket = match self.engine.open_bucket(name, options.merge) {
            Ok(bucket) => bucket,
            Err(EngineError::Absent) => {
                self.note(name, BucketChange::Creating);
                match self.engine.create_bucket(name, options) {
                    Ok(bucket) => {
                        self.note(name, BucketChange::Created);
                        bucket
                    }
                    // Another thread made it meanwhile.
                    Err(EngineError::Refused(Reason::Exists)) => {
                        self.engine.open_bucket(name, options.merge)?
                    }
                    Err(denial) => return Err(denial),
                }
            }
            Err(denial) => return Err(denial),
        };
        self.buckets.insert(name.to_owned(), bucket);
        Ok(())
    }

    fn delete(&mut self, name: &str) -> Outcome<()> {
        self.buckets.remove(name);
        self.note(name, BucketChange::Deleting);
        self.patiently(|engine| engine.delete_bucket(name))?;
        self.note(name, BucketChange::Deleted);
        Ok(())
    }

    fn reap(&self, buckets: u64) -> Outcome<()> {
        let asked = Instant::now();
        while self.engine.bucket_count() > buckets {
            if asked.elapsed() > PATIENCE {
                let left = self.engine.bucket_count();
                return Err(EngineError::Failed(format!("{left} buckets after {PATIENCE:?}")));
            }
            self.engine.collect_garbage();
        }
        Ok(())
    }

    fn sync(&self) -> Outcome<()> {
        let asked = self.recorder.stamp();
        self.engine.sync()?;
        let stamp = self.recorder.stamp();
        self.recorder.record(Event::Synced { asked, stamp });
        Ok(())
    }

    fn parallel(&mut self, parts: &[(String, Traffic)], seed: Seed) {
        let tallies = thread::scope(|scope| {
            let running: Vec<_> = parts
                .iter()
                .map(|(name, traffic)| {
                    let bucket = self.bucket(name);
                    let recorder = self.recorder;
                    let seed = seed.derive(name);
                    scope.spawn(move || traffic.run(name, bucket, recorder, seed))
                })
                .collect();
            running.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>()
        });
        for tally in tallies {
            match tally {
                Ok(tally) => self.tally.join(tally),
                Err(panic) => resume_unwind(panic),
            }
        }
    }

    /// Asks again while the engine says that it is busy, with a round of collection in between.
    fn patiently(&self, ask: impl Fn(&dyn Engine) -> Outcome<()>) -> Outcome<()> {
        let asked = Instant::now();
        let mut answer = ask(self.engine);
        while answer == Err(EngineError::Refused(Reason::Busy)) && asked.elapsed() <= PATIENCE {
            self.engine.collect_garbage();
            thread::yield_now();
            answer = ask(self.engine);
        }
        answer
    }

    fn reach(&self, milestone: Milestone) {
        self.recorder.record(Event::Milestone(milestone));
    }

    fn note(&self, name: &str, change: BucketChange) {
        let stamp = self.recorder.stamp();
        self.recorder.record(Event::Bucket { name: name.to_owned(), change, stamp });
    }
}

/// Buckets that a history ever named, in order of their names.
pub fn buckets_named(history: &History) -> BTreeSet<String> {
    let named = history.events.iter().filter_map(|event| match event {
        Event::Begin { bucket, .. } => Some(bucket.clone()),
        Event::Bucket { name, .. } => Some(name.clone()),
        _ => None,
    });
    named.collect()
}

/// Keys that a history ever wrote, in order.
pub fn keys_of(history: &History) -> Vec<Vec<u8>> {
    let written = history.events.iter().flat_map(|event| match event {
        Event::Commit { writes, .. } | Event::Abort { writes, .. } => writes.as_slice(),
        _ => &[],
    });
    let keys: BTreeSet<&KeyText> = written.map(|(key, _)| key).collect();
    keys.into_iter().map(KeyText::bytes).collect()
}
