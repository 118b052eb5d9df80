//! The chaos layer without power: what a power loss may leave of a recorded run, opened and judged
//! (`mace_prod::scenario::power`). This binary is linked with `faultfs`, which interposes its file
//! calls, as `detects_power` is and the bench of what that costs. A table makes the cases, as in `prod_chaos`.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod power;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod regressions;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
use power::rot::Target;

use libtest_mimic::{Arguments, Trial, run};
use mace_prod::{
    engine::{Driver, Preset, mace::MaceDriver, under_test},
    report::say,
    scenario::{
        Case,
        power::{
            other_engines::{MANY_CALLS, UNSYNCED_NAMES, makes_many_calls, unsynced_names},
            workloads::{self, Workload},
        },
        regression::{Body, Regression},
        rot::files::Kind,
        run::known_to_lack,
    },
    settings::{FindingId, is_of_mace},
    verdict::Verdict,
};

fn main() {
    let faulted = || {
        let more = workloads::PORTABLE.iter().filter(|work| !workloads::FAULTED.contains(work));
        workloads::FAULTED.iter().chain(more.filter(|_| !is_of_mace()))
    };
    let mut trials = Vec::new();
    trials.extend(workloads::ALL.iter().map(|work| of_work("chaos_power", *work, judged)));
    trials.extend(faulted().map(|work| of_work("chaos_faults", *work, met)));
    trials.extend(faulted().map(|work| of_work("chaos_faults_each", *work, met_each)));
    let cleaned = workloads::CLEANED.iter();
    trials.extend(cleaned.map(|work| of_work("chaos_cleanup", *work, fails_to_clean)));
    trials.extend(rot());
    trials.extend(regressions());
    run(&Arguments::from_args(), trials).exit();
}

/// How a work is judged.
type Judge = fn(&mut Case, &'static dyn Driver, Workload) -> Verdict;

/// What a power loss leaves of a work, or what it leaves on a failing disk, or on one on which each call
/// fails in turn.
fn of_work(kind: &'static str, work: Workload, judge: Judge) -> Trial {
    trial(format!("{kind}::{}", work.name()), move |case| {
        let driver = under_test::driver();
        let engine = driver.identity().name;
        if unsynced_names(&engine).is_some() {
            say(&format!("names that {engine} never syncs count as synced: {UNSYNCED_NAMES}"));
        }
        if let Some(what) = work.lacking(driver.capabilities()) {
            return case.skip(&known_to_lack(driver, what));
        }
        if kind == "chaos_faults_each" && makes_many_calls(&engine, work) {
            return case.skip(MANY_CALLS);
        }
        if kind == "chaos_cleanup" && !is_of_mace() {
            return case.skip(OTHER_FILES);
        }
        judge(case, driver, work)
    })
}

/// Damage to files of each kind, of a closed database and of an open one.
const ROT: &[(Kind, Preset)] = &[
    (Kind::Data, Preset::Tiny),
    (Kind::Data, Preset::Compressed),
    (Kind::Blob, Preset::Tiny),
    (Kind::Blob, Preset::Compressed),
    (Kind::Wal, Preset::Tiny),
    (Kind::Wal, Preset::Compressed),
    (Kind::Wal, Preset::Relaxed),
    (Kind::Manifest, Preset::Tiny),
    (Kind::Manifest, Preset::Compressed),
];

const ROT_OPEN: &[(Kind, Preset)] = &[
    (Kind::Data, Preset::Tiny),
    (Kind::Blob, Preset::Compressed),
    (Kind::Wal, Preset::Tiny),
    (Kind::Manifest, Preset::Tiny),
];

fn rot() -> Vec<Trial> {
    let of = |when: &'static str, rows: &[(Kind, Preset)], judge: Rot| -> Vec<Trial> {
        let trials = rows.iter().map(|&(kind, preset)| {
            let name = format!("{when}::{kind}::{}", preset.name());
            trial(name, move |case| {
                if is_of_mace() { judge(case, kind, preset) } else { case.skip(OTHER_FILES) }
            })
        });
        trials.collect()
    };
    [of("chaos_rot", ROT, rotten), of("chaos_rot_open", ROT_OPEN, rotting)]
        .into_iter()
        .flatten()
        .collect()
}

