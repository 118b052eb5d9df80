//! Sets, whose additions commute: the order of versions is unknown and not needed. Snapshots are
//! ordered, so the sets read at one key form a chain by inclusion. Each step of the chain is a
//! position. An element belongs to the first position that holds it.
//!
//! Two nodes for each position keep the graph linear. Work that a position holds comes before the
//! position and before all who read it or a later one. A reader of a position comes before all work
//! of later positions.

use super::tables::{ELEMENT, NONE, Resolved, SetRead};
use crate::{
    anomaly::{Anomaly, Edge, Evidence, Found, Why},
    history::{Key, Outcome},
};

/// The positions of all sets, one key after the other.
#[derive(Debug, Default)]
pub(crate) struct SetNodes {
    /// Whether a position is the last of its key.
    pub(crate) last: Vec<bool>,
    /// Pairs of a position and a transaction that read it.
    pub(crate) readers: Vec<(u32, u32)>,
    /// Pairs of a position and a transaction that added an element which this position holds first.
    pub(crate) writers: Vec<(u32, u32)>,
}

impl SetNodes {
    /// Orders the sets that were read and reports pairs of which neither includes the other.
    pub(crate) fn new(all: &Resolved<'_>, found: &mut Found) -> Self {
        let mut this = Self::default();
        let mut reads: Vec<(Key, usize, SetRead<'_>)> = all
            .sets
            .iter()
            .filter(|read| all.visible[read.txn as usize])
            .map(|read| (read.key, foreign(all, *read).count(), *read))
            .collect();
        reads.sort_by_key(|&(key, size, _)| (key, size));
        let mut seen =
            vec![false; if reads.is_empty() { 0 } else { all.history.versions() as usize }];
        let mut first_of = Vec::new();
        for reads in reads.chunk_by(|one, other| one.0 == other.0) {
            first_of.push((reads[0].0, this.last.len() as u32));
            this.one_key(all, reads, &mut seen, found);
        }
        this.unseen(all, &seen, &first_of);
        this.readers.sort_unstable();
        this.writers.sort_unstable();
        this
    }

    /// How many positions there are.
    pub(crate) fn len(&self) -> u32 {
        self.last.len() as u32
    }

    fn position(&mut self) -> u32 {
        self.last.push(false);
        self.len() - 1
    }

    fn one_key(
        &mut self,
        all: &Resolved<'_>,
        reads: &[(Key, usize, SetRead<'_>)],
        seen: &mut [bool],
        found: &mut Found,
    ) {
        let mut last: Option<(SetRead<'_>, u32)> = None;
        for &(_, _, read) in reads {
            if let Some((before, at)) = last {
                if let Some(missing) = lacking(all, read, before) {
                    found.add(Anomaly::LongFork, fork(all, before, read, missing));
                    continue;
                }
                if foreign(all, before).count() == foreign(all, read).count() {
                    self.readers.push((at, read.txn));
                    continue;
                }
            }
            let at = self.position();
            for element in foreign(all, read) {
                let new = seen
                    .get_mut(element as usize)
                    .is_none_or(|seen| !std::mem::replace(seen, true));
                if new && all.may_hold(read, element, found) {
                    self.writers.extend(all.writer_of(element).map(|writer| (at, writer)));
                }
            }
            self.readers.push((at, read.txn));
            last = Some((read, at));
        }
        // Elements that no read holds come after all elements that some read holds.
        self.position();
        *self.last.last_mut().expect("there is one") = true;
    }

    /// Elements that took effect and that no read of their set holds.
    fn unseen(&mut self, all: &Resolved<'_>, seen: &[bool], first_of: &[(Key, u32)]) {
        for (element, seen) in (0..).zip(seen) {
            let Some(writer) = all.writer_of(element) else { continue };
            let counts = all.is(element, ELEMENT) && !seen;
            if !counts || !all.visible[writer as usize] {
                continue;
            }
            let key = all.key_of(element);
            let Ok(at) = first_of.binary_search_by_key(&key, |first| first.0) else { continue };
            let end = first_of.get(at + 1).map_or(self.len(), |next| next.1);
            self.writers.push((end - 1, writer));
        }
    }
}

impl Resolved<'_> {
    /// Checks the origin of an element that was read.
    fn may_hold(&self, read: SetRead<'_>, version: u32, found: &mut Found) -> bool {
        let key = read.key;
        let txn = read.txn;
        let writer = self.writer_of(version).filter(|_| self.is_at(version, key));
        let wrong = match writer.map(|writer| self.history.txn(writer).outcome) {
            None => Anomaly::NeverWritten,
            Some(Outcome::Aborted | Outcome::Conflicted) => Anomaly::AbortedRead,
            Some(Outcome::Committed | Outcome::Unknown) => return true,
        };
        found.add(wrong, Evidence::Read { txn, key, version, writer });
        false
    }
}

/// The elements of a read that its own transaction did not add.
fn foreign<'a>(all: &'a Resolved<'_>, read: SetRead<'a>) -> impl Iterator<Item = u32> + 'a {
    let own = move |element: u32| all.writer_of(element) == Some(read.txn);
    read.elements.iter().copied().filter(move |&element| !own(element))
}

/// An element of the smaller set that the larger one lacks.
fn lacking(all: &Resolved<'_>, larger: SetRead<'_>, smaller: SetRead<'_>) -> Option<u32> {
    let mut theirs = larger.elements.iter().copied().peekable();
    foreign(all, smaller).find(|&element| {
        while theirs.next_if(|&other| other < element).is_some() {}
        theirs.peek() != Some(&element)
    })
}

/// Two reads of which neither includes the other, as the cycle that they form.
fn fork(all: &Resolved<'_>, one: SetRead<'_>, other: SetRead<'_>, only_one: u32) -> Evidence {
    let only_other = lacking(all, one, other).unwrap_or(NONE);
    let edge = |from, to, why, version| Edge {
        from,
        to,
        why,
        key: Some(one.key),
        version,
        then: None,
        scan: false,
    };
    let first = all.writer_of(only_one);
    let second = all.writer_of(only_other);
    let (Some(first), Some(second)) = (first, second) else {
        let txn = other.txn;
        let key = other.key;
        let version = only_other.min(only_one);
        return Evidence::Read { txn, key, version, writer: None };
    };
    Evidence::Cycle(vec![
        edge(first, one.txn, Why::Wr, Some(only_one)),
        Edge { then: Some(only_other), ..edge(one.txn, second, Why::Rw, None) },
        edge(second, other.txn, Why::Wr, Some(only_other)),
        Edge { then: Some(only_one), ..edge(other.txn, first, Why::Rw, None) },
    ])
}
