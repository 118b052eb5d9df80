//! The chaos layer: every failpoint of the engine in a crash child, and isolation across crashes, as
//! cases made from tables (`mace_prod::scenario::{chaos, isolated}`). The harness is libtest-mimic,
//! so that each is a case of its own.

use libtest_mimic::{Arguments, Trial, run};
use mace_prod::scenario::{Case, chaos, holds, isolated};

fn main() {
    let mut trials: Vec<Trial> = Vec::new();
    trials.extend(chaos::cases().into_iter().map(|chaos_case| {
        Trial::test(chaos_case.name(), move || {
            Case::run_named(&chaos_case.name(), |case| chaos_case.run(case));
            Ok(())
        })
    }));
    trials.extend(isolated::cases().into_iter().map(|isolated_case| {
        Trial::test(isolated_case.name(), move || {
            Case::run_named(&isolated_case.name(), |case| isolated_case.run(case));
            Ok(())
        })
    }));
    trials.extend(holds::cases().into_iter().map(|holds_case| {
        Trial::test(holds_case.name(), move || {
            Case::run_named(&holds_case.name(), |case| holds_case.run(case));
            Ok(())
        })
    }));
    run(&Arguments::from_args(), trials).exit();
}
