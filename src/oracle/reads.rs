//! Reads: what a transaction reads is a snapshot of committed work, and it writes over nothing
//! that it could not see.
//!
//! Verifies, for each transaction that asked to commit, from the stamps alone: every version it
//! read was written to that key, for good, by a transaction of this bucket that had asked to
//! commit and was not dropped; nothing it read was replaced by work that had returned, or that
//! another had already seen, before it began; all it read fits one moment while it was beginning;
//! of a transaction it saw a part of, it saw every key it looked at; and nobody committed a key
//! between its snapshot and its own write of that key.
//!
//! Does not verify:
//! - serializability: the engine documents snapshot isolation and allows write skew;
//! - reads of transactions that were dropped: their histories hold no reads;
//! - reads of a transaction's own writes, and repeated reads: the client checks them on the spot
//!   (`history/clients/attempt.rs`), because a history holds only first reads;
//! - that the first writer won over one whose commit was never answered, on an engine that refuses it only
//!   then ([`Writers::CheckedAtCommit`]);
//! - two writes of one key of which one never had its commit acknowledged nor seen;
//! - which of several removals a read of nothing saw: it takes the newest, so it may miss a stale
//!   one;
//! - sets of elements, to which operands add: the oracle of isolation does;
//! - sums beyond bounds: operands commute, and several sets of them add up to one number.

use super::{
    OracleName, Violation,
    ledger::{Effect, Ledger, Record, Status},
    recovered::said,
};
use crate::{
    engine::Writers,
    history::{KeyText, Seen, dump::Pairs},
    workload::{TxnId, Version},
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The oracle's name.
pub const NAME: OracleName = OracleName::Reads;

const WRITTEN: &str = "a value that is read was written, at this key, in full";
const COMMITTED: &str = "a transaction reads committed work only";
const FRESH: &str = "a snapshot holds all that was committed before it began";
const SNAPSHOT: &str = "readers see exactly their snapshot";
const FIRST_WRITER: &str = "lost update refused: the first writer wins";

/// Judges the reads of all transactions.
pub(super) fn judge(ledger: &Ledger, writers: Writers) -> Vec<Violation> {
    let chains = Chains::new(ledger);
    let asked = ledger.records.iter().filter(|record| record.commit.is_some());
    let asked = asked.filter(|record| record.status != Status::Aborted);
    asked.filter_map(|record| Reader::new(&chains, record, writers).judge().err()).collect()
}

/// Compares two readings of one snapshot.
pub(super) fn still(what: &str, first: &Pairs, second: &Pairs) -> Option<Violation> {
    let both = first.keys().chain(second.keys());
    let key = both.into_iter().find(|key| first.get(*key) != second.get(*key))?;
    let witness = format!("{what}: {} changed under an open snapshot", KeyText::new(key).0);
    Some(Violation::new(NAME, SNAPSHOT, witness))
}

type Place<'a> = (&'a str, u32, &'a KeyText);

/// A committed, or possibly committed, write of a key.
#[derive(Clone, Copy, Debug)]
struct Link {
    id: TxnId,
    commit: u64,
    /// By this stamp it was visible: acknowledged, or seen by somebody.
    visible: u64,
    effect: Effect,
}

/// The writes of every key in the order of their commits.
struct Chains<'a> {
    ledger: &'a Ledger<'a>,
    links: HashMap<Place<'a>, Vec<Link>>,
    effects: HashMap<TxnId, BTreeMap<&'a KeyText, Effect>>,
}

impl<'a> Chains<'a> {
    fn new(ledger: &'a Ledger<'a>) -> Self {
        let mut visible: HashMap<TxnId, u64> = HashMap::new();
        for record in &ledger.records {
            for (_, seen) in record.reads {
                if let Some(version) = seen.version() {
                    let by = visible.entry(version.txn).or_insert(record.begun);
                    *by = record.begun.min(*by);
                }
            }
        }
        let mut links: HashMap<Place, Vec<Link>> = HashMap::new();
        let mut effects = HashMap::new();
        for record in ledger.records.iter().filter(|record| record.status != Status::Aborted) {
            let Some(commit) = record.commit else { continue };
            let id = record.id;
            let seen = visible.get(&id).copied().unwrap_or(u64::MAX);
            let visible = record.end().min(seen);
            let own = record.effects();
            for (key, effect) in &own {
                let place = (record.bucket, record.incarnation, *key);
                let link = Link { id, commit, visible, effect: *effect };
                links.entry(place).or_default().push(link);
            }
            effects.insert(id, own);
        }
        for chain in links.values_mut() {
            chain.sort_by_key(|link| link.commit);
        }
        Self { ledger, links, effects }
    }

