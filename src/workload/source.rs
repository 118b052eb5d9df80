//! Where a client's plans come from: one name for each kind of work. Draws nothing itself.

use super::{
    bank::Bank,
    lists::Lists,
    plan::{Mix, Sweep},
};
use serde::{Deserialize, Serialize};

/// Where a client's plans come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Source {
    /// Random transactions.
    Mix(Mix),
    /// One pass over a range of keys.
    Sweep(Sweep),
    /// The one transaction that opens a bank's accounts.
    Opening(Bank),
    /// Random transfers between a bank's accounts.
    Bank(Bank),
    /// Random transactions over lists and sets.
    Lists(Lists),
}
