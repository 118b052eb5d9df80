//! The clients of an aging database. Each writes the keys that are its own, so that it knows what they
//! hold, and looks at those of all. Before the engine is asked to commit, what is to come is written down;
//! when it acknowledged, the expectation follows. They record no history: a night of them would not fit.

use super::{
    keys,
    verify::{Verified, Verifier},
};
use crate::{
    engine::{Engine, EngineError, Order, Outcome, Reason, Txn},
    history::{
        Event,
        expected::{CLIENTS, Change, Entry, Intent, Intents, Reached},
        kill::{self, Countdown},
    },
    scenario::power::TraceMark,
    settings::{Rng, Seed},
    workload::{
        TxnId, Version,
        value::{MIN_VALUE, marker_key},
    },
};
use hdrhistogram::Histogram;
use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

/// The longest latency that is told apart, in nanoseconds: a minute.
const LONGEST_NS: u64 = 60_000_000_000;

/// Lengths of values and how often they are drawn: most are short, and some live in blob files.
const LENGTHS: [(u32, u64); 4] = [(MIN_VALUE as u32, 50), (120, 30), (600, 15), (2500, 5)];

/// Keys of a transaction that fills the database.
const FILLED: usize = 128;

/// One in so many keys is close to others that are in use.
const HOT: u64 = 64;

/// Rounds of upkeep beside the clients of one stretch of work.
const UPKEEP: u64 = 4;

/// What clients may do in a life of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Manners {
    /// Keys are deleted.
    pub deletes: bool,
    /// Checkpoints are written while clients work, and files collected: a round of collection cleans up
    /// behind dropped transactions and writes a checkpoint then.
    pub checkpoints: bool,
    /// Files are collected.
    pub collects: bool,
}

/// What a stretch of work came to.
#[derive(Debug)]
pub(super) struct Worked {
    /// Calls of the engine.
    pub(super) operations: u64,
    /// Commits that were acknowledged.
    pub(super) commits: u64,
    /// Keys that were compared with what is expected of them.
    pub(super) reads: u64,
    /// Their latencies, in nanoseconds.
    pub(super) latencies: Histogram<u64>,
    /// What was found, in words.
    pub(super) found: Vec<String>,
}

impl Worked {
    pub(super) fn nothing() -> Self {
        let latencies = Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("the bounds are right");
        Self { operations: 0, commits: 0, reads: 0, latencies, found: Vec::new() }
    }

    pub(super) fn join(&mut self, other: Self) {
        self.operations += other.operations;
        self.commits += other.commits;
        self.reads += other.reads;
        self.latencies.add(other.latencies).expect("the bounds are the same");
        self.found.extend(other.found);
    }

    fn note(&mut self, verified: &Verified) {
        self.reads += verified.reads;
        self.found.extend(verified.words());
    }
}

/// Who is told about commits while a database is recorded.
#[derive(Clone, Copy)]
pub(super) struct Tracing<'a> {
    pub(super) mark: &'a (dyn Fn(TraceMark) + Sync),
    /// An acknowledged commit is promised.
    pub(super) durable: bool,
}

/// What the clients of a stretch share.
pub(super) struct Stretch<'a> {
    pub(super) engine: &'a dyn Engine,
    pub(super) verifier: Verifier<'a>,
    pub(super) manners: Manners,
    /// Where the process is to die.
    pub(super) death: Option<&'a Countdown>,
    /// Who is told what may survive a power loss, and what must.
    pub(super) trace: Option<Tracing<'a>>,
    /// Operations of all clients.
    pub(super) operations: u64,
    pub(super) seed: Seed,
}

