//! Conservation: money moves between accounts and none is made or lost.
//!
//! Verifies that every snapshot of all accounts, whether of a running engine or of a reopened one,
//! holds each account and the same total. One wrong snapshot of a whole bucket shows here even
//! where no single value is wrong.
//!
//! Does not verify which account is wrong, or an error that cancels out: a transfer that is lost
//! or repeated as a whole leaves the total alone. Durability and contents look for those.

use super::{OracleName, Violation};
use crate::{history::dump::Pairs, workload::value::decode_sum};
use serde::{Deserialize, Serialize};

/// The oracle's name.
pub const NAME: OracleName = OracleName::Conservation;

const PROMISE: &str = "a snapshot shows all of a transaction or nothing of it";

/// The accounts of one snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// When it was taken, in words.
    pub when: String,
    /// How many accounts it holds.
    pub accounts: u64,
    /// What they hold together, modulo 2^64.
    pub total: u64,
}

impl Total {
    /// Adds up the numbers under a prefix; a value that is no number is no account.
    pub fn of(when: impl Into<String>, pairs: &Pairs, prefix: &[u8]) -> Self {
        let accounts = pairs.iter().filter(|(key, _)| key.starts_with(prefix));
        let balances: Vec<u64> = accounts.filter_map(|(_, value)| decode_sum(value)).collect();
        let total = balances.iter().fold(0, |sum: u64, balance| sum.wrapping_add(*balance));
        Self { when: when.into(), accounts: balances.len() as u64, total }
    }
}

/// Judges snapshots against the number of accounts and their total.
pub(super) fn judge(accounts: u64, total: u64, seen: &[Total]) -> Vec<Violation> {
    let wrong = seen.iter().filter(|seen| (seen.accounts, seen.total) != (accounts, total));
    wrong
        .map(|Total { when, accounts: found, total: sum }| {
            let witness =
                format!("{when}: {found} accounts hold {sum}, not {accounts} holding {total}");
            Violation::new(NAME, PROMISE, witness)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bank(balances: &[u64]) -> Pairs {
        let keys = (0_u8..).map(|number| vec![b's', b'/', number]);
        keys.zip(balances.iter().map(|balance| balance.to_le_bytes().to_vec())).collect()
    }

    #[test]
    fn accepts_money_that_moved() {
        let seen = [&[10, 10], &[3, 17]].map(|state| Total::of("then", &bank(state), b"s/"));
        assert_eq!(judge(2, 20, &seen), []);
    }

    #[test]
    fn rejects_half_a_transfer_and_a_missing_account() {
        let seen = [Total::of("a", &bank(&[3, 10]), b"s/"), Total::of("b", &bank(&[20]), b"s/")];
        assert_eq!(judge(2, 20, &seen).len(), 2);
    }
}
