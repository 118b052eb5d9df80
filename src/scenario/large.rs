//! Databases of the size that users have: more pages than the first level of a page map holds, or many
//! times the data that the caches hold. Filled by several clients in stripes of their own, changed, read
//! in whole and at random, closed, opened and read again. What each key has to have follows from its
//! number, so nothing is remembered, and a key is verified in constant memory.
//!
//! What it does not verify, and why: crashes, which the aging database of the soak goes through with as
//! many keys; deletions and merges, which make pages meet known findings beside an evictor.

use crate::{
    engine::{
        Bucket, BucketOptions, Driver, EngineError, EngineOptions, Keys, Merge, Order, Outcome,
        Scan,
    },
    error::{Error, Result},
    history::OracleName,
    oracle::{
        Violation,
        promise::{After, promises},
    },
    report::Figures,
    scenario::run::Judging,
    settings::Seed,
    testdir::{TestDir, bytes_below},
    verdict::Verdict,
    workload::{TxnId, Version},
};
use std::{ops::Bound, path::Path, thread};

/// The promise in one sentence.
const KEPT: &str = "a key has what was committed last, however large the database is";

const BUCKET: &str = "large";

const CLIENTS: u64 = 4;

/// Keys in a transaction.
const TOGETHER: usize = 200;

/// One key in so many is written a second time.
const AGAIN: u64 = 7;

/// Keys that are read at random, each time that all is read.
const SAMPLE: u64 = 20_000;

/// How many differences are told.
const TOLD: usize = 5;

/// A large database.
#[derive(Clone, Debug)]
pub struct Large {
    /// How many keys it has.
    pub keys: u64,
    /// Bytes of each value.
    pub value_bytes: u32,
    /// How it is opened.
    pub options: EngineOptions,
    /// How its bucket is made.
    pub bucket: BucketOptions,
    /// Bytes that have to be free where it lies.
    pub room: u64,
}

impl Large {
    /// Why it cannot be made below this folder, if it cannot.
    pub fn lacks(&self, base: &Path) -> Result<Option<String>> {
        let free = process::scratch::room(base)
            .map_err(|error| Error::new("ask for the room in", base, error))?;
        let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
        Ok((free < self.room).then(|| {
            format!(
                "it needs {:.1} GiB in {}, where {:.1} are free",
                gib(self.room),
                base.display(),
                gib(free)
            )
        }))
    }

    /// Makes it and judges it, below this folder.
    pub fn judge(
        &self,
        driver: &dyn Driver,
        base: &Path,
        figures: &mut Figures,
    ) -> Result<Verdict> {
        figures.tries(promises([OracleName::Contract], After::Work));
        let dir = TestDir::below(base, "large")?;
        let seen = self.seen(driver, dir.path(), figures);
        Ok(match seen {
            Ok(verdict) => verdict,
            Err(denial) => wrong(vec![format!("a call within the limits is denied: {denial}")]),
        })
    }

    fn seen(&self, driver: &dyn Driver, dir: &Path, figures: &mut Figures) -> Outcome<Verdict> {
        let engine = driver.open(dir, &self.options)?;
        let bucket = engine.create_bucket(BUCKET, &self.bucket)?;
        self.write(bucket.as_ref(), 0)?;
        bucket.checkpoint_and_wait();
        figures.add("large.keys", self.keys);
        let mut bytes = bytes_below(dir);
        if let Err(verdict) = self.verify(bucket.as_ref(), 0, "when it had been filled") {
            return Ok(verdict);
        }
        self.write(bucket.as_ref(), 1)?;
        bucket.checkpoint_and_wait();
        engine.collect_garbage();
        bytes = bytes.max(bytes_below(dir));
        if let Err(verdict) = self.verify(bucket.as_ref(), 1, "when it had been changed") {
            return Ok(verdict);
        }
        drop(bucket);
        drop(engine);
        let engine = driver.open(dir, &self.options)?;
        let bucket = engine.open_bucket(BUCKET, Merge::None)?;
        if let Err(verdict) = self.verify(bucket.as_ref(), 1, "after a reopening") {
            return Ok(verdict);
        }
        figures.add("large.mib", bytes >> 20);
        let data = self.keys * u64::from(self.value_bytes);
        if driver.capabilities().files && bytes < data / 2 {
            let why = format!("{bytes} bytes on disk are too few for {data} bytes of values");
            return Ok(Verdict::Inconclusive(why));
        }
        Ok(Verdict::Pass)
    }

