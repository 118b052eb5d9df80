//! What clients wait is counted where they wait it: a commit that stalls, and a client that always loses.

use mace_prod::{
    engine::{
        BucketOptions, Driver, EngineError, EngineOptions, Outcome, Txn,
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
const TXNS: u64 = 40;

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

/// The client that commits first conflicts from then on, until the other one has committed this often.
#[derive(Default)]
struct Starves {
    loser: Mutex<Option<ThreadId>>,
    others: AtomicU64,
}

const OVERTAKE: u64 = 35;

impl Interceptor for Starves {
    fn commit(&self, txn: Box<dyn Txn + '_>) -> Outcome<()> {
        let own = thread::current().id();
        let loses = *self.loser.lock().unwrap().get_or_insert(own) == own;
        if loses && self.others.load(Ordering::SeqCst) < OVERTAKE {
            return Err(EngineError::Conflict);
        }
        let answer = txn.commit();
        if !loses && answer.is_ok() {
            self.others.fetch_add(1, Ordering::SeqCst);
        }
        answer
    }
}

#[test]
fn a_commit_that_stalls_is_timed() {
    let honest = waited(Arc::new(Honest));
    assert!(honest.calls_us.count() > 4 * TXNS, "each call of each transaction");
    assert_eq!(honest.overtaken.count(), 2 * TXNS, "each transaction");
    let stalls = Arc::new(Stalls::default());
    let waits = waited(Arc::<Stalls>::clone(&stalls));
    let longest = waits.calls_us.largest().unwrap();
    assert!(*longest.end() >= stalls.0.load(Ordering::SeqCst), "{longest:?}");
}

#[test]
fn a_client_that_always_loses_is_overtaken() {
    let bounds = Bounds { call: Duration::from_hours(1), overtaken: OVERTAKE / 2 };
    let starved = waited(Arc::new(Starves::default()));
    let verdicts = judge(&starved, Some(0), &bounds);
    assert!(verdicts.iter().any(|found| found.line.starts_with("a client starved")), "{starved:?}");
    // What a case says of it is what the runner judges.
    let figures: Figures = starved.figures().map(|(name, count)| (name, count as f64)).collect();
    assert_eq!(Waits::of(&figures), starved);
    let honest = waited(Arc::new(Honest));
    let all = Bounds { overtaken: TXNS, ..bounds };
    assert_eq!(judge(&honest, Some(0), &all), []);
}
