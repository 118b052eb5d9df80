//! Stability: what one reopening showed, the next one shows too.
//!
//! Verifies that a key which no transaction since the last reopening explains holds what it held
//! then, byte for byte; so the outcome of an interrupted commit, once a reopening has shown it,
//! never changes, and two reopenings without work in between show equal states.
//!
//! Does not verify:
//! - what happens between two readings of one open database: that is `scan.rs` and `reads.rs`;
//! - keys that were written since: atomicity and contents compare them with what was written.

use super::{
    OracleName, Violation,
    recovered::{Flaw, Recovered},
    terms::broken,
};

/// The oracle's name.
pub const NAME: OracleName = OracleName::Stability;

const PROMISE: &str = "what a reopening showed stays, until work changes it";

/// Judges one bucket at one reopening.
pub fn judge(recovered: &Recovered) -> Vec<Violation> {
    let idle = recovered.work.is_empty() && recovered.terms.segment > 0;
    let changed = recovered.differences.iter().filter_map(|difference| {
        let key = &difference.key.0;
        let witness = match &difference.flaw {
            Flaw::Changed(how) => format!("{key} changed since the last reopening: {how}"),
            flaw if idle => format!("{key} changed without any work: {flaw:?}"),
            _ => return None,
        };
        Some(broken(NAME, PROMISE, &recovered.terms, &witness))
    });
    changed.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::history_builder::{Script, W, found, raised};

    fn one_unknown() -> Script {
        Script::new().txn("b", 0, &[("a", W::Set)]).unknown("b", 1, &[("a", W::Set)])
    }

    #[test]
    fn accepts_a_stable_outcome_and_new_work() {
        let script = one_unknown();
        for kept in [script.clone(), script.clone().took_effect(1)] {
            let first = found(&script, kept.state("b"));
            let second = found(&script, kept.state("b"));
            let more = kept.clone().txn("b", 1, &[("a", W::Set)]);
            let third = found(&more, more.state("b"));
            assert_eq!(raised(&more, &[first, second, third]), [NAME; 0]);
        }
    }

    #[test]
    fn rejects_an_outcome_that_flips_either_way() {
        let script = one_unknown();
        let without = script.state("b");
        let with = script.clone().took_effect(1).state("b");
        for (first, second) in [(&without, &with), (&with, &without)] {
            let states = [first, second].map(|state| found(&script, state.clone()));
            // The version and its client's marker.
            assert_eq!(raised(&script, &states), [NAME, NAME]);
        }
    }

    #[test]
    fn rejects_a_key_that_changes_beside_work_on_others() {
        let script = Script::new().txn("b", 0, &[("a", W::Set), ("s/1", W::Add(3))]);
        let first = found(&script, script.state("b"));
        let script = script.txn("b", 1, &[("c", W::Set)]);
        let mut state = script.state("b");
        state.remove(b"a".as_slice());
        state.remove(b"s/1".as_slice());
        assert_eq!(raised(&script, &[first, found(&script, state)]), [NAME, NAME]);
    }
}
