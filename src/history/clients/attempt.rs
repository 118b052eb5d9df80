//! One attempt at a planned transaction: what it has seen and written so far. Judges only what
//! contradicts the transaction's own work; begins and ends nothing.

use super::origin::seen;
use crate::{
    engine::{Bucket, EngineError, Outcome, Reason, Txn},
    history::OracleName,
    history::{Event, KeyText, Scanned, Seen, Write, journal::Recorder},
    workload::{Op, TxnId, Version, marker_key, plan::SUM_PREFIX, value::MIN_VALUE},
};
use std::collections::BTreeMap;

/// What one attempt has seen and written so far.
pub(super) struct Attempt<'a> {
    pub(super) id: TxnId,
    name: &'a str,
    bucket: &'a dyn Bucket,
    recorder: &'a Recorder,
    pub(super) reads: BTreeMap<KeyText, Seen>,
    pub(super) writes: Vec<(KeyText, Write)>,
    pub(super) scans: Vec<Scanned>,
    /// The state as this transaction must see it: what it read, overlaid with what it wrote.
    pub(super) own: BTreeMap<Vec<u8>, Seen>,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(
        id: TxnId,
        name: &'a str,
        bucket: &'a dyn Bucket,
        recorder: &'a Recorder,
    ) -> Self {
        let reads = BTreeMap::new();
        let writes = Vec::new();
        let own = BTreeMap::new();
        Self { id, name, bucket, recorder, reads, writes, scans: Vec::new(), own }
    }

    pub(super) fn apply(&mut self, txn: &dyn Txn, op: &Op) -> Outcome<()> {
        match op {
            Op::Read(key) => self.read(txn, key).map(|_| ()),
            Op::Scan(prefix, order) => self.scan(txn, prefix, *order),
            Op::Append(key) => self.append(txn, key),
            Op::Include(key) => self.include(txn, key),
            Op::Checkpoint => {
                self.recorder.checkpoint(self.name, self.bucket);
                Ok(())
            }
            Op::Upsert(key, length) => {
                self.read(txn, key)?;
                self.set(key, *length, |value| txn.upsert(key, value))
            }
            Op::Put(key, length) if self.read(txn, key)? == Seen::Absent => {
                self.set(key, *length, |value| txn.put(key, value))
            }
            Op::Put(key, length) => {
                let answer = txn.put(key, &self.version(*length).encode(key));
                self.expect("put", key, answer, &EngineError::Refused(Reason::Exists))
            }
            Op::Update(key, length) if self.read(txn, key)? != Seen::Absent => {
                self.set(key, *length, |value| txn.update(key, value))
            }
            Op::Update(key, length) => {
                let answer = txn.update(key, &self.version(*length).encode(key));
                self.expect("update", key, answer, &EngineError::Absent)
            }
            Op::Del(key) if self.read(txn, key)? != Seen::Absent => {
                txn.del(key)?;
                self.wrote(key, Write::Del, Seen::Absent);
                Ok(())
            }
            Op::Del(key) => {
                let answer = txn.del(key);
                self.expect("del", key, answer, &EngineError::Absent)
            }
            Op::Move { from, to, amount } => self.transfer(txn, from, to, *amount),
            Op::Add(key, number) => match txn.merge(key, &number.to_le_bytes()) {
                // An engine or a bucket without merge: the plan's other work still counts.
                Err(EngineError::Refused(Reason::Unsupported | Reason::Invalid)) => Ok(()),
                answer => {
                    answer?;
                    self.added(key, *number);
                    Ok(())
                }
            },
        }
    }

    pub(super) fn mark(&mut self, txn: &dyn Txn) -> Outcome<()> {
        let key = marker_key(self.id.client);
        self.read(txn, &key)?;
        self.set(&key, MIN_VALUE as u32, |value| txn.upsert(&key, value))
    }

    pub(super) fn version(&self, len: u32) -> Version {
        Version { txn: self.id, op: self.writes.len() as u16, len: len.max(MIN_VALUE as u32) }
    }

    pub(super) fn set(
        &mut self,
        key: &[u8],
        length: u32,
        write: impl FnOnce(&[u8]) -> Outcome<()>,
    ) -> Outcome<()> {
        let version = self.version(length);
        write(&version.encode(key))?;
        self.wrote(key, Write::Set(version), Seen::Version(version));
        Ok(())
    }

    pub(super) fn wrote(&mut self, key: &[u8], write: Write, now: Seen) {
        self.writes.push((KeyText::new(key), write));
        self.own.insert(key.to_vec(), now);
    }

    pub(super) fn read(&mut self, txn: &dyn Txn, key: &[u8]) -> Outcome<Seen> {
        let seen = match txn.get(key) {
            Ok(value) => seen(key, &value),
            Err(EngineError::Absent) => Seen::Absent,
            Err(denial) => return Err(denial),
        };
        self.note(key, &seen, "a read");
        Ok(seen)
    }

    /// Within a transaction a key reads the same each time, own writes aside.
    pub(super) fn note(&mut self, key: &[u8], seen: &Seen, how: &str) {
        match self.own.get(key) {
            Some(before) if before != seen => {
                let key = KeyText::new(key).0;
                let witness = format!("{}: {how} of {key} gave {seen:?} after {before:?}", self.id);
                self.wrong(OracleName::Reads, witness);
            }
            Some(_) => {}
            None => {
                self.own.insert(key.to_vec(), seen.clone());
                if !key.starts_with(SUM_PREFIX) {
                    self.reads.insert(KeyText::new(key), self.at_snapshot(key, seen));
                }
            }
        }
    }

    pub(super) fn expect(
        &mut self,
        call: &str,
        key: &[u8],
        answer: Outcome<()>,
        expected: &EngineError,
    ) -> Outcome<()> {
        match answer {
            Err(denial) if denial == *expected => Ok(()),
            Err(EngineError::Conflict) => Err(EngineError::Conflict),
            answer => {
                let key = KeyText::new(key).0;
                let witness = format!(
                    "{}: {call} of {key} answered {answer:?}, its read called for {expected:?}",
                    self.id
                );
                self.wrong(OracleName::Answers, witness);
                Err(EngineError::Failed("an answer that contradicts a read".to_owned()))
            }
        }
    }

    pub(super) fn wrong(&self, oracle: OracleName, witness: String) {
        self.recorder.record(Event::Wrong { oracle, witness });
    }
}
