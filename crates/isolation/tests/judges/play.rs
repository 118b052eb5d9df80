//! Runs clients against a store, one step of one client at a time, in an order drawn from a seed,
//! and records what they did.

use crate::store::{Defect, Store};
use isolation::{Direction, History, Outcome};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// The settings of a play.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Play {
    pub(crate) defect: Option<Defect>,
    pub(crate) seed: u64,
    pub(crate) clients: u16,
    pub(crate) txns: u32,
    pub(crate) keys: u32,
    pub(crate) lists: bool,
    /// The percentage of transactions whose answer does not arrive.
    pub(crate) unknown: u64,
}

/// The result of a play.
pub(crate) struct Played {
    pub(crate) history: History,
    pub(crate) defects: u64,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Read(u32),
    Change(u32),
    Remove(u32),
    Scan(u32, u32),
}

#[derive(Clone, Debug)]
enum Did {
    Read(u32, Vec<u32>),
    Write(u32, u32),
    Delete(u32, u32),
    Scan(u32, u32, Direction, Vec<(u32, u32)>),
}

struct Client {
    session: u16,
    left: u32,
    txn: Option<Running>,
}

struct Running {
    number: u64,
    begin: u32,
    steps: Vec<Step>,
    did: Vec<Did>,
    commits: bool,
}

struct Record {
    session: u16,
    begin: u32,
    did: Vec<Did>,
    outcome: Outcome,
    asked: u32,
    end: u32,
}

struct Stage {
    play: Play,
    store: Store<u32, Vec<u32>>,
    draws: Xoshiro256PlusPlus,
    stamp: u32,
    versions: u32,
    records: Vec<Record>,
}

fn holes(defect: Option<Defect>) -> bool {
    matches!(defect, Some(Defect::GSingle | Defect::LongFork | Defect::GNonadjacent))
}

impl Play {
    /// Mixed work in which the defect can show.
    pub(crate) fn new(defect: Option<Defect>, seed: u64) -> Self {
        let txns = if holes(defect) { 100 } else { 30 };
        Self { defect, seed, clients: 4, txns, keys: 6, lists: false, unknown: 0 }
    }

    pub(crate) fn run(self) -> Played {
        let mut stage = Stage {
            play: self,
            store: Store::new(self.defect),
            draws: Xoshiro256PlusPlus::seed_from_u64(self.seed),
            stamp: 0,
            versions: 0,
            records: Vec::new(),
        };
        let mut clients: Vec<Client> = (0..self.clients)
            .map(|session| Client { session, left: self.txns, txn: None })
            .collect();
        while !clients.is_empty() {
            let at = stage.below(clients.len() as u32) as usize;
            if !stage.step(&mut clients[at]) {
                clients.remove(at);
            }
        }
        Played { defects: stage.store.defects(), history: stage.history() }
    }
}

impl Stage {
    fn below(&mut self, bound: u32) -> u32 {
        (self.draws.next_u64() % u64::from(bound)) as u32
    }

    fn tick(&mut self) -> u32 {
        self.stamp += 1;
        self.stamp
    }

    fn version(&mut self) -> u32 {
        self.versions += 1;
        self.versions - 1
    }

    fn steps(&mut self) -> Vec<Step> {
        let keys = self.play.keys;
        let count = 1 + self.below(4);
        let defect = self.play.defect;
        let mut steps: Vec<Step> = (0..count)
            .map(|_| {
                let key = self.below(keys);
                match self.below(10) {
                    _ if defect == Some(Defect::DirtyWrite) => Step::Change(key),
                    0..5 => Step::Read(key),
                    5 if !self.play.lists && defect.is_none() => Step::Remove(key),
                    // Cycles through keys that a scan did not meet are phantoms.
                    6 | 7 if !self.play.lists && !holes(defect) => {
                        let end = key + 1 + self.below(keys - key);
                        Step::Scan(key, end)
                    }
                    _ => Step::Change(key),
                }
            })
            .collect();
        if defect == Some(Defect::Phantom) && self.below(2) == 0 {
            // A transaction that creates several keys at once, in a range of keys that nobody else
            // writes.
            let key = keys + self.below(200);
            steps = vec![Step::Change(key), Step::Change(key + 1), Step::Scan(key, key + 3)];
        } else if defect == Some(Defect::Phantom) {
            steps.push(Step::Read(keys + self.below(200)));
            steps.push(Step::Scan(keys, keys + 200));
        }
        if matches!(defect, Some(Defect::DirtyWrite | Defect::CyclicInformationFlow)) {
            // One write for each key: another transaction may have seen the first write.
            let mut changed = Vec::new();
            steps.retain(|step| match step {
                Step::Change(key) if changed.contains(key) => false,
                Step::Change(key) => {
                    changed.push(*key);
                    true
                }
                _ => true,
            });
        }
        steps.reverse();
        steps
    }

