//! From what clients of a black box were answered to who depends on whom. What is inferred holds in every
//! execution that could have given these answers; what cannot be known is left open. Judges no level.
//!
//! Lists show the order of their elements. What was appended and never read came after all that was. Of
//! registers it is known that nothing was there first, and that a transaction which read a version replaced
//! it with the one that it wrote. Sources: Kingsbury and Alvaro, "Elle" (VLDB 2020).

use crate::{
    anomaly::{Anomaly, Edge, Evidence, Found, Why},
    history::{Key, Outcome, Version},
    jepsen::{Did, Kind, Recorded},
};
use std::collections::{BTreeMap, BTreeSet};

/// Dependencies, and what a read or two writes show without any.
#[derive(Debug, Default)]
pub(crate) struct Inferred {
    /// Whether each transaction took effect: an unknown one did when somebody saw some of its work.
    pub(crate) took_effect: Vec<bool>,
    pub(crate) edges: Vec<Edge>,
    pub(crate) found: Found,
}

/// What a key held before a transaction changed it, as it read it first.
#[derive(Debug)]
struct External {
    txn: u32,
    key: Key,
    held: Vec<Version>,
}

/// What a transaction knows of a key.
#[derive(Default)]
struct Known {
    /// What it has to read now; of a key that it has not read, the end of that.
    now: Vec<Version>,
    is_whole: bool,
}

/// The inference while it is made.
struct Inference<'r> {
    all: &'r Recorded,
    made: Inferred,
    externals: Vec<External>,
    /// The last version that each transaction wrote at each key.
    last: BTreeMap<(Key, u32), Version>,
    /// Versions that their own transactions replaced.
    replaced: BTreeSet<Version>,
}

impl Inferred {
    pub(crate) fn of(all: &Recorded) -> Self {
        let mut this = Inference {
            all,
            made: Self { took_effect: took_effect(all), ..Self::default() },
            externals: Vec::new(),
            last: BTreeMap::new(),
            replaced: BTreeSet::new(),
        };
        for txn in 0..all.did.len() as u32 {
            this.writes(txn);
        }
        for txn in 0..all.did.len() as u32 {
            this.transaction(txn);
        }
        match all.kind {
            Kind::Lists => this.lists(),
            Kind::Registers => this.registers(),
        }
        this.lost_updates();
        this.made
    }
}

fn took_effect(all: &Recorded) -> Vec<bool> {
    let txns = all.history.txns().iter();
    let mut took: Vec<bool> = txns.map(|txn| txn.outcome == Outcome::Committed).collect();
    for did in all.did.iter().flatten() {
        let Did::Read(_, held) = did else { continue };
        for writer in held.iter().filter_map(|version| all.names.writers[*version as usize]) {
            let txn = all.history.txn(writer);
            took[writer as usize] |= txn.outcome == Outcome::Unknown;
        }
    }
    took
}

