//! The power-loss cases find an engine that does not sync: the real one, told to be relaxed when it
//! was to be durable, must be caught by the loss of everything unsynced, and the honest one must
//! not. This binary is interposed, as `prod_power` is.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

#[path = "power/explore.rs"]
#[expect(dead_code, reason = "the other half is for the cases")]
mod explore;
#[path = "power/record.rs"]
#[expect(dead_code, reason = "the other half is for the cases")]
mod record;
#[path = "regressions/short_log_file.rs"]
#[expect(dead_code, reason = "the case itself is among the cases")]
mod short_log_file;

use faultfs::Step;
use mace_prod::{
    engine::{
        Capabilities, Driver, Engine, EngineOptions, Family, Identity, Merge, Outcome,
        mace::MaceDriver,
    },
    scenario::{
        Case,
        chaos::recipes::Recipe,
        power::{KNOWN, known::SHORT_LOG_FILE, works::Work},
    },
    verdict::Verdict,
    workload::plan,
};
use std::path::Path;

/// Acknowledges on the durable route what is in the page cache alone.
struct Unsynced;

impl Driver for Unsynced {
    fn identity(&self) -> Identity {
        MaceDriver.identity()
    }

    fn capabilities(&self) -> Capabilities {
        MaceDriver.capabilities()
    }

    fn open(&self, dir: &Path, options: &EngineOptions) -> Outcome<Box<dyn Engine>> {
        MaceDriver.open(dir, &EngineOptions { durable: false, ..options.clone() })
    }

    fn check(&self, dir: &Path) -> Outcome<Vec<String>> {
        MaceDriver.check(dir)
    }
}

/// Forgets one acknowledged pair whenever it opens a database that holds it.
struct Forgetful;

impl Driver for Forgetful {
    fn identity(&self) -> Identity {
        MaceDriver.identity()
    }

    fn capabilities(&self) -> Capabilities {
        MaceDriver.capabilities()
    }

    fn open(&self, dir: &Path, options: &EngineOptions) -> Outcome<Box<dyn Engine>> {
        let engine = MaceDriver.open(dir, options)?;
        if let Ok(bucket) = engine.open_bucket("a", Merge::Sum) {
            let txn = bucket.begin()?;
            if txn.get(&plan::key(0)).is_ok() {
                txn.del(&plan::key(0))?;
                txn.commit()?;
            }
        }
        Ok(engine)
    }

    fn check(&self, dir: &Path) -> Outcome<Vec<String>> {
        MaceDriver.check(dir)
    }
}

#[test]
fn a_known_finding_does_not_absorb_another_defect() {
    Case::run(|case| {
        let shown = |case: &mut Case, driver: &dyn Driver| {
            let stages = short_log_file::stages();
            let words = explore::shown_by(driver, case, &stages, &[Step::DropOne], "");
            words.unwrap_or_else(|verdict| panic!("{verdict:?}"))
        };
        let is_short = |words: &String| words.contains(SHORT_LOG_FILE);
        let honest = shown(case, &MaceDriver);
        let sinful = shown(case, &Forgetful);
        // The honest engine shows the finding here, and nothing but known ones.
        if !honest.iter().any(is_short) || honest.iter().any(|words| !words.contains(KNOWN)) {
            return Verdict::Inconclusive(format!("of the honest engine: {honest:?}"));
        }
        // Each remainder with a short log lacks the pair as well.
        let blamed = sinful.iter().any(|words| !words.contains(KNOWN));
        if sinful.iter().any(is_short) || !blamed {
            return Verdict::Inconclusive(format!("of the forgetful one: {sinful:?}"));
        }
        Verdict::Pass
    });
}

/// What a loss of everything unsynced shows of a driver, known findings left out.
fn shown(case: &mut Case, driver: &dyn Driver) -> Vec<String> {
    let work = Work { recipe: Recipe::Commits, family: Family::OneWriter };
    let words = explore::shown_by(driver, case, &work.stages(), &[Step::DropAll], "");
    let words = words.expect("the work is carried out");
    words.into_iter().filter(|words| !words.contains(KNOWN)).collect()
}

#[test]
fn commits_that_are_not_synced_are_missed() {
    Case::run(|case| {
        let words = shown(case, &Unsynced);
        let lost = words.iter().any(|words| words.contains("durability: an acknowledged commit"));
        if lost { Verdict::Pass } else { Verdict::Inconclusive(format!("not caught: {words:?}")) }
    });
}

#[test]
fn an_engine_that_syncs_is_not_blamed() {
    Case::run(|case| match &shown(case, &MaceDriver)[..] {
        [] => Verdict::Pass,
        words => Verdict::Inconclusive(format!("blamed: {words:?}")),
    });
}
