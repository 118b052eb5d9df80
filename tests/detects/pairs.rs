//! A long pair that loses its end is caught, and one over the limit that is taken; the honest model is
//! not blamed. The real engine is not opened here.

use mace_prod::{
    engine::{
        Driver, EngineError, EngineOptions, Outcome, Preset, Reason,
        interceptor::{Intercept, Interceptor},
        model::ModelDriver,
    },
    scenario::{Case, pairs::are_kept},
    verdict::Verdict,
};
use std::{path::Path, sync::Arc};

/// Lengths of which the second is shown against.
const LENS: [usize; 2] = [1 << 20, (1 << 20) + 1];

/// Forgets the end of each value of more than a megabyte when a database is opened.
struct Shortener(ModelDriver);

impl Intercept for Shortener {
    fn below(&self) -> &dyn Driver {
        &self.0
    }

    fn options(&self, dir: &Path, options: &EngineOptions) -> EngineOptions {
        if self.0.committed(dir).contains_key("a") {
            self.0.tamper(dir, "a", |pairs| {
                for value in pairs.values_mut() {
                    value.truncate(LENS[0]);
                }
            });
        }
        options.clone()
    }
}

/// Says that it took what is too large.
struct Greedy(ModelDriver);

impl Intercept for Greedy {
    fn below(&self) -> &dyn Driver {
        &self.0
    }

    fn interceptor(&self, _: &Path) -> Option<Arc<dyn Interceptor>> {
        Some(Arc::new(Unlimited))
    }
}

struct Unlimited;

impl Interceptor for Unlimited {
    fn write(&self, write: &dyn Fn() -> Outcome<()>) -> Outcome<()> {
        match write() {
            Err(EngineError::Refused(Reason::TooLarge)) => Ok(()),
            answer => answer,
        }
    }
}

/// Runs the case on an engine that is to be caught with these words alone.
fn caught(name: &str, driver: &dyn Driver, wanted: &str) {
    Case::run_named(name, |case| match are_kept(case, driver, Preset::Defaults, &LENS) {
        Verdict::Violated(found) => {
            let words: Vec<_> = found.iter().map(|it| it.witness.as_str()).collect();
            assert_eq!(words, [wanted]);
            Verdict::Pass
        }
        other => Verdict::Inconclusive(format!("{other:?}")),
    });
}

#[test]
fn the_honest_model_keeps_long_pairs() {
    Case::run(|case| are_kept(case, &ModelDriver::default(), Preset::Defaults, &LENS));
}

#[test]
fn a_long_pair_that_loses_its_end_is_caught() {
    caught(
        "a_long_pair_that_loses_its_end_is_caught",
        &Shortener(ModelDriver::default()),
        "after a reopening, instead of a value of 1048577 bytes: 1048576 bytes, a part of it",
    );
}

#[test]
fn a_pair_over_the_limit_that_is_taken_is_caught() {
    caught(
        "a_pair_over_the_limit_that_is_taken_is_caught",
        &Greedy(ModelDriver::default()),
        "a pair of 1073741825 bytes is answered Ok(())",
    );
}
