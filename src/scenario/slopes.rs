//! Operations that leave nothing behind, thousands of each on one database, while memory, descriptors and files
//! are read after each round of them: what an operation forgets is a slope. One client; the oracle
//! `oracle::resources` judges.
//!
//! What it does not verify, and why: what operations of several clients leave (the soak reads that); log files
//! where transactions only look, as long as the finding `readers-fill-the-log` holds.

use crate::{
    engine::{
        Bucket, BucketOptions, Capabilities, Driver, Engine, EngineError, EngineOptions, Keys,
        Merge, Need, Order, Outcome, Preset, Reason, Scan,
    },
    history::{History, OracleName, counters, memory::Measuring},
    oracle::{
        judge::{Evidence, judge_all},
        promise::{After, promises},
        recovery::Streams,
        resources::{Resource, Series},
    },
    scenario::{Case, claims::store, run::denied},
    settings::{FindingId, excludes},
    testdir::copy_tree,
    verdict::Verdict,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Rounds, with a reading after each.
const ROUNDS: u64 = 24;

/// Keys that are written again and again.
const KEYS: u64 = 50;

/// Rounds of collection that a deleted bucket may take to go.
const REAPED_WITHIN: u32 = 1000;

const BUCKET: &str = "stays";

/// What is done again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A transaction writes a key and commits.
    Commit,
    /// A transaction writes a key and is dropped.
    Drop,
    /// A transaction reads a key and is dropped.
    DroppedLook,
    /// A transaction reads a key and commits.
    Look,
    /// A transaction is refused a key that another one writes.
    Conflict,
    /// A view reads a key.
    View,
    /// An iterator is dropped on its way.
    Iterator,
    /// A checkpoint is written behind a commit.
    Checkpoint,
    /// A bucket is written, unloaded and loaded.
    Unload,
    /// A bucket is made, written and deleted.
    Bucket,
    /// The database is copied, and the copy removed.
    Copy,
    /// A copy is refused, since its target is there.
    RefusedCopy,
    /// A database is opened and closed.
    Opening,
    /// An opening is refused, since the log is damaged.
    RefusedOpening,
}

impl Operation {
    /// Its name in what is said.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Commit => "a committed transaction",
            Self::Drop => "a dropped transaction",
            Self::DroppedLook => "a dropped transaction that only read",
            Self::Look => "a committed transaction that only read",
            Self::Conflict => "a conflict",
            Self::View => "a view",
            Self::Iterator => "an iterator",
            Self::Checkpoint => "a checkpoint",
            Self::Unload => "an unloaded bucket",
            Self::Bucket => "a deleted bucket",
            Self::Copy => "a copy",
            Self::RefusedCopy => "a refused copy",
            Self::Opening => "an opening",
            Self::RefusedOpening => "a refused opening",
        }
    }

    /// Operations of a round: what takes a few tenths of a second.
    const fn round(self) -> u64 {
        match self {
            Self::Commit | Self::Drop | Self::Conflict => 1000,
            Self::DroppedLook | Self::Look | Self::View => 2000,
            Self::Iterator => 500,
            Self::RefusedCopy => 400,
            Self::Checkpoint
            | Self::Unload
            | Self::Bucket
            | Self::Opening
            | Self::RefusedOpening => 20,
            Self::Copy => 10,
        }
    }

    /// Whether it writes: the engine holds replaced pages back then.
    const fn writes(self) -> bool {
        matches!(
            self,
            Self::Commit
                | Self::Drop
                | Self::Conflict
                | Self::Checkpoint
                | Self::Unload
                | Self::Bucket
        )
    }

    /// What this engine cannot do that the operation needs, if anything.
    pub fn lacking(self, can: Capabilities) -> Option<&'static str> {
        let need = match self {
            Self::Conflict => Need::ConflictAtWrite,
            Self::Checkpoint => Need::Checkpoints,
            Self::Unload => Need::HeldBuckets,
            Self::Copy | Self::RefusedCopy => Need::Copies,
            // It tears a file of the log, which it finds by mace-kv's name.
            Self::RefusedOpening => Need::Sizes,
            _ => return None,
        };
        can.lacks(need)
    }

    /// Whether this resource is to stay as it is. How many files an engine keeps is known only
    /// where it takes their sizes.
    fn gives_back(self, resource: Resource, can: Capabilities) -> bool {
        let keeps_log = self == Self::Look && resource == Resource::Logs;
        let is_known = can.sized
            || matches!(resource, Resource::Memory | Resource::Descriptors | Resource::Deleted);
        is_known && !(keeps_log && excludes(FindingId::READERS_FILL_THE_LOG))
    }

    fn once(self, at: &Open<'_>, number: u64) -> Outcome<()> {
        let Open { options, dir, .. } = at;
        let engine = at.engine;
        let bucket = at.bucket;
        let key = key(number);
        match self {
            Self::Commit => store(bucket, &key, &value(number)),
            Self::Drop => bucket.begin()?.upsert(&key, &value(number)),
            Self::DroppedLook => bucket.begin()?.get(&key).map(drop),
            Self::Look => {
                let txn = bucket.begin()?;
                txn.get(&key)?;
                txn.commit()
            }
            Self::Conflict => {
                let first = bucket.begin()?;
                first.upsert(&key, &value(number))?;
                refused(bucket.begin()?.upsert(&key, &value(number)), &EngineError::Conflict)?;
                first.commit()
            }
            Self::View => bucket.view()?.get(&key).map(drop),
            Self::Iterator => {
                let scan = Scan { keys: Keys::All, order: Order::Alternating, limit: 10 };
                bucket.view()?.scan(&scan).map(drop)
            }
            Self::Checkpoint => {
                store(bucket, &key, &value(number))?;
                bucket.checkpoint_and_wait();
                Ok(())
            }
            Self::Unload => {
                let other = open_or_make(engine, "comes-and-goes", options)?;
                store(other.as_ref(), &key, &value(number))?;
                other.checkpoint_and_wait();
                drop(other);
                engine.unload_bucket("comes-and-goes")
            }
            Self::Bucket => {
                let other = open_or_make(engine, "goes", options)?;
                store(other.as_ref(), &key, &value(number))?;
                drop(other);
                engine.delete_bucket("goes")
            }
            Self::Copy => {
                let target = dir.with_file_name("copy");
                engine.copy_to(&target)?;
                fs::remove_dir_all(target).expect("a copy is the case's own");
                Ok(())
            }
            Self::RefusedCopy => {
                refused(engine.copy_to(dir), &EngineError::Refused(Reason::Exists))
            }
            Self::Opening | Self::RefusedOpening => Ok(()),
        }
    }
}

