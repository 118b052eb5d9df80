//! Our history in the numbers of the crate `isolation`: places and versions get dense numbers, and
//! each state found at a reopening becomes a transaction that only reads. Verifies nothing and does
//! not judge.

use super::losses::{Losses, Place};
use crate::{
    history::{Event, KeyText, Milestone, Scanned, Seen, Write, clients::seen},
    oracle::{
        ledger::{Ledger, Record, Status},
        recovery::Reopened,
    },
    workload::{Version, elements, plan::SUM_PREFIX},
};
use isolation::{Direction, History, Outcome, explain::Names};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Stamps of the checker for each of ours: room for the reading of a state in between.
const ROOM: u64 = 4;

/// Sessions of clients are their numbers; a state found at a reopening is read by this one.
const FINDER: u16 = u16::MAX;

/// What kind of values a place holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Single,
    List,
    Set,
    /// Somebody wrote without looking, or a loss that is allowed may show here.
    LeftOut,
}

/// What is known of a place.
struct Spot<'a> {
    place: Place<'a>,
    key: Vec<u8>,
    kind: Kind,
}

impl Spot<'_> {
    fn rank(&self) -> (&str, u32, &[u8]) {
        (self.place.0, self.place.1, &self.key)
    }
}

/// The history and its names.
pub(super) struct Bridge<'a> {
    pub(super) history: History,
    /// In the order in which scans meet them.
    spots: Vec<Spot<'a>>,
    numbers: HashMap<Place<'a>, u32>,
    versions: HashMap<(Version, u32), u32>,
    written: Vec<String>,
    txns: Vec<String>,
}

impl<'a> Bridge<'a> {
    pub(super) fn new(
        ledger: &'a Ledger<'a>,
        events: &[Event],
        states: &'a [Reopened],
        losses: &Losses<'a>,
    ) -> Self {
        let mut this = Self {
            history: History::new(),
            spots: Vec::new(),
            numbers: HashMap::new(),
            versions: HashMap::new(),
            written: Vec::new(),
            txns: Vec::new(),
        };
        this.place_all(ledger, losses);
        let mut last = 0;
        for event in events {
            if matches!(event, Event::Milestone(Milestone::Started)) && last > 0 {
                this.history.reopened(stamp(last, 0));
            }
            last = event.stamp().unwrap_or(last).max(last);
        }
        // Versions first, so that a reader finds those of writers behind it.
        for record in &ledger.records {
            for (key, write) in record.writes {
                if let Write::Set(version) | Write::Include(version) = write {
                    let place = this.place(record, key);
                    this.number(*version, place);
                }
            }
        }
        for record in &ledger.records {
            this.transaction(record, losses);
        }
        for (at, state) in states.iter().enumerate() {
            let before = events[..state.events].iter().filter_map(Event::stamp).max();
            this.state(ledger, at, state, before.unwrap_or(0));
        }
        this
    }

