//! The scenario of large databases, made small: an engine that loses, changes or hides a key is caught,
//! the honest model is not, and a database for which there is no room is not made.

use mace_prod::{
    engine::{
        Driver, EngineOptions, Preset,
        altered::{Alteration, Altered},
        interceptor::Intercept,
        model::ModelDriver,
    },
    report::Figures,
    scenario::large::Large,
    testdir::TestDir,
    verdict::Verdict,
};
use std::path::Path;

const KEYS: u64 = 2100;

fn small() -> Large {
    let preset = Preset::Defaults;
    let options = preset.engine();
    Large { keys: KEYS, value_bytes: 40, options, bucket: preset.bucket(), room: 1 }
}

fn judged(driver: &dyn Driver) -> Verdict {
    let dir = TestDir::new("large").unwrap();
    small().judge(driver, dir.path(), &mut Figures::default()).unwrap()
}

#[track_caller]
fn is_caught(driver: &dyn Driver, words: &str) {
    match judged(driver) {
        Verdict::Violated(found) => {
            let all: Vec<_> = found.iter().map(|it| it.witness.as_str()).collect();
            assert!(all.iter().any(|witness| witness.contains(words)), "{words}: {all:?}");
        }
        other => panic!("{other:?}"),
    }
}

/// Changes what is stored when the database is opened again.
struct Tampering(ModelDriver, fn(&mut std::collections::BTreeMap<Vec<u8>, Vec<u8>>));

impl Intercept for Tampering {
    fn below(&self) -> &dyn Driver {
        &self.0
    }

    fn options(&self, dir: &Path, options: &EngineOptions) -> EngineOptions {
        if self.0.committed(dir).contains_key("large") {
            self.0.tamper(dir, "large", self.1);
        }
        options.clone()
    }
}

#[test]
fn the_honest_model_keeps_a_large_database() {
    assert_eq!(judged(&ModelDriver::default()), Verdict::Pass);
}

#[test]
fn a_large_database_that_lies_is_caught() {
    let altered =
        |alteration| Altered { driver: ModelDriver::default(), alteration: Some(alteration) };
    is_caught(&altered(Alteration::CommitsNothing), "a scan met 0 of 2100 keys");
    is_caught(&altered(Alteration::ReadsOther), "has another value");
    is_caught(&altered(Alteration::ScansShort), "a scan met 2099 of 2100 keys");
}

#[test]
fn one_key_of_a_large_database_is_caught() {
    let tampering = |how| Tampering(ModelDriver::default(), how);
    let lost = tampering(|pairs| drop(pairs.remove(700_u64.to_be_bytes().as_slice())));
    is_caught(&lost, "after a reopening: key 701 where 700 was due");
    let old = tampering(|pairs| {
        // That of its neighbour, which was written once; key 700 was written twice.
        let value = pairs[701_u64.to_be_bytes().as_slice()].clone();
        pairs.insert(700_u64.to_be_bytes().to_vec(), value);
    });
    is_caught(&old, "after a reopening: key 700 has another value");
    let more = tampering(|pairs| drop(pairs.insert(KEYS.to_be_bytes().to_vec(), b"more".to_vec())));
    is_caught(&more, "after a reopening");
}

#[test]
fn a_large_database_says_what_it_lacks() {
    let dir = TestDir::new("large").unwrap();
    assert_eq!(small().lacks(dir.path()).unwrap(), None);
    let lacks = Large { room: u64::MAX, ..small() }.lacks(dir.path()).unwrap().unwrap();
    assert!(lacks.contains("GiB in ") && lacks.contains("are free"), "{lacks}");
}
