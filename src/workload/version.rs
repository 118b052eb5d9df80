//! Who wrote what: transactions and the versions they write. Names only; `value.rs` and `elements.rs`
//! have their bytes.

use serde::{Deserialize, Serialize};

/// A transaction attempt: the client's number and its count of attempts so far, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TxnId {
    /// The client.
    pub client: u16,
    /// Its attempt, from 1; grows over crashes and reopenings.
    pub seq: u32,
}

impl std::fmt::Display for TxnId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "T{}.{}", self.client, self.seq)
    }
}

/// One written version of one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version {
    /// Who wrote it.
    pub txn: TxnId,
    /// Which write of the transaction, from 0.
    pub op: u16,
    /// Length of the stored value in bytes, at least [`MIN_VALUE`](super::value::MIN_VALUE).
    pub len: u32,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.txn, self.op)
    }
}
