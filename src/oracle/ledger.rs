//! The transactions of a history, one record each, with what is known of their fate. Verifies
//! nothing and does not judge; a history that contradicts itself is a bug of ours and panics.

use crate::{
    engine::EngineError,
    history::{BucketChange, Event, KeyText, Scanned, Seen, Write},
    workload::{TxnId, Version},
};
use std::collections::{BTreeMap, HashMap};

/// What is known of a transaction's fate from the answers alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Its commit was acknowledged at this stamp.
    Acked(u64),
    /// Its commit was asked for; the answer leaves it open, or none came before the process died.
    Unknown,
    /// It was dropped, denied, or never asked to commit.
    Aborted,
}

/// One transaction.
#[derive(Clone, Debug)]
pub struct Record<'h> {
    /// Which.
    pub id: TxnId,
    /// Its bucket.
    pub bucket: &'h str,
    /// The part of the history between two reopenings that it belongs to, from 0.
    pub segment: usize,
    /// Which bucket of that name; see [`Life`].
    pub incarnation: u32,
    /// Stamp before the engine was asked to begin.
    pub begin: u64,
    /// Stamp after the engine had begun it; the end of time when that is not known.
    pub begun: u64,
    /// Stamp before the engine was asked to commit; nothing when it was not.
    pub commit: Option<u64>,
    /// Its fate.
    pub status: Status,
    /// It was dropped because of a conflict.
    pub conflicted: bool,
    /// Its commit was answered with an error that leaves its fate open.
    pub failed: bool,
    /// First reads at its snapshot.
    pub reads: &'h [(KeyText, Seen)],
    /// Writes in order. Unknown, so empty, when it neither asked to commit nor was dropped.
    pub writes: &'h [(KeyText, Write)],
    /// Scans in order; what they met first is among the reads.
    pub scans: &'h [Scanned],
}

/// The last word of a transaction on a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It stored this version.
    Set(Version),
    /// It removed the key.
    Del,
    /// It added this to the number, all its operands together.
    Add(u64),
}

impl<'h> Record<'h> {
    /// Stamp of the acknowledgement; the end of time for one that has none.
    pub fn end(&self) -> u64 {
        match self.status {
            Status::Acked(end) => end,
            Status::Unknown | Status::Aborted => u64::MAX,
        }
    }

    /// Whether its commit was acknowledged.
    pub fn acked(&self) -> bool {
        matches!(self.status, Status::Acked(_))
    }

    /// What the transaction leaves behind on each key, when it happens; but for sets, of which the
    /// oracle of isolation speaks.
    pub fn effects(&self) -> BTreeMap<&'h KeyText, Effect> {
        let mut effects = BTreeMap::new();
        for (key, write) in self.writes {
            let effect = match (write, effects.get(key)) {
                (Write::Set(version), _) => Effect::Set(*version),
                (Write::Del, _) => Effect::Del,
                (Write::Add(number), Some(Effect::Add(sum))) => {
                    Effect::Add(sum.wrapping_add(*number))
                }
                (Write::Add(number), _) => Effect::Add(*number),
                (Write::Include(_), _) => continue,
            };
            effects.insert(key, effect);
        }
        effects
    }

    /// Whether the transaction wrote this version to this key, at whatever point.
    pub fn wrote(&self, key: &KeyText, version: Version) -> bool {
        self.writes.iter().any(|(at, write)| at == key && *write == Write::Set(version))
    }
}

/// What is known of a bucket at some point of the history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// How many buckets of this name went before it.
    pub incarnation: u32,
    /// Stamp of the acknowledged creation of this one.
    pub created: Option<u64>,
    /// Stamp of the acknowledged deletion of the one before, while there is no successor.
    pub deleted: Option<u64>,
    /// Its deletion was asked for, and nothing since says whether it happened.
    pub deleting: bool,
}

impl Life {
    fn change(&mut self, change: BucketChange, stamp: u64) {
        let next = self.incarnation + 1;
        match change {
            BucketChange::Deleting => self.deleting = true,
            BucketChange::Deleted => {
                let deleted = Some(stamp);
                *self = Self { incarnation: next, deleted, ..Self::default() };
            }
            // The engine said that the bucket is not there, so the open deletion happened.
            BucketChange::Creating if self.deleting => {
                *self = Self { incarnation: next, ..Self::default() };
            }
            BucketChange::Creating => self.deleted = None,
            BucketChange::Created => (self.created, self.deleted) = (Some(stamp), None),
        }
    }
}

/// All transactions of a history.
#[derive(Clone, Debug, Default)]
pub struct Ledger<'h> {
    /// In the order in which they began.
    pub records: Vec<Record<'h>>,
    /// The buckets that were ever named, as they stood at each cut.
    pub lives: Vec<BTreeMap<&'h str, Life>>,
    by_id: HashMap<TxnId, usize>,
}

