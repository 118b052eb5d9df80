//! A bank: accounts that are opened once, and clients that move money between them. The total
//! never changes, so that every snapshot can be checked on its own. Pure generation.

use crate::{
    settings::Rng,
    workload::plan::{Op, SUM_PREFIX, TxnPlan},
};
use serde::{Deserialize, Serialize};

/// What every account's key starts with; other merged numbers of a bucket do not.
pub const ACCOUNTS: &[u8] = b"s/account/";

/// Accounts and what moves between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bank {
    /// How many accounts there are, at least two.
    pub accounts: u64,
    /// What each of them holds at first.
    pub opening: u64,
    /// Transfers of a transaction, at the most.
    pub moves: u64,
}

impl Bank {
    /// The key of the account with this number.
    pub fn account(number: u64) -> Vec<u8> {
        debug_assert!(ACCOUNTS.starts_with(SUM_PREFIX), "accounts are merged numbers");
        [ACCOUNTS, format!("{number:04}").as_bytes()].concat()
    }

    /// What all accounts hold together, at any time.
    pub const fn total(&self) -> u64 {
        self.accounts * self.opening
    }

    /// The one transaction that opens all accounts.
    pub fn opening(&self) -> TxnPlan {
        let ops = (0..self.accounts).map(|number| Op::Add(Self::account(number), self.opening));
        TxnPlan { ops: ops.collect(), commits: true }
    }

    /// Draws the next transaction. One in ten is dropped at its end.
    pub fn next(&self, rng: &mut Rng) -> TxnPlan {
        let moves = rng.between(1, self.moves);
        let ops = (0..moves).map(|_| {
            let from = rng.below(self.accounts);
            // Any other account: a transfer to oneself would write the second balance only.
            let to = (from + rng.between(1, self.accounts - 1)) % self.accounts;
            let amount = rng.between(1, self.opening);
            Op::Move { from: Self::account(from), to: Self::account(to), amount }
        });
        let ops = ops.collect();
        TxnPlan { ops, commits: !rng.percent(10) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Seed;

    #[test]
    fn a_transfer_is_between_two_accounts() {
        let bank = Bank { accounts: 2, opening: 10, moves: 3 };
        let mut rng = Seed::new(1).rng();
        for _ in 0..100 {
            for op in bank.next(&mut rng).ops {
                let Op::Move { from, to, amount } = op else { panic!("a bank only moves money") };
                assert_ne!(from, to);
                assert!((1..=10).contains(&amount));
            }
        }
    }
}
