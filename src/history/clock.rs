//! Times the calls that one client makes of a bucket. Within a timed call it asks for no memory and calls no
//! file, since both are counted elsewhere. Judges nothing.

use crate::engine::{
    Bucket, Outcome, Read, Scan, Txn,
    interceptor::{self, Interceptor},
};
use results::waits::Histogram;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

/// What the calls of one client took.
#[derive(Debug, Default)]
pub struct Clock(Mutex<Histogram>);

impl Clock {
    /// A bucket whose transactions and views are timed by this clock, from their beginning on.
    pub fn on<'b>(self: &Arc<Self>, bucket: &'b dyn Bucket) -> Box<dyn Bucket + 'b> {
        interceptor::bucket(bucket, Arc::<Self>::clone(self))
    }

    /// Does and times a call.
    pub fn time<T>(&self, call: impl FnOnce() -> T) -> T {
        let asked = Instant::now();
        let answer = call();
        let micros = u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).record(micros);
        answer
    }

    /// Microseconds that each call took so far.
    pub fn calls_us(&self) -> Histogram {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Interceptor for Clock {
    fn begin<'b>(&self, bucket: &'b dyn Bucket) -> Outcome<Box<dyn Txn + 'b>> {
        self.time(|| bucket.begin())
    }

    fn view<'b>(&self, bucket: &'b dyn Bucket) -> Outcome<Box<dyn Read + 'b>> {
        self.time(|| bucket.view())
    }

    fn get(&self, read: &dyn Read, key: &[u8]) -> Outcome<Vec<u8>> {
        self.time(|| read.get(key))
    }

    fn scan(&self, read: &dyn Read, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        self.time(|| read.scan(scan))
    }

    fn visit(
        &self,
        read: &dyn Read,
        scan: &Scan,
        visit: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Outcome<()> {
        self.time(|| read.visit(scan, visit))
    }

    fn write(&self, write: &dyn Fn() -> Outcome<()>) -> Outcome<()> {
        self.time(write)
    }

    fn commit(&self, txn: Box<dyn Txn + '_>) -> Outcome<()> {
        self.time(|| txn.commit())
    }
}
