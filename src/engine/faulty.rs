//! Wraps an engine and commits one named defect, so that it can be tested that the oracle in charge
//! catches it. Without a defect it is as honest as what it wraps. It can also die: from some commit
//! on nothing is answered any more, and a commit that was under way is kept or not.
//!
//! It keeps a book of all committed work. A defect at reopening is an edit of that book, and the
//! wrapped database is brought to the state that the edited book makes: through the ordinary
//! calls, so that any engine can be wrapped.

mod book;
mod bucket;
mod defect;
mod disorder;
mod force;
mod handles;
mod racy;
mod reopening;
mod shared;
mod txn;

use crate::engine::{Capabilities, Driver, Engine, EngineOptions, Identity, Outcome};
use book::Book;
use handles::LyingEngine;
use shared::{Books, Shared};
use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

pub use defect::{Death, Defect, Loss};
pub use racy::{Race, RacyEngine};

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
