//! Wraps an engine and alters it in one named way, to test what measures: a slower engine is what
//! the perf gate must flag, and an idle one is what a bench must not take for a fast one. Unlike
//! `faulty` it keeps no book, so that what it does not alter costs next to nothing.

use crate::engine::{
    Bucket, Driver, Engine, Merge, Outcome, Read, Scan, Txn,
    interceptor::{Intercept, Interceptor},
    spin::spin,
};
use std::{cell::Cell, path::Path, sync::Arc};

/// What is altered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alteration {
    /// One of so many calls of a thread takes so many steps of a constant loop longer, a scan being
    /// one call. In one burst, because the processor does a few steps at each call beside the call's
    /// own work, so that they cost nothing.
    Slow {
        /// Steps of the burst.
        steps: u64,
        /// Calls from one burst to the next.
        every: u64,
    },
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

impl<D: Driver> Intercept for Altered<D> {
    fn below(&self) -> &dyn Driver {
        &self.driver
    }

    fn interceptor(&self, _: &Path) -> Option<Arc<dyn Interceptor>> {
        self.alteration.map(|how| -> Arc<dyn Interceptor> { Arc::new(how) })
    }
}

impl Alteration {
    fn call(self) {
        if let Self::Slow { steps, every } = self
            && is_due(every)
        {
            spin(steps);
        }
    }
}

/// Whether this is the last of so many calls of this thread. Counted by thread, because a shared
/// counter would be a slowdown of its own.
fn is_due(every: u64) -> bool {
    thread_local! {
        static CALLS: Cell<u64> = const { Cell::new(0) };
    }
    let calls = CALLS.get() + 1;
    let due = calls >= every;
    CALLS.set(if due { 0 } else { calls });
    due
}

impl Interceptor for Alteration {
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
        self.call();
        if *self != Self::ScansShort {
            return read.visit(scan, visit);
        }
        let mut held: Option<(Vec<u8>, Vec<u8>)> = None;
        read.visit(scan, &mut |key, value| {
            let next = (key.to_vec(), value.to_vec());
            if let Some((key, value)) = held.replace(next) {
                visit(&key, &value);
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

#[cfg(test)]
mod tests {
    use super::is_due;
    use std::thread;

    #[test]
    fn calls_in_a_row_have_one_burst() {
        for before in 0..9 {
            let bursts = move || {
                for _ in 0..before {
                    is_due(5);
                }
                (0..20).filter(|_| is_due(5)).count()
            };
            assert_eq!(thread::spawn(bursts).join().unwrap(), 4, "after {before} other calls");
        }
        assert!((0..3).all(|_| is_due(1)));
    }
}
