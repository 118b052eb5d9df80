//! A database that grows old: one engine that stays open for a whole soak and does the same amount
//! of work each cycle, so that what it holds (memory, files, threads, disk) may be compared from
//! cycle to cycle. What it remembers between cycles is bounded, or the soak would measure us.
//!
//! What a cycle verifies: every read of the old bucket, and in the end all of it in every way of
//! reading, against what was committed over all cycles; a bucket of the cycle's own, with several
//! clients, by every oracle, isolation included, and by its final state; that the bucket can then be
//! deleted; that files stay bounded.
//!
//! What it does not verify, and why: crashes and reopenings, which other layers do all the time, and
//! which would end what is measured here; readings that overlap a checkpoint, by the known finding
//! `scan-over-checkpoint`.

use crate::{
    engine::{
        Bucket, BucketOptions, Driver, Engine, EngineError, EngineOptions, Outcome, Preset, Txn,
    },
    history::OracleName,
    history::{
        History,
        clients::Traffic,
        dump::{Dump, read_all},
        journal::Recorder,
        script::{Runner, Step},
    },
    oracle::{
        Violation,
        judge::{Evidence, Sizes, judge_all},
        recovery::{Expect, Reopened, Streams},
        space::{Bound, Sample},
    },
    settings::{Rng, Seed},
    testdir,
    workload::{Mix, Source, TxnId, Version, plan::key, value::MIN_VALUE},
};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    io::{BufRead, Write},
    path::{Path, PathBuf},
    time::Instant,
};

/// The bucket that stays.
const OLD: &str = "old";

/// How many keys the old bucket may have.
const KEYS: u64 = 400;

/// Transactions in the old bucket in each cycle: enough for a 99 % quantile of their latency.
const TXNS: u64 = 400;

/// Transactions between two checkpoints of the old bucket.
const CHECKPOINT_EVERY: u64 = 100;

/// Lengths of values, on both sides of what lives in a blob file.
const LENGTHS: [u32; 4] = [MIN_VALUE as u32, 200, 900, 3000];

/// The longest latency that is told apart, in nanoseconds: a minute.
const LONGEST_NS: u64 = 60_000_000_000;

/// Sizes that are kept for the space oracle: as many as a steady growth has to last for.
const SAMPLES: usize = 8;

/// Bytes for what is not collected yet and for the tables of each file: what one cycle writes.
const BOUND: Bound = Bound { factor: 2, slack_bytes: 4 << 20 };

/// A cycle's work, as the soak asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The cycle's number.
    pub cycle: u64,
    /// What its operations are drawn from.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The cycle's number, repeated.
    pub cycle: u64,
    /// What the oracles found, in one line.
    pub found: Option<String>,
    /// Commits that were acknowledged.
    pub commits: u64,
    /// 99 % quantile of the latencies of commits in the old bucket, in nanoseconds.
    pub commit_p99_ns: u64,
}

/// An open database that grows old.
pub struct Aging {
    // The bucket is given back before its engine closes.
    old: Box<dyn Bucket>,
    engine: Box<dyn Engine>,
    dir: PathBuf,
    expected: BTreeMap<Vec<u8>, Version>,
    /// Transactions begun in the old bucket.
    seq: u32,
    samples: Vec<Sample>,
}

/// What one cycle counted.
struct Work {
    commits: u64,
    latencies: Histogram<u64>,
    found: Vec<Violation>,
}

/// Small files that rotate and are collected all the time, but a cache of file statistics of the
/// default size. With the four entries of the tiny preset the process died about once in a hundred
/// cycles on busy processors, of the known finding `reading-a-collected-file`: nobody keeps the evictor
/// apart from collection. It is a race and has nothing to do with statistics but the time they take, so
/// this makes it rarer and no more. More open files would end it, and would look like a leak.
fn options() -> EngineOptions {
    let stat_mask_entries = EngineOptions::default().stat_mask_entries;
    EngineOptions { stat_mask_entries, ..Preset::Tiny.engine() }
}

