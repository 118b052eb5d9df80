//! Where faulty engines perform: each scene drives one over its processes, collects the evidence
//! that a case would collect, and has the oracles judge it.

use crate::weave::{look, look_and_weave, weave};
use mace_prod::{
    engine::{
        Bucket, BucketOptions, Driver, Engine, EngineOptions, Keys, Merge, Order, Preset, Scan,
        faulty::{Death, Defect, FaultyEngine, Loss},
        model::ModelDriver,
    },
    history::{
        BucketChange, Event, History, KeyText, Milestone,
        clients::{Traffic, clients},
        dump::{Dump, Pairs, read_all},
        journal::Recorder,
        script::buckets_named,
        snapshot_readers::Snapshot,
    },
    oracle::{
        Judged, Violation,
        conservation::Total,
        judge::{Accounts, Equals, Evidence, Isolation, Sizes, judge_all},
        recovery::{Promise, Reopened, Streams},
        scan,
        space::{Bound, Sample},
    },
    scenario::run::{Run, session::Verbs},
    settings::Seed,
    testdir::TestDir,
    verdict::Verdict,
    workload::{
        Mix, Source, Sweep,
        plan::{key, sum_key},
    },
};
use std::{
    collections::BTreeMap,
    ops::Bound as At,
    path::{Path, PathBuf},
};

const STEPS: u32 = 150;

/// What a scene came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// How often the engine shown.
    pub(crate) defects: u64,
    /// What the oracles made of it.
    pub(crate) judged: Judged,
}

/// What is to be played.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Play {
    /// The defect, if any.
    pub(crate) defect: Option<Defect>,
    /// What the scene draws from.
    pub(crate) seed: Seed,
}

/// An engine and what is known of its database.
pub(crate) struct Stage {
    driver: FaultyEngine<ModelDriver>,
    dir: PathBuf,
    history: History,
    found: Vec<Reopened>,
    promise: Promise,
    streams: Streams,
}

impl Stage {
    pub(crate) fn new(play: Play, death: Option<Death>) -> Self {
        let honest = FaultyEngine::honest(ModelDriver::default());
        let driver = match play.defect {
            Some(defect) => honest.with_defect(defect),
            None => honest,
        };
        let driver = match death {
            Some(death) => driver.dying(death),
            None => driver,
        };
        let history = History::default();
        let found = Vec::new();
        let promise = Promise::Acked;
        let streams = Streams::One;
        Self { driver, dir: PathBuf::from("model"), history, found, promise, streams }
    }

    /// One process: it opens the database, takes a dump when it is not the first, and works.
    pub(crate) fn process(&mut self, work: impl FnOnce(&dyn Engine, &Recorder)) {
        let engine = self.driver.open(&self.dir, &EngineOptions::default()).expect("it opens");
        if !self.history.events.is_empty() {
            let dump = dump(engine.as_ref(), &self.history);
            let promise = self.promise;
            self.found.push(Reopened { promise, ..Reopened::after(&self.history, dump) });
        }
        let recorder = Recorder::memory(&self.history);
        // As every process of a case does: what is missing from here on was lost over a reopening.
        recorder.record(Event::Milestone(Milestone::Started));
        work(engine.as_ref(), &recorder);
        self.history.events.extend(recorder.into_history().events);
    }

    pub(crate) fn judged(&self) -> Outcome {
        let misled = match self.promise {
            Promise::Acked => None,
            Promise::Synced | Promise::AckedBefore(_) => Some("the power failed"),
        };
        let evidence = Evidence {
            clients_misled: misled,
            ..Evidence::new(&self.history, self.streams, &self.found)
        };
        let judged = judge_all(&evidence).judged;
        Outcome { defects: self.driver.defects(&self.dir), judged }
    }

    /// The same of evidence that a scene collected.
    fn judged_with(&self, evidence: &Evidence<'_>) -> Outcome {
        Outcome { defects: self.driver.defects(&self.dir), judged: judge_all(evidence).judged }
    }
}

/// Evidence of nothing but what is added to it: of a scene that looks at one thing.
fn bare() -> Evidence<'static> {
    static NOTHING: History = History { events: Vec::new() };
    Evidence::new(&NOTHING, Streams::One, &[])
}

fn outcome(stage: &Stage, violations: Vec<Violation>) -> Outcome {
    let mut judged = Judged::default();
    judged.add(violations);
    Outcome { defects: stage.driver.defects(&stage.dir), judged }
}

fn options() -> BucketOptions {
    BucketOptions { merge: Merge::Sum, ..BucketOptions::default() }
}

