//! Which transactions took effect, read off a recovered state (`recovered.rs` says how). Verifies
//! nothing and does not judge: where the state contradicts itself, the reading that needs the fewest contradictions
//! is taken, and the rest shows up as differences.
//!
//! Not decided: numbers to which more than [`MOST_OPEN`] transactions of open fate added, because
//! every subset of them would have to be tried. They are counted, never passed in silence.

use super::{
    ledger::{Effect, Record},
    reopened::Streams,
    slots::{Slot, Slots, Value},
    terms::Terms,
};
use crate::{
    history::KeyText,
    workload::{TxnId, Version, marker_key, value::decode_sum},
};
use std::collections::{BTreeMap, BTreeSet};

/// Transactions of open fate that are tried in every combination to explain the numbers.
const MOST_OPEN: usize = 14;

/// Who took effect and who did not.
#[derive(Debug, Default)]
pub(super) struct Survivors {
    /// These did.
    pub(super) ids: BTreeSet<TxnId>,
    /// These verifiably did not, with what says so.
    pub(super) lost: BTreeMap<TxnId, String>,
    /// A key that shows the survivor.
    pub(super) shown: BTreeMap<TxnId, KeyText>,
    /// Numbers that could not be decided.
    pub(super) undecided: BTreeSet<KeyText>,
}

/// A client's marker as it was found.
enum Marker {
    /// Of this transaction.
    At(TxnId),
    /// There is none, or one that says nothing about this client.
    None,
    /// Bytes that are no version.
    Garbage,
}

/// A number that open transactions may have added to, and how much its survivors fall short of it.
struct OpenSum<'a> {
    key: &'a KeyText,
    excess: u64,
    adds: Vec<(TxnId, u64)>,
}

struct Reading<'a> {
    slots: &'a Slots<'a>,
    open: BTreeMap<TxnId, &'a Record<'a>>,
    so_far: Survivors,
}

impl Survivors {
    pub(super) fn of<'a>(terms: &Terms, work: &[&'a Record<'a>], slots: &'a Slots<'a>) -> Self {
        let open = BTreeMap::new();
        let so_far = Self::default();
        let mut reading = Reading { slots, open, so_far };
        for record in work {
            reading.place(terms, record);
        }
        reading.open_that_show();
        // What is known of one transaction can be what settles another.
        let mut before = usize::MAX;
        while reading.open.len() < before {
            before = reading.open.len();
            reading.open_that_are_denied();
            reading.open_that_removed();
            reading.open_that_add_up();
        }
        reading.drop_wholly_missing();
        reading.so_far
    }
}

impl<'a> Reading<'a> {
    fn place(&mut self, terms: &Terms, record: &'a Record<'a>) {
        let id = record.id;
        let settled = match terms.streams {
            Streams::One => record.acked(),
            Streams::Many => terms.promised(record),
        };
        let survives = match self.marker(id.client) {
            Marker::At(last) if id.seq > last.seq => {
                self.so_far.lost.insert(id, format!("its client's marker is of {last}"));
                return;
            }
            Marker::None => {
                self.so_far.lost.insert(id, "its client has no marker".to_owned());
                return;
            }
            Marker::At(last) => id == last || settled,
            Marker::Garbage => settled,
        };
        if survives {
            self.so_far.ids.insert(id);
        } else {
            self.open.insert(id, record);
        }
    }

    fn marker(&self, client: u16) -> Marker {
        let key = marker_key(client);
        let Some(bytes) = self.slots.get(&KeyText::new(&key)).and_then(|slot| slot.found) else {
            return Marker::None;
        };
        match Version::decode(&key, bytes) {
            Some(version) if version.txn.client == client => Marker::At(version.txn),
            Some(_) => Marker::None,
            None => Marker::Garbage,
        }
    }

    fn survived(&self, id: TxnId) -> bool {
        self.so_far.ids.contains(&id)
    }

