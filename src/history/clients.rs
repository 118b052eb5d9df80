//! The only spawner of client threads: carries out plans against a bucket and records what
//! happened. Owns the retry policy (a conflict is tried again under a new attempt number, up to a
//! budget). Judges only what a client can see on the spot: an answer that contradicts what the
//! same transaction just read.

mod elements;
mod scan;
mod transfer;
mod turns;

use crate::{
    engine::{Bucket, EngineError, Outcome, Reason, Txn},
    history::OracleName,
    history::{Event, KeyText, Scanned, Seen, Write, journal::Recorder},
    settings::{FindingId, Rng, Seed, excludes},
    workload::{
        Bank, Lists, Mix, Op, Source, TxnId, TxnPlan, Version, marker_key, plan::SUM_PREFIX,
        value::MIN_VALUE,
    },
};
pub use elements::seen;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, ops::Range, thread};
use turns::{AtWork, Turns};

/// Attempts that a client may spend on each planned transaction, on average.
const ATTEMPTS: u64 = 50;

/// Clients and their work in one bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Number of the first client; the others follow it.
    pub first_client: u16,
    /// How many clients run at once.
    pub clients: u16,
    /// Where their plans come from.
    pub source: Source,
    /// Planned transactions of each client; a sweep has its own number.
    pub txns: u64,
}

/// What clients came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Acknowledged commits of each client.
    pub commits: BTreeMap<u16, u64>,
    /// Attempts that met a conflict.
    pub conflicts: u64,
    /// Commits whose answer left it open.
    pub unknown: u64,
}

impl Tally {
    /// Acknowledged commits of all clients.
    pub fn committed(&self) -> u64 {
        self.commits.values().sum()
    }

    /// Adds what other clients came to.
    pub fn join(&mut self, other: Self) {
        for (client, commits) in other.commits {
            *self.commits.entry(client).or_default() += commits;
        }
        self.conflicts += other.conflicts;
        self.unknown += other.unknown;
    }
}

/// Clients with these numbers, at work at once.
pub fn clients(numbers: Range<u16>) -> Clients {
    Clients(numbers)
}

/// Clients that were not told yet what to do.
#[derive(Clone, Debug)]
pub struct Clients(Range<u16>);

impl Clients {
    /// So many random transactions each.
    pub fn mix(self, mix: &Mix, txns: u64) -> Traffic {
        self.with(Source::Mix(mix.clone()), txns)
    }

    /// So many random transactions over lists and sets each.
    pub fn lists(self, lists: &Lists, txns: u64) -> Traffic {
        self.with(Source::Lists(lists.clone()), txns)
    }

    /// The one transaction that opens a bank's accounts.
    pub fn open_accounts(self, bank: Bank) -> Traffic {
        self.with(Source::Opening(bank), 1)
    }

    /// So many random transfers between a bank's accounts each.
    pub fn transfer(self, bank: Bank, txns: u64) -> Traffic {
        self.with(Source::Bank(bank), txns)
    }

    fn with(self, source: Source, txns: u64) -> Traffic {
        let clients = self.0.len() as u16;
        Traffic { first_client: self.0.start, clients, source, txns }
    }
}

impl Traffic {
    /// One client that makes one pass.
    pub fn sweep(sweep: crate::workload::Sweep) -> Self {
        Self { first_client: 0, clients: 1, source: Source::Sweep(sweep), txns: 0 }
    }

