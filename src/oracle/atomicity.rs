//! Atomicity: each transaction is there as a whole or not at all.
//!
//! Verifies, at each reopening and key by key: every write of a survivor that no later survivor
//! replaced is there, and no write of a transaction that did not survive is. The expected value
//! of every key is exact, so a single missing operand of a merge counts.
//!
//! Does not verify:
//! - writes that a later survivor replaced: they leave no trace;
//! - a transaction of which everything that could still be seen is missing: it counts as lost, and
//!   durability and order speak of it;
//! - numbers to which too many transactions of open fate may have added ([`UNDECIDED`]): they are
//!   counted;
//! - what readers see while the engine runs: that is `reads.rs`.

use super::{
    OracleName, Violation,
    recovered::{Flaw, Recovered},
    terms::broken,
};
use crate::workload::TxnId;
use std::collections::BTreeMap;

/// The oracle's name.
pub const NAME: OracleName = OracleName::Atomicity;

/// Why a number was not judged.
pub const UNDECIDED: &str =
    "not judged: more commits with open outcome may have added to this number than can be tried";

const PROMISE: &str = "a transaction is whole or absent";

/// Judges one bucket at one reopening: one violation for each torn transaction.
pub fn judge(recovered: &Recovered) -> Vec<Violation> {
    let mut torn: BTreeMap<TxnId, String> = BTreeMap::new();
    for difference in &recovered.differences {
        let key = &difference.key.0;
        let (id, witness) = match &difference.flaw {
            Flaw::Missing(id) => {
                let shown = recovered.shown.get(id);
                let shown = shown.map_or_else(
                    || "its client's marker shows it".to_owned(),
                    |shown| format!("{} shows it", shown.0),
                );
                (*id, format!("{id} is torn: {shown}, {key} does not"))
            }
            Flaw::HalfThere(id) => {
                let how = recovered.lost.get(id).map_or("it did not survive", String::as_str);
                (*id, format!("{id} is torn: {key} shows it, and {how}"))
            }
            Flaw::Short(ids) => {
                let names: Vec<String> = ids.iter().map(TxnId::to_string).collect();
                (ids[0], format!("{key} lacks an operand of one of {}", names.join(", ")))
            }
            _ => continue,
        };
        torn.entry(id).or_insert(witness);
    }
    torn.values().map(|witness| broken(NAME, PROMISE, &recovered.terms, witness)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::{
        history_builder::{Script, W, found, raised, value},
        recovery::{self, Expect, Streams},
    };

    #[test]
    fn accepts_an_unknown_commit_whole_or_absent() {
        let writes = [("a", W::Del), ("s/1", W::Add(5)), ("c", W::Set)];
        let script = Script::new().txn("b", 0, &[("a", W::Set)]).unknown("b", 0, &writes);
        // A failed commit of which the client's later work leaves no trace.
        let script = script.txn("b", 0, &[("d", W::Set)]);
        assert_eq!(raised(&script, &[found(&script, script.state("b"))]), [NAME; 0]);
        let whole = Script::new().txn("b", 0, &[("a", W::Set)]).txn("b", 0, &writes);
        let whole = whole.txn("b", 0, &[("d", W::Set)]);
        assert_eq!(raised(&script, &[found(&script, whole.state("b"))]), [NAME; 0]);
    }

    #[test]
    fn rejects_each_half() {
        let script = Script::new().txn("b", 0, &[("x", W::Set), ("s/1", W::Add(7))]);
        let writes = [("a", W::Set), ("x", W::Del), ("s/1", W::Add(5)), ("c", W::Set)];
        let script = script.txn("b", 0, &writes);
        for lacking in ["a", "c", "\0m0000"] {
            let mut state = script.state("b");
            state.remove(lacking.as_bytes());
            assert!(raised(&script, &[found(&script, state)]).contains(&NAME), "{lacking:?}");
        }
        let mut state = script.state("b");
        state.insert(b"x".to_vec(), value("x", 0, 1, 0));
        assert_eq!(raised(&script, &[found(&script, state)]), [NAME]);
        let mut state = script.state("b");
        state.insert(b"s/1".to_vec(), 7_u64.to_le_bytes().to_vec());
        assert_eq!(raised(&script, &[found(&script, state)]), [NAME]);
    }

    #[test]
    fn rejects_half_of_an_unknown_commit() {
        let script = Script::new().unknown("b", 0, &[("a", W::Set), ("c", W::Set)]);
        let mut state = script.clone().took_effect(0).state("b");
        state.remove(b"c".as_slice());
        assert_eq!(raised(&script, &[found(&script, state.clone())]), [NAME]);
        state.retain(|key, _| key == b"a");
        assert_eq!(raised(&script, &[found(&script, state)]), [NAME]);
    }

    #[test]
    fn commits_beside_failed_ones_are_whole_or_absent() {
        let two = [("a", W::Set), ("c", W::Set)];
        let apart = |script: &Script, state| -> Vec<OracleName> {
            let expect = Expect { streams: Streams::One };
            let states = [found(script, state)];
            let judged = recovery::apart_from_failed(&script.history(), &states, expect);
            judged.violations.iter().map(|violation| violation.oracle).collect()
        };
        let failed = Script::new().failed("b", 0, &two);
        let mut half = failed.clone().took_effect(0).state("b");
        half.remove(b"c".as_slice());
        assert_eq!(apart(&failed, half.clone()), [NAME; 0]);
        let acknowledged = Script::new().txn("b", 0, &two);
        assert_eq!(apart(&acknowledged, half), [NAME]);
        // What a later one wrote is not missing because the failed one came back over it.
        let over = Script::new().failed("b", 0, &two).txn("b", 1, &[("a", W::Set)]);
        let mut state = over.state("b");
        state.insert(b"a".to_vec(), value("a", 0, 1, 0));
        assert_eq!(apart(&over, state), [NAME]);
    }
}
