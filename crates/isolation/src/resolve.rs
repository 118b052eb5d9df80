//! From operations to versions: who wrote each version and what it replaced, what each transaction
//! read from others, and which unknown commits took effect. Reports the anomalies that a single
//! transaction shows. Knows no graph.
//!
//! One pass over all operations, one over all reads. Tables are indexed by the dense numbers of
//! keys and versions, so there is no hashing.

mod absence;
mod own;
mod sets;
mod tables;

pub(crate) use sets::SetNodes;
pub(crate) use tables::{BY_SCAN, NONE, Resolved};

use crate::{
    anomaly::{Anomaly, Edge, Evidence, Found, Malformed, Why},
    history::{History, Op, Outcome, Txn},
};
use absence::Absences;
use tables::{ELEMENT, REMOVAL, Written};

impl<'a> Resolved<'a> {
    pub(crate) fn new(history: &'a History, found: &mut Found) -> Result<Self, Malformed> {
        let mut versions = vec![Written::nobody(0); history.versions() as usize];
        versions.extend((0..history.keys()).map(Written::nobody));
        let mut this = Self {
            history,
            versions,
            reads_at: Vec::with_capacity(history.len() + 1),
            reads: Vec::new(),
            sets: Vec::new(),
            visible: Vec::new(),
            ambiguous: 0,
        };
        this.register()?;
        let mut absences = Absences::of(&this);
        own::read_all(&mut this, &mut absences, found)?;
        this.take_effect();
        absences.resolve(&mut this);
        this.judge_reads(found);
        this.judge_lists(found);
        this.link(found);
        Ok(this)
    }

    /// Registers the writer of each version.
    fn register(&mut self) -> Result<(), Malformed> {
        let history = self.history;
        for txn in 0..history.len() as u32 {
            for op in history.ops(txn) {
                let (key, version, flag) = match op {
                    Op::Write(key, version) | Op::Extend(key, version) => (key, version, 0),
                    Op::Delete(key, version) => (key, version, REMOVAL),
                    Op::Add(key, version) => (key, version, ELEMENT),
                    Op::Read(..) | Op::List(..) | Op::Set(..) | Op::Scan(..) => continue,
                };
                let at = &mut self.versions[version as usize];
                if at.writer != NONE {
                    return Err(Malformed { txn, what: "it writes a version a second time" });
                }
                (at.writer, at.key_and_flags) = (txn, key | flag);
            }
            let record = history.txn(txn);
            let ordered = record.begin < record.asked && record.asked < record.end;
            if record.outcome == Outcome::Committed && !ordered {
                return Err(Malformed { txn, what: "its stamps are out of order" });
            }
        }
        Ok(())
    }

    /// An unknown commit took effect when a transaction that took effect saw some of its work.
    fn take_effect(&mut self) {
        let history = self.history;
        let is = |outcome| move |txn: &Txn| txn.outcome == outcome;
        self.visible = history.txns().iter().map(is(Outcome::Committed)).collect();
        if !history.txns().iter().any(is(Outcome::Unknown)) {
            return;
        }
        let mut sets_of: Vec<Vec<u32>> = vec![Vec::new(); history.len()];
        for (at, read) in self.sets.iter().enumerate() {
            sets_of[read.txn as usize].push(at as u32);
        }
        let all = 0..history.len() as u32;
        let mut todo: Vec<u32> = all.filter(|&txn| self.visible[txn as usize]).collect();
        while let Some(txn) = todo.pop() {
            let sets = sets_of[txn as usize].iter().flat_map(|&at| self.sets[at as usize].elements);
            let seen = self.reads(txn).iter().map(|read| read & !BY_SCAN).chain(sets.copied());
            let writers: Vec<u32> = seen.filter_map(|version| self.writer_of(version)).collect();
            for writer in writers {
                let open = history.txn(writer).outcome == Outcome::Unknown;
                if open && !std::mem::replace(&mut self.visible[writer as usize], true) {
                    todo.push(writer);
                }
            }
        }
    }

