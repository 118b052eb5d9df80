//! The chaos layer: every failpoint of the engine in a crash child, as cases made from a table
//! (`mace_prod::scenario::chaos`). The harness is libtest-mimic, so that each is a case of its own.

use libtest_mimic::{Arguments, Trial, run};
use mace_prod::scenario::{Case, chaos};

fn main() {
    let trials = chaos::cases().into_iter().map(|chaos_case| {
        Trial::test(chaos_case.name(), move || {
            Case::run_named(&chaos_case.name(), |case| chaos_case.run(case));
            Ok(())
        })
    });
    run(&Arguments::from_args(), trials.collect()).exit();
}
