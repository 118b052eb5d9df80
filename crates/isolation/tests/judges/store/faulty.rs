//! The wrong answers of a faulty store. Each defect waits for the moment at which one wrong answer
//! completes its anomaly; until then every answer is correct.

use super::{Active, Defect, Seen, Store};
use std::collections::BTreeSet;

/// One of this many possible wrong answers is given.
const EVERY: u64 = 3;

impl<K: Ord + Clone, V: Clone + PartialEq> Store<K, V> {
    /// The transaction's own write; with `Internal`, the value before it.
    pub(super) fn own(&mut self, txn: u64, key: &K) -> Option<V> {
        let entries = &self.keys[key];
        let own = entries.iter().find(|entry| entry.txn == txn).expect("it wrote the key");
        let own = own.value.clone();
        if self.defect == Some(Defect::Internal) {
            let before = self.honest(txn, key).value;
            if before != own {
                self.at(txn).lies += 1;
                return before;
            }
        }
        own
    }

    /// The wrong answer to a read, if the moment has come.
    pub(super) fn lie(&mut self, txn: u64, key: &K) -> Option<Seen<V>> {
        let defect = self.defect?;
        let seen = match defect {
            Defect::AbortedRead => self.grave(key)?,
            Defect::IntermediateRead => self.replaced(txn, key)?,
            Defect::DirtyWrite | Defect::CyclicInformationFlow => return self.pending(txn, key),
            Defect::FracturedRead => self.too_new(txn, key)?,
            Defect::GSingle | Defect::LongFork | Defect::GNonadjacent => {
                self.hole(defect, txn, key)?
            }
            Defect::SessionOrder | Defect::RealTimeOrder => return self.stale(defect, txn, key),
            Defect::Internal | Defect::RangeRead | Defect::LostUpdate | Defect::Phantom => {
                return None;
            }
        };
        self.at(txn).lies += 1;
        Some(seen)
    }

    fn grave(&mut self, key: &K) -> Option<Seen<V>> {
        let value = self.graves.get(key)?.clone();
        self.turns += 1;
        let wrong = Seen { from: u64::MAX, at: 0, value: Some(value), by_scan: false };
        self.turns.is_multiple_of(EVERY).then_some(wrong)
    }

    fn replaced(&mut self, txn: u64, key: &K) -> Option<Seen<V>> {
        let honest = self.honest(txn, key);
        let entry = self.keys.get(key)?.iter().find(|entry| entry.txn == honest.from)?;
        let value = entry.replaced.clone()?;
        Some(Seen { from: u64::MAX, value: Some(value), ..honest })
    }

    /// Shows pending work of a transaction that is entangled with this one, or with none.
    fn pending(&mut self, txn: u64, key: &K) -> Option<Seen<V>> {
        let entry = self.keys.get(key)?.iter().rev().find(|entry| entry.at.is_none())?.clone();
        let own = &self.active[&txn];
        let theirs = &self.active[&entry.txn];
        // The second read completes the cycle.
        let complete = theirs.entangled == Some(txn) && own.entangled.is_none();
        let first = theirs.entangled.is_none() && own.entangled.is_none();
        if !complete && !first {
            return None;
        }
        self.at(txn).entangled = Some(entry.txn);
        if complete {
            self.at(txn).lies += 1;
            self.at(txn).mutual = true;
            self.at(entry.txn).mutual = true;
        }
        Some(Seen { from: entry.txn, at: 0, value: entry.value, by_scan: false })
    }

    /// A version that was committed after the snapshot, by a transaction of which this one already
    /// saw an older state.
    fn too_new(&mut self, txn: u64, key: &K) -> Option<Seen<V>> {
        let active = &self.active[&txn];
        let newest = self.before(key, u64::MAX);
        let done = self.done.get(&newest.from)?;
        let missed = |(other, seen): (&K, &Seen<V>)| {
            // A key that a scan did not meet would make another anomaly.
            let met = seen.value.is_some() || !seen.by_scan;
            other != key && done.written.contains(other) && seen.at < done.at && met
        };
        let wrong = newest.at > active.snapshot && active.read.iter().any(missed);
        wrong.then_some(newest)
    }

    /// The version before the newest one, if missing the newest completes a cycle.
    fn hole(&mut self, defect: Defect, txn: u64, key: &K) -> Option<Seen<V>> {
        let active = &self.active[&txn];
        let newest = self.honest(txn, key);
        let missed = newest.from;
        let done = self.done.get(&missed)?;
        let direct: BTreeSet<u64> = active.read.values().map(|seen| seen.from).collect();
        let after = |other: u64| self.depends(other).contains(&missed);
        let sights = |seen: u64| self.sights.contains(&(missed, seen));
        let completes = match defect {
            Defect::GSingle => direct.iter().any(|&seen| after(seen)) && !direct.contains(&missed),
            Defect::LongFork => {
                direct.iter().any(|&seen| sights(seen))
                    && !direct.iter().any(|&seen| seen == missed || after(seen))
            }
            _ => {
                let through = |seen: u64| {
                    self.done.get(&seen).is_some_and(|by| by.from.iter().any(|&it| sights(it)))
                };
                direct.iter().any(|&seen| through(seen))
                    && !direct.iter().any(|&seen| sights(seen))
                    && !direct.iter().any(|&seen| seen == missed || after(seen))
            }
        };
        if !completes {
            return None;
        }
        let older = self.before(key, done.at - 1);
        self.at(txn).avoids.insert(missed);
        Some(older)
    }

