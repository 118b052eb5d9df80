//! Contents: nothing is found that nobody put there for good.
//!
//! Verifies, at each reopening, that every value is, to the last byte, the last write of a
//! transaction that asked to commit, at the key it was written to, in this bucket and not in a
//! deleted one of the same name; and that every number is a sum of operands that were committed,
//! each counted once.
//!
//! Does not verify:
//! - whether a dropped transaction's removal took effect or a survivor's write is missing, where
//!   both look the same: atomicity and this oracle then both speak;
//! - which operands a number is made of, when several sets add up to it;
//! - free space, deleted versions, or anything that no read returns: the engine's own checker
//!   looks there.

use super::{
    OracleName, Violation,
    recovered::{Flaw, Recovered},
    terms::broken,
};

/// The oracle's name.
pub const NAME: OracleName = OracleName::Contents;

const WRITTEN: &str = "a value that is read was written, at this key, in full";
const ABORTED: &str = "aborted versions are never visible";
const FINAL: &str = "a commit publishes a transaction's last writes";
const FORMER: &str = "a bucket's name is reusable at once with a fresh id";
const ONCE: &str = "each committed merge operand counts once";

/// Judges one bucket at one reopening.
pub fn judge(recovered: &Recovered) -> Vec<Violation> {
    let found = recovered.differences.iter().filter_map(|difference| {
        let key = &difference.key.0;
        let (promise, witness) = match &difference.flaw {
            Flaw::Aborted(id) => (ABORTED, format!("{key} shows {id}, which was dropped")),
            Flaw::NotFinal(version) => {
                (FINAL, format!("{key} is {version}, which its own transaction replaced"))
            }
            Flaw::Former(version) => {
                (FORMER, format!("{key} is {version}, of a deleted bucket of that name"))
            }
            Flaw::NeverWritten(version) => {
                (WRITTEN, format!("{key} is {version}, which was never written to it"))
            }
            Flaw::Garbage(text) => (WRITTEN, format!("{key} is {text}")),
            Flaw::Twice(id) => (ONCE, format!("{key} has the operand of {id} twice")),
            Flaw::Off(found, expected) => {
                (ONCE, format!("{key} is {found}, its operands make {expected}"))
            }
            Flaw::Missing(_) | Flaw::Short(_) | Flaw::HalfThere(_) | Flaw::Changed(_) => {
                return None;
            }
        };
        Some(broken(NAME, promise, &recovered.terms, &witness))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        history::BucketChange,
        oracle::history_builder::{Script, W, found, raised, value},
    };

    /// The oracles that speak up when key `a`, or the number, holds this.
    fn with(script: &Script, key: &str, bytes: Vec<u8>) -> Vec<OracleName> {
        let mut state = script.state("b");
        state.insert(key.as_bytes().to_vec(), bytes);
        raised(script, &[found(script, state)])
    }

    #[test]
    fn rejects_what_nobody_wrote_there_for_good() {
        let script = Script::new()
            .txn("b", 0, &[("a", W::Set), ("a", W::Set), ("c", W::Set)])
            .aborted("b", 1, &[("a", W::Set)]);
        let whole = value("a", 0, 1, 1);
        assert_eq!(with(&script, "a", whole.clone()), [NAME; 0]);
        let wrong = [
            ("not the last write", value("a", 0, 1, 0)),
            ("dropped", value("a", 1, 1, 0)),
            ("of another key", value("c", 0, 1, 2)),
            ("of nobody", value("a", 9, 9, 0)),
            ("of a write that it did not make", value("a", 0, 1, 2)),
            ("cut short", whole[..whole.len() - 1].to_vec()),
            ("empty", Vec::new()),
        ];
        for (what, bytes) in wrong {
            assert_eq!(with(&script, "a", bytes), [NAME], "{what}");
        }
    }

    #[test]
    fn rejects_an_operand_counted_twice_or_dropped() {
        let script = Script::new().txn("b", 0, &[("s/1", W::Add(5))]).aborted(
            "b",
            1,
            &[("s/1", W::Add(70))],
        );
        let number = |number: u64| with(&script, "s/1", number.to_le_bytes().to_vec());
        assert_eq!(number(5), [NAME; 0]);
        for wrong in [10, 75, 6] {
            assert_eq!(number(wrong), [NAME], "{wrong}");
        }
        assert_eq!(with(&script, "s/1", vec![5]), [NAME]);
    }

    #[test]
    fn rejects_data_of_a_deleted_bucket_in_its_successor() {
        let script = Script::new().txn("b", 0, &[("a", W::Set)]).deleted("b");
        let script = script.changed("b", BucketChange::Created).txn("b", 0, &[("c", W::Set)]);
        assert_eq!(raised(&script, &[found(&script, script.state("b"))]), [NAME; 0]);
        assert_eq!(with(&script, "a", value("a", 0, 1, 0)), [NAME]);
    }

    #[test]
    fn rejects_a_removal_by_a_dropped_transaction() {
        let script = Script::new().txn("b", 0, &[("a", W::Set)]).aborted("b", 1, &[("a", W::Del)]);
        let mut state = script.state("b");
        state.remove(b"a".as_slice());
        // Or the write is missing, which looks the same.
        assert_eq!(raised(&script, &[found(&script, state)]), [OracleName::Atomicity, NAME]);
    }
}
