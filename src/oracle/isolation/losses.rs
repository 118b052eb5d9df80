//! What a loss may take, and what it took: the transactions and places that are judged apart. Verifies
//! nothing and does not judge.

use crate::{
    history::{Event, KeyText},
    oracle::{
        ledger::{Ledger, Record, Status},
        recovery::{self, Reopened, Streams},
    },
    workload::TxnId,
};
use std::collections::BTreeSet;

/// A place for values: a bucket, which of that name, and a key.
pub(super) type Place<'a> = (&'a str, u32, &'a KeyText);

/// What a loss may take, and took.
#[derive(Debug, Default)]
pub(super) struct Losses<'a> {
    /// Acknowledged transactions that no promise covers.
    pub(super) open: BTreeSet<TxnId>,
    /// Those of them that are lost, and others that a survivor saw.
    pub(super) lost: BTreeSet<TxnId>,
    /// Where those wrote that a survivor saw.
    pub(super) places: BTreeSet<Place<'a>>,
}

impl<'a> Losses<'a> {
    /// Takes what commits wrote that were answered with an error for lost.
    pub(super) fn leave_out_failed(&mut self, ledger: &Ledger<'a>) {
        for record in ledger.records.iter().filter(|record| record.failed) {
            self.leave_out(record);
        }
    }

    /// Leaves the places out at which a transaction wrote.
    fn leave_out(&mut self, record: &Record<'a>) {
        let wrote = record.writes.iter().map(|(key, _)| key);
        self.places.extend(wrote.map(|key| (record.bucket, record.incarnation, key)));
    }

    /// What the reopening shows that no promise covers; nothing where everything is promised, or
    /// where nothing that matters is not.
    pub(super) fn at(
        ledger: &Ledger<'a>,
        events: &[Event],
        states: &[Reopened],
        at: usize,
        streams: Streams,
    ) -> Option<Self> {
        let state = &states[at];
        let cutoff = recovery::cutoff(state.promise, &events[..state.events]);
        if cutoff == u64::MAX && streams == Streams::One {
            return None;
        }
        let (survived, lost) = recovery::fates(ledger, states, at, cutoff, streams);
        let here = || ledger.records.iter().filter(|record| record.segment == at);
        let promised =
            |record: &Record| matches!(record.status, Status::Acked(end) if end < cutoff);
        let mut this = Self::default();
        let unpromised = here().filter(|record| record.acked() && !promised(record));
        this.open.extend(unpromised.map(|record| record.id));
        this.lost.extend(this.open.intersection(&lost));
        if streams == Streams::Many {
            let is_settled = |record: &Record| promised(record) || survived.contains(&record.id);
            let mut seen: BTreeSet<TxnId> = BTreeSet::new();
            let mut todo: Vec<&Record<'a>> =
                here().filter(|record| !record.writes.is_empty() && is_settled(record)).collect();
            while let Some(survivor) = todo.pop() {
                let versions = survivor.reads.iter().flat_map(|(_, seen)| seen.versions());
                let new: BTreeSet<TxnId> =
                    versions.map(|version| version.txn).filter(|txn| seen.insert(*txn)).collect();
                // Who was seen, and is not known to be lost, counts as a survivor.
                let open = |record: &&Record| !is_settled(record) && !lost.contains(&record.id);
                todo.extend(here().filter(|record| new.contains(&record.id)).filter(open));
            }
            for hole in here().filter(|record| seen.contains(&record.id) && !promised(record)) {
                if lost.contains(&hole.id) {
                    this.lost.insert(hole.id);
                    this.leave_out(hole);
                }
            }
        }
        if this.open.is_empty() && this.lost.is_empty() {
            return None;
        }
        // Nobody who only read was promised that what he saw stays.
        let readers = here().filter(|record| record.acked() && record.writes.is_empty());
        this.open.extend(readers.map(|record| record.id));
        Some(this)
    }
}