/// Does one operation again and again, and judges what the process and the folders hold then. `part`: one
/// in so many of a round's operations.
pub fn leaves_nothing(
    case: &mut Case,
    driver: &dyn Driver,
    preset: Preset,
    operation: Operation,
    part: u64,
) -> Verdict {
    case.figures.tries(promises([OracleName::Resources], After::Work));
    let Some(measuring) = Measuring::begin() else {
        return Verdict::Inconclusive("the allocator of this program counts nothing".to_owned());
    };
    let round = operation.round() / part;
    let place = Place { driver, dir: case.dir(), preset, round, measuring: &measuring };
    let readings = match place.readings(operation) {
        Ok(readings) => readings,
        Err(denial) => return denied(operation.name(), &denial),
    };
    drop(measuring);
    case.figures.add("resources.operations", ROUNDS * round);
    let series: Vec<Series> = Resource::ALL
        .into_iter()
        .filter(|resource| operation.gives_back(*resource, driver.capabilities()))
        .filter_map(|resource| {
            let readings = readings.iter().map(|reading| reading.of(resource));
            let readings = readings.collect::<Option<Vec<i64>>>()?;
            let writes = operation.writes();
            Some(Series { operation: operation.name(), resource, round, writes, readings })
        })
        .collect();
    let is_read = |resource| series.iter().any(|series| series.resource == resource);
    let are_all_read = !cfg!(target_os = "linux") || is_read(Resource::Descriptors);
    if !are_all_read || !series.iter().all(Series::is_long) {
        return Verdict::Inconclusive("the resources were not read".to_owned());
    }
    let history = History::default();
    let evidence = Evidence { resources: &series, ..Evidence::new(&history, Streams::One, &[]) };
    Verdict::from_violations(judge_all(&evidence).violations())
}

/// Where one operation is done again and again.
struct Place<'a> {
    driver: &'a dyn Driver,
    /// The case's folder.
    dir: &'a Path,
    preset: Preset,
    /// Operations of a round.
    round: u64,
    measuring: &'a Measuring,
}

