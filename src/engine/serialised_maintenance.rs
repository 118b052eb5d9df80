//! Wraps an engine so that no reading overlaps a checkpoint or a round of collection: each call that
//! reads, or writes on top of what it reads, waits for those, and the other way round. Transactions
//! and snapshots stay open across them. It exists because of the known findings
//! `scan-over-checkpoint` and `reading-a-collected-file`, for cases that read all the time while they
//! write checkpoints and collect; whoever uses it also keeps the engine from writing checkpoints
//! unasked ([`crate::engine::BucketOptions::checkpoints_when_asked`]). Changes no answer. The engine's own readers,
//! the evictor among them, are not kept apart.

use crate::{
    engine::{
        Bucket, Driver, Engine, Outcome, Read, Scan,
        interceptor::{Intercept, Interceptor},
    },
    settings::{FindingId, excludes},
};
use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

/// What readings must not overlap with.
const BECAUSE: [FindingId; 2] =
    [FindingId::SCAN_OVER_CHECKPOINT, FindingId::READING_A_COLLECTED_FILE];

/// Keeps readings of the driver's databases apart from what overlaps badly with them.
pub struct SerialisedMaintenance<'a>(&'a dyn Driver);

/// Readings share it, upkeep has it alone.
#[derive(Default)]
struct Gate(RwLock<()>);

impl Gate {
    fn reading(&self) -> RwLockReadGuard<'_, ()> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn upkeep(&self) -> RwLockWriteGuard<'_, ()> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> SerialisedMaintenance<'a> {
    /// Wraps a driver.
    pub const fn new(driver: &'a dyn Driver) -> Self {
        Self(driver)
    }
}

impl Intercept for SerialisedMaintenance<'_> {
    fn below(&self) -> &dyn Driver {
        self.0
    }

    fn interceptor(&self, _: &Path) -> Option<Arc<dyn Interceptor>> {
        BECAUSE
            .into_iter()
            .any(excludes)
            .then(|| -> Arc<dyn Interceptor> { Arc::new(Gate::default()) })
    }
}

impl Interceptor for Gate {
    fn unload_bucket(&self, engine: &dyn Engine, name: &str) -> Outcome<()> {
        let _alone = self.upkeep();
        engine.unload_bucket(name)
    }

    fn collect_garbage(&self, engine: &dyn Engine) {
        let _alone = self.upkeep();
        engine.collect_garbage();
    }

    fn copy_to(&self, engine: &dyn Engine, target: &Path) -> Outcome<()> {
        let _alone = self.upkeep();
        engine.copy_to(target)
    }

    fn checkpoint(&self, bucket: &dyn Bucket) {
        // Nobody could say when it is over.
        self.checkpoint_and_wait(bucket);
    }

    fn checkpoint_and_wait(&self, bucket: &dyn Bucket) {
        let _alone = self.upkeep();
        bucket.checkpoint_and_wait();
    }

    fn get(&self, read: &dyn Read, key: &[u8]) -> Outcome<Vec<u8>> {
        let _reading = self.reading();
        read.get(key)
    }

    fn scan(&self, read: &dyn Read, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        let _reading = self.reading();
        read.scan(scan)
    }

    fn visit(
        &self,
        read: &dyn Read,
        scan: &Scan,
        visit: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Outcome<()> {
        // Whoever is told may take its time, and ask for upkeep.
        self.scan(read, scan)?.iter().for_each(|(key, value)| visit(key, value));
        Ok(())
    }

    fn write(&self, write: &dyn Fn() -> Outcome<()>) -> Outcome<()> {
        let _reading = self.reading();
        write()
    }
}
