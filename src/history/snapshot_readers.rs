//! Watchers: readers that hold snapshots open beside the work of clients, read them again and
//! again in every way, and keep the first and the last reading. Each snapshot is recorded as a
//! transaction that only reads, so that it is judged like one. Judges only what `dump.rs` does:
//! ways of reading one snapshot that disagree.

use crate::{
    engine::{Bucket, Engine, Outcome, Read},
    history::OracleName,
    history::{
        Event, KeyText, Seen,
        clients::seen,
        dump::{Pairs, read_all},
        journal::Recorder,
    },
    workload::TxnId,
};
use serde::{Deserialize, Serialize};
use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Stamps between two readings of a snapshot: a few transactions, so that there is something to
/// see, and reading does not take the processors from the work.
const PACE: u64 = 12;

/// Stamps between two rounds of upkeep.
const UPKEEP_PACE: u64 = 60;

/// A watcher to be.
#[derive(Clone, Debug)]
pub struct Watch {
    /// The bucket it reads.
    pub bucket: String,
    /// Its number, one that no client has.
    pub client: u16,
    /// Keys to ask for besides those that scans meet.
    pub keys: Vec<Vec<u8>>,
    /// How long it holds a snapshot.
    pub hold: Hold,
    /// Stamps between two readings.
    pub pace: u64,
}

impl Watch {
    /// One that holds one snapshot all the time.
    pub fn throughout(bucket: &str, client: u16) -> Self {
        Self {
            bucket: bucket.to_owned(),
            client,
            keys: Vec::new(),
            hold: Hold::Throughout,
            pace: PACE,
        }
    }

    /// One that takes another snapshot after so many stamps.
    pub fn renewed(bucket: &str, client: u16, stamps: u64) -> Self {
        Self { hold: Hold::Stamps(stamps), ..Self::throughout(bucket, client) }
    }

    /// The same, reading a long bucket at the beginning and at the end only.
    #[must_use]
    pub fn seldom(self) -> Self {
        Self { pace: u64::MAX >> 1, ..self }
    }

    /// The same, asking for these keys too.
    #[must_use]
    pub fn of_keys(self, keys: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self { keys: keys.into_iter().collect(), ..self }
    }
}

/// How long a watcher holds a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// From before the work until after it.
    Throughout,
    /// Until so many stamps were handed out, three for each committed transaction; then it takes
    /// another.
    Stamps(u64),
}

/// A snapshot that was read more than once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Snapshot {
    /// Which one, in words.
    pub what: String,
    /// The stamp after it was opened.
    pub opened: u64,
    /// The stamp before its last reading.
    pub closed: u64,
    /// How often it was read.
    pub readings: u64,
    /// The first reading.
    pub first: Pairs,
    /// The last reading, and the first that differed when one did.
    pub last: Pairs,
}

/// Runs work with watchers beside it. All of them have a snapshot open before the work begins and
/// read once more after it has ended.
pub fn beside<T>(
    watches: &[(Watch, Box<dyn Bucket>)],
    recorder: &Recorder,
    work: impl FnOnce() -> T,
) -> (T, Outcome<Vec<Snapshot>>) {
    let gate = Barrier::new(watches.len() + 1);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let running: Vec<_> = watches
            .iter()
            .map(|(watch, bucket)| {
                let bucket = bucket.as_ref();
                let over = &over;
                let gate = &gate;
                let reader = Watcher { watch, bucket, recorder, over };
                scope.spawn(move || reader.run(gate))
            })
            .collect();
        gate.wait();
        let done = {
            let _over = Over { over: &over, recorder };
            work()
        };
        let mut snapshots = Ok(Vec::new());
        for watcher in running {
            match watcher.join() {
                Ok(Ok(more)) => {
                    let _ = snapshots.as_mut().map(|all: &mut Vec<_>| all.extend(more));
                }
                Ok(Err(denial)) => snapshots = Err(denial),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        (done, snapshots)
    })
}

/// Reads a bucket once, in every way, and records it like a watcher's snapshot.
pub fn glance(watch: &Watch, bucket: &dyn Bucket, recorder: &Recorder) -> Outcome<()> {
    let over = AtomicBool::new(true);
    Watcher { watch, bucket, recorder, over: &over }.open(None).map(|_| ())
}

