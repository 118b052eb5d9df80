//! One pass over the operations of every transaction: what it read from others, what its writes are
//! based on, and where it contradicts itself. Knows nothing of other transactions.

use super::{
    absence::Absences,
    tables::{BY_SCAN, NONE, REMOVAL, REPLACED, Resolved, SetRead},
};
use crate::{
    anomaly::{Anomaly, Evidence, Found, Malformed},
    history::{Direction, Items, Key, Op, Outcome},
};

/// The key holds nothing, and this transaction did not remove it.
const ABSENT: u32 = NONE - 1;

/// What a transaction knows about a key.
#[derive(Clone, Copy)]
struct Known {
    /// The transaction. The other fields are stale when it is not the current one.
    by: u32,
    now: u32,
    /// The number of the last scan that met the key.
    met: u32,
}

/// What the current transaction knows about all keys.
struct Own<'r, 'a> {
    all: &'r mut Resolved<'a>,
    absences: &'r mut Absences,
    found: &'r mut Found,
    txn: u32,
    known: Vec<Known>,
    scans: u32,
    sets: Vec<OwnSet<'a>>,
}

/// A set as the transaction first saw it, and the elements that it added itself.
struct OwnSet<'a> {
    key: Key,
    seen: Option<&'a [u32]>,
    added: Vec<u32>,
}

/// Fills the reads and the predecessors of every transaction that may have taken effect.
pub(super) fn read_all(
    all: &mut Resolved<'_>,
    absences: &mut Absences,
    found: &mut Found,
) -> Result<(), Malformed> {
    let history = all.history;
    let known = vec![Known { by: NONE, now: NONE, met: 0 }; history.keys() as usize];
    let txn = 0;
    let scans = 0;
    let sets = Vec::new();
    let mut own = Own { all, absences, found, txn, known, scans, sets };
    for txn in 0..history.len() as u32 {
        own.all.reads_at.push(own.all.reads.len() as u32);
        match history.txn(txn).outcome {
            Outcome::Committed | Outcome::Unknown => own.transaction(txn)?,
            Outcome::Aborted | Outcome::Conflicted => {}
        }
    }
    all.reads_at.push(all.reads.len() as u32);
    Ok(())
}

impl Own<'_, '_> {
    fn transaction(&mut self, txn: u32) -> Result<(), Malformed> {
        self.txn = txn;
        self.sets.clear();
        let history = self.all.history;
        for op in history.ops(txn) {
            match op {
                Op::Read(key, version) => {
                    self.see(key, version.unwrap_or(ABSENT), Anomaly::Internal, 0);
                }
                Op::List(key, elements) => {
                    let last = elements.last().copied().unwrap_or(ABSENT);
                    self.see(key, last, Anomaly::Internal, 0);
                }
                Op::Write(key, version) | Op::Delete(key, version) | Op::Extend(key, version) => {
                    self.replace(key, version)?;
                }
                Op::Scan(low, high, way, items) => self.scan(low, high, way, items),
                Op::Add(key, element) => self.own_set(key).added.push(element),
                Op::Set(key, elements) => self.see_set(key, elements),
            }
        }
        let Self { sets, all, .. } = self;
        let read = sets.drain(..).filter_map(|set| Some((set.key, set.seen?)));
        all.sets.extend(read.map(|(key, elements)| SetRead { key, txn, elements }));
        Ok(())
    }

    /// The transaction sees this version at the key. Apart from its own writes, later reads must
    /// see the same.
    fn see(&mut self, key: Key, version: u32, otherwise: Anomaly, by_scan: u32) {
        let txn = self.txn;
        let known = &mut self.known[key as usize];
        if known.by == txn {
            let was = known.now;
            let is = if self.all.is(was, REMOVAL) { ABSENT } else { was };
            if is != version {
                let shown = |version: u32| (version != ABSENT).then_some(version);
                let first = shown(is);
                let then = shown(version);
                self.found.add(otherwise, Evidence::Differs { txn, key, first, then });
            }
            return;
        }
        (known.by, known.now) = (txn, version);
        let read = match version {
            ABSENT if self.absences.is_plain(key) => self.all.first_absence(key),
            ABSENT => {
                self.absences.ask(key, txn, self.all.reads.len(), by_scan);
                NONE
            }
            version if self.out_of_place(key, version) => {
                let evidence = Evidence::Read { txn, key, version, writer: None };
                self.found.add(Anomaly::NeverWritten, evidence);
                NONE
            }
            version => version,
        };
        self.all.reads.push(if read == NONE { NONE } else { read | by_scan });
    }