/// Why damage and failed clean-ups are not tried on other engines.
const OTHER_FILES: &str = "which files of this engine hold what is not written down here";

/// How a damaged database is judged.
type Rot = fn(&mut Case, Kind, Preset) -> Verdict;

fn trial(name: String, judge: impl FnOnce(&mut Case) -> Verdict + Send + 'static) -> Trial {
    Trial::test(name.clone(), move || {
        load_symbols();
        Case::run_named(&name, judge);
        Ok(())
    })
}

/// Loads the symbols of this program and of libc. An engine that aborts prints a backtrace and needs them;
/// thousands of the forks of this process abort, and inherit them.
fn load_symbols() {
    #[cfg(target_os = "linux")]
    let _ = backtrace::Backtrace::new();
}

/// Confirmed findings that only a power loss or a slow disk shows, each with the promise that it breaks,
/// on every system: an entry whose case is not there would be an error. The others are in
/// `prod_regressions`.
macro_rules! regressions {
    ($($file:ident::$promise:ident $id:ident),+ $(,)?) => {
        vec![$({
            #[cfg(all(target_os = "linux", target_env = "gnu"))]
            let body: Body = regressions::$file::body;
            #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
            let body: Body = |finding| finding.needs(false, INTERPOSED);
            let name = concat!(stringify!($file), "::", stringify!($promise));
            trial(name.to_owned(), move |case| Regression::run(case, FindingId::$id, body))
        }),+]
    };
}

fn regressions() -> Vec<Trial> {
    regressions![
        barrier_misses_rotated_logs::a_barrier_covers_rotated_logs BARRIER_MISSES_ROTATED_LOGS,
        failed_commit_comes_back::a_commit_that_others_saw_undone_stays_undone
            FAILED_COMMIT_COMES_BACK,
        log_behind_a_cut::what_follows_a_recovery_survives LOG_BEHIND_A_CUT,
        one_open_file_a_shard::clients_that_read_two_files_of_a_shard_return ONE_OPEN_FILE_A_SHARD,
        short_log_file::a_transaction_over_log_files_is_whole_or_absent SHORT_LOG_FILE,
        sync_believed_after_failed::no_commit_is_acknowledged_behind_a_failed_sync
            SYNC_BELIEVED_AFTER_FAILED,
        unsynced_log_name::commits_in_an_earlier_openings_log_file_survive UNSYNCED_LOG_NAME,
    ]
}

/// Why a case is skipped where file calls are not interposed.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const INTERPOSED: &str = "file calls are interposed on Linux with glibc only";

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn judged(case: &mut Case, driver: &'static dyn Driver, work: Workload) -> Verdict {
    power::explore::power_loss(case, driver, work)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn met(case: &mut Case, driver: &'static dyn Driver, work: Workload) -> Verdict {
    power::faults::failing_disk(case, driver, work)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn met_each(case: &mut Case, driver: &'static dyn Driver, work: Workload) -> Verdict {
    power::faults::each_call(case, driver, work)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn rotten(case: &mut Case, kind: Kind, preset: Preset) -> Verdict {
    power::rot::damaged(case, &MaceDriver, Target::at_rest(kind, preset))
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn rotting(case: &mut Case, kind: Kind, preset: Preset) -> Verdict {
    power::rot::damaged(case, &MaceDriver, Target::while_open(kind, preset))
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn rotten(case: &mut Case, _: Kind, _: Preset) -> Verdict {
    case.skip(INTERPOSED)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn rotting(case: &mut Case, kind: Kind, preset: Preset) -> Verdict {
    rotten(case, kind, preset)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn fails_to_clean(case: &mut Case, driver: &'static dyn Driver, work: Workload) -> Verdict {
    power::faults::failing_cleanup(case, driver, work)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn fails_to_clean(case: &mut Case, driver: &'static dyn Driver, work: Workload) -> Verdict {
    judged(case, driver, work)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn met_each(case: &mut Case, driver: &'static dyn Driver, work: Workload) -> Verdict {
    judged(case, driver, work)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn met(case: &mut Case, driver: &'static dyn Driver, work: Workload) -> Verdict {
    judged(case, driver, work)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn judged(case: &mut Case, _: &'static dyn Driver, _: Workload) -> Verdict {
    case.skip(INTERPOSED)
}