fn bucket_options() -> BucketOptions {
    Preset::Tiny.bucket().checkpoints_when_asked()
}

impl Aging {
    /// Opens a new database in an empty folder.
    pub fn open(driver: &dyn Driver, dir: &Path) -> Outcome<Self> {
        let engine = driver.open(dir, &options())?;
        let old = engine.create_bucket(OLD, &bucket_options())?;
        let expected = BTreeMap::new();
        let samples = Vec::new();
        Ok(Self { old, engine, dir: dir.to_owned(), expected, seq: 0, samples })
    }

    /// Answers requests, one JSON line each, until there are no more.
    ///
    /// # Panics
    /// When a line is no request, or nobody takes the answer: whoever asks is ours.
    pub fn serve(&mut self, requests: impl BufRead, mut answers: impl Write) {
        for line in requests.lines() {
            let line = line.expect("the soak speaks UTF-8");
            let request = serde_json::from_str(&line).expect("the soak sends requests");
            let answer = self.cycle(request);
            let line = serde_json::to_string(&answer).expect("an answer is plain data");
            writeln!(answers, "{line}").and_then(|()| answers.flush()).expect("the soak listens");
        }
    }

    /// Does a cycle's work and judges it.
    pub fn cycle(&mut self, request: Request) -> Answer {
        let Request { cycle, seed } = request;
        let seed = Seed::new(seed);
        let latencies = Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("the bounds are right");
        let mut work = Work { commits: 0, latencies, found: Vec::new() };
        let done = self
            .write_old(&mut seed.derive("old").rng(), &mut work)
            .and_then(|()| self.read_old(&mut work))
            .and_then(|()| self.own_bucket(cycle, seed, &mut work));
        match done {
            Ok(()) => self.measure(&mut work),
            Err(denial) => {
                let promise = "a call within the documented limits is carried out";
                work.found.push(Violation::new(OracleName::Answers, promise, denial.to_string()));
            }
        }
        let found = work.found.iter().map(|found| format!("{}: {}", found.oracle, found.witness));
        let found = found.collect::<Vec<_>>().join("; ").replace('\n', " ");
        Answer {
            cycle,
            found: (!found.is_empty()).then_some(found),
            commits: work.commits,
            commit_p99_ns: work.latencies.value_at_quantile(0.99),
        }
    }

    fn write_old(&mut self, rng: &mut Rng, work: &mut Work) -> Outcome<()> {
        for number in 1..=TXNS {
            self.seq += 1;
            let id = TxnId { client: 0, seq: self.seq };
            let mut now = BTreeMap::new();
            let txn = self.old.begin()?;
            for op in 0..4 {
                let key = key(rng.below(KEYS));
                let known = || self.expected.get(&key).copied();
                let before = now.get(&key).copied().unwrap_or_else(known);
                check_read(txn.as_ref(), &key, before, &mut work.found)?;
                let removes = before.is_some() && rng.percent(20);
                let version = Version { txn: id, op, len: *rng.pick(&LENGTHS) };
                if removes {
                    txn.del(&key)?;
                } else {
                    txn.upsert(&key, &version.encode(&key))?;
                }
                now.insert(key, (!removes).then_some(version));
            }
            let asked = Instant::now();
            txn.commit()?;
            let nanos = u64::try_from(asked.elapsed().as_nanos()).unwrap_or(u64::MAX);
            work.latencies.saturating_record(nanos);
            work.commits += 1;
            for (key, version) in now {
                match version {
                    Some(version) => drop(self.expected.insert(key, version)),
                    None => drop(self.expected.remove(&key)),
                }
            }
            if number % CHECKPOINT_EVERY == 0 {
                self.old.checkpoint_and_wait();
                self.engine.collect_garbage();
            }
        }
        Ok(())
    }

