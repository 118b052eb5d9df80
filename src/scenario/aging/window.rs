//! A window of a long history: a few clients in a bucket of the window's own, beside the others of the
//! aging database. Their history is recorded, judged by every oracle, isolation included, and forgotten,
//! so that a night of it fits.

use crate::{
    engine::{
        BucketOptions, Driver, Engine, EngineError, EngineOptions, Outcome, mace::MaceDriver,
    },
    history::{
        History,
        clients::Traffic,
        dump::Dump,
        journal::Recorder,
        script::{Runner, Step},
    },
    oracle::{
        Violation,
        judge::{Evidence, judge_all},
        recovery::{Expect, Reopened},
    },
    settings::Seed,
    workload::{Mix, Source},
};
use std::path::Path;

/// The bucket. It stays until the next opening: deleting it waits until the engine has cleaned up behind
/// dropped transactions, which clients at work keep from happening.
const BUCKET: &str = "window";

/// Clients of a window.
const CLIENTS: u16 = 4;

/// Transactions of each.
const TXNS: u64 = 200;

/// Where a window is opened.
pub(super) struct Window<'a> {
    pub(super) engine: &'a dyn Engine,
    pub(super) dir: &'a Path,
    pub(super) options: &'a EngineOptions,
    pub(super) bucket: &'a BucketOptions,
    pub(super) seed: Seed,
}

impl Window<'_> {
    /// Lets the clients work and judges all that they saw.
    pub(super) fn run(&self) -> Outcome<Vec<Violation>> {
        let bucket = BUCKET.to_owned();
        let recorder = Recorder::memory(&History::default());
        let mut runner = Runner::new(self.engine, self.dir, &recorder, self.seed);
        let source = Source::Mix(Mix::default());
        let traffic = Traffic { first_client: 0, clients: CLIENTS, source, txns: TXNS };
        runner.run(&[
            Step::Open { bucket: bucket.clone(), options: self.bucket.clone() },
            Step::Traffic { bucket: bucket.clone(), traffic },
            Step::Checkpoint { bucket },
        ])?;
        let mut dump = Dump::default();
        dump.add(BUCKET, runner.bucket(BUCKET), &[])?;
        drop(runner);
        let history = recorder.into_history();
        let state = [Reopened::after(&history, dump)];
        let streams = Expect::of(self.options, MaceDriver.capabilities()).streams;
        let violations = judge_all(&Evidence::new(&history, streams, &state)).violations();
        Ok(violations)
    }

    /// Deletes the window of the life before.
    pub(super) fn close_left(&self) -> Outcome<()> {
        match self.engine.bucket_options(BUCKET) {
            Err(EngineError::Absent) => Ok(()),
            Err(denial) => Err(denial),
            Ok(_) => {
                let recorder = Recorder::memory(&History::default());
                let mut runner = Runner::new(self.engine, self.dir, &recorder, self.seed);
                runner.run(&[Step::Delete { bucket: BUCKET.to_owned() }])
            }
        }
    }
}
