//! Databases for the benches: made, filled and read back with the clock stopped. Nothing collects
//! or checkpoints on a timer there, so that a batch is not hit by work that another one caused.

use crate::{
    engine::{Bucket, BucketOptions, Driver, Engine, EngineOptions, Merge, Scan},
    error::Result,
    scenario::bench::work::Wrong,
    testdir::TestDir,
    workload::records::{Record, Tally},
};
use std::path::{Path, PathBuf};

/// The bucket of every bench.
pub(super) const BUCKET: &str = "bench";

/// Where the databases go.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// A folder on the disk that durable commits shall wait for; `None` is where all others go.
    pub disk: Option<PathBuf>,
}

/// An open database in a folder of its own. The folder is removed after the database is closed.
pub(super) struct Database {
    pub(super) bucket: Box<dyn Bucket>,
    engine: Option<Box<dyn Engine>>,
    dir: TestDir,
    /// Buckets made in it.
    buckets: usize,
}

/// Small batches share a database, so many of them and each in a bucket of its own: making one
/// takes a hundred times as long as such a batch, and a run shall have many samples.
const SHARED_BATCHES: usize = 16;

/// A batch of at most so many bytes is small.
const SMALL_BYTES: u64 = 1 << 20;

/// What a user gets who sets nothing, but for the route and the timers.
pub(super) fn options(durable: bool) -> EngineOptions {
    EngineOptions {
        durable,
        collect_every_ms: None,
        checkpoint_nudge_ms: 0,
        ..EngineOptions::default()
    }
}

impl Database {
    /// A new one.
    pub(super) fn fresh(
        driver: &dyn Driver,
        place: &Place,
        durable: bool,
    ) -> std::result::Result<Self, Wrong> {
        let dir = match &place.disk {
            Some(disk) if durable => TestDir::below(disk, "bench")?,
            _ => TestDir::new("bench")?,
        };
        let engine = driver.open(dir.path(), &options(durable))?;
        let bucket = engine.create_bucket(BUCKET, &BucketOptions::default())?;
        Ok(Self { bucket, engine: Some(engine), dir, buckets: 1 })
    }

    /// A new one with these records in it.
    pub(super) fn filled(
        driver: &dyn Driver,
        place: &Place,
        records: &[Record],
    ) -> std::result::Result<Self, Wrong> {
        let database = Self::fresh(driver, place, false)?;
        fill(database.bucket.as_ref(), records)?;
        Ok(database)
    }

    /// Opens the one in this folder.
    pub(super) fn open(driver: &dyn Driver, dir: TestDir) -> std::result::Result<Self, Wrong> {
        let engine = driver.open(dir.path(), &options(false))?;
        let bucket = engine.open_bucket(BUCKET, Merge::None)?;
        Ok(Self { bucket, engine: Some(engine), dir, buckets: 1 })
    }

    /// Where it is.
    pub(super) fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// What a scan of everything meets.
    pub(super) fn contents(&self) -> std::result::Result<Tally, Wrong> {
        let mut tally = Tally::default();
        self.bucket.view()?.visit(&Scan::all(), &mut |key, value| tally.add(key, value))?;
        Ok(tally)
    }

    /// The same one with a new, empty bucket, unless it is full or batches of so many bytes do not
    /// share.
    pub(super) fn renewed(self, bytes: u64) -> std::result::Result<Option<Self>, Wrong> {
        let (Some(engine), buckets) = (self.engine, self.buckets) else { return Ok(None) };
        if buckets >= SHARED_BATCHES || bytes > SMALL_BYTES {
            drop(self.bucket);
            drop(engine);
            return Ok(None);
        }
        drop(self.bucket);
        let name = format!("{BUCKET}-{buckets}");
        let bucket = engine.create_bucket(&name, &BucketOptions::default())?;
        Ok(Some(Self { bucket, engine: Some(engine), dir: self.dir, buckets: buckets + 1 }))
    }

    /// Closes it and returns its folder.
    pub(super) fn close(self) -> TestDir {
        let Self { bucket, engine, dir, .. } = self;
        drop(bucket);
        drop(engine);
        dir
    }
}

/// Writes the records, a hundred in a transaction.
pub(super) fn fill(bucket: &dyn Bucket, records: &[Record]) -> std::result::Result<(), Wrong> {
    for some in records.chunks(100) {
        let txn = bucket.begin()?;
        for (key, value) in some {
            txn.put(key, value)?;
        }
        txn.commit()?;
    }
    Ok(())
}

/// A copy of a database's folder.
pub(super) fn copy(image: &Path) -> Result<TestDir> {
    let dir = TestDir::new("bench")?;
    crate::testdir::copy_tree(image, dir.path())?;
    Ok(dir)
}
