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
    Violation,
    recovered::{Flaw, Recovered},
    recovery::broken,
};
use crate::workload::TxnId;
use std::collections::BTreeMap;

/// The oracle's name.
pub const NAME: &str = "atomicity";

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