    /// Whether there is work left.
    fn step(&mut self, client: &mut Client) -> bool {
        let Some(mut txn) = client.txn.take() else {
            if client.left == 0 {
                return false;
            }
            client.left -= 1;
            let begin = self.tick();
            let steps = self.steps();
            let number = self.store.begin(client.session);
            let drops = self.below(10) == 0;
            // Work that others saw before its commit must not be aborted: that would be another
            // defect.
            let shown = matches!(
                self.play.defect,
                Some(Defect::DirtyWrite | Defect::CyclicInformationFlow)
            );
            let commits = shown || !drops;
            client.txn = Some(Running { number, begin, steps, did: Vec::new(), commits });
            return true;
        };
        match txn.steps.pop() {
            Some(step) if self.does(&mut txn, step) => client.txn = Some(txn),
            Some(_) => {
                self.store.abort(txn.number);
                let stamp = self.tick();
                self.end(client.session, txn, Outcome::Conflicted, stamp);
            }
            None if txn.commits => {
                let asked = self.tick();
                let lost = u64::from(self.below(100)) < self.play.unknown;
                let outcome = match self.store.commit(txn.number) {
                    _ if lost => Outcome::Unknown,
                    Ok(()) => Outcome::Committed,
                    Err(_) => Outcome::Conflicted,
                };
                self.end(client.session, txn, outcome, asked);
            }
            None => {
                self.store.abort(txn.number);
                let stamp = self.tick();
                self.end(client.session, txn, Outcome::Aborted, stamp);
            }
        }
        true
    }

    fn end(&mut self, session: u16, txn: Running, outcome: Outcome, asked: u32) {
        let begin = txn.begin;
        let did = txn.did;
        let end = self.tick();
        self.records.push(Record { session, begin, did, outcome, asked, end });
    }

    /// Returns false after a conflict.
    fn does(&mut self, txn: &mut Running, step: Step) -> bool {
        match step {
            Step::Read(key) => {
                self.read(txn, key);
            }
            Step::Change(key) => {
                let once = matches!(
                    self.play.defect,
                    Some(Defect::DirtyWrite | Defect::CyclicInformationFlow)
                );
                let twice = self.below(4) == 0 && !once;
                for _ in 0..=u32::from(twice) {
                    let mut value = self.read(txn, key);
                    let version = self.version();
                    if self.play.lists {
                        value.push(version);
                    } else {
                        value = vec![version];
                    }
                    if self.store.set(txn.number, &key, Some(value)).is_err() {
                        return false;
                    }
                    txn.did.push(Did::Write(key, version));
                }
            }
            Step::Remove(key) => {
                if !self.read(txn, key).is_empty() {
                    let version = self.version();
                    if self.store.set(txn.number, &key, None).is_err() {
                        return false;
                    }
                    txn.did.push(Did::Delete(key, version));
                }
            }
            Step::Scan(low, high) => {
                for way in [Direction::Forward, Direction::Backward] {
                    let backward = way == Direction::Backward;
                    let pairs = self.store.scan(txn.number, &low, &high, backward);
                    let items = pairs.iter().map(|(key, value)| (*key, value[0])).collect();
                    txn.did.push(Did::Scan(low, high, way, items));
                }
            }
        }
        true
    }

    fn read(&mut self, txn: &mut Running, key: u32) -> Vec<u32> {
        let value = self.store.get(txn.number, &key).unwrap_or_default();
        txn.did.push(Did::Read(key, value.clone()));
        value
    }

    fn history(mut self) -> History {
        self.records.sort_by_key(|record| record.begin);
        let mut history = History::new();
        for Record { session, begin, did, outcome, asked, end } in self.records {
            history.begin(session, begin);
            for did in did {
                match did {
                    Did::Read(key, value) if self.play.lists => history.list(key, &value),
                    Did::Read(key, value) => history.read(key, value.first().copied()),
                    Did::Write(key, version) if self.play.lists => history.extend(key, version),
                    Did::Write(key, version) => history.write(key, version),
                    Did::Delete(key, version) => history.delete(key, version),
                    Did::Scan(low, high, way, items) => history.scan(low, high, way, &items),
                }
            }
            history.end(outcome, asked, end);
        }
        history
    }
}
