//! Cause: a packed key consists of its length as a variable-length number, its version (12 bytes) and its
//! bytes. `Key::encode_to`, `LeafSeg::encode_to` and `IntlKey::encode_to` (`src/types/data.rs`) compute the
//! size of that number for the *packed* length, number included. `packed_size` computes it for the length
//! without the number. Where the two sizes differ by a byte, the key does not fit into the room that was made
//! for it.
//!
//! Sequence:
//! 1. Open a new database.
//! 2. Write a key of 115, 16,370 or 16,371 bytes. Or write many keys of 125 bytes whose first ten bytes are the
//!    same, so that a page strips these; or many keys of 127 bytes, so that a page splits between them.
//!
//! Symptom: a panic: `copy_from_slice: source slice length (115) does not match destination slice length
//! (114)`. A single key panics in the client's call that writes it. Many keys panic at a later write of any
//! other key, when pages are folded and split.
//!
//! Broken promise: keys up to 64 KiB packed are legal. A longer key is refused, and no key makes a call panic.
//!
//! Ruled out: long keys as such. Keys of 114, 116, 128 and 16,372 bytes are written, and so are keys of 124
//! bytes that have ten bytes in common.

use mace_prod::{
    engine::{Driver, Preset, mace::MaceDriver},
    regression,
    scenario::regression::Regression,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

const TAKEN: &str = "no legal key makes a call panic";

regression!(KEY_OF_115_BYTES: every_length_of_key_can_be_written, |finding| {
    let controls = [114, 116, 16_372].map(|len| one_key(finding, len));
    let common = [many_keys(finding, 10, 124), many_keys(finding, 0, 128)];
    let others = [&controls[..], &common].concat();
    finding.keeps(!others.contains(&false), TAKEN, &others)?;
    let alone = [115, 16_370, 16_371].map(|len| one_key(finding, len));
    // Folded after ten bytes in common were stripped, and divided.
    let common = [many_keys(finding, 10, 125), many_keys(finding, 0, 127)];
    let fine = [&alone[..], &common].concat();
    finding.answers(&fine, &vec![false; 5], &vec![true; 5], TAKEN)
});

/// Whether one key of this length can be written and read.
fn one_key(finding: &Regression<'_>, len: usize) -> bool {
    let key = vec![b'k'; len];
    survives(finding, &format!("one-{len}"), std::slice::from_ref(&key))
}

/// Whether some hundred keys of this length, alike in their first bytes, can be.
fn many_keys(finding: &Regression<'_>, common: usize, len: usize) -> bool {
    let keys: Vec<Vec<u8>> = (0..400_u64)
        .map(|number| {
            let mut key = vec![b'p'; common];
            key.extend(number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
            key.resize(len, b'x');
            key
        })
        .collect();
    survives(finding, &format!("many-{common}-{len}"), &keys)
}

fn survives(finding: &Regression<'_>, name: &str, keys: &[Vec<u8>]) -> bool {
    let engine = MaceDriver.open(&finding.dir(name), &Preset::Relaxed.engine());
    let engine = engine.expect("a fresh database opens");
    let bucket = engine.create_bucket("b", &Preset::Relaxed.bucket()).expect("a fresh bucket");
    let ended = catch_unwind(AssertUnwindSafe(|| {
        for key in keys {
            let txn = bucket.begin().expect("a transaction begins");
            txn.put(key, b"value").expect("a legal key is taken");
            txn.commit().expect("a commit on a healthy disk");
        }
        let view = bucket.view().expect("a view opens");
        assert!(keys.iter().all(|key| view.get(key).is_ok()), "what was committed is there");
    }));
    if ended.is_err() {
        // An engine that panicked in the middle of a write cannot be closed: its locks are held.
        std::mem::forget((bucket, engine));
    }
    ended.is_ok()
}
