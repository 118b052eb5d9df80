//! Scans: what a scan meets is what the snapshot holds.
//!
//! Verifies that scans of a reopened state in both directions and point reads of every key agree,
//! in ascending order and without duplicates (a dump collects the disagreements); and that the
//! answer to one scan holds exactly the snapshot's pairs of that set of keys, in that order and up
//! to that limit.
//!
//! Does not verify:
//! - that the snapshot itself is right: a scan and a point read that are wrong in the same way
//!   agree, and atomicity and contents compare the values with the history;
//! - scans inside of transactions with writes of their own: the client that makes them checks them
//!   on the spot (`history/clients/scan.rs`), because only it knows its own writes.

use super::{OracleName, Violation};
use crate::{
    engine::{Order, Scan},
    history::{
        KeyText,
        dump::{Dump, Pairs},
    },
};
use std::collections::VecDeque;

/// The oracle's name.
pub const NAME: OracleName = OracleName::Scan;

const PROMISE: &str = "scans and point reads of one snapshot agree, in order, without duplicates";

/// The disagreements of a dump.
pub fn dumped(dump: &Dump) -> Vec<Violation> {
    dump.disagreements.iter().map(|sentence| Violation::new(NAME, PROMISE, sentence)).collect()
}

/// Compares the answer to a scan with the pairs of its snapshot.
pub fn answer(snapshot: &Pairs, scan: &Scan, answer: &[(Vec<u8>, Vec<u8>)]) -> Option<Violation> {
    let expected = expected(snapshot, scan);
    if expected.iter().copied().eq(answer.iter().map(|(key, value)| (key, value))) {
        return None;
    }
    let right = expected
        .iter()
        .zip(answer)
        .take_while(|((key, value), got)| (*key, *value) == (&got.0, &got.1));
    let at = right.count();
    let name = |key: Option<&Vec<u8>>| key.map_or("the end".to_owned(), |key| KeyText::new(key).0);
    let witness = format!(
        "{scan:?}: pair {at} of {} is {}, it should be {} of {}",
        answer.len(),
        name(answer.get(at).map(|(key, _)| key)),
        name(expected.get(at).map(|(key, _)| *key)),
        expected.len()
    );
    Some(Violation::new(NAME, PROMISE, witness))
}

fn expected<'a>(snapshot: &'a Pairs, scan: &Scan) -> Vec<(&'a Vec<u8>, &'a Vec<u8>)> {
    let mut pairs: VecDeque<_> =
        snapshot.iter().filter(|(key, _)| scan.keys.contains(key)).collect();
    let count = pairs.len().min(scan.limit);
    let from_front = |turn: usize| match scan.order {
        Order::Forward => true,
        Order::Backward => false,
        Order::Alternating => turn.is_multiple_of(2),
    };
    let take = |turn| if from_front(turn) { pairs.pop_front() } else { pairs.pop_back() };
    (0..count).filter_map(take).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Keys;

    fn snapshot() -> Pairs {
        [b"a", b"b", b"c", b"d"].into_iter().map(|key| (key.to_vec(), key.to_vec())).collect()
    }

    fn pairs(keys: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        keys.bytes().map(|key| (vec![key], vec![key])).collect()
    }

    #[test]
    fn accepts_each_order_and_its_limit() {
        let scan = Scan::all();
        assert_eq!(answer(&snapshot(), &scan, &pairs("abcd")), None);
        assert_eq!(answer(&snapshot(), &scan.clone().order(Order::Backward), &pairs("dcba")), None);
        let both_ends = Scan { keys: Keys::All, order: Order::Alternating, limit: 3 };
        assert_eq!(answer(&snapshot(), &both_ends, &pairs("adb")), None);
    }

    #[test]
    fn rejects_a_skip_a_repetition_and_a_stranger() {
        for wrong in ["abd", "abbcd", "bacd", "abcde", ""] {
            assert!(answer(&snapshot(), &Scan::all(), &pairs(wrong)).is_some(), "{wrong}");
        }
    }

    #[test]
    fn rejects_a_dump_whose_ways_of_reading_disagree() {
        let disagreements = vec!["b: 3 pairs forward, 2 backward".to_owned()];
        let dump = Dump { disagreements, ..Dump::default() };
        assert_eq!(dumped(&dump).len(), 1);
        assert_eq!(dumped(&Dump::default()), []);
    }
}
