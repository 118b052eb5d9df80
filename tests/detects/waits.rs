//! What clients wait is counted where they wait it: a commit that stalls, and a client that always loses.

use mace_prod::{
    engine::{
        Bucket, BucketOptions, Driver, EngineError, EngineOptions, Outcome, Txn,
        interceptor::{self, Interceptor},
        model::ModelDriver,
        spin::spin,
    },
    history::{Event, History, clients::Traffic, journal::Recorder},
    settings::Seed,
    workload::{Lists, Source},
};
use results::{
    marker::Figures,
    waits::{Bounds, Waits, judge},
};
use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, ThreadId},
    time::{Duration, Instant},
};

/// Transactions of each of two clients.
const TXNS: u64 = 2000;

/// What two clients waited that appended to a list, with this layer above the engine.
fn waited(layer: Arc<dyn Interceptor>) -> Waits {
    let engine =
        ModelDriver::default().open(Path::new("model"), &EngineOptions::default()).unwrap();
    let bucket = engine.create_bucket("b", &BucketOptions::default()).unwrap();
    let recorder = Recorder::memory(&History::default());
    let traffic =
        Traffic { first_client: 0, clients: 2, source: Source::Lists(Lists::of(3)), txns: TXNS };
    let bucket = interceptor::bucket(bucket.as_ref(), layer);
    traffic.run("b", bucket.as_ref(), &recorder, Seed::new(1));
    let mut waits = Waits::default();
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

/// The client that begins first conflicts, until it has begun so often. Each time it begins again, the other one has ended a
/// transaction.
#[derive(Default)]
struct Starves {
    loser: Mutex<Option<ThreadId>>,
    begun: AtomicU64,
}

const ATTEMPTS: u64 = 40;

impl Interceptor for Starves {
    fn begin<'b>(&self, bucket: &'b dyn Bucket) -> Outcome<Box<dyn Txn + 'b>> {
        let own = thread::current().id();
        if *self.loser.lock().unwrap().get_or_insert(own) == own {
            self.begun.fetch_add(1, Ordering::SeqCst);
        }
        bucket.begin()
    }

    fn commit(&self, txn: Box<dyn Txn + '_>) -> Outcome<()> {
        let loses = *self.loser.lock().unwrap() == Some(thread::current().id());
        if loses && self.begun.load(Ordering::SeqCst) < ATTEMPTS {
            return Err(EngineError::Conflict);
        }
        txn.commit()
    }
}

#[test]
fn a_commit_that_stalls_is_timed() {
    let honest = waited(Arc::new(Honest));
    assert!(honest.calls_us.count() > 4 * TXNS, "each call of each transaction");
    assert_eq!(honest.lost.count(), 2 * TXNS, "each transaction");
    let stalls = Arc::new(Stalls::default());
    let waits = waited(Arc::<Stalls>::clone(&stalls));
    let longest = waits.calls_us.largest().unwrap();
    assert!(*longest.end() >= stalls.0.load(Ordering::SeqCst), "{longest:?}");
}

#[test]
fn a_client_that_always_loses_starves() {
    let bounds = Bounds { call: Duration::from_hours(1), lost: 3 };
    let starved = waited(Arc::new(Starves::default()));
    let verdicts = judge(&starved, Some(0), &bounds);
    assert!(verdicts.iter().any(|found| found.line.starts_with("a client starved")), "{starved:?}");
    // What a case says of it is what the runner judges.
    let figures: Figures = starved.figures().map(|(name, count)| (name, count as f64)).collect();
    assert_eq!(Waits::of(&figures), starved);
    let honest = waited(Arc::new(Honest));
    let usual = Bounds { lost: 100, ..bounds };
    assert_eq!(judge(&honest, Some(0), &usual), []);
}