    fn survives(&mut self, id: TxnId) {
        self.open.remove(&id);
        self.so_far.ids.insert(id);
    }

    /// A key shows an open transaction's version.
    fn open_that_show(&mut self) {
        let mut found = Vec::new();
        for (key, slot) in self.slots {
            let version = slot.found.and_then(|bytes| Version::decode(&key.bytes(), bytes));
            found.extend(slot.effects.iter().filter_map(|(record, effect)| {
                let shows = matches!(effect, Effect::Set(set) if Some(*set) == version);
                (shows && self.open.contains_key(&record.id)).then_some(record.id)
            }));
        }
        for id in found {
            self.survives(id);
        }
    }

    /// A key is gone and, of all that may have happened, only an open transaction removed it.
    fn open_that_removed(&mut self) {
        let slots = self.slots;
        for slot in slots.values().filter(|slot| slot.found.is_none()) {
            let newest = slot.effects.iter().rev();
            let mut above = newest.take_while(|(record, _)| !self.survived(record.id));
            let removed = above.find(|(record, effect)| {
                *effect == Effect::Del && self.open.contains_key(&record.id)
            });
            let id = removed.map(|(record, _)| record.id);
            let gone = self.expected_gone(slot);
            if let Some(id) = id.filter(|_| !gone) {
                self.survives(id);
            }
        }
    }

    fn expected_gone(&self, slot: &Slot) -> bool {
        Self::gone(slot, |id| self.survived(id))
    }

    fn gone_without(&self, slot: &Slot, last: TxnId) -> bool {
        Self::gone(slot, |id| id != last && self.survived(id))
    }

    fn gone(slot: &Slot, took_effect: impl Fn(TxnId) -> bool) -> bool {
        match slot.expected(took_effect).value {
            Value::Base => slot.base.is_none(),
            Value::Absent => true,
            Value::Version(_) | Value::Sum(_) => false,
        }
    }

    /// A key on which an open transaction would have the last word shows something else. One that
    /// agrees with what is shown hides those before it.
    fn open_that_are_denied(&mut self) {
        for (key, slot) in self.slots {
            for (record, effect) in slot.effects.iter().rev() {
                let id = record.id;
                let value = match effect {
                    Effect::Set(version) => Value::Version(*version),
                    Effect::Del => Value::Absent,
                    Effect::Add(_) => break,
                };
                if self.survived(id) {
                    break;
                }
                if !self.open.contains_key(&id) {
                    continue;
                }
                if slot.shows(&key.bytes(), value) {
                    break;
                }
                self.open.remove(&id);
                self.so_far.lost.insert(id, format!("{} shows an older state", key.0));
            }
        }
    }

    /// Which of the open transactions' operands explain the numbers that were found.
    fn open_that_add_up(&mut self) {
        let mut adders: Vec<TxnId> = Vec::new();
        let mut sums: Vec<OpenSum> = Vec::new();
        for (key, slot) in self.slots {
            let adds: Vec<(TxnId, u64)> = slot
                .effects
                .iter()
                .filter(|(record, _)| self.open.contains_key(&record.id))
                .filter_map(|(record, effect)| match effect {
                    Effect::Add(number) => Some((record.id, *number)),
                    Effect::Set(_) | Effect::Del => None,
                })
                .collect();
            if !adds.is_empty() {
                adders.extend(adds.iter().map(|(id, _)| id));
                sums.push(OpenSum { key, excess: self.excess(slot), adds });
            }
        }
        adders.sort_unstable();
        adders.dedup();
        self.so_far.undecided.clear();
        if adders.len() > MOST_OPEN {
            self.so_far.undecided.extend(sums.into_iter().map(|sum| sum.key.clone()));
            return;
        }
        let chosen = |mask: u32, id: TxnId| {
            let at = adders.binary_search(&id).expect("an adder was collected");
            mask & (1 << at) != 0
        };
        let fits = |mask: &u32| {
            sums.iter().all(|OpenSum { excess, adds, .. }| {
                let added = adds.iter().filter(|(id, _)| chosen(*mask, *id));
                added.fold(0_u64, |sum, (_, number)| sum.wrapping_add(*number)) == *excess
            })
        };
        if let Some(mask) = (0..1_u32 << adders.len()).find(fits) {
            for &id in adders.iter().filter(|id| chosen(mask, **id)) {
                self.survives(id);
            }
        }
    }