    /// Writes every key, or in a later round those that are written again: several clients, each in a
    /// stripe of its own.
    fn write(&self, bucket: &dyn Bucket, round: u32) -> Outcome<()> {
        let stripe = |client: u64| move |number: &u64| number % CLIENTS == client;
        thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|client| {
                    scope.spawn(move || {
                        let numbers = (0..self.keys).filter(stripe(client));
                        let numbers: Vec<u64> =
                            numbers.filter(|number| newest(*number, round) == round).collect();
                        numbers.chunks(TOGETHER).try_for_each(|numbers| {
                            let txn = bucket.begin()?;
                            for number in numbers {
                                let key = key(*number);
                                txn.upsert(&key, &self.version(*number, round).encode(&key))?;
                            }
                            txn.commit()
                        })
                    })
                })
                .collect();
            clients.into_iter().try_for_each(|client| client.join().expect("no client panics"))
        })
    }

    /// What a key has after so many rounds.
    fn version(&self, number: u64, round: u32) -> Version {
        let client = (number % CLIENTS) as u16;
        let txn = TxnId { client, seq: newest(number, round) + 1 };
        Version { txn, op: 0, len: self.value_bytes }
    }

    /// Reads all of it in one scan, a part of it backward, and single keys at random.
    fn verify(&self, bucket: &dyn Bucket, round: u32, when: &str) -> Judging<()> {
        let mut differences = Vec::new();
        let mut next = 0;
        let mut meet = |key: &[u8], value: &[u8], wanted: u64| {
            if differences.len() >= TOLD {
                return;
            }
            if key != self::key(wanted) {
                differences.push(format!("{when}: {} where {wanted} was due", text(key)));
            } else if value != self.version(wanted, round).encode(key) {
                differences.push(format!("{when}: key {wanted} has another value"));
            }
        };
        let looked = bucket.view().and_then(|view| {
            view.visit(&Scan::all(), &mut |key, value| {
                meet(key, value, next);
                next += 1;
            })?;
            let mut rng = Seed::new(u64::from(round)).rng();
            for _ in 0..SAMPLE {
                let number = rng.below(self.keys);
                let key = key(number);
                let value = match view.get(&key) {
                    Err(EngineError::Absent) => Vec::new(),
                    answer => answer?,
                };
                meet(&key, &value, number);
            }
            let upto = Keys::Range(Bound::Unbounded, Bound::Included(key(self.keys / 2)));
            let back = Scan { keys: upto, order: Order::Backward, limit: SAMPLE as usize };
            let back = view.scan(&back)?;
            let due = (0..=self.keys / 2).rev();
            back.iter().zip(due).for_each(|((key, value), due)| meet(key, value, due));
            Ok(back.len() as u64)
        });
        let looked = looked.unwrap_or_else(|denial| {
            differences.push(format!("{when}: a read is denied: {denial}"));
            SAMPLE.min(self.keys / 2 + 1)
        });
        if next != self.keys {
            differences.push(format!("{when}: a scan met {next} of {} keys", self.keys));
        }
        if differences.is_empty() && looked != SAMPLE.min(self.keys / 2 + 1) {
            differences.push(format!("{when}: a scan from the middle back met {looked} keys"));
        }
        if differences.is_empty() { Ok(()) } else { Err(wrong(differences)) }
    }
}

/// The newest round, of so many, that wrote this key.
fn newest(number: u64, round: u32) -> u32 {
    if number.is_multiple_of(AGAIN) { round } else { 0 }
}

fn key(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn text(key: &[u8]) -> String {
    match <[u8; 8]>::try_from(key) {
        Ok(key) => format!("key {}", u64::from_be_bytes(key)),
        Err(_) => format!("a key of {} bytes", key.len()),
    }
}

fn wrong(witnesses: Vec<String>) -> Verdict {
    let broken = |witness| Violation::new(OracleName::Contract, KEPT, witness);
    Verdict::from_violations(witnesses.into_iter().map(broken).collect())
}