/// Runs work while another thread writes checkpoints of a bucket and collects garbage, one after
/// the other, until the work has ended.
pub fn upkeep<T>(
    engine: &dyn Engine,
    bucket: &dyn Bucket,
    recorder: &Recorder,
    work: impl FnOnce() -> T,
) -> T {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                bucket.checkpoint_and_wait();
                engine.collect_garbage();
                recorder.wait_for(recorder.stamp() + UPKEEP_PACE, &over);
            }
        });
        let _over = Over { over: &over, recorder };
        work()
    })
}

/// Says that the work is over, also when it ended in a panic.
struct Over<'a> {
    over: &'a AtomicBool,
    recorder: &'a Recorder,
}

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        self.recorder.tell();
    }
}

/// A snapshot that was read once.
struct Opened<'a> {
    txn: TxnId,
    view: Box<dyn Read + 'a>,
    begun: u64,
    first: Pairs,
}

struct Watcher<'a> {
    watch: &'a Watch,
    bucket: &'a dyn Bucket,
    recorder: &'a Recorder,
    over: &'a AtomicBool,
}

impl Watcher<'_> {
    fn run(&self, gate: &Barrier) -> Outcome<Vec<Snapshot>> {
        let mut snapshots = vec![self.snapshot(Some(gate))?];
        while !self.over.load(Ordering::SeqCst) {
            let snapshot = self.snapshot(None)?;
            let moved = snapshot.first != snapshot.last;
            snapshots.push(snapshot);
            if moved {
                break;
            }
        }
        Ok(snapshots)
    }

    /// Opens a snapshot, reads it and records what it read.
    fn open(&self, gate: Option<&Barrier>) -> Outcome<Opened<'_>> {
        let txn = self.recorder.next_txn(self.watch.client);
        let bucket = self.watch.bucket.clone();
        let stamp = self.recorder.stamp();
        self.recorder.record(Event::Begin { txn, bucket, stamp });
        let view = self.bucket.view();
        let begun = self.recorder.stamp();
        if let Some(gate) = gate {
            gate.wait();
        }
        let view = view?;
        let first = self.read(view.as_ref())?;
        let reads = self.seen(&first);
        let writes = Vec::new();
        let stamp = self.recorder.stamp();
        self.recorder.record(Event::Commit { txn, stamp, begun, reads, writes, scans: Vec::new() });
        let stamp = self.recorder.stamp();
        self.recorder.record(Event::Ok { txn, stamp });
        Ok(Opened { txn, view, begun, first })
    }

    fn snapshot(&self, gate: Option<&Barrier>) -> Outcome<Snapshot> {
        let Opened { txn, view, begun: opened, first } = self.open(gate)?;
        let mut readings = 1;
        loop {
            self.recorder.wait_for(self.recorder.stamp() + self.watch.pace, self.over);
            // Asked before the reading, so that one reading comes after the end of the work.
            let over = self.over.load(Ordering::SeqCst);
            let closed = self.recorder.stamp();
            let last = self.read(view.as_ref())?;
            readings += 1;
            let renew = matches!(self.watch.hold, Hold::Stamps(most) if closed - opened >= most);
            if over || renew || last != first {
                let what = format!("{txn} in {}, reading {readings}", self.watch.bucket);
                return Ok(Snapshot { what, opened, closed, readings, first, last });
            }
        }
    }

    fn read(&self, view: &dyn Read) -> Outcome<Pairs> {
        let (pairs, disagreements) = read_all(&self.watch.bucket, view, &self.watch.keys)?;
        for witness in disagreements {
            self.recorder.record(Event::Wrong { oracle: OracleName::Scan, witness });
        }
        Ok(pairs)
    }

    fn seen(&self, pairs: &Pairs) -> Vec<(KeyText, Seen)> {
        let there = pairs.iter().map(|(key, value)| (KeyText::new(key), seen(key, value)));
        let missing = self.watch.keys.iter().filter(|key| !pairs.contains_key(*key));
        there.chain(missing.map(|key| (KeyText::new(key), Seen::Absent))).collect()
    }
}
