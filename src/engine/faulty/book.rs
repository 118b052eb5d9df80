//! The book of a faulty engine: all that was asked of one database and what became of it. Pure
//! data; touches no engine.

use super::defect::{Death, Loss};
use crate::engine::model;
use std::collections::{BTreeMap, BTreeSet};

/// The state of one bucket.
pub(super) type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Set(Vec<u8>),
    Del,
    Add(Vec<u8>),
}

/// The writes of one transaction, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) bucket: String,
    pub(super) writes: Vec<(Vec<u8>, Change)>,
    /// Its number, in the order of beginnings.
    pub(super) txn: u64,
    /// How many had committed when it began.
    pub(super) seen: usize,
}

impl Work {
    pub(super) fn touches(&self, bucket: &str, key: &[u8]) -> bool {
        self.bucket == bucket && self.writes.iter().any(|(at, _)| at == key)
    }
}

/// All that happened to one database.
#[derive(Clone, Debug, Default)]
pub(super) struct Book {
    /// It is the book of a copy.
    pub(super) copied: bool,
    pub(super) death: Option<Death>,
    pub(super) unsure_every: Option<u64>,
    pub(super) openings: u32,
    /// No call is answered any more, until the database is opened again.
    pub(super) dead: bool,
    pub(super) died: bool,
    pub(super) asked: u64,
    pub(super) begun: u64,
    /// In the order of commits.
    pub(super) committed: Vec<Work>,
    /// Those of them that were never acknowledged.
    pub(super) unsure: BTreeSet<u64>,
    /// Those of them that one saw who only read, and whose end was acknowledged.
    pub(super) seen: BTreeSet<u64>,
    /// Dropped by their clients.
    pub(super) dropped: Vec<Work>,
    /// Open when the process died.
    pub(super) cut: Vec<Work>,
    /// Under way when the process died, and not kept; or kept.
    pub(super) lost: Vec<Work>,
    pub(super) kept: Vec<Work>,
    /// Commits before the last barrier.
    pub(super) synced: usize,
    /// What uncommitted transactions wrote last.
    pub(super) active: BTreeMap<(String, Vec<u8>), (u64, Vec<u8>)>,
    /// Buckets that are there, and the last state of those that were deleted.
    pub(super) there: BTreeSet<String>,
    pub(super) gone: BTreeMap<String, Pairs>,
    pub(super) locked: Option<(String, Vec<u8>)>,
    pub(super) files: u64,
    pub(super) defects: u64,
}

impl Book {
    pub(super) fn buckets(&self) -> Vec<String> {
        self.there.iter().cloned().collect()
    }

    /// The key's value before the last commit that touched it, and that commit.
    pub(super) fn before_last(&self, bucket: &str, key: &[u8]) -> Option<(Option<Vec<u8>>, &Work)> {
        let at = self.committed.iter().rposition(|work| work.touches(bucket, key))?;
        let before = replay(&self.committed[..at], bucket).remove(key);
        Some((before, &self.committed[at]))
    }

    /// Who only read these keys, when so many had committed, has told that it did.
    pub(super) fn looked(&mut self, bucket: &str, keys: &BTreeSet<Vec<u8>>, seen: usize) {
        let before = &self.committed[..seen.min(self.committed.len())];
        let last = |key| before.iter().rfind(|work| work.touches(bucket, key));
        self.seen.extend(keys.iter().filter_map(|key| last(key)).map(|work| work.txn));
    }

    /// Whether the process dies in the commit that is asked for now.
    pub(super) fn dies_now(&mut self, work: &Work) -> bool {
        self.asked += 1;
        let several = work.writes.windows(2).any(|pair| pair[0].0 != pair[1].0);
        let dies = self.death.is_some_and(|death| several && death.at_commit <= self.asked);
        self.dead |= dies;
        self.died |= dies;
        self.dead
    }

    /// Whether the commit that is asked for now gets no clear answer, and if so, whether it
    /// happens.
    pub(super) fn unsure_now(&self) -> Option<bool> {
        let every = self.unsure_every?;
        self.asked.is_multiple_of(every).then_some((self.asked / every).is_multiple_of(2))
    }

    /// What the death took with it, once; true when that is anything.
    pub(super) fn lose(&mut self) -> bool {
        self.dead = false;
        let Some(death) = self.death.take_if(|_| self.died) else { return false };
        let before = self.committed.len();
        let at_risk = self.committed.split_off(self.synced.min(before));
        let kept: Vec<Work> = match death.loss {
            Loss::Nothing => at_risk,
            Loss::Tail(most) => {
                let left = at_risk.len().saturating_sub(most);
                at_risk.into_iter().take(left).collect()
            }
            Loss::Tails(even, odd) => {
                let streams = [at_risk.len().div_ceil(2), at_risk.len() / 2];
                let left = [streams[0].saturating_sub(even), streams[1].saturating_sub(odd)];
                let survives = |at: &usize| at / 2 < left[at % 2];
                at_risk
                    .into_iter()
                    .enumerate()
                    .filter(|(at, _)| survives(at))
                    .map(|(_, w)| w)
                    .collect()
            }
        };
        self.committed.extend(kept);
        self.committed.len() < before
    }
}

/// The state of a bucket after this work.
pub(super) fn replay(works: &[Work], bucket: &str) -> Pairs {
    let mut pairs = Pairs::new();
    let here = works.iter().filter(|work| work.bucket == bucket);
    for (key, change) in here.flat_map(|work| &work.writes) {
        match change {
            Change::Set(value) => {
                pairs.insert(key.clone(), value.clone());
            }
            Change::Del => {
                pairs.remove(key);
            }
            Change::Add(operand) => {
                let before = pairs.get(key).map(Vec::as_slice);
                let after = model::merged(key, before, [operand.as_slice()]);
                pairs.insert(key.clone(), after);
            }
        }
    }
    pairs
}