impl<'h> Ledger<'h> {
    /// Reads the transactions out of events. `cuts` are the numbers of events before each
    /// reopening whose state is known.
    ///
    /// # Panics
    /// When the events contradict themselves.
    pub fn new(events: &'h [Event], cuts: &[usize]) -> Self {
        let mut ledger = Self::default();
        let mut lives: BTreeMap<&str, Life> = BTreeMap::new();
        for (at, event) in events.iter().enumerate() {
            let segment = cuts.partition_point(|&cut| cut <= at);
            ledger.lives.resize_with(segment, || lives.clone());
            match event {
                Event::Begin { txn, bucket, stamp } => {
                    let life = lives.entry(bucket).or_default();
                    // Work in a bucket says that an open deletion of it did not happen.
                    life.deleting = false;
                    ledger.begin(*txn, bucket, *stamp, segment, life.incarnation);
                }
                Event::Commit { txn, stamp, begun, reads, writes, scans } => {
                    let record = ledger.running(*txn, segment);
                    assert!(record.commit.is_none(), "{txn} commits twice");
                    (record.commit, record.status) = (Some(*stamp), Status::Unknown);
                    record.begun = *begun;
                    (record.reads, record.writes, record.scans) = (reads, writes, scans);
                }
                Event::Ok { txn, stamp } => {
                    let record = ledger.running(*txn, segment);
                    assert!(record.commit.is_some(), "{txn} is acknowledged and did not commit");
                    record.status = Status::Acked(*stamp);
                }
                Event::Abort { txn, writes, denial, .. } => {
                    let record = ledger.running(*txn, segment);
                    record.conflicted = *denial == Some(EngineError::Conflict);
                    (record.status, record.writes) = (Status::Aborted, writes);
                }
                Event::Info { txn, .. } => {
                    ledger.running(*txn, segment).failed = true;
                }
                Event::Bucket { name, change, stamp } => {
                    lives.entry(name).or_default().change(*change, *stamp);
                }
                Event::Synced { .. }
                | Event::Checkpoint { .. }
                | Event::Milestone(_)
                | Event::Wrong { .. }
                | Event::Waited(_) => {}
            }
        }
        ledger.lives.resize_with(cuts.len(), || lives.clone());
        ledger
    }

    /// The record of a transaction, when the history knows it.
    pub fn get(&self, id: TxnId) -> Option<&Record<'h>> {
        self.by_id.get(&id).map(|&at| &self.records[at])
    }

    fn begin(&mut self, id: TxnId, bucket: &'h str, begin: u64, segment: usize, incarnation: u32) {
        let before = self.by_id.insert(id, self.records.len());
        assert!(before.is_none(), "{id} begins twice");
        self.records.push(Record {
            id,
            bucket,
            segment,
            incarnation,
            begin,
            begun: u64::MAX,
            commit: None,
            status: Status::Aborted,
            conflicted: false,
            failed: false,
            reads: &[],
            writes: &[],
            scans: &[],
        });
    }

    fn running(&mut self, id: TxnId, segment: usize) -> &mut Record<'h> {
        let at = self.by_id.get(&id).unwrap_or_else(|| panic!("{id} never began"));
        let record = &mut self.records[*at];
        assert!(!record.acked(), "{id} goes on after its end");
        assert!(record.segment == segment, "{id} goes on after a reopening");
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::history_builder::{Script, W};

    #[test]
    fn answers_make_the_status_and_last_writes_the_effect() {
        let history = Script::new()
            .txn("b", 0, &[("a", W::Set), ("a", W::Del)])
            .unknown("b", 1, &[("s/1", W::Add(2)), ("s/1", W::Add(3))])
            .aborted("b", 2, &[("a", W::Set)])
            .history();
        let ledger = Ledger::new(&history.events, &[]);
        let [first, second, third] = &ledger.records[..] else { panic!("three transactions") };
        assert!(first.acked());
        assert_eq!((second.status, third.status), (Status::Unknown, Status::Aborted));
        assert_eq!(first.effects()[&KeyText::new(b"a")], Effect::Del);
        assert_eq!(second.effects()[&KeyText::new(b"s/1")], Effect::Add(5));
    }

    #[test]
    fn a_transaction_belongs_where_it_began() {
        let script = Script::new().txn("b", 0, &[("a", W::Set)]);
        let cut = script.len();
        let history = script.deleted("b").txn("b", 0, &[("a", W::Set)]).history();
        let ledger = Ledger::new(&history.events, &[cut]);
        let places: Vec<_> = ledger.records.iter().map(|r| (r.segment, r.incarnation)).collect();
        assert_eq!(places, [(0, 0), (1, 1)]);
    }
}
