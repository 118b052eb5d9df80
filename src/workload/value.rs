//! Values that say who wrote them. A value is made from (key, transaction, operation, length)
//! alone, so that a single stored value proves its origin and every byte of it can be checked.
//!
//! Layout: magic 4 | client 2 | seq 4 | op 2 | key hash 8 | length 4 | padding | xxh3 8.

use super::{
    elements,
    version::{TxnId, Version},
};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

const MAGIC: [u8; 4] = *b"mpv1";
const HEADER: usize = 24;

/// The smallest value that can carry its origin, in bytes.
pub const MIN_VALUE: usize = HEADER + 8;

/// The key in which a client notes its newest transaction, one in each bucket. Every transaction
/// that is to commit writes it last, so the recovered state itself tells which of the client's
/// transactions took effect.
pub fn marker_key(client: u16) -> Vec<u8> {
    format!("\0m{client:04}").into_bytes()
}

/// The client whose marker this key is.
pub fn marker_client(key: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(key.strip_prefix(b"\0m")?).ok()?;
    let client = digits.parse().ok()?;
    (marker_key(client) == key).then_some(client)
}

/// The number in the stored bytes of a sum; see [`super::plan::SUM_PREFIX`].
pub fn decode_sum(bytes: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.try_into().ok()?))
}

impl Version {
    /// The bytes stored for this version at `key`.
    pub fn encode(&self, key: &[u8]) -> Vec<u8> {
        let len = (self.len as usize).max(MIN_VALUE);
        let mut bytes = Vec::with_capacity(len);
        bytes.extend(MAGIC);
        bytes.extend(self.txn.client.to_le_bytes());
        bytes.extend(self.txn.seq.to_le_bytes());
        bytes.extend(self.op.to_le_bytes());
        bytes.extend(xxh3_64(key).to_le_bytes());
        bytes.extend((len as u32).to_le_bytes());
        let mut word = xxh3_64_with_seed(&bytes, 1);
        while bytes.len() < len - 8 {
            // Half of the padding repeats, so that compression has something to do.
            let block = if bytes.len() % 128 < 64 { word.to_le_bytes() } else { [b'.'; 8] };
            let room = len - 8 - bytes.len();
            bytes.extend(&block[..room.min(8)]);
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        }
        bytes.extend(xxh3_64(&bytes).to_le_bytes());
        bytes
    }

    /// The version that these stored bytes are, when every byte of them is right for this key; of a
    /// list the last element.
    pub fn decode(key: &[u8], bytes: &[u8]) -> Option<Self> {
        if elements::is_list(key) {
            return elements::decode(key, bytes)?.pop();
        }
        if bytes.len() < MIN_VALUE || bytes[..4] != MAGIC {
            return None;
        }
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"));
        let version = Self {
            txn: TxnId { client: u16_at(4), seq: u32_at(6) },
            op: u16_at(10),
            len: u32_at(20),
        };
        (version.len as usize == bytes.len() && version.encode(key) == bytes).then_some(version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: Version = Version { txn: TxnId { client: 3, seq: 77 }, op: 1, len: 300 };

    #[test]
    fn a_value_proves_its_origin_and_each_byte_counts() {
        let bytes = VERSION.encode(b"key");
        assert_eq!(bytes.len(), 300);
        assert_eq!(Version::decode(b"key", &bytes), Some(VERSION));
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert_eq!(Version::decode(b"key", &damaged), None, "byte {at}");
        }
    }

    #[test]
    fn a_marker_names_its_client() {
        for client in [0, 7, 9999, u16::MAX] {
            assert_eq!(marker_client(&marker_key(client)), Some(client));
        }
        assert_eq!(marker_client(b"\0m7"), None);
        assert_eq!(marker_client(b"a"), None);
    }

    #[test]
    fn a_value_at_another_key_or_cut_short_is_no_value() {
        let bytes = VERSION.encode(b"key");
        assert_eq!(Version::decode(b"other", &bytes), None);
        assert_eq!(Version::decode(b"key", &bytes[..299]), None);
        assert_eq!(Version::decode(b"key", b""), None);
    }
}
