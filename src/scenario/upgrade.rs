//! A database folder that one version of the engine makes and another one opens: the same work by each
//! version, and what is found of it. `just upgrade` compares; nothing is judged here.

use crate::{
    engine::{BucketOptions, Driver, Engine, EngineOptions, Merge, Outcome, Scan},
    settings::Seed,
    testdir::bytes_below,
};
use results::{Document, contents::Contents};
use std::{collections::BTreeMap, path::Path};
use xxhash_rust::xxh3::Xxh3;

/// The bucket of the folder.
const BUCKET: &str = "upgrade";

/// Transactions, and operations of each.
const TXNS: u64 = 600;
const OPERATIONS: u64 = 50;

/// Keys, of which most are written more than once and some removed again.
const KEYS: u64 = 12_000;

/// Transactions between two checkpoints; the last ones are in the log alone.
const CHECKPOINT: u64 = 250;

type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// Makes a database in `dir` and leaves it open: the engine, and what it acknowledged.
pub fn make(driver: &dyn Driver, dir: &Path) -> Outcome<(Box<dyn Engine>, Pairs)> {
    let engine = driver.open(dir, &EngineOptions::default())?;
    let bucket = engine.create_bucket(BUCKET, &BucketOptions::default())?;
    let mut rng = Seed::new(1).rng();
    let mut pairs = Pairs::new();
    for number in 1..=TXNS {
        let txn = bucket.begin()?;
        for _ in 0..OPERATIONS {
            let key = format!("key-{:06}", rng.below(KEYS)).into_bytes();
            if rng.percent(15) && pairs.remove(&key).is_some() {
                txn.del(&key)?;
            } else {
                let length = if rng.percent(5) { 6000 } else { rng.between(1, 300) };
                let value = rng.bytes(length as usize);
                txn.upsert(&key, &value)?;
                pairs.insert(key, value);
            }
        }
        txn.commit()?;
        if number % CHECKPOINT == 0 {
            bucket.checkpoint_and_wait();
        }
    }
    drop(bucket);
    Ok((engine, pairs))
}

/// Opens the database in `dir`, reads all of it and closes it.
pub fn read(driver: &dyn Driver, dir: &Path) -> Outcome<Contents> {
    let engine = driver.open(dir, &EngineOptions::default())?;
    let bucket = engine.open_bucket(BUCKET, Merge::Sum)?;
    let pairs = bucket.view()?.scan(&Scan::all())?;
    Ok(contents(pairs.iter().map(|(key, value)| (key, value)), dir))
}

/// What these pairs, in the order of their keys, and the files of `dir` come to.
pub fn contents<'p>(
    pairs: impl Iterator<Item = (&'p Vec<u8>, &'p Vec<u8>)>,
    dir: &Path,
) -> Contents {
    let mut hash = Xxh3::new();
    let mut count = 0;
    for (key, value) in pairs {
        for bytes in [key, value] {
            hash.update(&(bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        }
        count += 1;
    }
    let digest = format!("{:016x}", hash.digest());
    Contents { format: Contents::FORMAT, pairs: count, digest, file_bytes: bytes_below(dir) }
}

#[cfg(test)]
mod tests {
    use super::{contents, make, read};
    use crate::{engine::mace::MaceDriver, testdir::TestDir};

    #[test]
    fn what_was_made_is_found_again() {
        let dir = TestDir::new("upgrade").unwrap();
        let (engine, mut pairs) = make(&MaceDriver, dir.path()).unwrap();
        drop(engine);
        let made = contents(pairs.iter(), dir.path());
        let found = read(&MaceDriver, dir.path()).unwrap();
        assert_eq!((found.pairs, &found.digest), (made.pairs, &made.digest));
        assert!(made.pairs > 5_000 && made.file_bytes > 1 << 20, "{made:?}");
        // One value that differs in one byte is another folder.
        let value = pairs.values_mut().nth(77).unwrap();
        value[0] ^= 1;
        assert_ne!(contents(pairs.iter(), dir.path()).digest, made.digest);
    }
}
