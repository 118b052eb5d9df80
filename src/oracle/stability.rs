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
    Violation,
    recovered::{Flaw, Recovered},
    recovery::broken,
};

/// The oracle's name.
pub const NAME: &str = "stability";

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
