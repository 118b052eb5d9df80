//! The chaos layer without power: what a power loss may leave of a recorded run, opened and judged
//! (`mace_prod::scenario::power`). This binary is linked with `faultfs`, which interposes its file
//! calls; no other one is. A table makes the cases, as in `prod_chaos`.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[path = "power/explore.rs"]
mod explore;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[path = "power/record.rs"]
mod record;

use libtest_mimic::{Arguments, Trial, run};
use mace_prod::{
    scenario::{Case, power::works},
    verdict::Verdict,
};

fn main() {
    let trials = works::ALL.iter().map(|work| {
        let name = format!("chaos_power::{}", work.name());
        Trial::test(name.clone(), move || {
            Case::run_named(&name, |case| judged(case, *work));
            Ok(())
        })
    });
    run(&Arguments::from_args(), trials.collect()).exit();
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn judged(case: &mut Case, work: works::Work) -> Verdict {
    explore::power_loss(case, work)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn judged(case: &mut Case, _: works::Work) -> Verdict {
    case.skip("file calls are interposed on Linux with glibc only")
}