    /// Whether the version was never written, or written at another key.
    fn out_of_place(&self, key: Key, version: u32) -> bool {
        !self.all.is_at(version, key)
    }

    fn replace(&mut self, key: Key, version: u32) -> Result<(), Malformed> {
        let txn = self.txn;
        let known = &mut self.known[key as usize];
        if known.by != txn {
            let what = "it writes a key that it has not read";
            return Err(Malformed { txn, what });
        }
        let was = std::mem::replace(&mut known.now, version);
        let prev = match was {
            ABSENT if self.absences.is_plain(key) => self.all.first_absence(key),
            ABSENT => {
                self.absences.created(key, txn, version);
                NONE
            }
            was if self.out_of_place(key, was) => NONE,
            was => was,
        };
        if prev != NONE && self.all.writer_of(prev) == Some(txn) {
            self.all.versions[prev as usize].key_and_flags |= REPLACED;
        }
        self.all.versions[version as usize].prev = prev;
        Ok(())
    }

    fn scan(&mut self, low: Key, high: Key, way: Direction, items: Items<'_>) {
        self.scans += 1;
        let mut last: Option<Key> = None;
        for (key, version) in items.iter() {
            let ordered = last.is_none_or(|last| match way {
                Direction::Forward => last < key,
                Direction::Backward => last > key,
            });
            if !ordered || !(low..high).contains(&key) {
                let evidence = Evidence::Disorder { txn: self.txn, key };
                self.found.add(Anomaly::RangeRead, evidence);
            }
            last = Some(key);
            self.known[key as usize].met = self.scans;
            self.see(key, version, Anomaly::RangeRead, 0);
        }
        for key in low..high {
            if self.known[key as usize].met != self.scans {
                self.see(key, ABSENT, Anomaly::RangeRead, BY_SCAN);
            }
        }
    }
}

impl<'a> Own<'_, 'a> {
    fn own_set(&mut self, key: Key) -> &mut OwnSet<'a> {
        let at = self.sets.iter().position(|set| set.key == key).unwrap_or_else(|| {
            self.sets.push(OwnSet { key, seen: None, added: Vec::new() });
            self.sets.len() - 1
        });
        &mut self.sets[at]
    }

    /// A set holds what the transaction added. Apart from that, it is the same at each read.
    fn see_set(&mut self, key: Key, elements: &'a [u32]) {
        let txn = self.txn;
        if let Some(twice) = elements.windows(2).find(|pair| pair[0] == pair[1]) {
            let version = twice[0];
            let writer = self.all.writer_of(twice[0]);
            // The element was written once and appears twice.
            self.found.add(Anomaly::NeverWritten, Evidence::Read { txn, key, version, writer });
        }
        let set = self.own_set(key);
        let missing = set.added.iter().find(|own| elements.binary_search(own).is_err()).copied();
        let seen = *set.seen.get_or_insert(elements);
        let own = |element: &&u32| set.added.contains(*element);
        let differs = elements.iter().filter(|element| !own(element)).copied();
        let same = differs.eq(seen.iter().filter(|element| !own(element)).copied());
        let lacks = if same { missing } else { elements.last().copied().or(seen.last().copied()) };
        if let Some(version) = lacks {
            let first = Some(version);
            let then = None;
            let evidence = Evidence::Differs { txn, key, first, then };
            self.found.add(Anomaly::Internal, evidence);
        }
    }
}