impl Place<'_> {
    fn readings(&self, operation: Operation) -> Outcome<Vec<Reading>> {
        let options = self.preset.engine();
        match operation {
            Operation::Opening => {
                drop(self.filled(&options)?);
                let once = |_| self.driver.open(&self.database(), &options).map(drop);
                self.again(once, || Ok(()))
            }
            Operation::RefusedOpening => {
                let strict = EngineOptions { cuts_torn_logs: false, writers: 1, ..options };
                self.tear_the_log(&strict)?;
                let answer = EngineError::Failed("Corruption".to_owned());
                let opened = || self.driver.open(&self.database(), &strict).map(drop);
                self.again(|_| refused(opened(), &answer), || Ok(()))
            }
            _ => {
                let engine = self.filled(&options)?;
                let bucket = engine.open_bucket(BUCKET, Merge::Sum)?;
                let at = Open {
                    engine: engine.as_ref(),
                    bucket: bucket.as_ref(),
                    options: self.preset.bucket(),
                    dir: self.database(),
                };
                self.again(|number| operation.once(&at, number), || at.settle())
            }
        }
    }

    /// Reads after each round, when the engine had the chance to give back.
    fn again(
        &self,
        once: impl Fn(u64) -> Outcome<()>,
        settle: impl Fn() -> Outcome<()>,
    ) -> Outcome<Vec<Reading>> {
        let mut readings = Vec::with_capacity(ROUNDS as usize);
        for round in 0..ROUNDS {
            (0..self.round).try_for_each(|number| once(round * self.round + number))?;
            settle()?;
            readings.push(Reading::now(self.dir, self.measuring));
        }
        Ok(readings)
    }

    fn database(&self) -> PathBuf {
        self.dir.join("db")
    }

    /// A database with all keys.
    fn filled(&self, options: &EngineOptions) -> Outcome<Box<dyn Engine>> {
        let engine = self.driver.open(&self.database(), options)?;
        let bucket = engine.create_bucket(BUCKET, &self.preset.bucket())?;
        (0..KEYS).try_for_each(|number| store(bucket.as_ref(), &key(number), &value(number)))?;
        bucket.checkpoint_and_wait();
        drop(bucket);
        Ok(engine)
    }

    /// Leaves a database as a kill leaves it, with a log that lacks its last bytes.
    fn tear_the_log(&self, options: &EngineOptions) -> Outcome<()> {
        let whole = self.dir.join("whole");
        let engine = self.driver.open(&whole, &options.clone().one_log_file())?;
        let bucket = engine.create_bucket(BUCKET, &self.preset.bucket())?;
        (0..KEYS).try_for_each(|number| store(bucket.as_ref(), &key(number), &value(number)))?;
        copy_tree(&whole, &self.database()).unwrap_or_else(|error| panic!("{error}"));
        let log = entries(&self.database().join("log")).into_iter().find(|file| is_log(file));
        let log = log.expect("a database has a log");
        let file = fs::OpenOptions::new().write(true).open(log);
        let cut = file.and_then(|file| file.set_len(file.metadata()?.len() - 3));
        cut.expect("the case's own file can be cut");
        Ok(())
    }
}

/// An open database.
struct Open<'a> {
    engine: &'a dyn Engine,
    bucket: &'a dyn Bucket,
    /// How buckets are made.
    options: BucketOptions,
    dir: PathBuf,
}

impl Open<'_> {
    /// Lets the engine give back what it can: a checkpoint behind a commit, collection, and no bucket
    /// that is deleted and not reaped.
    fn settle(&self) -> Outcome<()> {
        store(self.bucket, &key(0), &value(0))?;
        self.bucket.checkpoint_and_wait();
        self.engine.collect_garbage();
        let loaded = self.engine.loaded_buckets().len() as u64;
        for _ in 0..REAPED_WITHIN {
            self.engine.collect_garbage();
            if self.engine.bucket_count() <= loaded + 1 {
                break;
            }
        }
        Ok(())
    }
}

/// What was read at one moment.
#[derive(Default)]
struct Reading {
    memory: i64,
    /// Nothing where the system does not tell.
    descriptors: Option<i64>,
    deleted: Option<i64>,
    logs: i64,
    manifest: i64,
    data: i64,
    staged: i64,
}

impl Reading {
    fn now(dir: &Path, measuring: &Measuring) -> Self {
        let mut reading = Self { memory: measuring.held(), ..Self::default() };
        if let Some(open) = counters::descriptors() {
            reading.descriptors = Some(open.all);
            reading.deleted = Some(open.deleted);
        }
        reading.count(dir);
        reading
    }

    fn count(&mut self, dir: &Path) {
        for path in entries(dir) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && path.extension().is_none_or(|it| it != "tmp") {
                self.count(&path);
            } else if is_log(&path) {
                self.logs += 1;
            } else if name.starts_with("manifest") {
                self.manifest += fs::metadata(&path).map_or(0, |file| file.len().cast_signed());
            } else if name.starts_with("data_") || name.starts_with("blob_") {
                self.data += 1;
            } else {
                self.staged += 1;
            }
        }
    }

    fn of(&self, resource: Resource) -> Option<i64> {
        match resource {
            Resource::Memory => Some(self.memory),
            Resource::Descriptors => self.descriptors,
            Resource::Deleted => self.deleted,
            Resource::Logs => Some(self.logs),
            Resource::Manifest => Some(self.manifest),
            Resource::Data => Some(self.data),
            Resource::Staged => Some(self.staged),
        }
    }
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

fn is_log(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("wal_") || name.starts_with("group_wal_")
}

fn open_or_make(
    engine: &dyn Engine,
    name: &str,
    options: &BucketOptions,
) -> Outcome<Box<dyn Bucket>> {
    match engine.open_bucket(name, Merge::Sum) {
        Err(EngineError::Absent) => engine.create_bucket(name, options),
        answer => answer,
    }
}

/// The answer has to be this denial.
fn refused(answer: Outcome<()>, denial: &EngineError) -> Outcome<()> {
    match answer {
        Err(answer) if answer == *denial => Ok(()),
        answer => Err(EngineError::Failed(format!("{answer:?} instead of {denial}"))),
    }
}

fn key(number: u64) -> Vec<u8> {
    format!("k/{:02}", number % KEYS).into_bytes()
}

fn value(number: u64) -> [u8; 40] {
    [number as u8; 40]
}
