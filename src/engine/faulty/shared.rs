//! What the handles of one database share: its book and its defect. Commits no defect itself.

use super::{book::Book, defect::Defect};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

/// The number of the transaction at which a thread is chosen to wait.
const WAITS_AT: u64 = 10;

/// Transactions that others begin while a client that starves begins one.
const MANY: u64 = 63;

/// Less than all that the others of a crowd begin for certain.
const MOST_OF_THEM: u64 = 2000;

/// The state that all handles of one database share.
pub(super) struct Shared {
    pub(super) defect: Option<Defect>,
    pub(super) book: Mutex<Book>,
    /// Told when a transaction is begun.
    pub(super) began: Condvar,
}

/// The books by folder; a copy starts with that of its original.
pub(super) type Books = Arc<Mutex<BTreeMap<PathBuf, Arc<Shared>>>>;

impl Shared {
    /// A client that panicked left a whole book behind.
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A transaction is begun by the calling thread. Where that is the defect, a thread waits first: the
    /// one that comes when some have begun, so that the others have most of their work before them.
    pub(super) fn begins(&self) -> MutexGuard<'_, Book> {
        let mut book = self.book();
        book.begun += 1;
        self.began.notify_all();
        let own = thread::current().id();
        if book.begun == WAITS_AT {
            book.kept_waiting = Some((own, 0));
        }
        let Some((_, waits)) = book.kept_waiting.filter(|(kept, _)| *kept == own) else {
            return book;
        };
        let until = match self.defect {
            Some(Defect::ClientStalls) if waits == 0 => MOST_OF_THEM,
            Some(Defect::ClientStarves) => (WAITS_AT + (waits + 1) * MANY).min(MOST_OF_THEM),
            _ => return book,
        };
        book.kept_waiting = Some((own, waits + 1));
        book.defects += 1;
        let waited = self.began.wait_while(book, |book| book.begun < until);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn defects(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }
}
