//! Cause: a scan in descending order that has no upper bound looks for its first leaf from the lower bound on
//! (`find_leaf_for_next_back`, `src/index/tree.rs`): it finds the leaf of the lower bound by the tree, and goes
//! from sibling to sibling until there is no further one. Each of these leaves is read.
//!
//! Sequence:
//! 1. Store 6,400 pairs in pages of at most 64, and write a checkpoint.
//! 2. Open the database again, and ask for the greatest key by a scan in descending order with an upper bound.
//! 3. Open it again, and ask for the same by one without an upper bound.
//!
//! Symptom: the scan without an upper bound reads more than ten times as many bytes from files as the other one, and the more
//! the larger the bucket is. With ten million pairs that are cached it takes 10 ms where a read takes 4 µs.
//!
//! Broken promise: none of the documentation in words. An ordered store is expected to find the end of a range by its
//! tree, in either direction; the same engine does so for a scan in ascending order, and where there is an upper bound.
//!
//! Ruled out: reading as such. The scan with an upper bound returns the same pair of the same files.

use mace_prod::{
    engine::{Bucket, Driver, Keys, Merge, Order, Outcome, Preset, Scan, mace::MaceDriver},
    history::counters,
    regression,
};
use std::ops::Bound;

/// A hundred leaves, at the least.
const KEYS: u32 = 6400;

fn key(number: u32) -> Vec<u8> {
    format!("{number:010}").into_bytes()
}

fn fill(bucket: &dyn Bucket) -> Outcome<()> {
    for first in (0..KEYS).step_by(100) {
        let txn = bucket.begin()?;
        (first..first + 100).try_for_each(|number| txn.put(&key(number), &[7; 40]))?;
        txn.commit()?;
    }
    Ok(())
}

regression!(LAST_KEY_READS_EVERY_LEAF: the_last_key_is_found_by_the_tree, |finding| {
    let options = Preset::Deep.engine();
    let dir = finding.dir("db");
    let open = || MaceDriver.open(&dir, &options).expect("a sound database opens");
    let engine = open();
    let bucket = engine.create_bucket("a", &Preset::Deep.bucket()).expect("a fresh bucket");
    let filled = fill(bucket.as_ref());
    finding.expects(filled == Ok(()), &filled)?;
    bucket.checkpoint_and_wait();
    drop((bucket, engine));
    // The pairs of a scan in descending order by a database that has read nothing yet, and the bytes it reads.
    let last = |keys| {
        let engine = open();
        let bucket = engine.open_bucket("a", Merge::None).expect("it is there");
        let view = bucket.view().expect("a healthy bucket");
        let before = counters::thread_bytes_read();
        let pairs = view.scan(&Scan { keys, order: Order::Backward, limit: 1 });
        let bytes = counters::thread_bytes_read().zip(before).map(|(after, before)| after - before);
        (pairs.map(|pairs| pairs.into_iter().map(|(key, _)| key).collect::<Vec<_>>()), bytes)
    };
    let (bounded, few) = last(Keys::Range(Bound::Unbounded, Bound::Included(key(KEYS))));
    let (unbounded, many) = last(Keys::All);
    let right = Ok(vec![key(KEYS - 1)]);
    finding.expects(bounded == right && unbounded == right, &(bounded, unbounded))?;
    finding.needs(few.is_some(), "the system does not count the bytes that a thread reads")?;
    finding.shows(many > few.map(|few| 10 * few))?;
    let promise = "the end of a range is found by the tree";
    finding.keeps(many <= few.map(|few| 2 * few), promise, &(few, many))?;
    finding.came_to("a scan without an upper bound", 1);
    Ok(())
});
