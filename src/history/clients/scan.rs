//! Scans of a transaction: what they met, and which keys of the plans they did not meet. Judges only
//! what contradicts the transaction's own reads and writes.

use super::{attempt::Attempt, origin::seen};
use crate::{
    engine::{Keys, Order, Outcome, Scan, Txn},
    history::OracleName,
    history::{KeyText, Scanned, Seen, Write},
    workload::plan,
};
use std::collections::{BTreeMap, BTreeSet};

impl Attempt<'_> {
    /// Reads all keys with a prefix, and notes what it met and what it did not meet.
    pub(super) fn scan(&mut self, txn: &dyn Txn, prefix: &[u8], order: Order) -> Outcome<()> {
        let keys = Keys::Prefix(prefix.to_vec());
        let pairs = txn.scan(&Scan { keys, order, limit: usize::MAX })?;
        let met: Vec<(&[u8], Seen)> =
            pairs.iter().map(|(key, value)| (key.as_slice(), seen(key, value))).collect();
        let backward = order == Order::Backward;
        if !met.is_sorted_by(|(a, _), (b, _)| if backward { a > b } else { a < b }) {
            self.wrong(OracleName::Scan, format!("{}: keys out of order or repeated", self.id));
        }
        let found: BTreeMap<&[u8], &Seen> = met.iter().map(|(key, seen)| (*key, seen)).collect();
        let planned = plan::keys_below(prefix);
        let asked = found.keys().copied().chain(planned.iter().map(Vec::as_slice));
        let first: BTreeSet<&[u8]> = asked.filter(|key| !self.own.contains_key(*key)).collect();
        let first: Vec<KeyText> = first.into_iter().map(KeyText::new).collect();
        for (key, seen) in &found {
            self.note(key, seen, "a scan");
        }
        for key in planned {
            if !found.contains_key(key.as_slice()) {
                self.absent(&key);
            }
        }
        let met = self.without_own(prefix, backward, &met);
        self.scans.push(Scanned { prefix: KeyText::new(prefix), backward, met, first });
        let missed = self.own.iter().find(|(key, seen)| {
            key.starts_with(prefix) && **seen != Seen::Absent && !found.contains_key(key.as_slice())
        });
        if let Some((key, was)) = missed {
            let key = KeyText::new(key).0;
            self.wrong(
                OracleName::Scan,
                format!("{}: a scan skipped {key}, which is {was:?}", self.id),
            );
        }
        Ok(())
    }

    /// What the scan would have met had the transaction written nothing: what it wrote it has read.
    fn without_own(
        &self,
        prefix: &[u8],
        backward: bool,
        met: &[(&[u8], Seen)],
    ) -> Vec<(KeyText, Seen)> {
        let changes = |write: &Write| matches!(write, Write::Set(_) | Write::Del);
        let written: BTreeSet<&KeyText> =
            self.writes.iter().filter(|(_, write)| changes(write)).map(|(key, _)| key).collect();
        let mut met: Vec<(KeyText, Seen)> =
            met.iter().map(|(key, seen)| (KeyText::new(key), seen.clone())).collect();
        let here = KeyText::new(prefix);
        for key in written.into_iter().filter(|key| key.0.starts_with(&here.0)) {
            met.retain(|(at, _)| at != key);
            if let Some(was) = self.reads.get(key).filter(|was| **was != Seen::Absent) {
                // In the order of keys, which is not that of their texts.
                let own = key.bytes();
                let before = |(at, _): &(KeyText, Seen)| {
                    if backward { at.bytes() > own } else { at.bytes() < own }
                };
                met.insert(met.partition_point(before), (key.clone(), was.clone()));
            }
        }
        met
    }

    /// A key that the scan did not meet. One that the transaction knows better is found below.
    fn absent(&mut self, key: &[u8]) {
        if !self.own.contains_key(key) {
            self.note(key, &Seen::Absent, "a scan");
        }
    }
}
