//! The transactions of a faulty engine. Its committed work is written into the book under the
//! book's lock, so that the book has the order of the commits.

use super::{
    book::{Change, Work},
    bucket::LyingBucket,
    defect::Defect,
    disorder::disorder,
    reopening::twice_set,
};
use crate::engine::{EngineError, Outcome, Read, Scan, Txn};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
};

pub(super) struct LyingTxn<'a> {
    bucket: &'a LyingBucket,
    /// Nothing once it was committed or dropped.
    inner: Option<Box<dyn Txn + 'a>>,
    work: RefCell<Work>,
    /// It met a conflict and goes on as if it had not.
    blind: Cell<bool>,
    /// What it has read so far. Only a first reading lies: the second one would show it.
    read: RefCell<BTreeSet<Vec<u8>>>,
    /// How often it was shown a wrong value. That is a defect once it asks to commit: what a dropped
    /// transaction saw, nobody hears of.
    lied: Cell<u64>,
}

impl<'a> LyingTxn<'a> {
    pub(super) fn new(bucket: &'a LyingBucket, inner: Box<dyn Txn + 'a>, work: Work) -> Self {
        let work = RefCell::new(work);
        let blind = Cell::new(false);
        let lied = Cell::new(0);
        Self { bucket, inner: Some(inner), work, blind, read: RefCell::default(), lied }
    }

    fn inner(&self) -> &dyn Txn {
        self.inner.as_deref().expect("a transaction is there until its commit")
    }

    fn defects(&self, defect: Defect) -> bool {
        self.bucket.shared.defects(defect)
    }

    /// What the transaction itself did to the key last, if anything.
    fn own(&self, key: &[u8]) -> Option<Change> {
        let work = self.work.borrow();
        work.writes.iter().rfind(|(at, _)| at == key).map(|(_, change)| change.clone())
    }

    /// The value that a `with_defect` engine shows instead, if it can.
    fn wrong_value(&self, key: &[u8]) -> Option<Vec<u8>> {
        let name = &self.bucket.name;
        let book = self.bucket.shared.book();
        let wrong = match self.bucket.shared.defect? {
            Defect::StaleRead => book.before_last(name, key)?.0,
            Defect::DirtyRead => {
                let (txn, value) = book.active.get(&(name.clone(), key.to_vec()))?;
                (*txn != self.work.borrow().txn).then(|| value.clone())
            }
            Defect::ReplacedWriteRead => {
                let (_, last) = book.before_last(name, key)?;
                let first = last.writes.iter().find(|(at, _)| at == key)?;
                let replaced = twice_set(last).is_some_and(|twice| twice == key);
                match &first.1 {
                    Change::Set(value) if replaced => Some(value.clone()),
                    _ => None,
                }
            }
            _ => None,
        };
        drop(book);
        let wrong = wrong.filter(|wrong| self.inner().get(key).as_ref() != Ok(wrong))?;
        self.lied.set(self.lied.get() + 1);
        Some(wrong)
    }

    fn write(
        &self,
        key: &[u8],
        change: Change,
        ask: impl FnOnce(&dyn Txn) -> Outcome<()>,
    ) -> Outcome<()> {
        self.bucket.alive()?;
        let place = (self.bucket.name.clone(), key.to_vec());
        if self.defects(Defect::LockLeaks)
            && self.bucket.shared.book().locked.as_ref() == Some(&place)
        {
            self.bucket.shared.book().defects += 1;
            return Err(EngineError::Conflict);
        }
        if !self.blind.get() {
            match ask(self.inner()) {
                Err(EngineError::Conflict) if self.defects(Defect::ConflictMissed) => {
                    self.blind.set(true);
                }
                answer => answer?,
            }
        }
        if let Change::Set(value) = &change {
            let txn = self.work.borrow().txn;
            self.bucket.shared.book().active.insert(place, (txn, value.clone()));
        }
        self.work.borrow_mut().writes.push((key.to_vec(), change));
        Ok(())
    }

    /// Ends the transaction; what it wrote is nobody's any more.
    fn end(&mut self) -> Work {
        let work = self.work.take();
        let mut book = self.bucket.shared.book();
        book.active.retain(|_, (txn, _)| *txn != work.txn);
        work
    }

