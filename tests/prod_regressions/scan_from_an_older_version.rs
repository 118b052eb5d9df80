//! Cause: what changed in a page since it was folded is kept in a tree whose entries are sorted by key, and
//! within a key by version, the newest first. A leaf of 64 entries is split in the middle. The separator is the
//! first entry of the right half, with its version. `Cursor::seek_to_key` (`src/utils/imtree.rs`) looks for the
//! beginning of a scan by the key alone, and where a separator has that key it goes to the right of it. Newer
//! versions of the key are on the left.
//!
//! Sequence:
//! 1. Open a database with default options.
//! 2. Write a hundred keys, and update each of them once. The page is folded after 256 changes only, so its
//!    tree has leaves to split.
//! 3. In one view, read each key, and scan from each key.
//!
//! Symptom: a scan that begins at a key which is a separator returns the value that the update replaced, or a
//! key that was deleted. A read of the key in the same view returns the new value. It stays so until the page
//! is folded.
//!
//! Broken promise: "every read of a key resolves exactly the snapshot-visible value"
//! (`protocol.snapshot_candidate_traversal_complete`): what a view sees of a key does not depend on the kind of
//! read.
//!
//! Ruled out: the snapshot and the stored values. In the same view, a scan over all keys, and a scan that
//! begins between two keys, return the new value of each key. With a `consolidate_threshold` below 64 no leaf
//! is split, and nothing shows.

use mace_prod::{
    engine::{Driver, Keys, Order, Preset, Read, Scan, mace::MaceDriver},
    regression,
    scenario::claims::store,
};
use std::ops::Bound::{Included, Unbounded};

const KEYS: u64 = 100;

fn key(number: u64) -> Vec<u8> {
    format!("{number:04}").into_bytes()
}

/// What a scan that begins at `from` meets, in key order.
fn met(view: &dyn Read, from: Vec<u8>, order: Order) -> Vec<(Vec<u8>, Vec<u8>)> {
    let keys = Keys::Range(Included(from), Unbounded);
    let mut pairs = view.scan(&Scan { keys, order, limit: usize::MAX }).expect("a healthy bucket");
    pairs.sort_unstable();
    pairs
}

regression!(SCAN_FROM_AN_OLDER_VERSION: a_scan_meets_what_a_read_does, |finding| {
    let options = Preset::Defaults.engine();
    let engine = MaceDriver.open(&finding.dir("db"), &options).expect("a fresh database opens");
    let bucket = engine.create_bucket("a", &Preset::Defaults.bucket()).expect("a fresh bucket");
    for value in ["old", "new"] {
        (0..KEYS).for_each(|number| {
            store(bucket.as_ref(), &key(number), value.as_bytes()).expect("a healthy bucket");
        });
    }
    let view = bucket.view().expect("a healthy bucket");
    let mut stale = Vec::new();
    for number in 0..KEYS {
        let before = number.checked_sub(1).map_or_else(Vec::new, |last| [&key(last)[..], b"-"].concat());
        let new: Vec<_> = (number..KEYS).map(|number| (key(number), b"new".to_vec())).collect();
        let mut old = new.clone();
        old[0].1 = b"old".to_vec();
        let control = met(view.as_ref(), before, Order::Forward) == new;
        finding.expects(control && view.get(&key(number)) == Ok(b"new".to_vec()), &number)?;
        for order in [Order::Forward, Order::Backward] {
            let met = met(view.as_ref(), key(number), order);
            let promise = "a scan from a key meets its newest value";
            finding.keeps(met == new || met == old, promise, &met)?;
            if met == old {
                stale.push(number);
            }
        }
    }
    finding.came_to("a scan that begins at an updated key", KEYS);
    finding.shows(!stale.is_empty())
});
