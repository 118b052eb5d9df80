//! The keys of an aging database by their numbers, and what the expectation's words mean at them: one in
//! sixteen of a client's keys is a sum that merges add to, the others hold values that prove their origin.

use crate::{
    history::expected::{CLIENTS, Entry},
    settings::{FindingId, excludes},
    workload::{
        TxnId, Version,
        plan::{SUM_PREFIX, key},
        value::{MIN_VALUE, decode_sum, marker_key},
    },
};
use std::ops::Bound;

/// One in so many of a client's keys is a sum.
const SUM_EVERY: u64 = 16;

/// The client that writes a key.
pub(super) fn owner(number: u64) -> u16 {
    (number % u64::from(CLIENTS)) as u16
}

/// Whether a key is a sum.
pub(super) fn is_sum(number: u64) -> bool {
    number / u64::from(CLIENTS) % SUM_EVERY == SUM_EVERY - 1
}

/// A key's bytes.
pub(super) fn name(number: u64) -> Vec<u8> {
    if is_sum(number) {
        [SUM_PREFIX, format!("{number:08}").as_bytes()].concat()
    } else {
        key(number)
    }
}

/// The number of a key, where it is one of an aging database's.
pub(super) fn number(name: &[u8]) -> Option<u64> {
    let digits = name.strip_prefix(SUM_PREFIX).or_else(|| name.strip_prefix(b"k/"))?;
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (self::name(number) == name).then_some(number)
}

/// The bounds of all values between two numbers, and those of all sums.
pub(super) fn bounds(low: u64, high: u64) -> [[Vec<u8>; 2]; 2] {
    let sum = |number: u64| [SUM_PREFIX, format!("{number:08}").as_bytes()].concat();
    [[key(low), key(high)], [sum(low), sum(high)]]
}

/// Where a scan begins that is to meet this name and none before it: in front of it where one that begins at
/// it may meet an older version (`scan-from-an-older-version`).
pub(super) fn beginning(mut name: Vec<u8>) -> Bound<Vec<u8>> {
    if !excludes(FindingId::SCAN_FROM_AN_OLDER_VERSION) {
        return Bound::Included(name);
    }
    // Names end in a digit, and no name has what comes before the digits.
    let last = name.last_mut().expect("no name is empty");
    *last = last.checked_sub(1).expect("a digit");
    name.push(u8::MAX);
    Bound::Excluded(name)
}

/// What a transaction's write of a value leaves.
pub(super) fn written(version: Version) -> Entry {
    Entry::new(version.txn.seq, u32::from(version.op) << 16 | version.len)
}

/// What a transaction leaves that makes a sum this.
pub(super) fn summed(seq: u32, sum: u32) -> Entry {
    Entry::new(seq, sum + 1)
}

/// The sum that an entry stands for.
pub(super) fn sum(entry: Entry) -> u32 {
    entry.what().saturating_sub(1)
}

/// The version that an entry of a value stands for; `None` for one that is not there.
pub(super) fn version(number: u64, entry: Entry) -> Option<Version> {
    let txn = TxnId { client: owner(number), seq: entry.seq() };
    let what = entry.what();
    (what != 0).then_some(Version { txn, op: (what >> 16) as u16, len: what & 0xFFFF })
}

/// Whether the bytes at a key are what an entry says.
pub(super) fn is_right(number: u64, name: &[u8], entry: Entry, found: Option<&[u8]>) -> bool {
    if entry.what() == 0 {
        return found.is_none();
    }
    let Some(found) = found else { return false };
    if is_sum(number) {
        return found == u64::from(sum(entry)).to_le_bytes();
    }
    let version = version(number, entry).expect("it is there");
    version.len as usize == found.len() && version.encode(name) == found
}

/// What the bytes at a key say themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There are none.
    Nothing,
    /// A value of the key's own client.
    Value(Version),
    /// A sum, which does not say who made it.
    Sum(u64),
    /// Bytes that nobody wrote at this key.
    Nonsense,
}

/// Reads the bytes at a key.
pub(super) fn found(number: u64, name: &[u8], bytes: Option<&[u8]>) -> Found {
    let Some(bytes) = bytes else { return Found::Nothing };
    if is_sum(number) {
        return decode_sum(bytes).map_or(Found::Nonsense, Found::Sum);
    }
    let version = Version::decode(name, bytes);
    version
        .filter(|version| version.txn.client == owner(number))
        .map_or(Found::Nonsense, Found::Value)
}

/// The client's marker, when this is its newest transaction.
pub(super) fn marker(client: u16, seq: u32) -> Vec<u8> {
    let txn = TxnId { client, seq };
    Version { txn, op: 0, len: MIN_VALUE as u32 }.encode(&marker_key(client))
}

/// How an entry reads in a witness.
pub(super) fn say(number: u64, entry: Entry) -> String {
    let who = format!("T{}.{}", owner(number), entry.seq());
    match (is_sum(number), entry.what()) {
        (_, 0) if entry.seq() == 0 => "nothing".to_owned(),
        (_, 0) => format!("nothing, deleted by {who}"),
        (true, _) => format!("the sum {} of {who}", sum(entry)),
        (false, what) => format!("{} bytes of {who}", what & 0xFFFF),
    }
}

/// Bytes of a key with what an entry says it holds; none where that is nothing.
pub(super) fn bytes(number: u64, entry: Entry) -> u64 {
    match (is_sum(number), entry.what()) {
        (_, 0) => 0,
        (true, _) => 10 + 8,
        (false, what) => 10 + u64::from(what & 0xFFFF),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_begins_right_in_front_of_its_first_key() {
        for number in [1, 9, 10, 700, 999_999] {
            let (Bound::Included(from) | Bound::Excluded(from)) = beginning(key(number)) else {
                panic!("it begins somewhere");
            };
            assert!(from > key(number - 1) && from <= key(number), "{number}");
        }
    }
}
