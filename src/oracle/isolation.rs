//! Isolation: the whole history of all clients is snapshot isolated, over all processes. The bridge
//! to the crate `isolation`, which has the rules and the names.
//!
//! Verifies every anomaly of that crate, from dirty write to real-time order, over what transactions
//! that asked to commit first read and what they wrote; and that each state found at a reopening is
//! a snapshot that extends what was acknowledged before it. A commit whose answer is missing took
//! effect when somebody saw some of it, and then before the next reopening.
//!
//! Does not verify:
//! - keys at which some transaction wrote without having read them: the order of their versions is
//!   not known; clients read before they write, so that there are none of these in cases;
//! - merged numbers: operands commute, and several sets of them add up to one number;
//! - across kills with a log for each writer group: what no promise covers may then be lost from the
//!   middle, and the recovery oracles count it; only the first process is judged here;
//! - after a power loss on the relaxed route, where acknowledged work may be lost: the recovery
//!   oracles know the barrier;
//! - states of buckets whose deletion was under way;
//! - reads of transactions that were dropped, and repeated reads (`history/drive.rs` does).

use super::{
    Violation,
    ledger::{Ledger, Record, Status},
    recovery::{Promise, Reopened, Streams},
};
use crate::{
    history::{Event, History, KeyText, Seen, Write},
    workload::{Version, plan::SUM_PREFIX},
};
use isolation::{
    Outcome, Shape, check, elle,
    explain::{self, Names},
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The oracle's name.
pub const NAME: &str = "isolation";

/// Stamps of the checker for each of ours: room for the reading of a state in between.
const ROOM: u64 = 4;

/// Sessions of clients are their numbers; a state found at a reopening is read by this one.
const FINDER: u16 = u16::MAX;

/// What was made of a history.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// What broke isolation.
    pub violations: Vec<Violation>,
    /// Files that show it: a name and a content. Pictures of the circles, and the history in the
    /// format of other checkers.
    pub evidence: Vec<(String, String)>,
    /// What the history held.
    pub seen: isolation::Seen,
}

/// Judges a history and the states found at its reopenings.
///
/// # Panics
/// When the history is malformed: a bug of ours.
pub fn judge(history: &History, states: &[Reopened], streams: Streams) -> Judged {
    let lossy = states.iter().any(|state| state.promise != Promise::Acked);
    if lossy {
        return Judged::default();
    }
    match streams {
        Streams::One => judge_one(&history.events, states),
        Streams::Many => {
            let starts =
                |event: &Event| matches!(event, Event::Phase { name } if name == "started");
            let mut processes = history.events.chunk_by(|_, next| !starts(next));
            processes.next().map(|first| judge_one(first, &[])).unwrap_or_default()
        }
    }
}

fn judge_one(events: &[Event], states: &[Reopened]) -> Judged {
    let cuts: Vec<usize> = states.iter().map(|state| state.events).collect();
    let ledger = Ledger::new(events, &cuts);
    let bridge = Bridge::new(&ledger, events, states);
    let report = check(&bridge.history).unwrap_or_else(|error| panic!("{error}"));
    let mut judged = Judged { seen: report.seen, ..Judged::default() };
    for (number, found) in report.violations.iter().enumerate() {
        let text = explain::text(found, &bridge);
        judged.evidence.push((format!("isolation-{number}.svg"), explain::svg(found, &bridge)));
        judged.evidence.push((format!("isolation-{number}.dot"), explain::dot(found, &bridge)));
        judged.violations.push(Violation::new(NAME, found.anomaly.promise(), text));
    }
    if !report.violations.is_empty() {
        let text = elle(&bridge.history, Shape::Registers);
        let text = text.unwrap_or_else(|error| panic!("{error}"));
        judged.evidence.push(("isolation-history.jsonl".to_owned(), text));
    }
    judged
}

/// A place for values: a bucket, which of that name, and a key.
type Place<'a> = (&'a str, u32, KeyText);

/// Our history in the numbers of the checker.
struct Bridge<'a> {
    history: isolation::History,
    places: Vec<Place<'a>>,
    numbers: BTreeMap<Place<'a>, u32>,
    versions: HashMap<(Version, u32), u32>,
    written: Vec<String>,
    txns: Vec<String>,
    /// Places at which somebody wrote without looking.
    blind: BTreeSet<Place<'a>>,
}