    fn place_all(&mut self, ledger: &'a Ledger<'a>, losses: &Losses<'a>) {
        let mut blind: BTreeSet<Place<'a>> = losses.places.clone();
        let mut places: HashSet<Place<'a>> = HashSet::new();
        for record in &ledger.records {
            let read: HashSet<&KeyText> = record.reads.iter().map(|(key, _)| key).collect();
            let scanned = record
                .scans
                .iter()
                .flat_map(|scan| scan.met.iter().map(|(key, _)| key).chain(&scan.first));
            let wrote = record.writes.iter().map(|(key, _)| key);
            let at = |key| (record.bucket, record.incarnation, key);
            places.extend(wrote.chain(scanned).chain(read.iter().copied()).map(at));
            if record.commit.is_some() {
                let looks = |write: &Write| !matches!(write, Write::Include(_) | Write::Add(_));
                let wrote = record.writes.iter().filter(|(_, write)| looks(write));
                blind.extend(wrote.map(|(key, _)| key).filter(|key| !read.contains(key)).map(at));
            }
        }
        let spot = |place: Place<'a>| {
            let key = place.2.bytes();
            let kind = match () {
                () if blind.contains(&place) => Kind::LeftOut,
                () if elements::is_list(&key) => Kind::List,
                () if elements::is_set(&key) => Kind::Set,
                () => Kind::Single,
            };
            Spot { place, key, kind }
        };
        self.spots = places.into_iter().map(spot).collect();
        self.spots.sort_by(|one, other| one.rank().cmp(&other.rank()));
        self.numbers = self.spots.iter().map(|spot| spot.place).zip(0..).collect();
    }

    fn place(&self, record: &Record<'a>, key: &'a KeyText) -> u32 {
        self.numbers[&(record.bucket, record.incarnation, key)]
    }

    fn kind(&self, place: u32) -> Kind {
        self.spots[place as usize].kind
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

    fn transaction(&mut self, record: &Record<'a>, losses: &Losses<'a>) {
        self.txns.push(record.id.to_string());
        self.history.begin(record.id.client, stamp(record.begin, 0));
        let scans = record.scans.iter();
        let scans: Vec<(u32, u32, &Scanned)> =
            scans.filter_map(|scan| self.range(record, scan)).collect();
        let by_scan: HashSet<&KeyText> = scans.iter().flat_map(|scan| &scan.2.first).collect();
        for (key, seen) in record.reads.iter().filter(|(key, _)| !by_scan.contains(key)) {
            self.read(self.place(record, key), seen);
        }
        for (low, high, scan) in scans {
            let met: Vec<(u32, u32)> = (scan.met.iter())
                .map(|(key, seen)| {
                    let place = self.place(record, key);
                    (place, self.seen_number(place, seen))
                })
                .collect();
            let way = if scan.backward { Direction::Backward } else { Direction::Forward };
            self.history.scan(low, high, way, &met);
        }
        for (key, write) in record.writes {
            self.write(self.place(record, key), write);
        }
        let asked = record.commit.unwrap_or(record.begin);
        let (outcome, end) = match record.status {
            Status::Acked(_) if losses.open.contains(&record.id) => (Outcome::Unknown, asked + 1),
            Status::Acked(end) => (Outcome::Committed, end),
            Status::Unknown => (Outcome::Unknown, asked + 1),
            Status::Aborted if record.conflicted => (Outcome::Conflicted, asked + 1),
            Status::Aborted => (Outcome::Aborted, asked + 1),
        };
        self.history.end(outcome, stamp(asked, 0), stamp(end, 0));
    }

    /// The places that a scan asked for; none when one of them is left out, so that what the scan
    /// met counts as so many reads.
    fn range(&self, record: &Record<'a>, scan: &'a Scanned) -> Option<(u32, u32, &'a Scanned)> {
        let prefix = scan.prefix.bytes();
        let bucket = record.bucket;
        let life = record.incarnation;
        let low = self.spots.partition_point(|spot| spot.rank() < (bucket, life, &prefix));
        let inside = |spot: &&Spot<'_>| {
            (spot.place.0, spot.place.1) == (bucket, life) && spot.key.starts_with(&prefix)
        };
        let high = low + self.spots[low..].iter().take_while(inside).count();
        let all = self.spots[low..high].iter().all(|spot| spot.kind == Kind::Single);
        all.then_some((low as u32, high as u32, scan))
    }

    fn seen_number(&mut self, place: u32, seen: &Seen) -> u32 {
        match seen {
            Seen::Version(version) => self.number(*version, place),
            other => self.unnamed(&format!("{other:?}")),
        }
    }

    fn write(&mut self, place: u32, write: &Write) {
        match (self.kind(place), write) {
            (Kind::LeftOut, _) | (_, Write::Add(_)) => {}
            (Kind::List, Write::Set(version)) => {
                let number = self.number(*version, place);
                self.history.extend(place, number);
            }
            (_, Write::Set(version)) => {
                let number = self.number(*version, place);
                self.history.write(place, number);
            }
            (_, Write::Include(version)) => {
                let number = self.number(*version, place);
                self.history.add(place, number);
            }
            (_, Write::Del) => {
                let number = self.unnamed("nothing");
                self.history.delete(place, number);
            }
        }
    }

    fn read(&mut self, place: u32, seen: &Seen) {
        match (self.kind(place), seen) {
            (Kind::LeftOut, _) | (_, Seen::Sum(_)) => {}
            (Kind::List, Seen::Absent) => self.history.list(place, &[]),
            (Kind::Set, Seen::Absent) => self.history.set(place, &[]),
            (Kind::List, Seen::List(elements)) => {
                let numbers = self.elements(place, elements);
                self.history.list(place, &numbers);
            }
            (Kind::Set, Seen::Set(elements)) => {
                let numbers = self.elements(place, elements);
                self.history.set(place, &numbers);
            }
            (Kind::Set, other) => {
                let garbage = self.unnamed(&format!("{other:?}"));
                self.history.set(place, &[garbage]);
            }
            (_, Seen::Absent) => self.history.read(place, None),
            (_, other) => {
                let number = self.seen_number(place, other);
                self.history.read(place, Some(number));
            }
        }
    }

    fn elements(&mut self, place: u32, elements: &[Version]) -> Vec<u32> {
        elements.iter().map(|element| self.number(*element, place)).collect()
    }

    /// A state is what a transaction read that began after all before it and ended before all after.
    fn state(&mut self, ledger: &Ledger<'a>, at: usize, state: &'a Reopened, before: u64) {
        self.txns.push(format!("reopening {}", at + 1));
        self.history.begin(FINDER, stamp(before, 1));
        for place in 0..self.spots.len() as u32 {
            let Spot { place: (name, incarnation, _), key, .. } = &self.spots[place as usize];
            let life = ledger.lives[at].get(name);
            let Some(pairs) = state.dump.buckets.get(*name) else { continue };
            let same = life.is_some_and(|life| life.incarnation == *incarnation && !life.deleting);
            if same && !key.starts_with(SUM_PREFIX) {
                let seen = pairs.get(key).map_or(Seen::Absent, |value| seen(key, value));
                self.read(place, &seen);
            }
        }
        self.history.end(Outcome::Committed, stamp(before, 2), stamp(before, 3));
    }
}

impl Names for Bridge<'_> {
    fn txn(&self, txn: u32) -> String {
        self.txns[txn as usize].clone()
    }

    fn key(&self, key: u32) -> String {
        let (bucket, _, key) = self.spots[key as usize].place;
        format!("{bucket}:{}", key.0)
    }

    fn version(&self, version: u32) -> String {
        self.written[version as usize].clone()
    }
}

fn stamp(ours: u64, more: u64) -> u32 {
    u32::try_from(ours * ROOM + more).expect("a case hands out fewer than a billion stamps")
}
