//! A bank: accounts that are opened once, and clients that move money between them. The total
//! never changes, so that every snapshot can be checked on its own. Pure generation.

use crate::{
    settings::{FindingId, Rng, excludes},
    workload::plan::{Op, SUM_PREFIX, TxnPlan},
};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What every account's key starts with; other merged numbers of a bucket do not.
pub const ACCOUNTS: &[u8] = b"s/account/";

/// Accounts and what moves between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bank {
    /// How many accounts there are: at least two, or four where some transfers are merged.
    pub accounts: u64,
    /// What each of them holds at first.
    pub opening: u64,
    /// Transfers of a transaction, at the most.
    pub moves: u64,
    /// Per cent of the transfers that are merged, which may overdraw an account; the others read
    /// both balances and write them back.
    pub merged_pct: u64,
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
        let ops = (0..moves).flat_map(|_| {
            let merges = rng.percent(self.merged_pct);
            let between = self.accounts_of(merges);
            let count = between.end - between.start;
            let first = rng.below(count);
            // Any other account: a transfer to oneself would write the second balance only.
            let second = (first + rng.between(1, count - 1)) % count;
            let from = Self::account(between.start + first);
            let to = Self::account(between.start + second);
            let amount = rng.between(1, self.opening);
            if merges {
                vec![Op::Add(from, amount.wrapping_neg()), Op::Add(to, amount)]
            } else {
                vec![Op::Move { from, to, amount }]
            }
        });
        let ops = ops.collect();
        TxnPlan { ops, commits: !rng.percent(10) }
    }

    /// The accounts of merged transfers, or of the others: all of them, unless a plain write may
    /// overwrite a merge (known finding `merge-admission-sees-only-the-newest-version`).
    fn accounts_of(&self, merges: bool) -> Range<u64> {
        let mixed = !excludes(FindingId::MERGE_ADMISSION_SEES_ONLY_THE_NEWEST_VERSION);
        match (self.merged_pct == 0 || mixed, merges) {
            (true, _) => 0..self.accounts,
            (false, true) => 0..self.accounts / 2,
            (false, false) => self.accounts / 2..self.accounts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Seed;

    fn drawn(bank: Bank) -> Vec<Op> {
        let mut rng = Seed::new(1).rng();
        (0..100).flat_map(|_| bank.next(&mut rng).ops).collect()
    }

    #[test]
    fn a_transfer_is_between_two_accounts() {
        for op in drawn(Bank { accounts: 2, opening: 10, moves: 3, merged_pct: 0 }) {
            let Op::Move { from, to, amount } = op else { panic!("nothing is to be merged") };
            assert_ne!(from, to);
            assert!((1..=10).contains(&amount));
        }
    }

    #[test]
    fn merged_transfers_add_up_to_nothing() {
        let ops = drawn(Bank { accounts: 6, opening: 10, moves: 3, merged_pct: 50 });
        let added = |op: &Op| if let Op::Add(_, number) = op { Some(*number) } else { None };
        let merged: Vec<u64> = ops.iter().filter_map(added).collect();
        assert!(merged.len() > 100 && ops.len() > merged.len() + 50, "{} merged", merged.len());
        assert_eq!(merged.iter().fold(0, |sum: u64, number| sum.wrapping_add(*number)), 0);
    }
}
