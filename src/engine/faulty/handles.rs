//! The open database, its buckets and views as a faulty engine hands them out.

use super::{
    book::{Book, Work, replay},
    bucket::LyingBucket,
    defect::Defect,
    disorder::disorder,
    force::force,
    reopening,
    shared::{Books, Shared},
    txn::LyingTxn,
};
use crate::engine::{Bucket, BucketOptions, Engine, EngineError, Merge, Outcome, Read, Scan, Txn};
use std::{
    cell::Cell,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

pub(super) struct LyingEngine {
    pub(super) inner: Box<dyn Engine>,
    pub(super) shared: Arc<Shared>,
    pub(super) books: Books,
    pub(super) dir: PathBuf,
}

impl LyingEngine {
    fn bucket(&self, name: &str, inner: Box<dyn Bucket>) -> Box<dyn Bucket> {
        self.shared.book().there.insert(name.to_owned());
        let shared = self.shared.clone();
        let dir = self.dir.clone();
        Box::new(LyingBucket { inner, shared, name: name.to_owned(), dir })
    }
}

impl Engine for LyingEngine {
    fn create_bucket(&self, name: &str, options: &BucketOptions) -> Outcome<Box<dyn Bucket>> {
        let inner = self.inner.create_bucket(name, options)?;
        if self.shared.defects(Defect::SuccessorSeesFormer) {
            let mut book = self.shared.book();
            let pairs = book.gone.get(name);
            let former = pairs.and_then(|pairs| pairs.iter().rfind(|(key, _)| key[0] == b'k'));
            if let Some((key, value)) = former {
                let one = [(key.clone(), value.clone())].into_iter().collect();
                force(inner.as_ref(), &one)?;
                book.defects += 1;
            }
        }
        Ok(self.bucket(name, inner))
    }

    fn open_bucket(&self, name: &str, merge: Merge) -> Outcome<Box<dyn Bucket>> {
        let inner = self.inner.open_bucket(name, merge)?;
        Ok(self.bucket(name, inner))
    }

    fn bucket_options(&self, name: &str) -> Outcome<BucketOptions> {
        self.inner.bucket_options(name)
    }

    fn change_bucket_options(&self, name: &str, options: &BucketOptions) -> Outcome<()> {
        self.inner.change_bucket_options(name, options)
    }

    fn unload_bucket(&self, name: &str) -> Outcome<()> {
        self.inner.unload_bucket(name)
    }

    fn delete_bucket(&self, name: &str) -> Outcome<()> {
        self.inner.delete_bucket(name)?;
        let mut book = self.shared.book();
        let pairs = reopening::pairs(&book, name);
        book.there.remove(name);
        book.gone.insert(name.to_owned(), pairs);
        book.committed.retain(|work| work.bucket != name);
        Ok(())
    }

    fn loaded_buckets(&self) -> Vec<String> {
        self.inner.loaded_buckets()
    }

    fn bucket_count(&self) -> u64 {
        self.inner.bucket_count()
    }

    fn collect_garbage(&self) {
        self.inner.collect_garbage();
        let mut book = self.shared.book();
        for number in 1..book.files {
            let file = self.dir.join(format!("checkpoint-{number}"));
            if !file.exists() {
                continue;
            }
            if self.shared.defects(Defect::FileStays) {
                book.defects += 1;
            } else {
                fs::remove_file(&file).expect("a file that is there can be removed");
            }
        }
    }

    fn set_collection(&self, on: bool) {
        self.inner.set_collection(on);
    }

    fn collected(&self) -> (u64, u64) {
        self.inner.collected()
    }

    fn sync(&self) -> Outcome<()> {
        self.inner.sync()?;
        let mut book = self.shared.book();
        book.synced = book.committed.len();
        Ok(())
    }

    fn accounting(&self) -> Outcome<Option<String>> {
        if !self.shared.defects(Defect::AccountsDiffer) {
            return self.inner.accounting();
        }
        self.shared.book().defects += 1;
        Ok(Some("a file of 4096 bytes counts as one of 8192".to_owned()))
    }

    fn copy_to(&self, target: &Path) -> Outcome<()> {
        self.inner.copy_to(target)?;
        let book = Book { copied: true, ..self.shared.book().clone() };
        let shared = Shared { defect: self.shared.defect, book: Mutex::new(book) };
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.insert(target.to_owned(), Arc::new(shared));
        Ok(())
    }
}

impl Bucket for LyingBucket {
    fn begin(&self) -> Outcome<Box<dyn Txn + '_>> {
        self.alive()?;
        let mut book = self.shared.book();
        book.begun += 1;
        let inner = self.inner.begin()?;
        let work = Work {
            bucket: self.name.clone(),
            txn: book.begun,
            seen: book.committed.len(),
            writes: Vec::new(),
        };
        Ok(Box::new(LyingTxn::new(self, inner, work)))
    }

    fn view(&self) -> Outcome<Box<dyn Read + '_>> {
        self.alive()?;
        let inner = self.inner.view()?;
        let committed = self.shared.book().committed.len();
        Ok(Box::new(LyingView { bucket: self, inner, committed, reads: Cell::new(0) }))
    }

    fn checkpoint(&self) {
        self.inner.checkpoint();
    }

    fn checkpoint_and_wait(&self) {
        self.inner.checkpoint_and_wait();
        let mut book = self.shared.book();
        self.write_file(&mut book);
        if self.shared.defects(Defect::CheckpointDrops) && book.committed.pop().is_some() {
            let state = reopening::pairs(&book, &self.name);
            if force(self.inner.as_ref(), &state).is_ok() {
                book.defects += 1;
            }
        }
    }

    fn id(&self) -> Option<u64> {
        self.inner.id()
    }
}

struct LyingView<'a> {
    bucket: &'a LyingBucket,
    inner: Box<dyn Read + 'a>,
    /// Commits when it was opened.
    committed: usize,
    reads: Cell<u32>,
}

impl LyingView<'_> {
    fn shown(&self) {
        self.bucket.shared.book().defects += 1;
    }

    /// Puts the second half of the answer back to before the last commit.
    fn tear(&self, pairs: &mut [(Vec<u8>, Vec<u8>)]) {
        let book = self.bucket.shared.book();
        let Some((_, before)) = book.committed[..self.committed].split_last() else { return };
        let old = replay(before, &self.bucket.name);
        drop(book);
        let half = pairs.len() / 2;
        for (key, value) in &mut pairs[half..] {
            if let Some(before) = old.get(key).filter(|before| *before != value) {
                value.clone_from(before);
                self.shown();
            }
        }
    }
}

impl Read for LyingView<'_> {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        self.bucket.alive()?;
        let value = self.inner.get(key)?;
        self.reads.set(self.reads.get() + 1);
        if self.bucket.shared.defects(Defect::PointReadMisses) && self.reads.get().is_multiple_of(4)
        {
            self.shown();
            return Err(EngineError::Absent);
        }
        Ok(value)
    }

    fn scan(&self, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        self.bucket.alive()?;
        if self.bucket.shared.defects(Defect::ViewMoves) {
            let moved = self.bucket.shared.book().committed.len() > self.committed;
            if moved {
                self.shown();
                return self.bucket.inner.view()?.scan(scan);
            }
        }
        let mut pairs = self.inner.scan(scan)?;
        if self.bucket.shared.defects(Defect::ViewTorn) {
            self.tear(&mut pairs);
        } else if let Some(defect) = self.bucket.shared.defect
            && disorder(defect, scan, &mut pairs)
        {
            self.shown();
        }
        Ok(pairs)
    }
}