impl<'a> Bridge<'a> {
    fn new(ledger: &'a Ledger<'a>, events: &[Event], states: &'a [Reopened]) -> Self {
        let mut this = Self {
            history: isolation::History::new(),
            places: Vec::new(),
            numbers: BTreeMap::new(),
            versions: HashMap::new(),
            written: Vec::new(),
            txns: Vec::new(),
            blind: blind(ledger),
        };
        let mut last = 0;
        for event in events {
            if matches!(event, Event::Phase { name } if name == "started") && last > 0 {
                this.history.reopened(stamp(last, 0));
            }
            last = event.stamp().unwrap_or(last).max(last);
        }
        // Versions first, so that a reader finds those of writers behind it.
        for record in &ledger.records {
            for (key, write) in record.writes {
                if let Write::Set(version) = write {
                    let place = this.place(record.bucket, record.incarnation, key);
                    this.number(*version, place);
                }
            }
        }
        for record in &ledger.records {
            this.transaction(record);
        }
        for (at, state) in states.iter().enumerate() {
            let before = events[..state.events].iter().filter_map(Event::stamp).max();
            this.state(ledger, at, state, before.unwrap_or(0));
        }
        this
    }

    fn place(&mut self, bucket: &'a str, incarnation: u32, key: &KeyText) -> u32 {
        let place = (bucket, incarnation, key.clone());
        let next = self.places.len() as u32;
        let number = *self.numbers.entry(place.clone()).or_insert(next);
        if number == next {
            self.places.push(place);
        }
        number
    }

    fn number(&mut self, version: Version, place: u32) -> u32 {
        let next = self.written.len() as u32;
        let number = *self.versions.entry((version, place)).or_insert(next);
        if number == next {
            self.written.push(version.to_string());
        }
        number
    }

    fn unnamed(&mut self, what: &str) -> u32 {
        self.written.push(what.to_owned());
        self.written.len() as u32 - 1
    }

    fn is_blind(&self, place: u32) -> bool {
        self.blind.contains(&self.places[place as usize])
    }

    fn transaction(&mut self, record: &Record<'a>) {
        self.txns.push(record.id.to_string());
        self.history.begin(record.id.client, stamp(record.begin, 0));
        for (key, seen) in record.reads {
            let place = self.place(record.bucket, record.incarnation, key);
            self.read(place, seen);
        }
        for (key, write) in record.writes {
            let place = self.place(record.bucket, record.incarnation, key);
            match write {
                _ if self.is_blind(place) => {}
                Write::Set(version) => {
                    let number = self.number(*version, place);
                    self.history.write(place, number);
                }
                Write::Del => {
                    let number = self.unnamed("nothing");
                    self.history.delete(place, number);
                }
                Write::Add(_) => {}
            }
        }
        let asked = record.commit.unwrap_or(record.begin);
        let (outcome, end) = match record.status {
            Status::Acked(end) => (Outcome::Committed, end),
            Status::Unknown => (Outcome::Unknown, asked + 1),
            Status::Aborted if record.conflicted => (Outcome::Conflicted, asked + 1),
            Status::Aborted => (Outcome::Aborted, asked + 1),
        };
        self.history.end(outcome, stamp(asked, 0), stamp(end, 0));
    }

    fn read(&mut self, place: u32, seen: &Seen) {
        match seen {
            _ if self.is_blind(place) => {}
            Seen::Absent => self.history.read(place, None),
            Seen::Version(version) => {
                let number = self.number(*version, place);
                self.history.read(place, Some(number));
            }
            Seen::Garbage(text) => {
                let number = self.unnamed(text);
                self.history.read(place, Some(number));
            }
            Seen::Sum(_) => {}
        }
    }

    /// A state is what a transaction read that began after all before it and ended before all after.
    fn state(&mut self, ledger: &Ledger<'a>, at: usize, state: &'a Reopened, before: u64) {
        self.txns.push(format!("reopening {}", at + 1));
        self.history.begin(FINDER, stamp(before, 1));
        for (name, pairs) in &state.dump.buckets {
            let Some((name, life)) = ledger.lives[at].get_key_value(name.as_str()) else {
                continue;
            };
            if life.deleting {
                continue;
            }
            let here: Vec<(u32, Vec<u8>)> = self
                .places
                .iter()
                .enumerate()
                .filter(|(_, place)| place.0 == *name && place.1 == life.incarnation)
                .map(|(number, place)| (number as u32, place.2.bytes()))
                .collect();
            for (number, key) in here.into_iter().filter(|(_, key)| !key.starts_with(SUM_PREFIX)) {
                let seen = pairs.get(&key).map_or(Seen::Absent, |value| {
                    Version::decode(&key, value)
                        .map_or_else(|| Seen::Garbage("other bytes".to_owned()), Seen::Version)
                });
                self.read(number, &seen);
            }
        }
        self.history.end(Outcome::Committed, stamp(before, 2), stamp(before, 3));
    }
}

