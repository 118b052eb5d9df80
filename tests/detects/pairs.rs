//! A long pair that loses its end is caught, and the honest model is not. The real engine is not opened
//! here.

use mace_prod::{
    engine::{
        Capabilities, Driver, Engine, EngineOptions, Family, Identity, Outcome, model::ModelDriver,
    },
    scenario::{Case, pairs::are_kept},
    verdict::Verdict,
};
use std::path::Path;

/// Forgets the end of each value of more than a megabyte when a database is opened.
struct Shortener(ModelDriver);

impl Driver for Shortener {
    fn identity(&self) -> Identity {
        self.0.identity()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn open(&self, dir: &Path, options: &EngineOptions) -> Outcome<Box<dyn Engine>> {
        if self.0.committed(dir).contains_key("a") {
            self.0.tamper(dir, "a", |pairs| {
                for value in pairs.values_mut() {
                    value.truncate(1 << 20);
                }
            });
        }
        self.0.open(dir, options)
    }

    fn check(&self, dir: &Path) -> Outcome<Vec<String>> {
        self.0.check(dir)
    }
}

#[test]
fn a_long_pair_that_loses_its_end_is_caught() {
    const LENS: [usize; 2] = [1 << 20, (1 << 20) + 1];
    Case::run(|case| are_kept(case, &ModelDriver::default(), Family::Defaults, &LENS));
    Case::run_named("a_long_pair_that_loses_its_end_is_caught::sinful", |case| {
        match are_kept(case, &Shortener(ModelDriver::default()), Family::Defaults, &LENS) {
            Verdict::Violated(found) => {
                let words: Vec<_> = found.iter().map(|it| it.witness.as_str()).collect();
                let wanted = "after a reopening, instead of a value of 1048577 bytes: 1048576 bytes, a part of it";
                assert_eq!(words, [wanted]);
                Verdict::Pass
            }
            other => Verdict::Inconclusive(format!("{other:?}")),
        }
    });
}
