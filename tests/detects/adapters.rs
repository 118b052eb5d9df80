//! Every engine of this build, its adapter broken in five named ways: each is caught, and the honest engine is
//! not flagged. A build with the features of other engines proves their adapters too. And an engine that
//! promises more isolation than it has is caught by what it lets happen.

use isolation::Level;
use mace_prod::{
    engine::{
        Capabilities, Driver, Engine, EngineOptions, Identity, Merge, Outcome, Preset, Read, Scan,
        Txn,
        interceptor::{Intercept, Interceptor},
        model::ModelDriver,
        under_test,
    },
    history::clients::clients,
    scenario::{
        Case,
        run::{Run, goals::every_overlap, session::Verbs},
    },
    verdict::Verdict,
    workload::{Access, Lists, Mix},
};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

/// One call of so many is answered wrongly.
const EVERY: u64 = 9;

/// Rounds of clients in which write skew was there each time.
const ROUNDS: u16 = 6;

/// What an adapter does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    /// A commit is acknowledged and dropped.
    LosesACommit,
    /// A scan ends before its last pair.
    SkipsInAScan,
    /// A deletion is answered and not done.
    KeepsADeletedKey,
    /// A key is read as it was once.
    ReadsAnOldValue,
    /// A pair is gone after an opening.
    ForgetsAtAnOpening,
}

const DEFECTS: [Defect; 5] = [
    Defect::LosesACommit,
    Defect::SkipsInAScan,
    Defect::KeepsADeletedKey,
    Defect::ReadsAnOldValue,
    Defect::ForgetsAtAnOpening,
];

/// An adapter with a defect.
struct Broken<'a> {
    below: &'a dyn Driver,
    defect: Defect,
}

impl Intercept for Broken<'_> {
    fn below(&self) -> &dyn Driver {
        self.below
    }

    fn interceptor(&self, _: &Path) -> Option<Arc<dyn Interceptor>> {
        let defect = self.defect;
        Some(Arc::new(Breaking { defect, calls: AtomicU64::new(1), old: Mutex::default() }))
    }

    fn opened(&self, engine: &dyn Engine) -> Outcome<()> {
        if self.defect != Defect::ForgetsAtAnOpening {
            return Ok(());
        }
        let Ok(bucket) = engine.open_bucket("a", Merge::Sum) else { return Ok(()) };
        let pairs = bucket.view()?.scan(&Scan::all())?;
        let Some((key, _)) = pairs.first() else { return Ok(()) };
        let txn = bucket.begin()?;
        txn.del(key)?;
        txn.commit()
    }
}

struct Breaking {
    defect: Defect,
    calls: AtomicU64,
    /// What each key was at first.
    old: Mutex<BTreeMap<Vec<u8>, Outcome<Vec<u8>>>>,
}

impl Breaking {
    /// Whether this call is the one that is answered wrongly.
    fn is_due(&self, defect: Defect) -> bool {
        self.defect == defect && self.calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(EVERY)
    }
}

impl Interceptor for Breaking {
    fn get(&self, read: &dyn Read, key: &[u8]) -> Outcome<Vec<u8>> {
        let now = read.get(key);
        if self.defect != Defect::ReadsAnOldValue {
            return now;
        }
        let mut old = self.old.lock().expect("nobody panics with it");
        let first = old.entry(key.to_vec()).or_insert_with(|| now.clone()).clone();
        if self.is_due(Defect::ReadsAnOldValue) { first } else { now }
    }

    fn scan(&self, read: &dyn Read, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut pairs = read.scan(scan)?;
        if self.is_due(Defect::SkipsInAScan) {
            pairs.pop();
        }
        Ok(pairs)
    }

    fn delete(&self, delete: &dyn Fn() -> Outcome<()>) -> Outcome<()> {
        if self.is_due(Defect::KeepsADeletedKey) { Ok(()) } else { delete() }
    }

    fn commit(&self, txn: Box<dyn Txn + '_>) -> Outcome<()> {
        if self.is_due(Defect::LosesACommit) {
            drop(txn);
            return Ok(());
        }
        txn.commit()
    }
}

/// Clients work in a bucket, which is reopened and read in every way.
fn worked(case: &Case, driver: &dyn Driver, name: &str) -> Verdict {
    let mix = Mix { keys: 24, weights: [20, 10, 30, 10, 15, 20, 6], ..Mix::default() };
    let mut run = Run::of(driver, Preset::Tiny, case.dir().join(name), case.seed());
    run.keep_one_log_file();
    run.serialise_maintenance();
    run.session(|s| {
        s.open("a");
        s.work("a", clients(0..3).mix(&mix, 40));
    });
    run.reopen();
    run.judge()
}

#[test]
fn each_adapter_is_caught_when_it_is_broken() {
    for driver in under_test::all() {
        let engine = driver.identity().name;
        Case::run_named(&format!("adapters::{engine}"), |case| {
            let honest = worked(case, driver, "honest");
            assert_eq!(honest, Verdict::Pass, "{engine}");
            for defect in DEFECTS {
                let broken = Broken { below: driver, defect };
                let verdict = worked(case, &broken, &format!("{defect:?}"));
                assert!(
                    matches!(verdict, Verdict::Violated(_)),
                    "{engine}, {defect:?}: {verdict:?}"
                );
            }
            Verdict::Pass
        });
    }
}

/// Keeps snapshot isolation, and promises that transactions are serialisable.
struct Boastful(ModelDriver);

impl Driver for Boastful {
    fn identity(&self) -> Identity {
        self.0.identity()
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { level: Level::Serialisable, ..self.0.capabilities() }
    }

    fn open(&self, dir: &Path, options: &EngineOptions) -> Outcome<Box<dyn Engine>> {
        self.0.open(dir, options)
    }

    fn check(&self, dir: &Path) -> Outcome<Vec<String>> {
        self.0.check(dir)
    }
}

/// Clients that get in one another's way, over values and lists.
fn contended(case: &Case, driver: &dyn Driver, name: &str) -> Verdict {
    let mix = Mix { keys: 8, access: Access::Zipfian, abort_pct: 0, ..Mix::default() };
    let mut run = Run::of(driver, Preset::Tiny, case.dir().join(name), case.seed());
    for round in 0..ROUNDS {
        run.session(|s| {
            s.open("a");
            s.work("a", clients(round * 16..round * 16 + 8).mix(&mix, 12));
            s.work("a", clients(round * 16 + 8..round * 16 + 16).lists(&Lists::of(3), 10));
        });
    }
    run.reopen();
    run.must_reach(every_overlap());
    run.judge()
}

#[test]
fn write_skew_breaks_a_promise_of_serialisability() {
    Case::run(|case| {
        let honest = contended(case, &ModelDriver::default(), "honest");
        assert_eq!(honest, Verdict::Pass);
        match contended(case, &Boastful(ModelDriver::default()), "boastful") {
            Verdict::Violated(found)
                if found.iter().all(|it| it.witness.starts_with("anti-dependency cycle (G2)")) =>
            {
                Verdict::Pass
            }
            other => Verdict::Inconclusive(format!("not caught: {other:?}")),
        }
    });
}
