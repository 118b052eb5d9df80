//! The chaos layer without power: what a power loss may leave of a recorded run, opened and judged
//! (`mace_prod::scenario::power`). This binary is linked with `faultfs`, which interposes its file
//! calls; no other one is. A table makes the cases, as in `prod_chaos`.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[path = "regressions/barrier_misses_rotated_logs.rs"]
mod barrier_misses_rotated_logs;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[path = "power/explore.rs"]
mod explore;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[path = "power/faults.rs"]
mod faults;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[path = "power/record.rs"]
mod record;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[path = "regressions/short_log_file.rs"]
mod short_log_file;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[path = "regressions/sync_believed_after_failed.rs"]
mod sync_believed_after_failed;

use libtest_mimic::{Arguments, Trial, run};
use mace_prod::{
    scenario::{Case, power::works},
    verdict::Verdict,
};

fn main() {
    let mut trials: Vec<Trial> = works::ALL
        .iter()
        .map(|work| trial(format!("chaos_power::{}", work.name()), |case| judged(case, *work)))
        .collect();
    trials.extend(
        works::FAULTED
            .iter()
            .map(|work| trial(format!("chaos_faults::{}", work.name()), |case| met(case, *work))),
    );
    trials.extend(regressions());
    run(&Arguments::from_args(), trials).exit();
}

fn trial(name: String, judge: impl FnOnce(&mut Case) -> Verdict + Send + 'static) -> Trial {
    Trial::test(name.clone(), move || {
        Case::run_named(&name, judge);
        Ok(())
    })
}

/// Confirmed findings that only a power loss shows; the others are in `prod_regressions`.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn regressions() -> Vec<Trial> {
    let named = |name: &str| name.to_owned();
    vec![
        trial(
            named("barrier_misses_rotated_logs::a_barrier_covers_rotated_logs"),
            barrier_misses_rotated_logs::judge,
        ),
        trial(
            named("short_log_file::a_transaction_over_log_files_is_whole_or_absent"),
            short_log_file::judge,
        ),
        trial(
            named("sync_believed_after_failed::no_commit_is_acknowledged_behind_a_failed_sync"),
            sync_believed_after_failed::judge,
        ),
    ]
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn regressions() -> Vec<Trial> {
    Vec::new()
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn judged(case: &mut Case, work: works::Work) -> Verdict {
    explore::power_loss(case, work)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn met(case: &mut Case, work: works::Work) -> Verdict {
    faults::failing_disk(case, work)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn met(case: &mut Case, work: works::Work) -> Verdict {
    judged(case, work)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn judged(case: &mut Case, _: works::Work) -> Verdict {
    case.skip("file calls are interposed on Linux with glibc only")
}