impl Inference<'_> {
    fn writer(&self, version: Version) -> Option<u32> {
        let writer = self.all.names.writers[version as usize];
        writer.filter(|writer| self.made.took_effect[*writer as usize])
    }

    fn link(&mut self, from: Option<u32>, to: Option<u32>, proof: Edge) {
        if let (Some(from), Some(to)) = (from, to)
            && from != to
        {
            self.made.edges.push(Edge { from, to, ..proof });
        }
    }

    fn writes(&mut self, txn: u32) {
        for did in &self.all.did[txn as usize] {
            if let Did::Wrote(key, version) = did {
                self.replaced.extend(self.last.insert((*key, txn), *version));
            }
        }
    }

    /// What one transaction read from others, and whether its reads fit one another and could be read at all.
    fn transaction(&mut self, txn: u32) {
        let mut known: BTreeMap<Key, Known> = BTreeMap::new();
        for did in &self.all.did[txn as usize] {
            match did {
                Did::Wrote(key, version) => {
                    let known = known.entry(*key).or_default();
                    if self.all.kind == Kind::Registers {
                        known.now.clear();
                        known.is_whole = true;
                    }
                    known.now.push(*version);
                }
                Did::Read(key, held) => {
                    self.origins(txn, *key, held);
                    let known = known.entry(*key).or_default();
                    self.fits(txn, *key, known, held);
                    if !known.is_whole {
                        // Before it were its own appends, which may stand at the end.
                        let own = known.now.len().min(held.len());
                        let before = held[..held.len() - own].to_vec();
                        self.externals.push(External { txn, key: *key, held: before });
                    }
                    *known = Known { now: held.clone(), is_whole: true };
                }
            }
        }
    }

    fn fits(&mut self, txn: u32, key: Key, known: &Known, held: &[Version]) {
        let fits = if known.is_whole { held == known.now } else { held.ends_with(&known.now) };
        if !fits {
            let start = if known.is_whole { 0 } else { held.len().saturating_sub(known.now.len()) };
            let held = &held[start..];
            let at = known.now.iter().zip(held).take_while(|(one, other)| one == other).count();
            let first = known.now.get(at).copied();
            let then = held.get(at).copied();
            self.made.found.add(Anomaly::Internal, Evidence::Differs { txn, key, first, then });
        }
    }

    /// Whether somebody wrote what was read, whole, and did not drop it.
    fn origins(&mut self, txn: u32, key: Key, held: &[Version]) {
        let mut before = BTreeSet::new();
        for (at, &version) in held.iter().enumerate() {
            let writer = self.all.names.writers[version as usize];
            let dropped = |writer: u32| self.all.history.txn(writer).outcome == Outcome::Aborted;
            let is_last = at + 1 == held.len();
            let anomaly = match writer {
                _ if !before.insert(version) => Anomaly::NeverWritten,
                None => Anomaly::NeverWritten,
                Some(writer) if dropped(writer) => Anomaly::AbortedRead,
                Some(writer) if is_last && writer != txn && self.replaced.contains(&version) => {
                    Anomaly::IntermediateRead
                }
                Some(_) => continue,
            };
            self.made.found.add(anomaly, Evidence::Read { txn, key, version, writer });
        }
    }

    fn lists(&mut self) {
        let all = self.all;
        let mut longest: BTreeMap<Key, &[Version]> = BTreeMap::new();
        for did in all.did.iter().flatten() {
            let Did::Read(key, held) = did else { continue };
            let most = longest.entry(*key).or_insert(held);
            if held.len() > most.len() {
                *most = held;
            }
        }
        for (txn, dids) in (0..).zip(&all.did) {
            for did in dids {
                if let Did::Read(key, held) = did {
                    self.agrees(txn, *key, held, longest[key]);
                }
            }
        }
        let read: BTreeSet<Version> = longest.values().copied().flatten().copied().collect();
        let mut unread: BTreeMap<Key, Vec<Version>> = BTreeMap::new();
        for (txn, dids) in (0..).zip(&all.did) {
            for did in dids {
                let Did::Wrote(key, version) = did else { continue };
                longest.entry(*key).or_default();
                // Of those that one transaction appended, the first follows from what was read.
                let ends = unread.entry(*key).or_default();
                let is_first = ends.last().is_none_or(|other| self.writer(*other) != Some(txn));
                if self.writer(*version).is_some() && is_first && !read.contains(version) {
                    ends.push(*version);
                }
            }
        }
        let mut externals = std::mem::take(&mut self.externals);
        externals.sort_by_key(|read| read.key);
        for (key, order) in longest {
            let start = externals.partition_point(|read| read.key < key);
            let end = externals.partition_point(|read| read.key <= key);
            let ends = unread.get(&key).map_or(&[][..], Vec::as_slice);
            self.list(key, order, ends, &externals[start..end]);
        }
        self.externals = externals;
    }

    /// Of two reads of a list one begins with the other.
    fn agrees(&mut self, txn: u32, key: Key, held: &[Version], order: &[Version]) {
        let at = held.iter().zip(order).take_while(|(one, other)| one == other).count();
        if let Some(&version) = held.get(at) {
            let writer = self.all.names.writers[version as usize];
            let evidence = Evidence::Read { txn, key, version, writer };
            self.made.found.add(Anomaly::IncompatibleOrder, evidence);
        }
    }

    /// The dependencies that a list shows: its elements in order, and then those that nobody read.
    fn list(&mut self, key: Key, order: &[Version], ends: &[Version], reads: &[External]) {
        let places: BTreeMap<Version, usize> = order.iter().copied().zip(1..).collect();
        let after = |at: usize| order.get(at).map_or(ends, std::slice::from_ref);
        for (version, at) in order.iter().zip(1..) {
            for then in after(at) {
                let proof = proof(Why::Ww, key, Some(*version), Some(*then));
                self.link(self.writer(*version), self.writer(*then), proof);
            }
        }
        for External { txn, held, .. } in reads {
            let version = held.last().copied();
            let from = version.and_then(|version| self.writer(version));
            self.link(from, Some(*txn), proof(Why::Wr, key, version, None));
            let at = version.map_or(Some(0), |version| places.get(&version).copied());
            // A read that fits no order says nothing of what came after it.
            for then in at.into_iter().flat_map(after) {
                let proof = proof(Why::Rw, key, version, Some(*then));
                self.link(Some(*txn), self.writer(*then), proof);
            }
        }
    }

    fn registers(&mut self) {
        let externals = std::mem::take(&mut self.externals);
        let read: BTreeMap<(Key, u32), Option<Version>> =
            externals.iter().map(|it| ((it.key, it.txn), it.held.last().copied())).collect();
        // Of one that was written without a look it is known that it came after nothing.
        let mut replaced_by: BTreeMap<(Key, Option<Version>), Vec<Version>> = BTreeMap::new();
        for (at, version) in
            self.last.iter().filter(|(_, version)| self.writer(**version).is_some())
        {
            let before = read.get(at).copied().flatten();
            replaced_by.entry((at.0, before)).or_default().push(*version);
        }
        for External { txn, key, held } in &externals {
            let version = held.last().copied();
            let from = version.and_then(|version| self.writer(version));
            self.link(from, Some(*txn), proof(Why::Wr, *key, version, None));
            if let Some(own) = self.last.get(&(*key, *txn)).copied() {
                self.link(from, Some(*txn), proof(Why::Ww, *key, version, Some(own)));
            }
            for then in replaced_by.get(&(*key, version)).into_iter().flatten() {
                let proof = proof(Why::Rw, *key, version, Some(*then));
                self.link(Some(*txn), self.writer(*then), proof);
            }
        }
        self.externals = externals;
    }

    /// Two transactions that read one version and both wrote over it.
    fn lost_updates(&mut self) {
        let mut first: BTreeMap<(Key, Option<Version>), (u32, Version)> = BTreeMap::new();
        for External { txn, key, held } in &self.externals {
            let Some(&own) = self.last.get(&(*key, *txn)) else { continue };
            let version = held.last().copied();
            let (other, theirs) = *first.entry((*key, version)).or_insert((*txn, own));
            if other == *txn {
                continue;
            }
            let edge =
                |from, to, then| Edge { from, to, ..proof(Why::Rw, *key, version, Some(then)) };
            let cycle = vec![edge(other, *txn, own), edge(*txn, other, theirs)];
            self.made.found.add(Anomaly::LostUpdate, Evidence::Cycle(cycle));
        }
    }
}

/// An edge whose ends are not known yet.
fn proof(why: Why, key: Key, version: Option<Version>, then: Option<Version>) -> Edge {
    Edge { from: 0, to: 0, why, key: Some(key), version, then, scan: false }
}
