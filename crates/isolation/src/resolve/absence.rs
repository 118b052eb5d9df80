//! Which absence a read of nothing saw, at keys that come and go. An absence has no version number,
//! so time tells which one it was. The creations and removals of a key alternate in the order in
//! which their transactions asked to commit, because each of them saw the one before. A read can
//! only have seen an absence that began before the read was done and ended after the read began.
//!
//! When several absences fit, the read is excluded: nothing is guessed. The same holds when it is
//! unknown whether a removal happened.

use super::tables::{NONE, REMOVAL, REPLACED, Resolved};
use crate::history::{Key, Outcome};

/// Reads of nothing, and creations, at keys that were removed at some time.
pub(super) struct Absences {
    /// Keys with removals.
    removed: Vec<bool>,
    reads: Vec<Asked>,
    created: Vec<(Key, u32, u32)>,
}

/// A read of nothing.
#[derive(Clone, Copy)]
struct Asked {
    key: Key,
    txn: u32,
    /// Its index among all reads.
    at: usize,
    by_scan: u32,
}

/// A period in which a key held nothing.
struct Absence {
    /// The removal that began it, or the first absence of the key.
    version: u32,
    /// When the removal asked to commit.
    from: u32,
    /// When the creation that ended it was over.
    until: u32,
}

impl Absences {
    pub(super) fn of(all: &Resolved<'_>) -> Self {
        let mut removed = Vec::new();
        if all.history.has_deletes() {
            removed.resize(all.history.keys() as usize, false);
            for version in (0..all.history.versions()).filter(|&it| all.is(it, REMOVAL)) {
                removed[all.key_of(version) as usize] = true;
            }
        }
        Self { removed, reads: Vec::new(), created: Vec::new() }
    }

    /// Whether the key was never removed. Then it has only one absence.
    pub(super) fn is_plain(&self, key: Key) -> bool {
        !self.removed.get(key as usize).copied().unwrap_or_default()
    }

    /// Registers a read of nothing, to be resolved later.
    pub(super) fn ask(&mut self, key: Key, txn: u32, at: usize, by_scan: u32) {
        self.reads.push(Asked { key, txn, at, by_scan });
    }

    /// Registers a version whose transaction had read nothing at its key.
    pub(super) fn created(&mut self, key: Key, txn: u32, version: u32) {
        self.created.push((key, txn, version));
    }

    /// Resolves all registered reads.
    pub(super) fn resolve(mut self, all: &mut Resolved<'_>) {
        if self.removed.is_empty() {
            return;
        }
        let history = all.history;
        let asked = |txn: u32| history.txn(txn).asked;
        let mut removals: Vec<(Key, u32, u32)> = (0..history.versions())
            .filter(|&version| all.is(version, REMOVAL) && !all.is(version, REPLACED))
            .filter_map(|version| Some((all.key_of(version), all.writer_of(version)?, version)))
            .collect();
        let by_time = |&(key, txn, _): &(Key, u32, u32)| (key, asked(txn));
        removals.sort_unstable_by_key(by_time);
        self.created.sort_unstable_by_key(by_time);
        self.reads.sort_unstable_by_key(|read| read.key);
        let mut reads = &self.reads[..];
        let mut created = &self.created[..];
        let mut removals = &removals[..];
        while let Some(key) = first_key(reads, created) {
            let reads = take(&mut reads, key, |read| read.key);
            let created = take(&mut created, key, |made| made.0);
            removals = &removals[removals.partition_point(|gone| gone.0 < key)..];
            let removals = take(&mut removals, key, |gone| gone.0);
            one_key(all, key, reads, created, removals);
        }
    }
}

fn first_key(reads: &[Asked], created: &[(Key, u32, u32)]) -> Option<Key> {
    let both = reads.first().map(|read| read.key).into_iter().chain(created.first().map(|it| it.0));
    both.min()
}

/// Splits off the leading items of a key.
fn take<'s, T>(items: &mut &'s [T], key: Key, key_of: impl Fn(&T) -> Key) -> &'s [T] {
    let count = items.iter().take_while(|item| key_of(item) == key).count();
    let (taken, rest) = items.split_at(count);
    *items = rest;
    taken
}

fn one_key(
    all: &mut Resolved<'_>,
    key: Key,
    reads: &[Asked],
    created: &[(Key, u32, u32)],
    removals: &[(Key, u32, u32)],
) {
    let history = all.history;
    let first = Absence { version: all.first_absence(key), from: 0, until: NONE };
    let mut absences = vec![first];
    // From this stamp on it is unknown whether the key was removed.
    let mut unsure = NONE;
    for &(_, txn, version) in removals {
        let from = history.txn(txn).asked;
        if all.visible[txn as usize] {
            absences.push(Absence { version, from, until: NONE });
        } else if history.txn(txn).outcome == Outcome::Unknown {
            unsure = unsure.min(history.txn(txn).begin);
        }
    }
    let mut creators: Vec<(u32, u32)> = Vec::new();
    for &(_, txn, version) in created.iter().filter(|made| all.visible[made.1 as usize]) {
        let asked = history.txn(txn).asked;
        if asked >= unsure {
            continue;
        }
        let before = absences.partition_point(|absence| absence.from < asked) - 1;
        let absence = &mut absences[before];
        // With two creations over one absence, neither ends it for certain.
        absence.until = absence.until.min(history.over(txn));
        all.versions[version as usize].prev = absence.version;
        creators.push((txn, absence.version));
    }
    creators.sort_unstable();
    for &Asked { txn, at, by_scan, .. } in
        reads.iter().filter(|read| all.visible[read.txn as usize])
    {
        let record = history.txn(txn);
        if let Ok(own) = creators.binary_search_by_key(&txn, |creator| creator.0) {
            all.reads[at] = creators[own].1;
        } else if record.asked >= unsure {
            all.ambiguous += 1;
        } else {
            let begun = absences.partition_point(|absence| absence.from < record.asked);
            let mut fit = absences[..begun].iter().rev().filter(|it| it.until >= record.begin);
            // When none fits, the read is certainly stale, and the newest absence shows that best.
            let newest = fit.next().unwrap_or(&absences[begun - 1]);
            if fit.next().is_some() {
                all.ambiguous += 1;
            } else {
                all.reads[at] = newest.version | by_scan;
            }
        }
    }
}
