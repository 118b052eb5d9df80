//! What clients wait is counted where they wait it.

use mace_prod::{
    engine::{
        BucketOptions, Driver, EngineOptions, Outcome, Txn,
        interceptor::{self, Interceptor},
        model::ModelDriver,
        spin::spin,
    },
    history::{Event, History, clients::Traffic, journal::Recorder},
    settings::Seed,
    workload::{Lists, Source},
};
use results::waits::Histogram;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Transactions of each of two clients.
const TXNS: u64 = 40;

/// What two clients waited that appended to a list, with this layer above the engine.
fn waited(layer: Arc<dyn Interceptor>) -> Histogram {
    let engine =
        ModelDriver::default().open(Path::new("model"), &EngineOptions::default()).unwrap();
    let bucket = engine.create_bucket("b", &BucketOptions::default()).unwrap();
    let recorder = Recorder::memory(&History::default());
    let traffic =
        Traffic { first_client: 0, clients: 2, source: Source::Lists(Lists::of(3)), txns: TXNS };
    let bucket = interceptor::bucket(bucket.as_ref(), layer);
    traffic.run("b", bucket.as_ref(), &recorder, Seed::new(1));
    let mut waits = Histogram::default();
    for event in recorder.into_history().events {
        if let Event::Waited(more) = event {
            waits.join(&more);
        }
    }
    waits
}

struct Honest;

impl Interceptor for Honest {}

/// One commit takes long: so long, in microseconds.
#[derive(Default)]
struct Stalls(AtomicU64);

impl Interceptor for Stalls {
    fn commit(&self, txn: Box<dyn Txn + '_>) -> Outcome<()> {
        if self.0.compare_exchange(0, 1, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(50) {
                spin(1000);
            }
            self.0.store(begun.elapsed().as_micros() as u64, Ordering::SeqCst);
        }
        txn.commit()
    }
}

#[test]
fn a_commit_that_stalls_is_timed() {
    let honest = waited(Arc::new(Honest));
    assert!(honest.count() > 4 * TXNS, "each call of each transaction");
    let stalls = Arc::new(Stalls::default());
    let waits = waited(Arc::<Stalls>::clone(&stalls));
    let longest = waits.largest().unwrap();
    assert!(*longest.end() >= stalls.0.load(Ordering::SeqCst), "{longest:?}");
}
