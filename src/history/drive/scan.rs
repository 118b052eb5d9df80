//! Scans of a transaction: what they met, and which keys of the plans they did not meet. Judges only
//! what contradicts the transaction's own reads and writes.

use super::{Attempt, seen};
use crate::{
    engine::{Keys, Order, Outcome, Scan, Txn},
    history::{KeyText, Seen},
    workload::plan,
};
use std::collections::BTreeMap;

impl Attempt<'_> {
    /// Reads all keys with a prefix, and notes what it met and what it did not meet.
    pub(super) fn scan(&mut self, txn: &dyn Txn, prefix: &[u8]) -> Outcome<()> {
        let keys = Keys::Prefix(prefix.to_vec());
        let pairs = txn.scan(&Scan { keys, order: Order::Forward, limit: usize::MAX })?;
        let found: BTreeMap<&[u8], Seen> =
            pairs.iter().map(|(key, value)| (key.as_slice(), seen(key, value))).collect();
        if found.len() != pairs.len() || !pairs.is_sorted_by(|(a, _), (b, _)| a < b) {
            self.wrong("scan", format!("{}: keys out of order or repeated", self.id));
        }
        for (key, seen) in &found {
            self.note(key, seen, "a scan");
        }
        for key in plan::keys_below(prefix) {
            if !found.contains_key(key.as_slice()) {
                self.absent(&key);
            }
        }
        let missed = self.own.iter().find(|(key, seen)| {
            key.starts_with(prefix) && **seen != Seen::Absent && !found.contains_key(key.as_slice())
        });
        if let Some((key, was)) = missed {
            let key = KeyText::new(key).0;
            self.wrong("scan", format!("{}: a scan skipped {key}, which is {was:?}", self.id));
        }
        Ok(())
    }

    /// A key that the scan did not meet. One that the transaction knows better is found below.
    fn absent(&mut self, key: &[u8]) {
        if !self.own.contains_key(key) {
            self.note(key, &Seen::Absent, "a scan");
        }
    }
}
