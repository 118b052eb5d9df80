//! Contents: nothing is found that nobody put there for good.
//!
//! Verifies, at each reopening, that every value is, to the last byte, the last write of a
//! transaction that asked to commit, at the key it was written to, in this bucket and not in a
//! deleted one of the same name; and that every number is a sum of operands that were committed,
//! each counted once.
//!
//! Does not verify:
//! - a removal by a dropped transaction when a survivor's write is also missing there: one of the
//!   two is named, whichever the history explains better;
//! - which operands a number is made of, when several sets add up to it;
//! - free space, deleted versions, or anything that no read returns: the engine's own checker
//!   looks there.

use super::{
    Violation,
    recovered::{Flaw, Recovered},
    recovery::broken,
};

/// The oracle's name.
pub const NAME: &str = "contents";

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