pub(crate) fn open(engine: &dyn Engine, name: &str, recorder: &Recorder) -> Box<dyn Bucket> {
    if let Ok(bucket) = engine.open_bucket(name, Merge::Sum) {
        return bucket;
    }
    note(recorder, name, BucketChange::Creating);
    let bucket = engine.create_bucket(name, &options()).expect("a bucket can be made");
    note(recorder, name, BucketChange::Created);
    bucket
}

fn delete(engine: &dyn Engine, name: &str, recorder: &Recorder) {
    note(recorder, name, BucketChange::Deleting);
    engine.delete_bucket(name).expect("an unused bucket can be deleted");
    note(recorder, name, BucketChange::Deleted);
}

fn note(recorder: &Recorder, name: &str, change: BucketChange) {
    let stamp = recorder.stamp();
    recorder.record(Event::Bucket { name: name.to_owned(), change, stamp });
}

fn sync(engine: &dyn Engine, recorder: &Recorder) {
    let asked = recorder.stamp();
    if engine.sync().is_ok() {
        let stamp = recorder.stamp();
        recorder.record(Event::Synced { asked, stamp });
    }
}

fn dump(engine: &dyn Engine, history: &History) -> Dump {
    let written = history.events.iter().flat_map(|event| match event {
        Event::Commit { writes, .. } => writes.as_slice(),
        _ => &[],
    });
    let keys: Vec<Vec<u8>> = written.map(|(key, _)| KeyText::bytes(key)).collect();
    let mut dump = Dump::default();
    for name in buckets_named(history) {
        if let Ok(bucket) = engine.open_bucket(&name, Merge::Sum) {
            dump.add(&name, bucket.as_ref(), &keys).expect("a dump is answered");
        }
    }
    dump
}

/// Clients at work, a death or a close, and three reopenings, the second of them without work.
pub(crate) fn crash(play: Play, death: Option<Death>, unsure: Option<u64>) -> Outcome {
    let mut stage = Stage::new(play, death);
    if let Some(every) = unsure {
        stage.driver = stage.driver.unsure(every);
    }
    let seed = play.seed;
    stage.process(|engine, recorder| {
        let bucket = open(engine, "b", recorder);
        weave("b", bucket.as_ref(), recorder, seed.derive("first"), STEPS);
    });
    stage.process(|_, _| ());
    stage.process(|engine, recorder| {
        let bucket = open(engine, "b", recorder);
        weave("b", bucket.as_ref(), recorder, seed.derive("third"), STEPS / 2);
    });
    stage.process(|_, _| ());
    stage.judged()
}

/// Clients that look before they write, and two reopenings: for the oracle of isolation, which
/// leaves out keys that somebody wrote without a look.
pub(crate) fn looking(play: Play) -> Outcome {
    looking_on(Stage::new(play, None), play)
}

/// The same where every other commit has no clear answer.
pub(crate) fn looking_unsure(play: Play) -> Outcome {
    let mut stage = Stage::new(play, None);
    stage.driver = stage.driver.unsure(2);
    looking_on(stage, play)
}

fn looking_on(mut stage: Stage, play: Play) -> Outcome {
    let seed = play.seed;
    stage.process(|engine, recorder| {
        let bucket = open(engine, "b", recorder);
        look_and_weave("b", bucket.as_ref(), recorder, seed, STEPS);
        look("b", bucket.as_ref(), recorder);
    });
    stage.process(|_, _| ());
    stage.process(|_, _| ());
    stage.judged()
}

/// The power fails some time after a barrier of the relaxed route.
pub(crate) fn power(play: Play, loss: Loss) -> Outcome {
    let death = Death { at_commit: 12, kept: false, loss };
    let mut stage = Stage::new(play, Some(death));
    stage.promise = Promise::Synced;
    stage.streams = if matches!(loss, Loss::Tails(..)) { Streams::Many } else { Streams::One };
    let seed = play.seed;
    stage.process(|engine, recorder| {
        let bucket = open(engine, "b", recorder);
        weave("b", bucket.as_ref(), recorder, seed.derive("before"), STEPS / 3);
        sync(engine, recorder);
        weave("b", bucket.as_ref(), recorder, seed.derive("after"), STEPS);
    });
    stage.process(|_, _| ());
    stage.judged()
}