    /// Checks the origin of each value that was read. Impossible reads are dropped from here on.
    fn judge_reads(&mut self, found: &mut Found) {
        for txn in 0..self.history.len() as u32 {
            if !self.visible[txn as usize] {
                continue;
            }
            for at in self.reads_at[txn as usize]..self.reads_at[txn as usize + 1] {
                let read = self.reads[at as usize];
                if read != NONE && !self.may_read(txn, read & !BY_SCAN, found) {
                    self.reads[at as usize] = NONE;
                }
            }
        }
    }

    /// Checks list elements before the last one. The last one is checked as a read.
    fn judge_lists(&self, found: &mut Found) {
        if !self.history.has_lists() {
            return;
        }
        let all = 0..self.history.len() as u32;
        for txn in all.filter(|&txn| self.visible[txn as usize]) {
            for op in self.history.ops(txn) {
                let Op::List(key, elements) = op else { continue };
                let mut before = self.first_absence(key);
                for &version in elements {
                    let writer = self.writer_of(version);
                    let dropped = writer.is_some_and(|writer| self.is_dropped(writer));
                    if dropped || self.prev(version) != Some(before) {
                        let evidence = Evidence::Read { txn, key, version, writer };
                        let kind =
                            if dropped { Anomaly::AbortedRead } else { Anomaly::NeverWritten };
                        found.add(kind, evidence);
                        break;
                    }
                    before = version;
                }
            }
        }
    }

    fn is_dropped(&self, txn: u32) -> bool {
        match self.history.txn(txn).outcome {
            Outcome::Aborted | Outcome::Conflicted => true,
            Outcome::Committed | Outcome::Unknown => false,
        }
    }

    fn may_read(&self, txn: u32, version: u32, found: &mut Found) -> bool {
        if version >= self.history.versions() {
            return true;
        }
        let key = self.key_of(version);
        let writer = self.writer_of(version);
        let evidence = Evidence::Read { txn, key, version, writer };
        let Some(writer) = writer else {
            found.add(Anomaly::NeverWritten, evidence);
            return false;
        };
        if self.is_dropped(writer) {
            found.add(Anomaly::AbortedRead, evidence);
        } else if !self.is_final(version) {
            found.add(Anomaly::IntermediateRead, evidence);
        }
        !self.is_dropped(writer) && self.is_final(version)
    }

    /// The version of another transaction that this version is based on.
    fn replaces(&self, version: u32) -> u32 {
        let mut at = self.versions[version as usize].prev;
        while at != NONE && at < self.history.versions() && self.same_writer(at, version) {
            at = self.versions[at as usize].prev;
        }
        at
    }

    fn same_writer(&self, one: u32, other: u32) -> bool {
        self.versions[one as usize].writer == self.versions[other as usize].writer
    }

    /// Links every version to the one it replaced. A version that two transactions replaced is a
    /// lost update; their order does not matter.
    fn link(&mut self, found: &mut Found) {
        for version in 0..self.history.versions() {
            let Some(txn) = self.writer_of(version) else { continue };
            let counts = self.visible[txn as usize] && self.is_final(version);
            let base = if counts { self.replaces(version) } else { NONE };
            if base == NONE || self.is(version, ELEMENT) {
                continue;
            }
            let first = self.versions[base as usize].next;
            if first == NONE {
                self.versions[base as usize].next = version;
                continue;
            }
            let Written { sibling, writer: other, .. } = self.versions[first as usize];
            self.versions[version as usize].sibling = sibling;
            self.versions[first as usize].sibling = version;
            let key = Some(self.key_of(version));
            let shown = self.shown(base);
            let edge = |from, to, then| {
                let why = Why::Rw;
                let scan = false;
                Edge { from, to, why, key, version: shown, then: self.shown(then), scan }
            };
            let cycle = vec![edge(other, txn, version), edge(txn, other, first)];
            found.add(Anomaly::LostUpdate, Evidence::Cycle(cycle));
        }
    }
}
