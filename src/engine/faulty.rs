//! Wraps an engine and commits one named defect, so that it can be tested that the oracle in charge
//! catches it. Without a defect it is as honest as what it wraps. It can also die: from some commit
//! on nothing is answered any more, and a commit that was under way is kept or not.
//!
//! It keeps a book of all committed work. A defect at reopening is an edit of that book, and the
//! wrapped database is brought to the state that the edited book makes: through the ordinary
//! calls, so that any engine can be wrapped.

mod book;
mod handles;
mod reopening;
mod txn;

use crate::engine::{
    Bucket, Capabilities, Driver, Engine, EngineOptions, Identity, Merge, Outcome, Reason, Scan,
};
use book::{Book, Pairs};
use handles::LyingEngine;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The one thing that the engine does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defect {
    /// A reopening loses the last acknowledged commit.
    AcknowledgedDropped,
    /// A reopening loses the last write of a commit.
    LastWriteDropped,
    /// A reopening loses the first write of a commit.
    FirstWriteDropped,
    /// A reopening loses a commit in the middle and keeps later ones.
    MiddleDropped,
    /// A reopening loses a commit and keeps one that read it.
    ReadFromDropped,
    /// A reopening brings back work that was dropped.
    AbortedRevived,
    /// A reopening brings back work that nobody had asked to commit when the process died.
    UncommittedKept,
    /// A commit that was under way at death is kept in half.
    InFlightTorn,
    /// A commit that was lost at death is there at the third opening.
    LostFlips,
    /// A commit that was kept at death is gone at the third opening.
    KeptFlips,
    /// The third opening shows an older state than the second.
    SecondReopeningDiffers,
    /// A reopening shows a value that nobody wrote.
    NeverWritten,
    /// A reopening shows a value that lacks its last byte.
    Truncated,
    /// A reopening shows a key's value at another key.
    OfAnotherKey,
    /// A reopening shows a write that its own transaction replaced.
    ReplacedWriteKept,
    /// A reopening loses an operand.
    OperandDropped,
    /// A reopening counts an operand twice.
    OperandTwice,
    /// A created bucket is not there after a reopening.
    BucketDropped,
    /// A deleted bucket is there after a reopening.
    BucketRevived,
    /// A bucket has data of its deleted namesake.
    SuccessorSeesFormer,
    /// The barrier returns without having done anything.
    BarrierDoesNothing,
    /// A checkpoint loses the last commit.
    CheckpointDrops,
    /// A copy lacks the last commit.
    CopyDrops,
    /// A commit is acknowledged and then dropped.
    AcknowledgedThenDropped,
    /// A transaction does not see the last commit.
    StaleRead,
    /// A transaction sees what another one has not committed.
    DirtyRead,
    /// A transaction sees a write that its own transaction replaced.
    ReplacedWriteRead,
    /// Two transactions write over the same version.
    ConflictMissed,
    /// An ascending scan leaves a key out.
    ScanSkips,
    /// An ascending scan meets a key twice.
    ScanRepeats,
    /// A descending scan has two keys the wrong way round.
    BackwardDisordered,
    /// A scan leaves out the key that its lower bound includes.
    BoundExcluded,
    /// A scan from both ends meets the key in the middle twice.
    EndsOverlap,
    /// A point read does not find a key that scans meet.
    PointReadMisses,
    /// A view shows work that was committed after it was opened.
    ViewMoves,
    /// A scan of a view is made of two moments.
    ViewTorn,
    /// Files of replaced checkpoints stay.
    FileStays,
    /// The one file of checkpoints only grows.
    FileGrows,
    /// A key stays locked after its writer committed, so its next writer never gets on.
    LockLeaks,
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 39] = [
        Self::AcknowledgedDropped,
        Self::LastWriteDropped,
        Self::FirstWriteDropped,
        Self::MiddleDropped,
        Self::ReadFromDropped,
        Self::AbortedRevived,
        Self::UncommittedKept,
        Self::InFlightTorn,
        Self::LostFlips,
        Self::KeptFlips,
        Self::SecondReopeningDiffers,
        Self::NeverWritten,
        Self::Truncated,
        Self::OfAnotherKey,
        Self::ReplacedWriteKept,
        Self::OperandDropped,
        Self::OperandTwice,
        Self::BucketDropped,
        Self::BucketRevived,
        Self::SuccessorSeesFormer,
        Self::BarrierDoesNothing,
        Self::CheckpointDrops,
        Self::CopyDrops,
        Self::AcknowledgedThenDropped,
        Self::StaleRead,
        Self::DirtyRead,
        Self::ReplacedWriteRead,
        Self::ConflictMissed,
        Self::ScanSkips,
        Self::ScanRepeats,
        Self::BackwardDisordered,
        Self::BoundExcluded,
        Self::EndsOverlap,
        Self::PointReadMisses,
        Self::ViewMoves,
        Self::ViewTorn,
        Self::FileStays,
        Self::FileGrows,
        Self::LockLeaks,
    ];
}