/// A bucket is deleted; one of the same name may follow it. Another one stays.
pub(crate) fn buckets(play: Play, followed: bool) -> Outcome {
    let mut stage = Stage::new(play, None);
    let seed = play.seed;
    stage.process(|engine, recorder| {
        let stays = open(engine, "a", recorder);
        weave("a", stays.as_ref(), recorder, seed.derive("stays"), STEPS / 3);
        let former = open(engine, "b", recorder);
        weave("b", former.as_ref(), recorder, seed.derive("former"), STEPS / 3);
        drop(former);
        delete(engine, "b", recorder);
        if followed {
            let bucket = open(engine, "b", recorder);
            let elsewhere = Sweep { first: 100, ..Sweep::fill(102, 40, 1) };
            Traffic::sweep(elsewhere).run("b", bucket.as_ref(), recorder, seed);
        }
    });
    stage.process(|_, _| ());
    stage.judged()
}

/// A checkpoint is written amid the work.
pub(crate) fn checkpoint(play: Play) -> Outcome {
    let mut stage = Stage::new(play, None);
    let seed = play.seed;
    stage.process(|engine, recorder| {
        let bucket = open(engine, "b", recorder);
        weave("b", bucket.as_ref(), recorder, seed, STEPS);
        bucket.checkpoint_and_wait();
    });
    stage.process(|_, _| ());
    stage.judged()
}

/// The open database is copied, and the copy opened.
pub(crate) fn copy(play: Play) -> Outcome {
    let mut stage = Stage::new(play, None);
    let copy = Path::new("copy");
    let mut asked = 0;
    stage.process(|engine, recorder| {
        let bucket = open(engine, "b", recorder);
        weave("b", bucket.as_ref(), recorder, play.seed, STEPS);
        asked = recorder.stamp();
        engine.copy_to(copy).expect("a copy can be made");
    });
    let engine = stage.driver.open(copy, &EngineOptions::default()).expect("the copy opens");
    let dump = dump(engine.as_ref(), &stage.history);
    let promise = Promise::AckedBefore(asked);
    let found = Reopened { promise, ..Reopened::after(&stage.history, dump) };
    let evidence = Evidence {
        clients_misled: Some("the copy is older than its clients"),
        isolation: Isolation::Not("what a copy lacks, its clients saw"),
        ..Evidence::new(&stage.history, Streams::One, std::slice::from_ref(&found))
    };
    Outcome { defects: stage.driver.defects(copy), judged: judge_all(&evidence).judged }
}

/// Scans of every kind against what was written.
pub(crate) fn scans(play: Play) -> Outcome {
    let mut stage = Stage::new(play, None);
    let mut violations = Vec::new();
    stage.process(|engine, recorder| {
        let bucket = open(engine, "b", recorder);
        let snapshot: Pairs = (0..13).map(|number| (key(number), vec![number as u8; 9])).collect();
        let txn = bucket.begin().expect("a transaction begins");
        for (key, value) in &snapshot {
            txn.put(key, value).expect("a new key can be put");
        }
        txn.commit().expect("a lone transaction commits");
        let mut rng = play.seed.rng();
        let low = key(rng.below(6));
        let high = key(rng.between(7, 12));
        let view = bucket.view().expect("a view opens");
        for order in [Order::Forward, Order::Backward, Order::Alternating] {
            let between = Keys::Range(At::Included(low.clone()), At::Excluded(high.clone()));
            for keys in [Keys::All, Keys::Prefix(b"k/".to_vec()), between] {
                let scan = Scan { keys, order, limit: 20 };
                let answer = view.scan(&scan).expect("a scan is answered");
                violations.extend(scan::answer(&snapshot, &scan, &answer));
            }
        }
        let (_, disagreements) = read_all("b", view.as_ref(), &[]).expect("reads are answered");
        violations.extend(scan::dumped(&Dump { disagreements, ..Dump::default() }));
    });
    outcome(&stage, violations)
}

/// A view is read, work goes on, and the view is read again.
pub(crate) fn views(play: Play) -> Outcome {
    let mut stage = Stage::new(play, None);
    let mut snapshots = Vec::new();
    stage.process(|engine, recorder| {
        let bucket = open(engine, "b", recorder);
        weave("b", bucket.as_ref(), recorder, play.seed.derive("before"), STEPS / 2);
        let view = bucket.view().expect("a view opens");
        let read = || read_all("b", view.as_ref(), &[]).expect("reads are answered").0;
        let first = read();
        weave("b", bucket.as_ref(), recorder, play.seed.derive("after"), STEPS / 2);
        let what = "a view".to_owned();
        let last = read();
        snapshots.push(Snapshot { what, opened: 0, closed: 0, readings: 2, first, last });
    });
    stage.judged_with(&Evidence { snapshots: &snapshots, ..bare() })
}

