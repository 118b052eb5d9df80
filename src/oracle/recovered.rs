//! One bucket as a reopening found it, set against what its history allows: which transactions
//! took effect, what every key must therefore hold, and where it does not. This is the evidence of
//! the crash oracles; it names the differences, verifies nothing beyond them, and does
//! not judge.
//!
//! Who took effect is read off the state itself. A client's marker names its last transaction that
//! did, so acknowledged ones up to it did too. One that was never acknowledged and is not the
//! marker's own may have happened or not; it did when the state shows something that only it
//! explains. Where several logs lose their ends independently, the same holds for acknowledged
//! work that no promise covers. Sets of elements are left out: the oracle of isolation reads them.

use super::{
    ledger::{Effect, Ledger, Record},
    slots::{Expected, Slot, Value, slots},
    survivors::Survivors,
    terms::Terms,
};
use crate::{
    history::{KeyText, Seen, Write, dump::Pairs},
    workload::{TxnId, Version, plan::SUM_PREFIX, value::decode_sum},
};
use std::collections::{BTreeMap, BTreeSet};

/// What the state has to say against a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// This transaction's write is not there, and what is there is older.
    Missing(TxnId),
    /// One of these transactions' operands is not there.
    Short(Vec<TxnId>),
    /// This transaction's operand counts twice.
    Twice(TxnId),
    /// A number that no set of operands explains: found, expected.
    Off(u64, u64),
    /// Work of a transaction that did not take effect as a whole.
    HalfThere(TxnId),
    /// Work of a transaction that was dropped.
    Aborted(TxnId),
    /// A version that its own transaction overwrote or removed.
    NotFinal(Version),
    /// Data of a deleted bucket of the same name.
    Former(Version),
    /// A whole version that nobody wrote to this key.
    NeverWritten(Version),
    /// Bytes that are no version and no number.
    Garbage(String),
    /// The key was there at the last reopening, or was not, or was another; no work since explains
    /// the change.
    Changed(String),
}

/// A key that does not hold what it must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The key.
    pub key: KeyText,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// One bucket as a reopening found it.
#[derive(Debug)]
pub struct Recovered<'a> {
    /// Where, and against which promise.
    pub terms: Terms<'a>,
    /// All transactions of the history.
    pub ledger: &'a Ledger<'a>,
    /// Who asked to commit in this bucket since the last reopening, in the order of asking.
    pub work: Vec<&'a Record<'a>>,
    /// Those of them that took effect.
    pub survivors: BTreeSet<TxnId>,
    /// Those that verifiably did not take effect, with how the state says so.
    pub lost: BTreeMap<TxnId, String>,
    /// Keys that do not hold what they must.
    pub differences: Vec<Difference>,
    /// A key that shows each survivor of which any does.
    pub shown: BTreeMap<TxnId, KeyText>,
    /// Numbers that were not judged: too many transactions may have added to them or not.
    pub undecided: u64,
}

impl<'a> Recovered<'a> {
    /// Compares what a reopening found with what the history allows. `base` is the state at the
    /// reopening before.
    pub fn new(
        ledger: &'a Ledger<'a>,
        terms: Terms<'a>,
        base: &'a Pairs,
        found: &'a Pairs,
    ) -> Self {
        let here = |record: &&Record| {
            record.bucket == terms.bucket
                && record.segment == terms.segment
                && record.incarnation == terms.life.incarnation
        };
        let mut work: Vec<&Record> = ledger.records.iter().filter(here).collect();
        let aborted: Vec<&Record> = work.iter().copied().filter(|record| dropped(record)).collect();
        // Who wrote nothing leaves no marker and nothing to survive: a snapshot that was watched.
        work.retain(|record| !dropped(record) && !record.writes.is_empty());
        work.sort_by_key(|record| record.commit);
        let slots = slots(&work, base, found);
        let Survivors { ids: survivors, lost, shown, undecided } =
            Survivors::of(&terms, &work, &slots);
        let mut recovered = Self {
            terms,
            ledger,
            work,
            survivors,
            lost,
            differences: Vec::new(),
            shown,
            undecided: undecided.len() as u64,
        };
        for (key, slot) in &slots {
            if !undecided.contains(key) {
                recovered.compare(key, slot, &aborted);
            }
        }
        recovered
    }

    fn compare(&mut self, key: &KeyText, slot: &Slot, aborted: &[&Record]) {
        let survived = |id| self.survivors.contains(&id);
        let expected = slot.expected(survived);
        let bytes = key.bytes();
        if slot.shows(&bytes, expected.value)
            || self.terms.in_parts && slot.shows_parts(&bytes, survived)
        {
            return;
        }
        let aborted = Aborted { key, records: aborted };
        let flaw = match slot.found {
            _ if bytes.starts_with(SUM_PREFIX) => self.wrong_sum(slot, expected, &aborted),
            None => self.wrongly_absent(slot, expected, &aborted),
            Some(found) => self.wrongly_present(key, slot, found, expected),
        };
        // A write that is missing and a removal that was dropped look the same: both are named.
        // Who removed what was written had seen it, so began after its commit was asked for.
        let ambiguous = matches!(flaw, Flaw::Missing(_)) && slot.found.is_none();
        let written = expected.by.and_then(|id| self.ledger.get(id)).and_then(|by| by.commit);
        let remover = aborted.deleter(written.unwrap_or_default()).filter(|_| ambiguous);
        let flaws = [Some(flaw), remover.map(Flaw::Aborted)];
        let difference = |flaw| Difference { key: key.clone(), flaw };
        self.differences.extend(flaws.into_iter().flatten().map(difference));
    }

