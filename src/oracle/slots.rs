//! What each key of a bucket was, is, and may have become: the base of one reopening, what the next
//! one found, and who wrote there meanwhile. Verifies nothing and does not judge.

use super::ledger::{Effect, Record};
use crate::{
    history::{KeyText, dump::Pairs},
    workload::{TxnId, Version, elements, value::decode_sum},
};
use std::collections::{BTreeMap, BTreeSet};

/// What a key must hold, and by whom; by nobody when it is as the last reopening found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) value: Value,
    pub(super) by: Option<TxnId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Base,
    Absent,
    Version(Version),
    Sum(u64),
}

/// Everything known about one key.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    pub(super) base: Option<&'a [u8]>,
    pub(super) found: Option<&'a [u8]>,
    /// Effects on the key in the order of commits.
    pub(super) effects: Vec<(&'a Record<'a>, Effect)>,
}

impl Slot<'_> {
    /// What the key must hold when these transactions took effect.
    pub(super) fn expected(&self, took_effect: impl Fn(TxnId) -> bool) -> Expected {
        let mut expected = Expected { value: Value::Base, by: None };
        let base = self.base.and_then(decode_sum).unwrap_or_default();
        for (record, effect) in self.effects.iter().filter(|(record, _)| took_effect(record.id)) {
            expected.by = Some(record.id);
            expected.value = match (effect, expected.value) {
                (Effect::Set(version), _) => Value::Version(*version),
                (Effect::Del, _) => Value::Absent,
                (Effect::Add(number), Value::Sum(sum)) => Value::Sum(sum.wrapping_add(*number)),
                (Effect::Add(number), _) => Value::Sum(base.wrapping_add(*number)),
            };
        }
        expected
    }

    /// Whether the state shows that value.
    pub(super) fn shows(&self, key: &[u8], value: Value) -> bool {
        match value {
            Value::Base => self.found == self.base,
            Value::Absent => self.found.is_none(),
            Value::Sum(sum) => self.found.is_some_and(|bytes| bytes == sum.to_le_bytes()),
            Value::Version(version) => {
                self.found.and_then(|bytes| Version::decode(key, bytes)) == Some(version)
            }
        }
    }

    /// Whether the state shows what the others left, without any commit that failed or with one.
    pub(super) fn shows_parts(&self, key: &[u8], took_effect: impl Fn(TxnId) -> bool) -> bool {
        let failed = self.effects.iter().map(|(record, _)| record).filter(|record| record.failed);
        let failed: BTreeSet<TxnId> = failed.map(|record| record.id).collect();
        let mut some = failed.iter().map(Some).chain([None]);
        some.any(|one| {
            let others = |id| took_effect(id) && !failed.contains(&id);
            self.shows(key, self.expected(|id| one == Some(&id) || others(id)).value)
        })
    }
}

/// Every key that was there, is there, or was written.
pub(super) type Slots<'a> = BTreeMap<KeyText, Slot<'a>>;

/// Sets of elements are left out.
pub(super) fn slots<'a>(work: &[&'a Record<'a>], base: &'a Pairs, found: &'a Pairs) -> Slots<'a> {
    let mut slots = Slots::new();
    let empty = || Slot { base: None, found: None, effects: Vec::new() };
    let judged = |pairs: &'a Pairs| pairs.iter().filter(|(key, _)| !elements::is_set(key));
    for (key, value) in judged(base) {
        slots.entry(KeyText::new(key)).or_insert_with(empty).base = Some(value);
    }
    for (key, value) in judged(found) {
        slots.entry(KeyText::new(key)).or_insert_with(empty).found = Some(value);
    }
    for record in work {
        for (key, effect) in record.effects() {
            let slot = slots.entry(key.clone()).or_insert_with(empty);
            slot.effects.push((record, effect));
        }
    }
    slots
}
