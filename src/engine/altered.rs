//! Wraps an engine and alters it in one named way, to test what measures: a slower engine is what
//! the perf gate must flag, and an idle one is what a bench must not take for a fast one. Unlike
//! `lying` it keeps no book, so that what it does not alter costs next to nothing.

use crate::engine::{
    Bucket, Driver, Engine, Merge, Outcome, Read, Scan, Txn,
    layered::{Layer, Layering},
    spin::spin,
};
use std::{path::Path, sync::Arc};

/// What is altered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alteration {
    /// Each call, and each record of a scan, takes so many steps of a constant loop longer.
    Slow(u64),
    /// Writes are acknowledged and not made.
    WritesNothing,
    /// Commits are acknowledged and the transaction is dropped.
    CommitsNothing,
    /// Deletions are acknowledged and not made.
    DeletesNothing,
    /// A read returns other bytes.
    ReadsOther,
    /// A scan ends before its last record.
    ScansShort,
}

/// Opens the wrapped engine.
#[derive(Clone, Copy, Debug)]
pub struct Altered<D> {
    /// What is wrapped.
    pub driver: D,
    /// What is altered; `None` is the engine itself.
    pub alteration: Option<Alteration>,
}

impl<D: Driver> Layering for Altered<D> {
    fn below(&self) -> &dyn Driver {
        &self.driver
    }

    fn layer(&self, _: &Path) -> Option<Arc<dyn Layer>> {
        self.alteration.map(|how| -> Arc<dyn Layer> { Arc::new(how) })
    }
}

impl Alteration {
    fn call(self) {
        if let Self::Slow(steps) = self {
            spin(steps);
        }
    }
}

impl Layer for Alteration {
    fn open_bucket(
        &self,
        engine: &dyn Engine,
        name: &str,
        merge: Merge,
    ) -> Outcome<Box<dyn Bucket>> {
        let bucket = engine.open_bucket(name, merge)?;
        self.call();
        Ok(bucket)
    }

    fn get(&self, read: &dyn Read, key: &[u8]) -> Outcome<Vec<u8>> {
        self.call();
        let mut value = read.get(key)?;
        if *self == Self::ReadsOther
            && let Some(last) = value.last_mut()
        {
            *last ^= 1;
        }
        Ok(value)
    }

    fn scan(&self, read: &dyn Read, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut pairs = Vec::new();
        self.visit(read, scan, &mut |key, value| pairs.push((key.to_vec(), value.to_vec())))?;
        Ok(pairs)
    }

    fn visit(
        &self,
        read: &dyn Read,
        scan: &Scan,
        visit: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Outcome<()> {
        let mut held: Option<(Vec<u8>, Vec<u8>)> = None;
        read.visit(scan, &mut |key, value| {
            self.call();
            if *self == Self::ScansShort {
                let next = (key.to_vec(), value.to_vec());
                if let Some((key, value)) = held.replace(next) {
                    visit(&key, &value);
                }
            } else {
                visit(key, value);
            }
        })
    }

    fn write(&self, write: &dyn Fn() -> Outcome<()>) -> Outcome<()> {
        self.call();
        if *self == Self::WritesNothing { Ok(()) } else { write() }
    }

    fn delete(&self, delete: &dyn Fn() -> Outcome<()>) -> Outcome<()> {
        self.call();
        if *self == Self::DeletesNothing { Ok(()) } else { delete() }
    }

    fn commit(&self, txn: Box<dyn Txn + '_>) -> Outcome<()> {
        if *self == Self::CommitsNothing { Ok(()) } else { txn.commit() }
    }
}
