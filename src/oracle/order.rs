//! Order: what survives is closed under what came before it, per bucket; no hole.
//!
//! Verifies, for each transaction that verifiably did not survive: no survivor is a later one of
//! the same client, read what it wrote, overwrote what it wrote, or began after it had returned.
//! A lost transaction counts when it was acknowledged, or when a survivor read it: only then is it
//! known to have happened before.
//!
//! Does not verify:
//! - order between buckets: the engine has no transaction that spans them;
//! - holes of interrupted commits that nobody read: a failed commit may leave no trace;
//! - order between two merges of one key: they commute, the state cannot tell;
//! - with several log streams, holes of work that no promise covers: they are counted under the
//!   engine's own sentence instead. The engine spreads one client's transactions over all groups,
//!   so a hole within a client is allowed by the same sentence.

use super::{
    OracleName, Violation,
    ledger::{Effect, Record},
    recovered::Recovered,
    reopened::Streams,
    terms::broken,
};
use crate::{history::KeyText, workload::TxnId};
use std::collections::HashMap;

/// The oracle's name.
pub const NAME: OracleName = OracleName::Order;

/// The documentation of the option `sync_on_write` in mace-kv 0.2.0.
pub const NO_ORDER_BETWEEN_GROUPS: &str = "Disabled, each logical group appends to its own stream \
     and a commit only reaches the page cache, so a crash can lose recently committed transactions";

const PROMISE: &str = "what survives a crash is a prefix of what happened";

/// Judges one bucket at one reopening; the number counts holes that are allowed.
pub fn judge(recovered: &Recovered) -> (Vec<Violation>, u64) {
    let terms = &recovered.terms;
    let after = After::new(recovered);
    let mut holes = Vec::new();
    let mut allowed = 0;
    for lost in recovered.work.iter().filter(|record| recovered.lost.contains_key(&record.id)) {
        let Some((survivor, how)) = after.came(lost) else { continue };
        match terms.streams {
            Streams::One => {
                let witness = format!("{} is lost and {survivor} survives, which {how}", lost.id);
                holes.push(broken(NAME, PROMISE, terms, &witness));
            }
            // Durability speaks of it.
            Streams::Many if terms.promised(lost) => {}
            Streams::Many => allowed += 1,
        }
    }
    (holes, allowed)
}

/// For each way of coming after, the survivor that came last in it.
#[derive(Default)]
struct After<'a> {
    of_client: HashMap<u16, TxnId>,
    readers: HashMap<TxnId, TxnId>,
    writers: HashMap<&'a KeyText, (u64, TxnId)>,
    last_begun: Option<(u64, TxnId)>,
}

impl<'a> After<'a> {
    fn new(recovered: &Recovered<'a>) -> Self {
        let mut after = Self::default();
        let survived = |record: &&&'a Record<'a>| recovered.survivors.contains(&record.id);
        for record in recovered.work.iter().filter(survived) {
            let id = record.id;
            let newest = after.of_client.entry(id.client).or_insert(id);
            *newest = id.max(*newest);
            for (_, seen) in record.reads {
                if let Some(version) = seen.version() {
                    after.readers.insert(version.txn, id);
                }
            }
            let commit = record.commit.unwrap_or_default();
            for (key, effect) in record.effects() {
                if !matches!(effect, Effect::Add(_)) {
                    after.writers.insert(key, (commit, id));
                }
            }
            after.last_begun = after.last_begun.max(Some((record.begin, id)));
        }
        after
    }

    /// A survivor that came after the lost transaction, and how so.
    fn came(&self, lost: &Record) -> Option<(TxnId, String)> {
        if let Some(reader) = self.readers.get(&lost.id) {
            return Some((*reader, "read what it wrote".to_owned()));
        }
        if !lost.acked() {
            return None;
        }
        if let Some(later) = self.of_client.get(&lost.id.client).filter(|id| id.seq > lost.id.seq) {
            return Some((*later, "is a later one of the same client".to_owned()));
        }
        let commit = lost.commit.unwrap_or_default();
        for (key, effect) in lost.effects() {
            let writer = self.writers.get(key).filter(|(stamp, _)| *stamp > commit);
            if let (Some((_, id)), false) = (writer, matches!(effect, Effect::Add(_))) {
                return Some((*id, format!("overwrote {}", key.0)));
            }
        }
        let (begun, id) = self.last_begun?;
        (begun > lost.end()).then(|| (id, "began after it had returned".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::{
        durability,
        history_builder::{Script, W, found, raised, raised_after_power_loss, saw},
    };

    /// Two clients; the second one read what the first one wrote.
    fn chained() -> Script {
        Script::new().txn("b", 0, &[("a", W::Set)]).reading(&[saw("a", 0, 1, 0)]).txn(
            "b",
            1,
            &[("c", W::Set)],
        )
    }

    #[test]
    fn accepts_each_prefix() {
        let script = Script::new().begin("b", 0).commit(0, &[("a", W::Set)]);
        let script = script.begin("b", 1).commit(1, &[("c", W::Set)]);
        for state in [script.clone(), script.clone().took_effect(0), script.clone().took_effect(1)]
        {
            assert_eq!(raised(&script, &[found(&script, state.state("b"))]), [NAME; 0]);
        }
    }

    #[test]
    fn rejects_a_reader_that_outlives_what_it_read() {
        let script = chained();
        let mut state = script.state("b");
        state.retain(|key, _| key == b"c" || key == b"\0m0001");
        assert_eq!(raised(&script, &[found(&script, state.clone())]), [durability::NAME, NAME]);
        let unknown = Script::new().unknown("b", 0, &[("a", W::Set)]).reading(&[saw("a", 0, 1, 0)]);
        let unknown = unknown.txn("b", 1, &[("c", W::Set)]);
        assert_eq!(raised(&unknown, &[found(&unknown, state)]), [NAME]);
    }

    #[test]
    fn rejects_a_hole_in_a_client() {
        let script = Script::new().txn("b", 0, &[("a", W::Set)]).txn("b", 0, &[("c", W::Set)]);
        let mut state = script.state("b");
        state.remove(b"a".as_slice());
        assert_eq!(raised(&script, &[found(&script, state)]), [durability::NAME, NAME]);
    }

    #[test]
    fn counts_a_hole_between_logs_that_no_barrier_covers() {
        let script = chained();
        let mut state = script.state("b");
        state.retain(|key, _| key == b"c" || key == b"\0m0001");
        assert_eq!(raised_after_power_loss(&script, state), (vec![], vec![1]));
    }
}