/// Money moves from the first accounts to the last ones, and views add it up.
pub(crate) fn bank(play: Play) -> Outcome {
    const ACCOUNTS: u64 = 8;
    let mut stage = Stage::new(play, None);
    let mut totals = Vec::new();
    stage.process(|engine, recorder| {
        let bucket = open(engine, "b", recorder);
        let mut rng = play.seed.rng();
        let opening = bucket.begin().expect("a transaction begins");
        for account in 0..ACCOUNTS {
            opening.merge(&sum_key(account), &100_u64.to_le_bytes()).expect("a merge is taken");
        }
        opening.commit().expect("a lone transaction commits");
        for transfer in 0..10 {
            let from = rng.below(ACCOUNTS / 2);
            let to = rng.between(ACCOUNTS / 2, ACCOUNTS - 1);
            let txn = bucket.begin().expect("a transaction begins");
            for (account, amount) in [(from, (-7_i64).cast_unsigned()), (to, 7)] {
                txn.merge(&sum_key(account), &amount.to_le_bytes()).expect("a merge is taken");
            }
            txn.commit().expect("merges never meet a conflict");
            let view = bucket.view().expect("a view opens");
            let pairs: Pairs =
                view.scan(&Scan::all()).expect("a scan is answered").into_iter().collect();
            totals.push(Total::of(format!("after transfer {transfer}"), &pairs, b"s/"));
        }
    });
    let accounts = Accounts { accounts: ACCOUNTS, total: ACCOUNTS * 100, seen: totals };
    stage.judged_with(&Evidence { accounts: Some(accounts), ..bare() })
}

/// Rounds of work, checkpoint and collection, with the files counted after each.
pub(crate) fn files(play: Play) -> Outcome {
    let dir = TestDir::new("detects").expect("a folder can be made");
    let mut stage = Stage::new(play, None);
    dir.path().clone_into(&mut stage.dir);
    let mut samples = Vec::new();
    stage.process(|engine, recorder| {
        let bucket = open(engine, "b", recorder);
        let traffic = Traffic::sweep(Sweep::fill(10, 64, 5));
        for _ in 0..8 {
            traffic.run("b", bucket.as_ref(), recorder, play.seed);
            bucket.checkpoint_and_wait();
            engine.collect_garbage();
            let view = bucket.view().expect("a view opens");
            let pairs = view.scan(&Scan::all()).expect("a scan is answered");
            let live_bytes =
                pairs.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum();
            let lengths: Vec<u64> = std::fs::read_dir(dir.path())
                .expect("the folder is there")
                .map(|file| file.and_then(|file| file.metadata()).expect("a file is there").len())
                .collect();
            let file_bytes = lengths.iter().sum();
            let files = lengths.len() as u64;
            samples.push(Sample { live_bytes, file_bytes, files });
        }
    });
    let sizes = Sizes { samples, bound: Bound { factor: 2, slack_bytes: 100 } };
    stage.judged_with(&Evidence { sizes: Some(sizes), ..bare() })
}

/// Real threads, through the driver that the cases use.
pub(crate) fn threads(play: Play) -> Outcome {
    let mut stage = Stage::new(play, None);
    let mut commits = BTreeMap::new();
    stage.process(|engine, recorder| {
        let bucket = open(engine, "b", recorder);
        let mix = Mix { keys: 12, lengths: vec![40], abort_pct: 5, ..Mix::default() };
        let source = Source::Mix(mix);
        // A client that is stuck at its first write goes on as long as it only looks.
        let traffic = Traffic { first_client: 0, clients: 3, source, txns: 40 };
        commits = traffic.run("b", bucket.as_ref(), recorder, play.seed).commits;
    });
    stage.process(|_, _| ());
    let equals = [Equals { commits, most_times: 5 }];
    let mut outcome = stage.judged();
    outcome.judged.add(judge_all(&Evidence { equals: &equals, ..bare() }).violations());
    outcome
}

/// A session, a reopening and a check, as a case has them.
pub(crate) fn checked(play: Play) -> Outcome {
    let folder = TestDir::new("detects").expect("a folder can be made");
    let honest = FaultyEngine::honest(ModelDriver::default());
    let driver = match play.defect {
        Some(defect) => honest.with_defect(defect),
        None => honest,
    };
    let mut run = Run::of(&driver, Preset::Defaults, folder.join("run"), play.seed);
    run.session(|s| {
        s.open("b");
        s.work("b", clients(0..2).mix(&Mix::default(), 10));
    });
    run.reopen();
    run.check();
    let defects = driver.defects(&run.dir());
    let mut judged = Judged::default();
    match run.judge() {
        Verdict::Pass => {}
        Verdict::Violated(found) => judged.add(found),
        other => panic!("{other:?}"),
    }
    Outcome { defects, judged }
}
