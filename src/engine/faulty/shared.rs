//! What the handles of one database share: its book and its defect. Commits no defect itself.

use super::{book::Book, defect::Defect};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The state that all handles of one database share.
pub(super) struct Shared {
    pub(super) defect: Option<Defect>,
    pub(super) book: Mutex<Book>,
}

/// The books by folder; a copy starts with that of its original.
pub(super) type Books = Arc<Mutex<BTreeMap<PathBuf, Arc<Shared>>>>;

impl Shared {
    /// A client that panicked left a whole book behind.
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn defects(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }
}
