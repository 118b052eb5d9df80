//! Engines with one race each, to test the sweep of holds: what is wrong shows only where two threads
//! meet in one way, and between the two halves of it the thread asks for a page's memory, as engines do.
//! Clients that take turns meet an engine as honest as what it wraps.

use crate::engine::{
    Bucket, Driver, Engine, EngineError, Outcome, Read, Scan, Txn,
    interceptor::{Intercept, Interceptor},
};
use std::{
    hint::black_box,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// What the engine does wrong when two threads meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Race {
    /// A commit is lost when a checkpoint is written within it.
    CommitBesideCheckpoint,
    /// A commit is lost when another one begins and ends within it.
    CommitBesideCommit,
    /// A scan leaves its last pair out when somebody commits within it.
    ScanBesideCommit,
    /// A read finds nothing when garbage is collected within it.
    ReadBesideCollection,
}

impl Race {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::CommitBesideCheckpoint,
        Self::CommitBesideCommit,
        Self::ScanBesideCommit,
        Self::ReadBesideCollection,
    ];
}

/// An engine with a race.
pub struct RacyEngine<D> {
    inner: D,
    layer: Arc<Layer>,
}

impl<D: Driver> RacyEngine<D> {
    /// As honest as `inner`, but for this.
    pub fn new(inner: D, race: Race) -> Self {
        let events = Events::default();
        Self { inner, layer: Arc::new(Layer { race, events }) }
    }
}

impl<D: Driver> Intercept for RacyEngine<D> {
    fn below(&self) -> &dyn Driver {
        &self.inner
    }

    fn interceptor(&self, _: &Path) -> Option<Arc<dyn Interceptor>> {
        Some(self.layer.clone())
    }
}

/// What happened so far.
#[derive(Default)]
struct Events {
    checkpoints: AtomicU64,
    commits: AtomicU64,
    collections: AtomicU64,
}

struct Layer {
    race: Race,
    events: Events,
}

impl Layer {
    /// Whether one of these happened while the calling thread made room for a page.
    fn meets(&self, race: Race, events: &AtomicU64) -> bool {
        if self.race != race {
            return false;
        }
        let before = events.load(Ordering::SeqCst);
        let page: Vec<u8> = Vec::with_capacity(4096);
        drop(black_box(page));
        events.load(Ordering::SeqCst) > before
    }
}

impl Interceptor for Layer {
    fn collect_garbage(&self, engine: &dyn Engine) {
        engine.collect_garbage();
        self.events.collections.fetch_add(1, Ordering::SeqCst);
    }

    fn checkpoint_and_wait(&self, bucket: &dyn Bucket) {
        bucket.checkpoint_and_wait();
        self.events.checkpoints.fetch_add(1, Ordering::SeqCst);
    }

    fn get(&self, read: &dyn Read, key: &[u8]) -> Outcome<Vec<u8>> {
        if self.meets(Race::ReadBesideCollection, &self.events.collections) {
            return Err(EngineError::Absent);
        }
        read.get(key)
    }

    fn scan(&self, read: &dyn Read, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut pairs = read.scan(scan)?;
        if self.meets(Race::ScanBesideCommit, &self.events.commits) {
            pairs.pop();
        }
        Ok(pairs)
    }

    fn commit(&self, txn: Box<dyn Txn + '_>) -> Outcome<()> {
        let Events { checkpoints, commits, .. } = &self.events;
        let is_lost = self.meets(Race::CommitBesideCheckpoint, checkpoints)
            || self.meets(Race::CommitBesideCommit, commits);
        if is_lost {
            drop(txn);
            return Ok(());
        }
        txn.commit()?;
        commits.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}
