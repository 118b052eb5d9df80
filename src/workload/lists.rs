//! Transactions over lists that are read and written back one element longer, and over sets that
//! are added to by merging: what a checker of isolation can read a whole order of versions off. Pure
//! generation.

use super::{
    elements::{list_key, set_key},
    plan::{Access, Op, TxnPlan},
};
use crate::settings::Rng;
use serde::{Deserialize, Serialize};

/// Random transactions over lists and sets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lists {
    /// How many lists, and how many sets.
    pub keys: u64,
    /// Which of them are taken how often.
    pub access: Access,
    /// Operations of a transaction, at the most; at least two, so that write skew can occur.
    pub ops: u64,
    /// Weights of reading a list, appending to one, reading a set, adding to one.
    pub weights: [u64; 4],
    /// Per cent of the transactions that are dropped instead of committed.
    pub abort_pct: u64,
}

impl Lists {
    /// Lists and sets alike.
    pub const fn of(keys: u64) -> Self {
        let access = Access::Uniform;
        Self { keys, access, ops: 4, weights: [30, 25, 25, 20], abort_pct: 10 }
    }

    /// Draws the next transaction.
    pub fn next(&self, rng: &mut Rng) -> TxnPlan {
        let count = rng.between(2, self.ops);
        let ops = (0..count).map(|_| self.op(rng)).collect();
        TxnPlan { ops, commits: !rng.percent(self.abort_pct) }
    }

    fn op(&self, rng: &mut Rng) -> Op {
        let number = self.access.number(self.keys, rng);
        match rng.weighted(&self.weights) {
            0 => Op::Read(list_key(number)),
            1 => Op::Append(list_key(number)),
            2 => Op::Read(set_key(number)),
            _ => Op::Include(set_key(number)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Seed;

    #[test]
    fn lists_and_sets_are_read_and_written() {
        let mut rng = Seed::new(1).rng();
        let plans: Vec<TxnPlan> = (0..50).map(|_| Lists::of(4).next(&mut rng)).collect();
        let ops = || plans.iter().flat_map(|plan| &plan.ops);
        let reads = |prefix: &[u8]| {
            ops().filter(|op| matches!(op, Op::Read(key) if key.starts_with(prefix))).count()
        };
        assert!(reads(b"l/") > 0 && reads(b"u/") > 0);
        assert!(ops().any(|op| matches!(op, Op::Append(_))));
        assert!(ops().any(|op| matches!(op, Op::Include(_))));
        assert!(plans.iter().any(|plan| !plan.commits));
    }
}
