//! Pairs of great length, beyond those of the random client: each is kept in one piece, in memory, in
//! files and over a reopening, and one over the documented limit is refused.
//!
//! What it does not verify, and why: the last bytes below the limit (a pair of a gigabyte takes two of
//! memory, which not every machine has); a crash while such a pair is written (`scenario::chaos` crashes with short ones).

use crate::{
    engine::{Driver, Engine, EngineError, Merge, Outcome, Preset, Reason, model::MAX_PAIR_BYTES},
    history::OracleName,
    oracle::{
        Violation,
        promise::{After, promises},
    },
    scenario::Case,
    verdict::Verdict,
};

/// The promise in one sentence.
const KEPT: &str = "a pair is kept in one piece, whatever its documented length";

const BUCKET: &str = "a";

/// Stores values of these lengths and reads them again: from memory, after a checkpoint, and after a
/// reopening.
pub fn are_kept(case: &mut Case, driver: &dyn Driver, preset: Preset, lens: &[usize]) -> Verdict {
    case.figures.tries(promises([OracleName::Contract], After::Work));
    let found = kept(case, driver, preset, lens);
    let found = found.unwrap_or_else(|denial| vec![broken(format!("it was denied: {denial}"))]);
    Verdict::from_violations(found)
}

fn kept(
    case: &Case,
    driver: &dyn Driver,
    preset: Preset,
    lens: &[usize],
) -> Outcome<Vec<Violation>> {
    let open = || driver.open(&case.dir().join("db"), &preset.engine());
    let mut found = Vec::new();
    let mut engine = open()?;
    let bucket = engine.create_bucket(BUCKET, &preset.bucket())?;
    for len in lens {
        let txn = bucket.begin()?;
        txn.put(&key(*len), &placed(*len))?;
        txn.commit()?;
    }
    // Others take more than mace-kv, and more than machines have memory for.
    if driver.capabilities().held_buckets {
        let txn = bucket.begin()?;
        // Nobody reads it, so that it costs no memory where zeros do not.
        let answer = txn.put(b"k", &vec![0; MAX_PAIR_BYTES]);
        if answer != Err(EngineError::Refused(Reason::TooLarge)) {
            let len = MAX_PAIR_BYTES + 1;
            found.push(broken(format!("a pair of {len} bytes is answered {answer:?}")));
        }
    }
    drop(bucket);
    found.extend(missing(engine.as_ref(), lens, "in memory")?);
    engine.open_bucket(BUCKET, Merge::None)?.checkpoint_and_wait();
    found.extend(missing(engine.as_ref(), lens, "after a checkpoint")?);
    drop(engine);
    engine = open()?;
    found.extend(missing(engine.as_ref(), lens, "after a reopening")?);
    Ok(found)
}

/// What is not there as it was written.
fn missing(engine: &dyn Engine, lens: &[usize], when: &str) -> Outcome<Vec<Violation>> {
    let bucket = engine.open_bucket(BUCKET, Merge::None)?;
    let view = bucket.view()?;
    let mut found = Vec::new();
    for len in lens {
        let seen = match view.get(&key(*len)) {
            Ok(value) if value == placed(*len) => continue,
            Ok(value) => format!("{} bytes, {}", value.len(), first_difference(&value, *len)),
            Err(denial) => denial.to_string(),
        };
        found.push(broken(format!("{when}, instead of a value of {len} bytes: {seen}")));
    }
    Ok(found)
}

fn broken(witness: String) -> Violation {
    Violation::new(OracleName::Contract, KEPT, witness)
}

fn key(len: usize) -> [u8; 8] {
    (len as u64).to_be_bytes()
}

/// Bytes that show where they stand, so that a piece in the wrong place is no other's equal.
fn placed(len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 8);
    for at in (0..len as u64).step_by(8) {
        bytes.extend_from_slice(&(at ^ 0x5bd1_e995_0000_0000).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

fn first_difference(value: &[u8], len: usize) -> String {
    let wanted = placed(len);
    match value.iter().zip(&wanted).position(|(seen, wanted)| seen != wanted) {
        Some(at) => format!("wrong from byte {at} on"),
        None => "a part of it".to_owned(),
    }
}