    fn wrongly_absent(&self, slot: &Slot, expected: Expected, aborted: &Aborted) -> Flaw {
        let half = slot.effects.iter().rev().find(|(record, effect)| {
            *effect == Effect::Del && !self.survivors.contains(&record.id)
        });
        match (half, expected.by, aborted.deleter(0)) {
            (Some((record, _)), ..) => Flaw::HalfThere(record.id),
            (None, Some(id), _) => Flaw::Missing(id),
            (None, None, Some(id)) => Flaw::Aborted(id),
            (None, None, None) => Flaw::Changed("it was there and is not any more".to_owned()),
        }
    }

    fn wrongly_present(
        &self,
        key: &KeyText,
        slot: &Slot,
        found: &[u8],
        expected: Expected,
    ) -> Flaw {
        let Some(version) = Version::decode(&key.bytes(), found) else {
            return Flaw::Garbage(garbage(found));
        };
        let Some(record) = self.ledger.get(version.txn) else {
            return Flaw::NeverWritten(version);
        };
        let Terms { bucket, segment, life, .. } = self.terms;
        if record.bucket != bucket {
            return Flaw::NeverWritten(version);
        }
        if record.incarnation != life.incarnation {
            return Flaw::Former(version);
        }
        if dropped(record) {
            return Flaw::Aborted(record.id);
        }
        if !record.wrote(key, version) {
            return Flaw::NeverWritten(version);
        }
        if record.effects().get(key) != Some(&Effect::Set(version)) {
            return Flaw::NotFinal(version);
        }
        if record.segment == segment && !self.survivors.contains(&record.id) {
            return Flaw::HalfThere(record.id);
        }
        match expected.by {
            Some(id) if record.segment == segment || slot.base == slot.found => Flaw::Missing(id),
            _ => Flaw::Changed(format!("it shows {version} again")),
        }
    }

    fn wrong_sum(&self, slot: &Slot, expected: Expected, aborted: &Aborted) -> Flaw {
        let found = match slot.found.map(decode_sum) {
            Some(None) => return Flaw::Garbage(garbage(slot.found.unwrap_or_default())),
            Some(Some(number)) => number,
            None => 0,
        };
        let before = slot.base.and_then(decode_sum).unwrap_or_default();
        let number = if let Value::Sum(number) = expected.value { number } else { before };
        if slot.effects.is_empty() && !aborted.explain(found.wrapping_sub(number)) {
            return match slot.base {
                Some(_) => Flaw::Changed(format!("it was {before} and is {found}")),
                None => Flaw::Off(found, 0),
            };
        }
        let over = found.wrapping_sub(number);
        let under = number.wrapping_sub(found);
        // One operand, or all of a transaction's together.
        let adds = |amount: u64| {
            let one = |record: &Record| {
                let mut writes = record.writes.iter();
                writes.any(|(at, write)| at == aborted.key && *write == Write::Add(amount))
            };
            let added = slot
                .effects
                .iter()
                .filter(|(record, effect)| *effect == Effect::Add(amount) || one(record));
            added.map(|(record, _)| record.id).collect::<Vec<_>>()
        };
        let survived = |id: &TxnId| self.survivors.contains(id);
        if over.cast_signed() > 0 {
            if let Some(id) = aborted.adder(over) {
                return Flaw::Aborted(id);
            }
            let (twice, half): (Vec<_>, Vec<_>) = adds(over).into_iter().partition(survived);
            if let Some(id) = half.first() {
                return Flaw::HalfThere(*id);
            }
            if let Some(id) = twice.first() {
                return Flaw::Twice(*id);
            }
        }
        let short: Vec<TxnId> = adds(under).into_iter().filter(survived).collect();
        match short.as_slice() {
            [] => Flaw::Off(found, number),
            [id] => Flaw::Missing(*id),
            _ => Flaw::Short(short),
        }
    }
}

/// The dropped transactions of the time between two reopenings, seen from one key.
struct Aborted<'a> {
    key: &'a KeyText,
    records: &'a [&'a Record<'a>],
}

impl Aborted<'_> {
    fn deleter(&self, after: u64) -> Option<TxnId> {
        self.writer(after, |write| *write == Write::Del)
    }

    fn adder(&self, amount: u64) -> Option<TxnId> {
        self.writer(0, |write| *write == Write::Add(amount))
    }

    fn explain(&self, amount: u64) -> bool {
        self.adder(amount).is_some()
    }

    fn writer(&self, after: u64, did: impl Fn(&Write) -> bool) -> Option<TxnId> {
        let did = |(key, write): &(KeyText, Write)| key == self.key && did(write);
        let mut late = self.records.iter().filter(|record| record.begin > after);
        late.find(|record| record.writes.iter().any(did)).map(|record| record.id)
    }
}

fn dropped(record: &Record) -> bool {
    record.status == super::ledger::Status::Aborted
}

/// The start of bytes that say nothing about their origin.
pub(super) fn garbage(bytes: &[u8]) -> String {
    let start = KeyText::new(&bytes[..bytes.len().min(24)]).0;
    format!("{} bytes, {start}", bytes.len())
}

/// How a read of a committed state is called in a witness.
pub(super) fn said(seen: &Seen) -> String {
    match seen {
        Seen::Absent => "nothing".to_owned(),
        Seen::Version(version) => version.to_string(),
        Seen::Sum(number) => number.to_string(),
        Seen::List(elements) | Seen::Set(elements) => {
            elements.iter().map(Version::to_string).collect::<Vec<_>>().join(" ")
        }
        Seen::Garbage(text) => format!("garbage ({text})"),
    }
}
