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

use faultfs::Step;
use mace_prod::{
    engine::{
        Capabilities, Driver, Engine, EngineOptions, Family, Identity, Outcome, mace::MaceDriver,
    },
    scenario::{
        Case,
        chaos::recipes::Recipe,
        power::{KNOWN, works::Work},
    },
    verdict::Verdict,
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