    /// All transactions that a transaction depends on.
    fn depends(&self, txn: u64) -> BTreeSet<u64> {
        let mut all = BTreeSet::new();
        let mut todo = vec![txn];
        while let Some(next) = todo.pop() {
            let from = self.done.get(&next).map(|done| done.from.clone());
            todo.extend(from.into_iter().flatten().filter(|&from| all.insert(from)));
        }
        all
    }

    /// Moves the whole snapshot to before the commit that the first read would see.
    fn stale(&mut self, defect: Defect, txn: u64, key: &K) -> Option<Seen<V>> {
        let active = &self.active[&txn];
        let newest = self.honest(txn, key);
        let done = self.done.get(&newest.from)?;
        let own = done.session == active.session;
        let known = self.sessions.get(&active.session).copied().unwrap_or_default();
        let acknowledged = done.acknowledged.is_some_and(|begun| begun <= active.begun);
        let right = match defect {
            Defect::SessionOrder => own,
            _ => !own && acknowledged && known < done.at,
        };
        self.turns += 1;
        let wrong = right && active.read.is_empty() && active.written.is_empty();
        if !wrong || !self.turns.is_multiple_of(EVERY) {
            return None;
        }
        let moment = done.at - 1;
        self.at(txn).snapshot = moment;
        self.at(txn).lies += 1;
        Some(self.before(key, moment))
    }

    /// The key that a scan omits.
    pub(super) fn hidden(&mut self, txn: u64, keys: &[K], backward: bool) -> Option<K> {
        let active = &self.active[&txn];
        let key = match self.defect? {
            Defect::RangeRead if backward => keys.iter().find(|key| {
                let seen = active.read.get(*key);
                seen.is_some_and(|seen| seen.by_scan && seen.value.is_some())
            })?,
            Defect::Phantom => keys.iter().find(|key| {
                let honest = self.honest(txn, key);
                let Some(done) = self.done.get(&honest.from) else { return false };
                let created = honest.value.is_some() && self.before(key, done.at - 1).from == 0;
                let seen = active.read.values().any(|seen| seen.from == honest.from);
                created && seen && !active.read.contains_key(key) && !active.written.contains(key)
            })?,
            _ => return None,
        };
        let key = key.clone();
        let nothing = Seen { from: 0, at: 0, value: None, by_scan: true };
        let hides = self.defect == Some(Defect::Phantom);
        let active = self.at(txn);
        active.lies += 1;
        if hides {
            active.read.insert(key.clone(), nothing);
        }
        Some(key)
    }

    /// Whether a transaction with these reads may commit.
    pub(super) fn may_commit(&self, txn: u64) -> bool {
        let active = &self.active[&txn];
        if active.doomed {
            return false;
        }
        if active.entangled.is_some() {
            // Half a cycle is no defect yet, and must not be committed either.
            return active.mutual;
        }
        let mut depends = active.read.values().map(|seen| seen.from);
        let avoids = &active.avoids;
        let forked = |from| {
            let sight = |&avoided: &u64| self.sights.contains(&(avoided, from));
            self.defect == Some(Defect::GNonadjacent) && avoids.iter().any(sight)
        };
        avoids.is_empty()
            || depends.all(|from| {
                // Work that depends on the missed work would make a shorter cycle. For `GSingle` it
                // is the cycle.
                let single = self.defect == Some(Defect::GSingle);
                let apart = single || self.depends(from).is_disjoint(avoids);
                !avoids.contains(&from) && apart && !forked(from)
            })
    }

    /// Notes, for a read-only transaction, pairs of a writer that it saw and a concurrent writer
    /// that it missed.
    pub(super) fn note_sights(&mut self, active: &Active<K, V>) {
        if !matches!(self.defect, Some(Defect::LongFork | Defect::GNonadjacent)) {
            return;
        }
        if !active.written.is_empty() || active.lies > 0 {
            return;
        }
        for (key, seen) in &active.read {
            let missed = self
                .keys
                .get(key)
                .into_iter()
                .flatten()
                .find_map(|entry| entry.at.filter(|&at| at > seen.at).and(Some(entry.txn)));
            let Some(missed) = missed else { continue };
            let Some(began) = self.done.get(&missed).map(|done| done.snapshot) else { continue };
            for other in active.read.values().filter(|it| it.at > began && it.from != 0) {
                // The two are independent: each began before the other committed.
                self.sights.insert((other.from, missed));
            }
        }
    }
}
