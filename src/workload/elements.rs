//! Values that are made of elements: lists that are read and written back longer, and sets that are
//! added to by merging. Each element says who wrote it and at which key, so that every byte counts.
//! Pure generation.
//!
//! Layout of an element: client 2 | seq 4 | op 2 | xxh3 of these and the key 8.

use super::version::{TxnId, Version};
use crate::engine::{SET_ELEMENT, SET_PREFIX};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The prefix of keys that hold lists.
pub const LIST_PREFIX: &[u8] = b"l/";

/// The length of an element, in bytes.
pub const ELEMENT: usize = SET_ELEMENT;

/// The key of the list with this number.
pub fn list_key(number: u64) -> Vec<u8> {
    [LIST_PREFIX, format!("{number:04}").as_bytes()].concat()
}

/// The key of the set with this number.
pub fn set_key(number: u64) -> Vec<u8> {
    [SET_PREFIX, format!("{number:04}").as_bytes()].concat()
}

/// Whether the key holds a list.
pub fn is_list(key: &[u8]) -> bool {
    key.starts_with(LIST_PREFIX)
}

/// Whether the key holds a set.
pub fn is_set(key: &[u8]) -> bool {
    key.starts_with(SET_PREFIX)
}

/// The version that a transaction's write number `op` adds to a list or to a set.
pub const fn version(txn: TxnId, op: u16) -> Version {
    Version { txn, op, len: ELEMENT as u32 }
}

/// The bytes of these elements at `key`.
pub fn encode(key: &[u8], elements: &[Version]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(elements.len() * ELEMENT);
    for element in elements {
        let start = bytes.len();
        bytes.extend(element.txn.client.to_le_bytes());
        bytes.extend(element.txn.seq.to_le_bytes());
        bytes.extend(element.op.to_le_bytes());
        let check = xxh3_64_with_seed(&bytes[start..], xxh3_64(key));
        bytes.extend(check.to_le_bytes());
    }
    bytes
}

/// The elements that these stored bytes are made of, when every byte of them is right for this key.
pub fn decode(key: &[u8], bytes: &[u8]) -> Option<Vec<Version>> {
    let elements: Vec<Version> = bytes
        .chunks_exact(ELEMENT)
        .map(|at| {
            let client = u16::from_le_bytes([at[0], at[1]]);
            let seq = u32::from_le_bytes([at[2], at[3], at[4], at[5]]);
            version(TxnId { client, seq }, u16::from_le_bytes([at[6], at[7]]))
        })
        .collect();
    (!elements.is_empty() && encode(key, &elements) == bytes).then_some(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_prove_their_origin_and_each_byte_counts() {
        let txn = TxnId { client: 3, seq: 70_000 };
        let elements = [version(txn, 0), version(txn, 9)];
        let key = list_key(1);
        let bytes = encode(&key, &elements);
        assert_eq!(decode(&key, &bytes), Some(elements.to_vec()));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(decode(&key, &damaged), None, "byte {at}");
        }
        for wrong in [&bytes[..bytes.len() - 1], &[]] {
            assert_eq!(decode(&key, wrong), None);
        }
        assert_eq!(decode(&set_key(1), &bytes), None);
    }
}