    /// Runs the clients to their end. `seed` is the bucket's part of the case's seed; each client
    /// draws from one of its own.
    pub fn run(&self, name: &str, bucket: &dyn Bucket, recorder: &Recorder, seed: Seed) -> Tally {
        let numbers = self.first_client..self.first_client + self.clients;
        let turns = &Turns::of(self.clients);
        thread::scope(|scope| {
            let clients: Vec<_> = numbers
                .map(|number| {
                    let client = Client { number, name, bucket, recorder };
                    let mut plans = self.plans(seed.derive(&format!("client {number}")));
                    let killed = recorder.survives() && matches!(self.source, Source::Mix(_));
                    if killed && excludes(FindingId::MERGE_LOST_IN_RECOVERY) {
                        for plan in &mut plans {
                            plan.own_sums(number);
                        }
                    }
                    scope.spawn(move || client.run(plans, &turns.at_work()))
                })
                .collect();
            let mut tally = Tally::default();
            for client in clients {
                match client.join() {
                    Ok(part) => tally.join(part),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            tally
        })
    }

    fn plans(&self, seed: Seed) -> Vec<TxnPlan> {
        match &self.source {
            Source::Sweep(sweep) => sweep.plans(),
            Source::Opening(bank) => vec![bank.opening()],
            Source::Mix(mix) => self.drawn(seed, |rng| mix.next(rng)),
            Source::Bank(bank) => self.drawn(seed, |rng| bank.next(rng)),
            Source::Lists(lists) => self.drawn(seed, |rng| lists.next(rng)),
        }
    }

    fn drawn(&self, seed: Seed, next: impl Fn(&mut Rng) -> TxnPlan) -> Vec<TxnPlan> {
        let mut rng = seed.rng();
        (0..self.txns).map(|_| next(&mut rng)).collect()
    }
}

struct Client<'a> {
    number: u16,
    name: &'a str,
    bucket: &'a dyn Bucket,
    recorder: &'a Recorder,
}

enum Ended {
    Committed,
    Aborted,
    Conflicted,
    Unknown,
}

impl Client<'_> {
    fn run(&self, plans: Vec<TxnPlan>, at_work: &AtWork) -> Tally {
        let mut tally = Tally::default();
        let commits = tally.commits.entry(self.number).or_default();
        let mut budget = plans.len() as u64 * ATTEMPTS;
        for plan in plans {
            loop {
                if budget == 0 {
                    return tally;
                }
                budget -= 1;
                match self.attempt(&plan) {
                    Ended::Committed => *commits += 1,
                    Ended::Aborted => {}
                    Ended::Unknown => tally.unknown += 1,
                    Ended::Conflicted => {
                        tally.conflicts += 1;
                        at_work.conflicted();
                        continue;
                    }
                }
                at_work.ended();
                break;
            }
        }
        tally
    }

    fn attempt(&self, plan: &TxnPlan) -> Ended {
        let id = self.recorder.next_txn(self.number);
        let stamp = self.recorder.stamp();
        self.recorder.record(Event::Begin { txn: id, bucket: self.name.to_owned(), stamp });
        let txn = match self.bucket.begin() {
            Ok(txn) => txn,
            Err(denial) => return self.drop_txn(id, Vec::new(), Some(denial)),
        };
        let begun = self.recorder.stamp();
        let mut attempt = Attempt::new(id, self.recorder);
        let done = plan.ops.iter().try_for_each(|op| {
            // Gives way between any two operations: short transactions on few processors would
            // otherwise hardly ever overlap.
            thread::yield_now();
            attempt.apply(txn.as_ref(), op)
        });
        let done =
            done.and_then(|()| if plan.commits { attempt.mark(txn.as_ref()) } else { Ok(()) });
        let Attempt { reads, writes, scans, .. } = attempt;
        if let Err(denial) = done {
            drop(txn);
            return self.drop_txn(id, writes, Some(denial));
        }
        if !plan.commits {
            drop(txn);
            return self.drop_txn(id, writes, None);
        }
        let stamp = self.recorder.stamp();
        let reads = reads.into_iter().collect();
        self.recorder.record(Event::Commit {
            txn: id,
            stamp,
            begun,
            reads,
            writes: writes.clone(),
            scans,
        });
        self.answered(id, writes, txn.commit())
    }

    fn answered(&self, id: TxnId, writes: Vec<(KeyText, Write)>, answer: Outcome<()>) -> Ended {
        match answer {
            Ok(()) => {
                let stamp = self.recorder.stamp();
                self.recorder.record(Event::Ok { txn: id, stamp });
                Ended::Committed
            }
            Err(denial @ EngineError::Unknown(_)) => {
                let stamp = self.recorder.stamp();
                self.recorder.record(Event::Info { txn: id, stamp, denial });
                Ended::Unknown
            }
            Err(denial) => self.drop_txn(id, writes, Some(denial)),
        }
    }

    fn drop_txn(
        &self,
        txn: TxnId,
        writes: Vec<(KeyText, Write)>,
        denial: Option<EngineError>,
    ) -> Ended {
        let conflicted = denial == Some(EngineError::Conflict);
        let stamp = self.recorder.stamp();
        self.recorder.record(Event::Abort { txn, stamp, writes, denial });
        if conflicted { Ended::Conflicted } else { Ended::Aborted }
    }
}

/// What one attempt has seen and written so far.
struct Attempt<'a> {
    id: TxnId,
    recorder: &'a Recorder,
    reads: BTreeMap<KeyText, Seen>,
    writes: Vec<(KeyText, Write)>,
    scans: Vec<Scanned>,
    /// The state as this transaction must see it: what it read, overlaid with what it wrote.
    own: BTreeMap<Vec<u8>, Seen>,
}

impl<'a> Attempt<'a> {
    fn new(id: TxnId, recorder: &'a Recorder) -> Self {
        let reads = BTreeMap::new();
        let writes = Vec::new();
        let own = BTreeMap::new();
        Self { id, recorder, reads, writes, scans: Vec::new(), own }
    }