    fn read_old(&self, work: &mut Work) -> Outcome<()> {
        let keys: Vec<Vec<u8>> = (0..KEYS).map(key).collect();
        let view = self.old.view()?;
        let (pairs, disagreements) = read_all(OLD, view.as_ref(), &keys)?;
        let promise = "every way of reading shows the same";
        work.found.extend(
            disagreements.into_iter().map(|w| Violation::new(OracleName::Scan, promise, w)),
        );
        for key in &keys {
            let found = pairs.get(key).map(Vec::as_slice);
            compare(key, found, self.expected.get(key).copied(), &mut work.found);
        }
        if pairs.len() > self.expected.len() {
            let witness = format!("{} pairs instead of {}", pairs.len(), self.expected.len());
            work.found.push(Violation::new(OracleName::Contents, COMMITTED, witness));
        }
        Ok(())
    }

    /// Several clients in a bucket that is made and deleted within the cycle.
    fn own_bucket(&self, cycle: u64, seed: Seed, work: &mut Work) -> Outcome<()> {
        let bucket = format!("cycle-{cycle}");
        let recorder = Recorder::memory(&History::default());
        let seed = seed.derive("own");
        let mut runner = Runner::new(self.engine.as_ref(), &self.dir, &recorder, seed);
        let source = Source::Mix(Mix::default());
        let traffic = Traffic { first_client: 0, clients: 4, source, txns: 50 };
        runner.run(&[
            Step::Open { bucket: bucket.clone(), options: bucket_options() },
            Step::Traffic { bucket: bucket.clone(), traffic },
            Step::Checkpoint { bucket: bucket.clone() },
        ])?;
        let mut dump = Dump::default();
        dump.add(&bucket, runner.bucket(&bucket), &[])?;
        work.commits += runner.tally.committed();
        drop(runner);
        let history = recorder.into_history();
        let state = [Reopened::after(&history, dump)];
        let streams = Expect::of(&options()).streams;
        work.found.extend(judge_all(&Evidence::new(&history, streams, &state)).violations());

        let recorder = Recorder::memory(&history);
        let mut runner = Runner::new(self.engine.as_ref(), &self.dir, &recorder, seed);
        runner.run(&[Step::Delete { bucket }, Step::Reap])
    }

    /// Collects what can be, and judges what is left.
    fn measure(&mut self, work: &mut Work) {
        self.old.checkpoint_and_wait();
        self.engine.collect_garbage();
        let live =
            self.expected.iter().map(|(key, version)| key.len() as u64 + u64::from(version.len));
        let data = self.dir.join("data");
        let files = std::fs::read_dir(&data).map_or(0, |entries| entries.count() as u64);
        let file_bytes = testdir::bytes_below(&data);
        if self.samples.len() == SAMPLES {
            self.samples.remove(0);
        }
        self.samples.push(Sample { live_bytes: live.sum(), file_bytes, files });
        let history = History::default();
        let sizes = Some(Sizes { samples: self.samples.clone(), bound: BOUND });
        let evidence = Evidence { sizes, ..Evidence::new(&history, Streams::One, &[]) };
        work.found.extend(judge_all(&evidence).violations());
    }
}

const COMMITTED: &str = "what is read is what was committed last";

fn check_read(
    txn: &dyn Txn,
    key: &[u8],
    expected: Option<Version>,
    found: &mut Vec<Violation>,
) -> Outcome<()> {
    let value = match txn.get(key) {
        Ok(value) => Some(value),
        Err(EngineError::Absent) => None,
        Err(denial) => return Err(denial),
    };
    compare(key, value.as_deref(), expected, found);
    Ok(())
}

fn compare(
    key: &[u8],
    value: Option<&[u8]>,
    expected: Option<Version>,
    found: &mut Vec<Violation>,
) {
    let right = expected.map(|version| version.encode(key));
    if value != right.as_deref() {
        let shown = value.map(|value| Version::decode(key, value));
        let key = String::from_utf8_lossy(key);
        let witness = format!("{key} is {shown:?} instead of {expected:?}");
        found.push(Violation::new(OracleName::Contents, COMMITTED, witness));
    }
}