/// Places at which a transaction that asked to commit wrote what it had not read.
fn blind<'a>(ledger: &Ledger<'a>) -> BTreeSet<Place<'a>> {
    let asked = ledger.records.iter().filter(|record| record.commit.is_some());
    let blind = asked.flat_map(|record| {
        let read = |key: &KeyText| record.reads.iter().any(|(at, _)| at == key);
        let keys = record.writes.iter().map(|(key, _)| key).filter(move |key| !read(key));
        keys.map(|key| (record.bucket, record.incarnation, key.clone()))
    });
    blind.collect()
}

impl Names for Bridge<'_> {
    fn txn(&self, txn: u32) -> String {
        self.txns[txn as usize].clone()
    }

    fn key(&self, key: u32) -> String {
        let (bucket, _, key) = &self.places[key as usize];
        format!("{bucket}:{}", key.0)
    }

    fn version(&self, version: u32) -> String {
        self.written[version as usize].clone()
    }
}

fn stamp(ours: u64, more: u64) -> u32 {
    u32::try_from(ours * ROOM + more).expect("a case hands out fewer than a billion stamps")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{engine::Denial, workload::TxnId};

    const BUCKET: &str = "b";

    fn key(name: &str) -> KeyText {
        KeyText::new(name.as_bytes())
    }

    const fn version(client: u16) -> Version {
        Version { txn: TxnId { client, seq: 1 }, op: 0, len: 40 }
    }

    /// A transaction of each client: when it begins, what it reads, what it writes.
    fn txn(client: u16, begin: u64, reads: &[(&str, Seen)], writes: &[&str]) -> Vec<Event> {
        let txn = TxnId { client, seq: 1 };
        let reads = reads.iter().map(|(name, seen)| (key(name), seen.clone())).collect();
        let writes = writes.iter().map(|name| (key(name), Write::Set(version(client)))).collect();
        vec![
            Event::Begin { txn, bucket: BUCKET.to_owned(), stamp: begin },
            Event::Commit { txn, stamp: begin + 20, begun: begin + 10, reads, writes },
            Event::Ok { txn, stamp: begin + 30 },
        ]
    }

    fn found(events: Vec<Event>) -> Vec<String> {
        let judged = judge(&History::ordered(events), &[], Streams::One);
        assert_eq!(judged.evidence.is_empty(), judged.violations.is_empty());
        judged.violations.into_iter().map(|violation| violation.witness).collect()
    }

    #[test]
    fn accepts_write_skew_and_counts_it() {
        let both = [("x", Seen::Absent), ("y", Seen::Absent)];
        let events = [txn(1, 1, &both, &["x"]), txn(2, 2, &both, &["y"])].concat();
        let told = judge(&History::ordered(events), &[], Streams::One);
        assert_eq!(told.violations, []);
        assert_eq!(told.seen.write_skews, 1);
    }

    #[test]
    fn rejects_a_long_fork_by_its_name() {
        let saw = |client| Seen::Version(version(client));
        let events = [
            txn(1, 1, &[("x", Seen::Absent)], &["x"]),
            txn(2, 2, &[("y", Seen::Absent)], &["y"]),
            txn(3, 15, &[("x", saw(1)), ("y", Seen::Absent)], &[]),
            txn(4, 16, &[("x", Seen::Absent), ("y", saw(2))], &[]),
        ];
        let found = found(events.concat());
        assert!(found.len() == 1 && found[0].starts_with("long fork"), "{found:?}");
    }

    #[test]
    fn rejects_a_lost_update_and_takes_an_unknown_commit_for_unknown() {
        let reads = [("x", Seen::Absent)];
        let mut events = [txn(1, 1, &reads, &["x"]), txn(2, 2, &reads, &["x"])].concat();
        let twice = found(events.clone());
        assert!(twice[0].starts_with("lost update"), "{twice:?}");
        let last = events.len() - 1;
        let denial = Denial::Unknown("io".to_owned());
        events[last] = Event::Info { txn: TxnId { client: 2, seq: 1 }, stamp: 32, denial };
        assert_eq!(found(events), [""; 0]);
    }
}
