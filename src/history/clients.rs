//! The only spawner of client threads: carries out plans against a bucket and records what
//! happened. Owns the retry policy (a conflict is tried again under a new attempt number, up to a
//! budget). Judges only what a client can see on the spot: an answer that contradicts what the
//! same transaction just read.

mod attempt;
mod elements;
mod origin;
mod scan;
mod transfer;
mod turns;

use crate::{
    engine::{Bucket, EngineError, Outcome},
    history::{Event, KeyText, Write, clock::Clock, hold, journal::Recorder, pauses},
    settings::{FindingId, Rng, Seed, excludes},
    workload::{Bank, Lists, Mix, Source, TxnId, TxnPlan},
};
use attempt::Attempt;
pub use origin::seen;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, ops::Range, sync::Arc, thread};
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
        let _pauses = pauses::Lot::of(self.clients);
        thread::scope(|scope| {
            let clients: Vec<_> = numbers
                .map(|number| {
                    let mut plans = self.plans(number, seed.derive(&format!("client {number}")));
                    let killed = recorder.survives() && matches!(self.source, Source::Mix(_));
                    if killed && excludes(FindingId::MERGE_LOST_IN_RECOVERY) {
                        for plan in &mut plans {
                            plan.own_sums(number);
                        }
                    }
                    scope.spawn(move || {
                        pauses::as_client(number);
                        let clock = Arc::new(Clock::default());
                        let timed = clock.on(bucket);
                        let bucket = timed.as_ref();
                        let client = Client { number, name, bucket, clock: &clock, recorder };
                        client.run(plans, &turns.at_work())
                    })
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

    fn plans(&self, client: u16, seed: Seed) -> Vec<TxnPlan> {
        match &self.source {
            Source::Sweep(sweep) => sweep.plans(),
            Source::Opening(bank) => vec![bank.opening()],
            Source::Mix(mix) => self.drawn(seed, |rng| mix.next(client, rng)),
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
    clock: &'a Clock,
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
        'plans: for plan in plans {
            loop {
                if budget == 0 {
                    break 'plans;
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
        self.recorder.record(Event::Waited(Box::new(self.clock.calls_us())));
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
        let mut attempt = Attempt::new(id, self.name, self.bucket, self.recorder);
        let done = plan.ops.iter().try_for_each(|op| {
            // Gives way between any two operations: short transactions on few processors would
            // otherwise hardly ever overlap.
            thread::yield_now();
            pauses::came_by();
            hold::operating(|| attempt.apply(txn.as_ref(), op))
        });
        // Who wrote nothing leaves no marker: what he saw has to survive all the same.
        let marks = plan.commits && !attempt.writes.is_empty();
        let done = done.and_then(|()| if marks { attempt.mark(txn.as_ref()) } else { Ok(()) });
        let Attempt { reads, writes, scans, .. } = attempt;
        if let Err(denial) = done {
            self.clock.time(|| drop(txn));
            return self.drop_txn(id, writes, Some(denial));
        }
        if !plan.commits {
            self.clock.time(|| drop(txn));
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
