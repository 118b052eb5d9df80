//! The power-loss cases find an engine that does not sync, and one whose adapter does not listen: each
//! engine, told to be relaxed when it was to be durable, must be caught by the loss of everything
//! unsynced, and so must one whose commits failed and were acknowledged all the same. The honest
//! engine must not. This binary is interposed, as `prod_power` is.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

#[path = "power/explore.rs"]
#[expect(dead_code, reason = "the other half is for the cases")]
mod explore;
#[path = "power/record.rs"]
#[expect(dead_code, reason = "the other half is for the cases")]
mod record;

use faultfs::Step;
#[cfg(feature = "redb")]
use mace_prod::engine::redb::RedbDriver;
use mace_prod::{
    engine::{
        Driver, EngineOptions, Family,
        layered::{Layer, Layering},
        mace::MaceDriver,
    },
    scenario::{
        Case,
        chaos::recipes::Recipe,
        power::{KNOWN, works::Work},
    },
    verdict::Verdict,
};
use std::{path::Path, sync::Arc};

const LOST: &str = "durability: an acknowledged commit";

/// Acknowledges on the durable route what is in the page cache alone.
struct Unsynced<'a>(&'a dyn Driver);

impl Layering for Unsynced<'_> {
    fn below(&self) -> &dyn Driver {
        self.0
    }

    fn layer(&self, _: &Path) -> Option<Arc<dyn Layer>> {
        None
    }

    fn options(&self, options: &EngineOptions) -> EngineOptions {
        EngineOptions { durable: false, ..options.clone() }
    }
}

/// The engines of this build.
fn engines() -> Vec<&'static dyn Driver> {
    vec![
        &MaceDriver,
        #[cfg(feature = "redb")]
        &RedbDriver,
    ]
}

/// What a loss of everything unsynced shows of a driver, known findings left out.
fn shown(case: &mut Case, driver: &dyn Driver, faults: &str) -> Vec<String> {
    let work = Work { recipe: Recipe::Commits, family: Family::OneWriter };
    let words = explore::shown_by(driver, case, &work.stages(), &[Step::DropAll], faults);
    let words = words.expect("the work is carried out");
    words.into_iter().filter(|words| !words.contains(KNOWN)).collect()
}

fn caught(case: &mut Case, driver: &dyn Driver, faults: &str) -> Verdict {
    let words = shown(case, driver, faults);
    if words.iter().any(|words| words.contains(LOST)) {
        return Verdict::Pass;
    }
    let name = driver.identity().name;
    Verdict::Inconclusive(format!("{name}: not caught: {words:?}"))
}

fn not_blamed(case: &mut Case, driver: &dyn Driver, faults: &str) -> Verdict {
    let words = shown(case, driver, faults);
    let name = driver.identity().name;
    if words.is_empty() {
        Verdict::Pass
    } else {
        Verdict::Inconclusive(format!("{name}: {words:?}"))
    }
}

/// Runs a judge on each engine; the first that is no pass ends the test.
fn each(judge: impl Fn(&mut Case, &dyn Driver) -> Verdict) {
    let thread = std::thread::current();
    let test = thread.name().expect("a test thread carries the name of its test");
    for driver in engines() {
        let name = driver.identity().name;
        Case::run_named(&format!("{test}::{name}"), |case| judge(case, driver));
    }
}

#[test]
fn commits_that_are_not_synced_are_missed() {
    each(|case, driver| caught(case, &Unsynced(driver), ""));
}

#[test]
fn an_engine_that_syncs_is_not_blamed() {
    each(|case, driver| not_blamed(case, driver, ""));
}

/// Commits that fail. Not for mace-kv, which would be blamed itself: the known finding
/// `sync-believed-after-failed`.
#[cfg(feature = "redb")]
mod failed {
    use super::{caught, each, not_blamed};
    use mace_prod::{
        engine::{
            Driver, Outcome, Txn,
            layered::{Layer, Layering},
        },
        verdict::Verdict,
    };
    use std::{path::Path, sync::Arc};

    /// Acknowledges every commit, whatever the engine says.
    struct Deaf<'a>(&'a dyn Driver);

    struct NotListening;

    impl Layering for Deaf<'_> {
        fn below(&self) -> &dyn Driver {
            self.0
        }

        fn layer(&self, _: &Path) -> Option<Arc<dyn Layer>> {
            Some(Arc::new(NotListening))
        }
    }

    impl Layer for NotListening {
        fn commit(&self, txn: Box<dyn Txn + '_>) -> Outcome<()> {
            let _ = txn.commit();
            Ok(())
        }
    }

    /// The syncs behind this engine's commits fail after a while, and from then on.
    fn faults(driver: &dyn Driver) -> Option<&'static str> {
        match &*driver.identity().name {
            "redb" => Some("fdatasync=12*off->return(EIO)"),
            _ => None,
        }
    }

    #[test]
    fn commits_that_failed_and_were_acknowledged_are_missed() {
        each(|case, driver| match faults(driver) {
            Some(faults) => caught(case, &Deaf(driver), faults),
            None => Verdict::Pass,
        });
    }

    #[test]
    fn an_engine_that_says_that_its_commits_failed_is_not_blamed() {
        each(|case, driver| match faults(driver) {
            Some(faults) => not_blamed(case, driver, faults),
            None => Verdict::Pass,
        });
    }
}

/// What the making of a redb database leaves when it is cut off, which the cases leave out. redb makes
/// it in place and writes the magic number last, so that a file with a size and no magic number may be
/// left, even by a process that is killed; `Database::create` takes a file that is absent, empty or
/// valid, and refuses this one for ever. And it does not sync the folder: on a filesystem where syncing
/// a file does not keep its name (neither ext4 nor xfs), acknowledged commits go with the file.
#[cfg(feature = "redb")]
#[test]
fn the_making_of_a_redb_database_is_not_protected() {
    Case::run(|case| {
        let places = record::Places::new(case.dir());
        let database = places.disk().join(mace_prod::scenario::power::DATABASE);
        std::fs::create_dir_all(database).expect("the case's folder takes folders");
        let stages = Work { recipe: Recipe::Commits, family: Family::OneWriter }.stages();
        let steps = [Step::Prefix, Step::DropAll];
        let words = explore::shown_from(&places, &RedbDriver, case, &stages, &steps, "");
        let words = words.expect("the work is carried out");
        let told = |what: &str| words.iter().any(|words| words.contains(what));
        if words.len() == 2 && told("magic number mismatch") && told("creation of a bucket") {
            Verdict::Pass
        } else {
            Verdict::Inconclusive(format!("redb is no more what it was: {words:?}"))
        }
    });
}