impl Stretch<'_> {
    /// Does the work.
    pub(super) fn run(&self) -> Outcome<Worked> {
        let all = self.operations;
        self.on_clients(|client, done| client.work(done, all))
    }

    /// Writes each key that nobody wrote yet.
    pub(super) fn fill(&self) -> Outcome<Worked> {
        self.on_clients(|client, _| client.fill())
    }

    fn on_clients(
        &self,
        work: impl Fn(&mut Client<'_>, &AtomicU64) -> Outcome<()> + Sync,
    ) -> Outcome<Worked> {
        let done = AtomicU64::new(0);
        let all = Mutex::new(Worked::nothing());
        let one = |number| {
            let mut client = Client::new(self, number);
            let came = work(&mut client, &done);
            all.lock().unwrap_or_else(PoisonError::into_inner).join(client.worked);
            came
        };
        thread::scope(|scope| {
            let one = &one;
            let clients: Vec<_> =
                (0..CLIENTS).map(|number| scope.spawn(move || one(number))).collect();
            let ends: Vec<_> = clients
                .into_iter()
                .map(|client| client.join().expect("a client is ours"))
                .collect();
            ends.into_iter().collect::<Outcome<()>>()
        })?;
        Ok(all.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The number of a client's transaction in a trace.
pub(super) fn marked(client: u16, seq: u32) -> u64 {
    u64::from(client) << 32 | u64::from(seq)
}

struct Client<'a> {
    stretch: &'a Stretch<'a>,
    number: u16,
    rng: Rng,
    intents: Intents,
    reached: Reached,
    worked: Worked,
}

impl<'a> Client<'a> {
    fn new(stretch: &'a Stretch<'a>, number: u16) -> Self {
        let expected = stretch.verifier.expected;
        let intents = expected.intents(number).unwrap_or_else(|error| panic!("{error}"));
        let rng = stretch.seed.derive(&format!("client {number}")).rng();
        let reached = expected.reached(number);
        Self { stretch, number, rng, intents, reached, worked: Worked::nothing() }
    }

    fn work(&mut self, done: &AtomicU64, all: u64) -> Outcome<()> {
        while self.worked.found.is_empty() {
            let before = self.worked.operations;
            let came = match self.rng.weighted(&[80, 12, 8]) {
                0 => self.write(true),
                1 => self.look(),
                _ => self.write(false),
            };
            // A merge is refused so when others fold its page all the time; the transaction is dropped then.
            if came != Err(EngineError::Refused(Reason::Busy)) {
                came?;
            }
            let now = self.worked.operations - before;
            let at = done.fetch_add(now, Ordering::Relaxed);
            if at >= all {
                break;
            }
            let step = (all / (UPKEEP + 1)).max(1);
            if (at + now) / step > at / step {
                self.upkeep();
            }
        }
        Ok(())
    }

    fn fill(&mut self) -> Outcome<()> {
        let expected = self.stretch.verifier.expected;
        let own = (u64::from(self.number)..expected.keys()).step_by(usize::from(CLIENTS));
        let mut own = own.filter(|key| expected.slot(*key).settled == Entry::NEVER).peekable();
        while own.peek().is_some() {
            let some: Vec<u64> = own.by_ref().take(FILLED).collect();
            self.transact(&some, true)?;
        }
        Ok(())
    }

    /// A transaction over a few keys of its own, which commits or is dropped.
    fn write(&mut self, commits: bool) -> Outcome<()> {
        let own = self.stretch.verifier.expected.keys() / u64::from(CLIENTS);
        let mut chosen = Vec::new();
        for _ in 0..self.rng.between(1, 6) {
            let hot = self.rng.percent(50);
            let place = self.rng.below(if hot { own.div_ceil(HOT) } else { own });
            let key = place * u64::from(CLIENTS) + u64::from(self.number);
            if !chosen.contains(&key) {
                chosen.push(key);
            }
        }
        self.transact(&chosen, commits)
    }

    fn transact(&mut self, chosen: &[u64], commits: bool) -> Outcome<()> {
        let Verifier { bucket, expected } = self.stretch.verifier;
        self.reached.begun += 1;
        expected.reach(self.number, self.reached);
        let id = TxnId { client: self.number, seq: self.reached.begun };
        let txn = bucket.begin()?;
        let mut changes = Vec::new();
        for (op, key) in chosen.iter().enumerate() {
            let before = expected.slot(*key);
            if self.rng.percent(50) {
                self.worked.operations += 1;
                let verified = self.stretch.verifier.one(txn.as_ref(), *key, before)?;
                self.worked.note(&verified);
            }
            let version = Version { txn: id, op: op as u16, len: self.length() };
            let after = self.change(txn.as_ref(), *key, before.settled, version)?;
            changes.push(Change { key: *key, before: before.settled, after });
        }
        self.worked.operations += chosen.len() as u64 + 2;
        if !commits {
            return Ok(());
        }
        txn.upsert(&marker_key(self.number), &keys::marker(self.number, id.seq))?;
        self.commit(txn, &Intent { seq: id.seq, changes })
    }

    fn length(&mut self) -> u32 {
        LENGTHS[self.rng.weighted(&LENGTHS.map(|(_, weight)| weight))].0
    }

    /// Writes a key and says what that leaves.
    fn change(
        &mut self,
        txn: &dyn Txn,
        key: u64,
        before: Entry,
        version: Version,
    ) -> Outcome<Entry> {
        let name = keys::name(key);
        let seq = version.txn.seq;
        let is_there = before.what() != 0;
        let deletes = self.stretch.manners.deletes && is_there && self.rng.percent(15);
        if keys::is_sum(key) {
            if deletes {
                txn.reset_merge(&name)?;
                return Ok(Entry::new(seq, 0));
            }
            let more = self.rng.between(1, 9);
            txn.merge(&name, &more.to_le_bytes())?;
            return Ok(keys::summed(seq, keys::sum(before) + more as u32));
        }
        if deletes {
            txn.del(&name)?;
            return Ok(Entry::new(seq, 0));
        }
        let value = version.encode(&name);
        match (is_there, self.rng.percent(50)) {
            (_, true) => txn.upsert(&name, &value)?,
            (true, false) => txn.update(&name, &value)?,
            (false, false) => txn.put(&name, &value)?,
        }
        Ok(keys::written(version))
    }

    fn commit(&mut self, txn: Box<dyn Txn + '_>, intent: &Intent) -> Outcome<()> {
        let expected = self.stretch.verifier.expected;
        self.intents.append(intent).unwrap_or_else(|error| panic!("{error}"));
        for change in &intent.changes {
            expected.pend(change.key, change.after);
        }
        let id = TxnId { client: self.number, seq: intent.seq };
        self.count(&Event::Commit {
            txn: id,
            stamp: 0,
            begun: 0,
            reads: Vec::new(),
            writes: Vec::new(),
            scans: Vec::new(),
        });
        let number = marked(self.number, intent.seq);
        if let Some(trace) = self.stretch.trace {
            (trace.mark)(TraceMark::Asked(number));
        }
        let asked = Instant::now();
        txn.commit()?;
        let nanos = u64::try_from(asked.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if let Some(trace) = self.stretch.trace.filter(|trace| trace.durable) {
            (trace.mark)(TraceMark::Promised(number));
        }
        self.reached.acked = intent.seq;
        expected.reach(self.number, self.reached);
        for change in &intent.changes {
            expected.settle(change.key, change.after);
        }
        self.worked.latencies.saturating_record(nanos);
        self.worked.commits += 1;
        self.count(&Event::Ok { txn: id, stamp: 0 });
        Ok(())
    }

    fn count(&self, event: &Event) {
        if self.stretch.death.is_some_and(|death| death.ends_with(event)) {
            kill::die();
        }
    }

    /// Reads neighbours, whoever writes them, in some order.
    fn look(&mut self) -> Outcome<()> {
        let keys = self.stretch.verifier.expected.keys();
        let order = *self.rng.pick(&[Order::Forward, Order::Backward, Order::Alternating]);
        let low = self.rng.below(keys);
        let (low, high) = if self.rng.percent(30) {
            (low / 10 * 10, low / 10 * 10 + 10)
        } else {
            (low, low + self.rng.between(1, 100))
        };
        self.worked.operations += 3;
        let verified = self.stretch.verifier.range(low, high.min(keys), order)?;
        self.worked.note(&verified);
        Ok(())
    }

    /// What keeps a database in shape, beside the other clients.
    fn upkeep(&mut self) {
        let Manners { checkpoints, collects, .. } = self.stretch.manners;
        match self.rng.below(4) {
            0 if checkpoints => self.stretch.verifier.bucket.checkpoint(),
            1 if checkpoints => self.stretch.verifier.bucket.checkpoint_and_wait(),
            2 if collects && checkpoints => self.stretch.engine.collect_garbage(),
            _ => {
                if let Err(denial) = self.stretch.engine.sync() {
                    self.worked.found.push(format!("answers: a barrier answers {denial}"));
                }
            }
        }
        self.worked.operations += 1;
    }
}
