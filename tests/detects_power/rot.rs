//! The cases of damage find what an engine could do wrong with a damaged file, and do not blame the honest
//! one: values that are lost or other ones without a word, a death without a report, a process that hangs,
//! and a checker that calls it all sound.

use crate::{
    again::{judged_again, nothing_kept},
    power::rot::{Target, damaged},
};
use mace_prod::{
    engine::{
        Capabilities, Driver, Engine, EngineOptions, Identity, Merge, Outcome, Preset,
        mace::MaceDriver,
    },
    oracle::OracleName,
    scenario::{Case, rot::files::Kind},
    verdict::Verdict,
    workload::plan,
};
use std::path::Path;

/// Each thing that can be done to a file once, each part of it once, and some more.
const DAMAGES: u64 = 40;

/// What it does with a damaged database that opens all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sin {
    /// Nothing.
    None,
    /// Forgets a pair.
    Forgets,
    /// Dies without a word.
    Dies,
    /// Panics.
    Panics,
}

/// An engine with a sin, and a checker that finds nothing at all.
struct Sinner {
    sin: Sin,
    is_blind: bool,
}

impl Driver for Sinner {
    fn identity(&self) -> Identity {
        MaceDriver.identity()
    }

    fn capabilities(&self) -> Capabilities {
        MaceDriver.capabilities()
    }

    fn open(&self, dir: &Path, options: &EngineOptions) -> Outcome<Box<dyn Engine>> {
        let is_damaged = MaceDriver.check(dir).is_ok_and(|found| !found.is_empty());
        let engine = MaceDriver.open(dir, options)?;
        if is_damaged {
            self.sin.commit(engine.as_ref())?;
        }
        Ok(engine)
    }

    fn check(&self, dir: &Path) -> Outcome<Vec<String>> {
        if self.is_blind { Ok(Vec::new()) } else { MaceDriver.check(dir) }
    }
}

impl Sin {
    fn commit(self, engine: &dyn Engine) -> Outcome<()> {
        match self {
            Self::None => {}
            Self::Dies => std::process::abort(),
            Self::Panics => panic!("a file is damaged"),
            Self::Forgets => {
                let bucket = engine.open_bucket("a", Merge::Sum)?;
                let txn = bucket.begin()?;
                if txn.get(&plan::key(1)).is_ok() {
                    txn.del(&plan::key(1))?;
                }
                txn.commit()?;
            }
        }
        Ok(())
    }
}

static HONEST: Sinner = Sinner { sin: Sin::None, is_blind: false };
static BLIND: Sinner = Sinner { sin: Sin::None, is_blind: true };
static FORGETFUL: Sinner = Sinner { sin: Sin::Forgets, is_blind: false };
static BLIND_AND_FORGETFUL: Sinner = Sinner { sin: Sin::Forgets, is_blind: true };
static DYING: Sinner = Sinner { sin: Sin::Dies, is_blind: false };
static PANICKING: Sinner = Sinner { sin: Sin::Panics, is_blind: false };

/// The oracles that blame an engine, with the words of each.
fn blamed(case: &mut Case, driver: &'static Sinner) -> Vec<(OracleName, String)> {
    let target = Target { damages: DAMAGES, ..Target::at_rest(Kind::Data, Preset::Tiny) };
    match damaged(case, driver, target) {
        Verdict::Pass => Vec::new(),
        Verdict::Violated(found) => found.into_iter().map(|it| (it.oracle, it.witness)).collect(),
        other => panic!("{:?}: {other:?}", driver.sin),
    }
}

fn caught(driver: &'static Sinner, oracle: OracleName, words: &str) {
    Case::run(|case| {
        let found = blamed(case, driver);
        // The checker's silence is no evidence of its own.
        let of_states = found.iter().filter(|(of, _)| *of == OracleName::Power);
        let witnesses: Vec<String> = of_states.map(|(_, witness)| witness.clone()).collect();
        judged_again(case.dir(), &witnesses);
        let is_it = |(of, witness): &(OracleName, String)| *of == oracle && witness.contains(words);
        if found.iter().any(is_it) {
            return Verdict::Pass;
        }
        Verdict::Inconclusive(format!("{:?} is not caught: {found:?}", driver.sin))
    });
}

fn not_blamed(driver: &'static Sinner) {
    Case::run(|case| match blamed(case, driver) {
        found if found.is_empty() => {
            nothing_kept(case.dir());
            Verdict::Pass
        }
        found => Verdict::Inconclusive(format!("{found:?}")),
    });
}

#[test]
fn an_engine_that_reports_damage_is_not_blamed() {
    not_blamed(&HONEST);
}

#[test]
fn damage_is_no_matter_where_all_is_read_right() {
    not_blamed(&BLIND);
}

#[test]
fn values_lost_to_damage_are_missed() {
    caught(&FORGETFUL, OracleName::Power, "T0.");
}

#[test]
fn a_checker_that_finds_nothing_is_caught() {
    caught(&BLIND_AND_FORGETFUL, OracleName::Checker, "it finds nothing");
}

#[test]
fn a_death_without_a_report_is_caught() {
    caught(&DYING, OracleName::Power, "died: signal 6");
}

#[test]
fn a_panic_at_damage_is_caught() {
    caught(&PANICKING, OracleName::Power, "panic: ");
}

#[test]
fn damage_to_an_open_database_is_noticed() {
    let target = Target { damages: DAMAGES, ..Target::while_open(Kind::Data, Preset::Tiny) };
    Case::run(|case| damaged(case, &HONEST, target));
}