    /// Writes everything once more, over whatever was committed since.
    fn commit_blindly(&mut self, work: Work) -> Outcome<()> {
        self.inner = None;
        let inner = self.bucket.inner.begin()?;
        for (key, change) in &work.writes {
            let answer = match change {
                Change::Set(value) => inner.upsert(key, value),
                Change::Del => inner.del(key),
                Change::Add(operand) => inner.merge(key, operand),
            };
            if answer != Err(EngineError::Absent) {
                answer?;
            }
        }
        inner.commit()?;
        let mut book = self.bucket.shared.book();
        // A conflict with work that was dropped since is none.
        let since = &book.committed[work.seen..];
        let over = |(key, change): &(Vec<u8>, Change)| {
            !matches!(change, Change::Add(_)) && since.iter().any(|w| w.touches(&work.bucket, key))
        };
        book.defects += u64::from(work.writes.iter().any(over));
        book.committed.push(work);
        Ok(())
    }

    /// The commit in which the process dies, and those that come after.
    fn die(&mut self, inner: Box<dyn Txn + 'a>, work: Work) -> EngineError {
        let mut book = self.bucket.shared.book();
        let kept = book.death.is_some_and(|death| death.kept);
        if !kept {
            drop(inner);
            book.lost.push(work);
        } else if inner.commit().is_ok() {
            book.kept.push(work.clone());
            book.committed.push(work);
        }
        EngineError::Unknown("the engine died".to_owned())
    }
}

impl Read for LyingTxn<'_> {
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>> {
        self.bucket.alive()?;
        match self.own(key) {
            Some(Change::Set(value)) if self.blind.get() => Ok(value),
            Some(Change::Del) if self.blind.get() => Err(EngineError::Absent),
            Some(_) => self.inner().get(key),
            None if !self.read.borrow_mut().insert(key.to_vec()) => self.inner().get(key),
            None => self.wrong_value(key).map_or_else(|| self.inner().get(key), Ok),
        }
    }

    fn scan(&self, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        self.bucket.alive()?;
        let mut pairs = self.inner().scan(scan)?;
        if let Some(defect) = self.bucket.shared.defect
            && disorder(defect, scan, &mut pairs)
        {
            self.bucket.shared.book().defects += 1;
        }
        Ok(pairs)
    }
}

impl Txn for LyingTxn<'_> {
    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.write(key, Change::Set(value.to_vec()), |txn| txn.put(key, value))
    }

    fn update(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.write(key, Change::Set(value.to_vec()), |txn| txn.update(key, value))
    }

    fn upsert(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.write(key, Change::Set(value.to_vec()), |txn| txn.upsert(key, value))
    }

    fn del(&self, key: &[u8]) -> Outcome<()> {
        self.write(key, Change::Del, |txn| txn.del(key))
    }

    fn merge(&self, key: &[u8], operand: &[u8]) -> Outcome<()> {
        self.write(key, Change::Add(operand.to_vec()), |txn| txn.merge(key, operand))
    }

    fn reset_merge(&self, key: &[u8]) -> Outcome<()> {
        self.bucket.alive()?;
        self.inner().reset_merge(key)
    }

    fn commit(mut self: Box<Self>) -> Outcome<()> {
        self.bucket.alive()?;
        let work = self.end();
        if self.blind.get() {
            return self.commit_blindly(work);
        }
        let inner = self.inner.take().expect("a transaction is there until its commit");
        let writes = !work.writes.is_empty();
        let (dies, unsure) = {
            let mut book = self.bucket.shared.book();
            book.defects += self.lied.get();
            (book.dies_now(&work), book.unsure_now())
        };
        if dies {
            return Err(self.die(inner, work));
        }
        let mut book = self.bucket.shared.book();
        let drops = self.defects(Defect::AcknowledgedThenDropped) && book.asked.is_multiple_of(5);
        if writes && drops {
            book.defects += 1;
            return Ok(());
        }
        if writes && self.defects(Defect::ErrorLogged) && book.asked.is_multiple_of(5) {
            book.defects += 1;
            log::error!("cannot write what it has no room for");
        }
        if unsure != Some(false) {
            inner.commit()?;
            if let (Some((key, _)), None) = (work.writes.last(), &book.locked) {
                book.locked = Some((self.bucket.name.clone(), key.clone()));
            }
            if writes {
                if unsure.is_some() {
                    book.unsure.insert(work.txn);
                }
                book.committed.push(work);
            } else if unsure.is_none() {
                book.looked(&work.bucket, &self.read.borrow(), work.seen);
            }
        }
        match unsure {
            Some(_) => Err(EngineError::Unknown("no clear answer".to_owned())),
            None => Ok(()),
        }
    }
}

impl Drop for LyingTxn<'_> {
    /// What was not committed was dropped by its client, or cut by the death of the process.
    fn drop(&mut self) {
        if self.inner.take().is_some() {
            let work = self.end();
            let mut book = self.bucket.shared.book();
            if work.writes.is_empty() {
                return;
            }
            if book.dead { book.cut.push(work) } else { book.dropped.push(work) }
        }
    }
}