    fn at(&self, record: &Record<'a>, key: &'a KeyText) -> &[Link] {
        let place = (record.bucket, record.incarnation, key);
        self.links.get(&place).map_or(&[], Vec::as_slice)
    }
}

/// One transaction, and the moments at which it can have taken its snapshot.
struct Reader<'a> {
    chains: &'a Chains<'a>,
    record: &'a Record<'a>,
    commit: u64,
    /// Its commit was not answered, and may be one that an engine refuses because of another writer.
    may_be_refused: bool,
    after: (u64, String),
    before: (u64, String),
}

impl<'a> Reader<'a> {
    fn new(chains: &'a Chains<'a>, record: &'a Record<'a>, writers: Writers) -> Self {
        let commit = record.commit.expect("only those that asked to commit are judged");
        let after = (record.begin, "it began".to_owned());
        let before = (record.begun, "its begin had returned".to_owned());
        let may_be_refused =
            writers == Writers::CheckedAtCommit && record.status == Status::Unknown;
        Self { chains, record, commit, may_be_refused, after, before }
    }

    fn judge(mut self) -> Result<(), Violation> {
        for (key, seen) in self.record.reads {
            match seen {
                Seen::Garbage(text) => {
                    return Err(self.violation(WRITTEN, &format!("read {}: {text}", key.0)));
                }
                seen => {
                    if let Some(version) = seen.version() {
                        self.origin(key, version)?;
                    }
                }
            }
        }
        let mut read: HashMap<&KeyText, Vec<&Seen>> = HashMap::new();
        for (key, seen) in self.record.reads {
            read.entry(key).or_default().push(seen);
        }
        let mut writers = HashSet::new();
        for (key, seen) in self.record.reads {
            match seen {
                Seen::Garbage(_) | Seen::Set(_) => {}
                Seen::Sum(number) => self.sum(key, *number)?,
                Seen::Version(_) | Seen::List(_) => {
                    let Some(version) = seen.version() else { continue };
                    // All reads of one writer come to the same answer.
                    if writers.insert(version.txn) {
                        self.whole(key, version.txn, &read)?;
                    }
                    let writer = self.chains.ledger.get(version.txn).and_then(|by| by.commit);
                    self.link(key, seen, writer)?;
                }
                Seen::Absent => {
                    let chain = self.chains.at(self.record, key).iter().rev();
                    let removal = chain
                        .filter(|link| link.commit < self.record.begun)
                        .find(|link| link.effect == Effect::Del);
                    let removal = removal.map(|link| link.commit);
                    self.link(key, seen, removal)?;
                }
            }
        }
        if !self.may_be_refused {
            self.blind_writes()?;
        }
        let (after, what) = &self.after;
        let (before, until) = &self.before;
        if after < before {
            return Ok(());
        }
        let witness = format!("its snapshot was taken after {what} and before {until}");
        Err(self.violation(SNAPSHOT, &witness))
    }

    /// Whether what was read is a final write of a transaction that may have committed by then.
    fn origin(&self, key: &KeyText, version: Version) -> Result<(), Violation> {
        let wrong = |promise, text: &str| {
            Err(self.violation(promise, &format!("read {} = {version}, {text}", key.0)))
        };
        let Some(writer) = self.chains.ledger.get(version.txn) else {
            return wrong(WRITTEN, "of a transaction that never was");
        };
        if writer.bucket != self.record.bucket {
            return wrong(WRITTEN, "of another bucket");
        }
        if writer.incarnation != self.record.incarnation {
            return wrong(WRITTEN, "of another bucket of that name");
        }
        if writer.status == Status::Aborted {
            return wrong(COMMITTED, "of a transaction that was dropped");
        }
        if !writer.wrote(key, version) {
            return wrong(WRITTEN, "which was never written to it");
        }
        if self.chains.effects[&version.txn].get(key) != Some(&Effect::Set(version)) {
            return wrong(COMMITTED, "which its own transaction replaced");
        }
        if writer.commit >= Some(self.record.begun) {
            return wrong(COMMITTED, "of a transaction that had not asked to commit by then");
        }
        Ok(())
    }