/// How and when an engine stops answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    /// It dies in this commit, counted from 1 over all openings, or in the first one after it
    /// that wrote more than one key.
    pub at_commit: u64,
    /// Whether the commits under way take effect.
    pub kept: bool,
    /// What is lost besides.
    pub loss: Loss,
}

/// What a death takes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing that was acknowledged: the process died.
    Nothing,
    /// The last commits of the one log, as many as this but none before the last barrier.
    Tail(usize),
    /// The same of each of two logs, to which commits go in turn.
    Tails(usize, usize),
}

/// The state that all handles of one database share.
struct Shared {
    defect: Option<Defect>,
    book: Mutex<Book>,
}

/// The books by folder; a copy starts with that of its original.
type Books = Arc<Mutex<BTreeMap<PathBuf, Arc<Shared>>>>;

/// An engine that defects, or none that does.
pub struct FaultyEngine<D> {
    inner: D,
    defect: Option<Defect>,
    death: Option<Death>,
    /// One commit in so many is answered with "unknown", and takes effect every other time.
    unsure_every: Option<u64>,
    books: Books,
}

impl<D: Driver> FaultyEngine<D> {
    /// As honest as `inner`, until a defect or a death is added.
    pub fn honest(inner: D) -> Self {
        Self { inner, defect: None, death: None, unsure_every: None, books: Books::default() }
    }

    /// The same, with a defect.
    #[must_use]
    pub fn with_defect(mut self, defect: Defect) -> Self {
        self.defect = Some(defect);
        self
    }

    /// The same, and dies once.
    #[must_use]
    pub fn dying(mut self, death: Death) -> Self {
        self.death = Some(death);
        self
    }

    /// The same, and one commit in so many is answered with "unknown".
    #[must_use]
    pub fn unsure(mut self, every: u64) -> Self {
        self.unsure_every = Some(every);
        self
    }

    /// How often the database in `dir` was shown against.
    pub fn defects(&self, dir: &Path) -> u64 {
        self.shared(dir).book().defects
    }

    /// Whether the database in `dir` died on the way.
    pub fn died(&self, dir: &Path) -> bool {
        self.shared(dir).book().died
    }

    fn shared(&self, dir: &Path) -> Arc<Shared> {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || {
            let death = self.death;
            let unsure_every = self.unsure_every;
            let book = Book { death, unsure_every, ..Book::default() };
            Arc::new(Shared { defect: self.defect, book: Mutex::new(book) })
        };
        books.entry(dir.to_owned()).or_insert_with(fresh).clone()
    }
}

impl Shared {
    /// A client that panicked left a whole book behind.
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn defects(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }
}

impl<D: Driver> Driver for FaultyEngine<D> {
    fn identity(&self) -> Identity {
        self.inner.identity()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn open(&self, dir: &Path, options: &EngineOptions) -> Outcome<Box<dyn Engine>> {
        let shared = self.shared(dir);
        let engine = self.inner.open(dir, options)?;
        shared.book().openings += 1;
        if shared.book().openings > 1 {
            reopening::reopened(&shared, engine.as_ref())?;
        }
        let books = self.books.clone();
        let dir = dir.to_owned();
        Ok(Box::new(LyingEngine { inner: engine, shared, books, dir }))
    }

    fn check(&self, dir: &Path) -> Outcome<Vec<String>> {
        self.inner.check(dir)
    }
}

/// Brings a bucket to a state.
fn force(bucket: &dyn Bucket, target: &Pairs) -> Outcome<()> {
    let now: Pairs = bucket.view()?.scan(&Scan::all())?.into_iter().collect();
    let txn = bucket.begin()?;
    let keys: BTreeSet<&Vec<u8>> = now.keys().chain(target.keys()).collect();
    for key in keys {
        match (now.get(key), target.get(key)) {
            (before, Some(after)) if before != Some(after) => txn.upsert(key, after)?,
            (Some(_), None) => txn.del(key)?,
            _ => {}
        }
    }
    txn.commit()
}

/// Brings a bucket that nobody has open to a state.
fn force_named(engine: &dyn Engine, name: &str, target: &Pairs) -> Outcome<()> {
    let bucket = engine.open_bucket(name, Merge::Sum)?;
    force(bucket.as_ref(), target)?;
    drop(bucket);
    match engine.unload_bucket(name) {
        Err(crate::engine::EngineError::Refused(Reason::Busy)) => Ok(()),
        answer => answer,
    }
}