    fn apply(&mut self, txn: &dyn Txn, op: &Op) -> Outcome<()> {
        match op {
            Op::Read(key) => self.read(txn, key).map(|_| ()),
            Op::Scan(prefix, order) => self.scan(txn, prefix, *order),
            Op::Append(key) => self.append(txn, key),
            Op::Include(key) => self.include(txn, key),
            Op::Upsert(key, length) => {
                self.read(txn, key)?;
                self.set(key, *length, |value| txn.upsert(key, value))
            }
            Op::Put(key, length) if self.read(txn, key)? == Seen::Absent => {
                self.set(key, *length, |value| txn.put(key, value))
            }
            Op::Put(key, length) => {
                let answer = txn.put(key, &self.version(*length).encode(key));
                self.expect("put", key, answer, &EngineError::Refused(Reason::Exists))
            }
            Op::Update(key, length) if self.read(txn, key)? != Seen::Absent => {
                self.set(key, *length, |value| txn.update(key, value))
            }
            Op::Update(key, length) => {
                let answer = txn.update(key, &self.version(*length).encode(key));
                self.expect("update", key, answer, &EngineError::Absent)
            }
            Op::Del(key) if self.read(txn, key)? != Seen::Absent => {
                txn.del(key)?;
                self.wrote(key, Write::Del, Seen::Absent);
                Ok(())
            }
            Op::Del(key) => {
                let answer = txn.del(key);
                self.expect("del", key, answer, &EngineError::Absent)
            }
            Op::Move { from, to, amount } => self.transfer(txn, from, to, *amount),
            Op::Add(key, number) => match txn.merge(key, &number.to_le_bytes()) {
                // An engine or a bucket without merge: the plan's other work still counts.
                Err(EngineError::Refused(Reason::Unsupported | Reason::Invalid)) => Ok(()),
                answer => {
                    answer?;
                    self.writes.push((KeyText::new(key), Write::Add(*number)));
                    Ok(())
                }
            },
        }
    }

    fn mark(&mut self, txn: &dyn Txn) -> Outcome<()> {
        let key = marker_key(self.id.client);
        self.read(txn, &key)?;
        self.set(&key, MIN_VALUE as u32, |value| txn.upsert(&key, value))
    }

    fn version(&self, len: u32) -> Version {
        Version { txn: self.id, op: self.writes.len() as u16, len: len.max(MIN_VALUE as u32) }
    }

    fn set(
        &mut self,
        key: &[u8],
        length: u32,
        write: impl FnOnce(&[u8]) -> Outcome<()>,
    ) -> Outcome<()> {
        let version = self.version(length);
        write(&version.encode(key))?;
        self.wrote(key, Write::Set(version), Seen::Version(version));
        Ok(())
    }

    fn wrote(&mut self, key: &[u8], write: Write, now: Seen) {
        self.writes.push((KeyText::new(key), write));
        self.own.insert(key.to_vec(), now);
    }

    fn read(&mut self, txn: &dyn Txn, key: &[u8]) -> Outcome<Seen> {
        let seen = match txn.get(key) {
            Ok(value) => seen(key, &value),
            Err(EngineError::Absent) => Seen::Absent,
            Err(denial) => return Err(denial),
        };
        self.note(key, &seen, "a read");
        Ok(seen)
    }

    /// Within a transaction a key reads the same each time, own writes aside.
    fn note(&mut self, key: &[u8], seen: &Seen, how: &str) {
        match self.own.get(key) {
            Some(before) if before != seen => {
                let key = KeyText::new(key).0;
                let witness = format!("{}: {how} of {key} gave {seen:?} after {before:?}", self.id);
                self.wrong(OracleName::Reads, witness);
            }
            Some(_) => {}
            None => {
                self.own.insert(key.to_vec(), seen.clone());
                if !key.starts_with(SUM_PREFIX) {
                    self.reads.insert(KeyText::new(key), self.at_snapshot(key, seen));
                }
            }
        }
    }

    fn expect(
        &mut self,
        call: &str,
        key: &[u8],
        answer: Outcome<()>,
        expected: &EngineError,
    ) -> Outcome<()> {
        match answer {
            Err(denial) if denial == *expected => Ok(()),
            Err(EngineError::Conflict) => Err(EngineError::Conflict),
            answer => {
                let key = KeyText::new(key).0;
                let witness = format!(
                    "{}: {call} of {key} answered {answer:?}, its read called for {expected:?}",
                    self.id
                );
                self.wrong(OracleName::Answers, witness);
                Err(EngineError::Failed("an answer that contradicts a read".to_owned()))
            }
        }
    }

    fn wrong(&self, oracle: OracleName, witness: String) {
        self.recorder.record(Event::Wrong { oracle, witness });
    }
}
