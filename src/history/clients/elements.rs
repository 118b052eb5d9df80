//! Lists that are read and written back longer, and sets that are added to by merging. Judges only
//! what contradicts the transaction's own work.

use super::attempt::Attempt;
use crate::{
    engine::{EngineError, Outcome, Reason, Txn},
    history::OracleName,
    history::{KeyText, Seen, Write},
    workload::{Version, elements},
};

impl Attempt<'_> {
    /// Writes a list back with one element more.
    pub(super) fn append(&mut self, txn: &dyn Txn, key: &[u8]) -> Outcome<()> {
        let mut list = match self.read(txn, key)? {
            Seen::List(list) => list,
            Seen::Absent => Vec::new(),
            other => {
                let key = KeyText::new(key).0;
                self.wrong(OracleName::Reads, format!("{}: list {key} is {other:?}", self.id));
                return Err(EngineError::Failed("a list that is none".to_owned()));
            }
        };
        let element = elements::version(self.id, self.writes.len() as u16);
        list.push(element);
        txn.upsert(key, &elements::encode(key, &list))?;
        self.wrote(key, Write::Set(element), Seen::List(list));
        Ok(())
    }

    /// Adds an element to a set.
    pub(super) fn include(&mut self, txn: &dyn Txn, key: &[u8]) -> Outcome<()> {
        let element = elements::version(self.id, self.writes.len() as u16);
        match txn.merge(key, &elements::encode(key, &[element])) {
            // An engine or a bucket without merge: the plan's other work still counts.
            Err(EngineError::Refused(Reason::Unsupported | Reason::Invalid)) => return Ok(()),
            answer => answer?,
        }
        self.writes.push((KeyText::new(key), Write::Include(element)));
        if let Some(known) = self.own.get_mut(key) {
            let mut now = match known {
                Seen::Set(set) => std::mem::take(set),
                _ => Vec::new(),
            };
            now.push(element);
            now.sort_unstable();
            *known = Seen::Set(now);
        }
        Ok(())
    }

    /// What the transaction's snapshot holds, when a first read of a key gave this: of a set, without
    /// its own elements, all of which have to be there.
    pub(super) fn at_snapshot(&self, key: &[u8], seen: &Seen) -> Seen {
        if !elements::is_set(key) {
            return seen.clone();
        }
        let at = KeyText::new(key);
        let own = self.writes.iter().filter_map(|(to, write)| match write {
            Write::Include(element) if *to == at => Some(*element),
            _ => None,
        });
        let own: Vec<Version> = own.collect();
        let there = match seen {
            Seen::Set(set) => set.as_slice(),
            Seen::Absent => &[],
            other => return other.clone(),
        };
        if let Some(missing) = own.iter().find(|element| !there.contains(*element)) {
            let id = self.id;
            self.wrong(
                OracleName::Reads,
                format!("{id}: {} lacks its own {missing}: {seen:?}", at.0),
            );
        }
        let others: Vec<Version> =
            there.iter().copied().filter(|element| !own.contains(element)).collect();
        if others.is_empty() { Seen::Absent } else { Seen::Set(others) }
    }
}
