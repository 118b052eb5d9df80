//! A small in-memory store of versions that keeps snapshot isolation, or has one named defect. It
//! tests checkers and recorders: a checker that was never seen to catch a defect proves nothing.
//!
//! A defect shows only at the moment that completes its anomaly, so a store that counts a defect
//! has always shown the anomaly. The store takes one caller at a time; concurrent clients share it
//! behind a lock. Nothing here is fast or durable.

mod defect;
mod faulty;

pub(crate) use defect::Defect;

use std::collections::{BTreeMap, BTreeSet};

/// The transaction conflicts with another one and must be aborted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conflict;

/// One version of one key.
#[derive(Clone, Debug)]
struct Entry<V> {
    txn: u64,
    /// The number of the commit; `None` while it is pending.
    at: Option<u64>,
    value: Option<V>,
    /// What the transaction itself had written here before.
    replaced: Option<V>,
}

/// A transaction in progress.
#[derive(Clone, Debug)]
struct Active<K, V> {
    session: u16,
    snapshot: u64,
    /// Its number in begin order.
    begun: u64,
    written: BTreeSet<K>,
    /// What it read, apart from its own writes. Reads are repeatable.
    read: BTreeMap<K, Seen<V>>,
    /// Wrong answers, which count when it commits.
    lies: u64,
    /// Transactions whose work it must not depend on.
    avoids: BTreeSet<u64>,
    /// The transaction whose pending work it saw.
    entangled: Option<u64>,
    /// That transaction saw this one's pending work as well.
    mutual: bool,
    /// It must not commit, because of what it saw.
    doomed: bool,
}

#[derive(Clone, Debug)]
struct Seen<V> {
    /// The writer; 0 is nobody.
    from: u64,
    /// The number of the writer's commit.
    at: u64,
    value: Option<V>,
    by_scan: bool,
}

/// A transaction that committed.
#[derive(Clone, Debug)]
struct Done<K> {
    session: u16,
    snapshot: u64,
    at: u64,
    /// How many transactions had begun when its acknowledgement was known to have arrived.
    acknowledged: Option<u64>,
    from: BTreeSet<u64>,
    written: BTreeSet<K>,
}

/// The store.
#[derive(Clone, Debug)]
pub(crate) struct Store<K, V> {
    defect: Option<Defect>,
    defects: u64,
    turns: u64,
    begun: u64,
    commits: u64,
    keys: BTreeMap<K, Vec<Entry<V>>>,
    active: BTreeMap<u64, Active<K, V>>,
    done: BTreeMap<u64, Done<K>>,
    /// The newest commit that each session has seen.
    sessions: BTreeMap<u16, u64>,
    /// Aborted values.
    graves: BTreeMap<K, V>,
    /// Pairs from read-only transactions: the writer that was seen, and the writer that was missed.
    sights: BTreeSet<(u64, u64)>,
}

impl<K: Ord + Clone, V: Clone + PartialEq> Store<K, V> {
    /// An empty store, correct or with a defect.
    pub(crate) fn new(defect: Option<Defect>) -> Self {
        Self {
            defect,
            defects: 0,
            turns: 0,
            begun: 0,
            commits: 0,
            keys: BTreeMap::new(),
            active: BTreeMap::new(),
            done: BTreeMap::new(),
            sessions: BTreeMap::new(),
            graves: BTreeMap::new(),
            sights: BTreeSet::new(),
        }
    }

    /// How many wrong answers were committed.
    pub(crate) fn defects(&self) -> u64 {
        self.defects
    }

    /// Begins a transaction at the current snapshot.
    pub(crate) fn begin(&mut self, session: u16) -> u64 {
        self.begun += 1;
        for done in self.done.values_mut().rev() {
            if done.session == session {
                // A session that asks for the next transaction has received its last answer.
                done.acknowledged.get_or_insert(self.begun);
                break;
            }
        }
        let active = Active {
            session,
            snapshot: self.commits,
            begun: self.begun,
            written: BTreeSet::new(),
            read: BTreeMap::new(),
            lies: 0,
            avoids: BTreeSet::new(),
            entangled: None,
            mutual: false,
            doomed: false,
        };
        self.active.insert(self.begun, active);
        self.begun
    }

    /// The value at a key.
    pub(crate) fn get(&mut self, txn: u64, key: &K) -> Option<V> {
        if self.active[&txn].written.contains(key) {
            return self.own(txn, key);
        }
        if let Some(seen) = self.active[&txn].read.get(key) {
            return seen.value.clone();
        }
        let seen = self.lie(txn, key).unwrap_or_else(|| self.honest(txn, key));
        let value = seen.value.clone();
        self.at(txn).read.insert(key.clone(), seen);
        value
    }