    /// How much the number that was found exceeds what the survivors make of it.
    fn excess(&self, slot: &Slot) -> u64 {
        let number = |bytes: Option<&[u8]>| bytes.and_then(decode_sum).unwrap_or_default();
        let expected = match slot.expected(|id| self.survived(id)).value {
            Value::Sum(number) => number,
            Value::Base | Value::Absent | Value::Version(_) => number(slot.base),
        };
        number(slot.found).wrapping_sub(expected)
    }

    /// A survivor of which no key shows anything and some key shows its absence did not survive,
    /// whatever its client's marker says. Dropping it uncovers the one before, so this repeats.
    fn drop_wholly_missing(&mut self) {
        loop {
            let (shown, missing) = self.tally();
            let wholly: Vec<_> =
                missing.into_iter().filter(|(id, _)| !shown.contains_key(id)).collect();
            self.so_far.shown = shown;
            if wholly.is_empty() {
                return;
            }
            for (id, key) in wholly {
                self.so_far.ids.remove(&id);
                let how = format!("{} shows an older state and no key shows it", key.0);
                self.so_far.lost.insert(id, how);
            }
        }
    }

    /// A key that shows, and a key that lacks, each survivor.
    fn tally(&self) -> (BTreeMap<TxnId, KeyText>, BTreeMap<TxnId, KeyText>) {
        let mut shown = BTreeMap::new();
        let mut missing = BTreeMap::new();
        for (key, slot) in self.slots {
            let expected = slot.expected(|id| self.survived(id));
            let Some(last) = expected.by else { continue };
            let bytes = key.bytes();
            let (at, ids) = match expected.value {
                Value::Sum(number) => self.adders(slot, number),
                // A removal of what was not there without it either shows nothing.
                Value::Absent if self.gone_without(slot, last) => continue,
                value if slot.shows(&bytes, value) => (true, vec![last]),
                _ if shows_older(&bytes, slot, last) => (false, vec![last]),
                _ => continue,
            };
            let side = if at { &mut shown } else { &mut missing };
            for id in ids {
                side.entry(id).or_insert_with(|| key.clone());
            }
        }
        (shown, missing)
    }

    /// All who added to a number that is right, or the one whose operand is missing from it.
    fn adders(&self, slot: &Slot, expected: u64) -> (bool, Vec<TxnId>) {
        let found = slot.found.and_then(decode_sum).unwrap_or_default();
        let short = expected.wrapping_sub(found);
        let adds = slot.effects.iter().filter(|(record, effect)| {
            self.survived(record.id) && (short == 0 || *effect == Effect::Add(short))
        });
        let ids: Vec<TxnId> = adds.map(|(record, _)| record.id).collect();
        match short {
            0 => (true, ids),
            _ if ids.len() == 1 => (false, ids),
            _ => (false, Vec::new()),
        }
    }
}

/// Whether the key shows what it was before the transaction's last word on it, and not what a
/// later one made of it.
fn shows_older(key: &[u8], slot: &Slot, last: TxnId) -> bool {
    let at = slot.effects.iter().position(|(record, _)| record.id == last);
    let (before, after) = slot.effects.split_at(at.unwrap_or_default());
    let shows = |(_, effect): &(&Record, Effect)| match effect {
        Effect::Set(version) => slot.shows(key, Value::Version(*version)),
        Effect::Del => slot.found.is_none(),
        Effect::Add(_) => false,
    };
    !after.iter().skip(1).any(shows) && (slot.found == slot.base || before.iter().any(shows))
}