    /// Whether every key that the writer of this one wrote, and that was read, shows it or newer.
    fn whole(
        &self,
        key: &KeyText,
        writer: TxnId,
        read: &HashMap<&KeyText, Vec<&Seen>>,
    ) -> Result<(), Violation> {
        let commit_of = |id| self.chains.ledger.get(id).and_then(|record: &Record| record.commit);
        let written = self.chains.effects[&writer].iter();
        let both = written.flat_map(|(other, effect)| {
            read.get(other).into_iter().flatten().map(move |seen| (other, effect, *seen))
        });
        for (other, effect, seen) in both {
            let older = match (effect, seen) {
                (Effect::Set(_), Seen::Version(_) | Seen::List(_)) => {
                    let shown = seen.version().and_then(|version| commit_of(version.txn));
                    shown < commit_of(writer)
                }
                (Effect::Set(_), Seen::Absent) => {
                    let later = self.chains.at(self.record, other).iter().filter(|link| {
                        Some(link.commit) > commit_of(writer) && link.commit < self.record.begun
                    });
                    !later.into_iter().any(|link| link.effect == Effect::Del)
                }
                _ => false,
            };
            if older {
                let witness = format!(
                    "read {} of {writer}, and {} without it: {}",
                    key.0,
                    other.0,
                    said(seen)
                );
                return Err(self.violation(SNAPSHOT, &witness));
            }
        }
        Ok(())
    }

    /// Narrows the snapshot's moment by one read: after the write it saw, before the next one.
    fn link(
        &mut self,
        key: &'a KeyText,
        seen: &Seen,
        commit: Option<u64>,
    ) -> Result<(), Violation> {
        let chain = self.chains.at(self.record, key);
        let first_newer = chain.partition_point(|link| Some(link.commit) <= commit);
        if let (Some(version), Some(commit)) = (seen.version(), commit)
            && commit > self.after.0
        {
            self.after = (commit, format!("{} asked to commit", version.txn));
        }
        let others = chain[first_newer..].iter().filter(|link| link.id != self.record.id);
        let newer = others.clone().min_by_key(|link| link.visible);
        if let Some(newer) = newer {
            if newer.visible < self.record.begin {
                let text = format!("read {} = {}, {} was there", key.0, said(seen), newer.id);
                return Err(self.violation(FRESH, &text));
            }
            if newer.visible < self.before.0 {
                self.before = (newer.visible, format!("{} was visible", newer.id));
            }
        }
        let wrote = !self.may_be_refused && self.chains.effects[&self.record.id].contains_key(key);
        let mut between =
            others.filter(|link| link.commit < self.commit && link.visible < u64::MAX && wrote);
        match between.next() {
            None => Ok(()),
            Some(lost) => {
                let text = format!(
                    "read {} = {} and wrote it over {}, which had written it",
                    key.0,
                    said(seen),
                    lost.id
                );
                Err(self.violation(FIRST_WRITER, &text))
            }
        }
    }

    /// Whether it wrote over work that its snapshot cannot have held, without having read the key.
    fn blind_writes(&self) -> Result<(), Violation> {
        for (key, effect) in &self.chains.effects[&self.record.id] {
            if matches!(effect, Effect::Add(_)) {
                continue;
            }
            let chain = self.chains.at(self.record, key).iter().rev();
            let mut earlier = chain.filter(|link| link.commit < self.commit);
            let over = earlier.find(|link| link.visible < u64::MAX);
            if let Some(over) = over.filter(|link| link.commit > self.before.0) {
                let text = format!(
                    "wrote {} over {}, which asked to commit after {}",
                    key.0, over.id, self.before.1
                );
                return Err(self.violation(FIRST_WRITER, &text));
            }
        }
        Ok(())
    }

    /// A number lies between what must be in it and what can be.
    fn sum(&self, key: &'a KeyText, number: u64) -> Result<(), Violation> {
        let mut low = 0_i128;
        let mut high = 0_i128;
        for link in self.chains.at(self.record, key) {
            let Effect::Add(operand) = link.effect else { return Ok(()) };
            let operand = i128::from(operand.cast_signed());
            if link.visible < self.record.begin {
                (low, high) = (low + operand, high + operand);
            } else if link.commit < self.record.begun {
                (low, high) = (low + operand.min(0), high + operand.max(0));
            }
        }
        if (low..=high).contains(&i128::from(number.cast_signed())) {
            return Ok(());
        }
        let witness = format!("read {} = {number}, its operands make {low} to {high}", key.0);
        Err(self.violation(FRESH, &witness))
    }

    fn violation(&self, promise: &'static str, witness: &str) -> Violation {
        let Record { id, bucket, .. } = self.record;
        Violation::new(NAME, promise, format!("{id} in {bucket}: {witness}"))
    }
}

#[cfg(test)]
mod tests;