    /// The pairs with keys in `low..high`, ascending or descending.
    pub(crate) fn scan(&mut self, txn: u64, low: &K, high: &K, backward: bool) -> Vec<(K, V)> {
        let keys: Vec<K> = self.keys.range(low..high).map(|(key, _)| key.clone()).collect();
        let hidden = self.hidden(txn, &keys, backward);
        let mut pairs = Vec::new();
        for key in keys {
            if hidden.as_ref() == Some(&key) {
                continue;
            }
            if let Some(value) = self.get(txn, &key) {
                pairs.push((key.clone(), value));
            }
            if let Some(seen) = self.at(txn).read.get_mut(&key) {
                seen.by_scan = true;
            }
        }
        if backward {
            pairs.reverse();
        }
        pairs
    }

    /// Writes a key, or removes it.
    ///
    /// # Errors
    /// When the newest version is of another transaction and this one does not see it.
    pub(crate) fn set(&mut self, txn: u64, key: &K, value: Option<V>) -> Result<(), Conflict> {
        let active = &self.active[&txn];
        let snapshot = active.snapshot;
        let other = active.entangled.filter(|_| active.mutual);
        // When the other transaction has committed, this one has to commit as well.
        let sealed = other.is_some_and(|other| self.done.contains_key(&other));
        let defect = self.defect;
        let entries = self.keys.entry(key.clone()).or_default();
        if let Some(own) = entries.iter_mut().find(|entry| entry.txn == txn) {
            own.replaced = own.replaced.take().or(own.value.take());
            own.value = value;
            return Ok(());
        }
        let seen = self.active[&txn].read.get(key).map_or(0, |seen| seen.from);
        let mut lies = 0;
        for entry in entries.iter() {
            let later = entry.at.is_some_and(|at| at > snapshot);
            let pending = entry.at.is_none();
            let over_it = defect == Some(Defect::DirtyWrite) && seen == entry.txn;
            if (later || pending) && !over_it && !sealed {
                if pending || defect != Some(Defect::LostUpdate) {
                    return Err(Conflict);
                }
                lies += 1;
            }
        }
        // The transaction read something else than the newest version: the correct answer is a
        // conflict.
        let newest = entries.last().map_or(0, |entry| entry.txn);
        if self.active[&txn].read.contains_key(key) && newest != seen && lies == 0 && !sealed {
            return Err(Conflict);
        }
        entries.push(Entry { txn, at: None, value, replaced: None });
        self.at(txn).lies += lies;
        self.at(txn).written.insert(key.clone());
        Ok(())
    }

    /// Commits.
    ///
    /// # Errors
    /// When the transaction must not take effect. It is then aborted.
    pub(crate) fn commit(&mut self, txn: u64) -> Result<(), Conflict> {
        if !self.may_commit(txn) {
            self.abort(txn);
            return Err(Conflict);
        }
        let active = self.active.remove(&txn).expect("a transaction commits once");
        self.commits += 1;
        let at = self.commits;
        for key in &active.written {
            for entry in self.keys.get_mut(key).into_iter().flatten() {
                if entry.txn == txn {
                    entry.at = Some(at);
                }
            }
        }
        self.defects += active.lies;
        self.note_sights(&active);
        let seen = self.sessions.entry(active.session).or_default();
        *seen = at.max(*seen);
        let from = active.read.values().map(|seen| seen.from).collect();
        let Active { session, snapshot, written, .. } = active;
        let done = Done { session, snapshot, at, acknowledged: None, from, written };
        self.done.insert(txn, done);
        Ok(())
    }

    /// Aborts: removes what a transaction wrote.
    pub(crate) fn abort(&mut self, txn: u64) {
        let Some(active) = self.active.remove(&txn) else { return };
        for key in &active.written {
            let entries = self.keys.get_mut(key).expect("what was written is there");
            for entry in entries.iter().filter(|entry| entry.txn == txn) {
                if let Some(value) = &entry.value {
                    self.graves.insert(key.clone(), value.clone());
                }
            }
            entries.retain(|entry| entry.txn != txn);
        }
        for other in self.active.values_mut().filter(|it| it.entangled == Some(txn)) {
            other.doomed = true;
        }
    }

    fn at(&mut self, txn: u64) -> &mut Active<K, V> {
        self.active.get_mut(&txn).expect("the transaction is under way")
    }

    /// The newest version that was committed at or before the snapshot.
    fn honest(&self, txn: u64, key: &K) -> Seen<V> {
        self.before(key, self.active[&txn].snapshot)
    }

    fn before(&self, key: &K, moment: u64) -> Seen<V> {
        let entries = self.keys.get(key).map_or(&[][..], Vec::as_slice);
        let visible = entries.iter().filter(|entry| entry.at.is_some_and(|at| at <= moment));
        visible.max_by_key(|entry| entry.at).map_or(
            Seen { from: 0, at: 0, value: None, by_scan: false },
            |entry| Seen {
                from: entry.txn,
                at: entry.at.unwrap_or_default(),
                value: entry.value.clone(),
                by_scan: false,
            },
        )
    }
}
