//! The power-loss cases find an engine that does not sync, and one whose adapter does not listen: each
//! engine, told to be relaxed when it was to be durable, must be caught by the loss of everything
//! unsynced, and so must one whose commits failed and were acknowledged all the same. The honest
//! engine must not. This binary is interposed, as `prod_power` is.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod again;
mod budget;
mod crash_state;
#[cfg(any(feature = "fjall", feature = "redb"))]
mod others;
#[path = "../prod_power/power/mod.rs"]
#[expect(dead_code, reason = "the other half is for the cases")]
mod power;
mod rot;

use faultfs::{Outcome as Answer, Step};
use mace_prod::{
    engine::{
        Driver, Engine, EngineOptions, Merge, Outcome, Preset, interceptor::Intercept,
        mace::MaceDriver, under_test,
    },
    scenario::{
        Case,
        chaos::recipes::Recipe,
        power::{
            known::{REVIVED_COMMIT, SHORT_LOG_FILE},
            put_down_to,
            workloads::{self, Workload},
        },
    },
    settings::Settings,
    testdir,
    verdict::Verdict,
    workload::plan,
};
use power::{explore, faults, search::Search};
use std::{fs, path::Path, process::Command};

const LOST: &str = "durability: an acknowledged commit";

/// Acknowledges on the durable route what is in the page cache alone.
struct Unsynced<'a>(&'a dyn Driver);

impl Intercept for Unsynced<'_> {
    fn below(&self) -> &dyn Driver {
        self.0
    }

    fn options(&self, _: &Path, options: &EngineOptions) -> EngineOptions {
        EngineOptions { durable: false, ..options.clone() }
    }
}

/// Forgets one acknowledged pair whenever it opens a database that holds it.
struct Forgetful<'a>(&'a dyn Driver);

impl Intercept for Forgetful<'_> {
    fn below(&self) -> &dyn Driver {
        self.0
    }

    fn opened(&self, engine: &dyn Engine) -> Outcome<()> {
        if let Ok(bucket) = engine.open_bucket("a", Merge::Sum) {
            let txn = bucket.begin()?;
            if txn.get(&plan::key(0)).is_ok() {
                txn.del(&plan::key(0))?;
                txn.commit()?;
            }
        }
        Ok(())
    }
}

#[test]
fn a_known_finding_does_not_absorb_another_defect() {
    Case::run(|case| {
        let shown = |case: &mut Case, driver: &dyn Driver| {
            let stages = workloads::across_log_files(&workloads::ACROSS_LOG_FILES);
            let search = Search { driver, ..Search::new(&stages, &[Step::DropOne]) };
            let found = search.run(case);
            found.unwrap_or_else(|verdict| panic!("{verdict:?}"))
        };
        let honest = shown(case, &MaceDriver);
        let faulty = shown(case, &Forgetful(&MaceDriver));
        // The honest engine shows the finding here, and nothing but known ones.
        if !honest.is_known(SHORT_LOG_FILE) || !honest.unknown().is_empty() {
            return Verdict::Inconclusive(format!("of the honest engine: {:?}", honest.findings));
        }
        // Each crash state with a short log lacks the pair as well.
        if faulty.is_known(SHORT_LOG_FILE) || faulty.unknown().is_empty() {
            return Verdict::Inconclusive(format!("of the forgetful one: {:?}", faulty.findings));
        }
        Verdict::Pass
    });
}

/// Syncs until it is opened a second time.
struct Lazy;

impl Intercept for Lazy {
    fn below(&self) -> &dyn Driver {
        &MaceDriver
    }

    fn options(&self, dir: &Path, options: &EngineOptions) -> EngineOptions {
        let durable = options.durable && !dir.join("log/manifest").exists();
        EngineOptions { durable, ..options.clone() }
    }
}

#[test]
fn only_a_failed_sync_explains_a_revived_commit() {
    let found = |id| Answer::Broken(put_down_to(id, "atomicity: torn"));
    let revived = explore::without_sync(found(REVIVED_COMMIT));
    assert_eq!(explore::known_of(&revived), None, "{revived}");
    let short = explore::without_sync(found(SHORT_LOG_FILE));
    assert_eq!(explore::known_of(&short), Some(SHORT_LOG_FILE));
}

#[test]
fn work_after_a_power_loss_is_judged() {
    Case::run(|case| match explore::power_loss(case, &Lazy, LOSES) {
        Verdict::Violated(found) if found.iter().all(|v| v.witness.contains("during recovery")) => {
            Verdict::Pass
        }
        other => Verdict::Inconclusive(format!("not caught after the recovery: {other:?}")),
    });
}

/// The work that the planted defects are in.
const LOSES: Workload = Workload { recipe: Recipe::Commits, preset: Preset::OneWriter };

/// Runs the command that a finding ends with, as `just repro` does: this case by its name, with
/// that setting and that root seed. It fails again, and this is what it says.
fn repeated(witness: &str) -> String {
    let line = witness.lines().find_map(|line| line.split_once("again: "));
    let (setting, repro) = line.unwrap().1.split_once(" just repro ").unwrap();
    let (name, value) = setting.split_once('=').unwrap();
    let (case, seed) = repro.rsplit_once(' ').unwrap();
    let bare = |text: &str| text.trim_matches('\'').to_owned();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &bare(case), "--nocapture"])
        .env(name, bare(value))
        .env("MACE_PROD_SEED", seed)
        .output()
        .unwrap();
    assert!(!output.status.success(), "{output:?}");
    String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
}

#[test]
fn the_command_of_a_power_loss_shows_it_again() {
    Case::run(|case| {
        let verdict = explore::power_loss(case, &Unsynced(&MaceDriver), LOSES);
        if Settings::get().power_replay.is_some() {
            return verdict;
        }
        let Verdict::Violated(found) = verdict else {
            return Verdict::Inconclusive(format!("not caught: {verdict:?}"));
        };
        let witness = &found[0].witness;
        // As if it had failed; a repetition must leave what it repeats where it is.
        testdir::copy_tree(case.dir(), &case.evidence()).unwrap();
        let said = [repeated(witness), repeated(witness)];
        fs::remove_dir_all(case.evidence()).unwrap();
        let promise = witness.lines().next().unwrap();
        assert!(promise.contains("an acknowledged commit survives"), "{witness}");
        assert!(witness.contains("    lost the "), "{witness}");
        assert!(said.iter().all(|said| said.contains(promise)), "{said:?}");
        Verdict::Pass
    });
}

#[test]
fn the_command_of_a_failing_disk_shows_it_again() {
    Case::run(|case| {
        let verdict = faults::failing_disk(case, &Forgetful(&MaceDriver), LOSES);
        if Settings::get().power_rule.is_some() {
            return verdict;
        }
        let Verdict::Violated(found) = verdict else {
            return Verdict::Inconclusive(format!("not caught: {verdict:?}"));
        };
        let witness = &found[0].witness;
        let said = repeated(witness);
        fs::remove_dir_all(case.evidence()).unwrap();
        // Clients run at once, so that what they lose is not the same pair each time.
        let (rule, _) = witness.split_once(", which ended").unwrap();
        let rule = rule.lines().last().unwrap();
        assert!(said.contains("broken promise: ") && said.contains(rule), "{rule} in {said}");
        Verdict::Pass
    });
}

/// What a loss of everything unsynced shows of a driver, known findings left out.
fn shown(case: &mut Case, driver: &dyn Driver, faults: &str) -> Vec<Answer> {
    let stages = LOSES.stages();
    let search = Search { driver, faults, ..Search::new(&stages, &[Step::DropAll]) };
    let found = search.run(case);
    found.expect("the work is carried out").unknown()
}

fn caught(case: &mut Case, driver: &dyn Driver, faults: &str) -> Verdict {
    let words = shown(case, driver, faults);
    if words.iter().any(|words| words.to_string().contains(LOST)) {
        return Verdict::Pass;
    }
    let name = driver.identity().name;
    Verdict::Inconclusive(format!("{name}: not caught: {words:?}"))
}

fn not_blamed(case: &mut Case, driver: &dyn Driver, faults: &str) -> Verdict {
    let words = shown(case, driver, faults);
    let name = driver.identity().name;
    if words.is_empty() {
        Verdict::Pass
    } else {
        Verdict::Inconclusive(format!("{name}: {words:?}"))
    }
}

/// Runs a judge on each engine; the first that is no pass ends the test.
fn each(judge: impl Fn(&mut Case, &dyn Driver) -> Verdict) {
    let thread = std::thread::current();
    let test = thread.name().expect("a test thread carries the name of its test");
    for driver in under_test::all() {
        let name = driver.identity().name;
        Case::run_named(&format!("{test}::{name}"), |case| judge(case, driver));
    }
}

#[test]
fn commits_that_are_not_synced_are_missed() {
    each(|case, driver| caught(case, &Unsynced(driver), ""));
}

#[test]
fn an_engine_that_syncs_is_not_blamed() {
    each(|case, driver| not_blamed(case, driver, ""));
}

/// Commits that fail. Not for mace-kv, which would be blamed itself: the known finding
/// `sync-believed-after-failed`.
#[cfg(any(feature = "fjall", feature = "redb"))]
mod failed {
    use super::{caught, each, not_blamed};
    use mace_prod::engine::{
        Driver, Outcome, Txn,
        interceptor::{Intercept, Interceptor},
    };
    use std::{path::Path, sync::Arc};

    /// Acknowledges every commit, whatever the engine says.
    struct Deaf<'a>(&'a dyn Driver);

    struct NotListening;

    impl Intercept for Deaf<'_> {
        fn below(&self) -> &dyn Driver {
            self.0
        }

        fn interceptor(&self, _: &Path) -> Option<Arc<dyn Interceptor>> {
            Some(Arc::new(NotListening))
        }
    }

    impl Interceptor for NotListening {
        fn commit(&self, txn: Box<dyn Txn + '_>) -> Outcome<()> {
            let _ = txn.commit();
            Ok(())
        }
    }

    const NO_FAULTS: &str = "which syncs are behind this engine's commits is not written down";

    /// The syncs behind this engine's commits fail after a while, and from then on.
    fn faults(driver: &dyn Driver) -> Option<&'static str> {
        match &*driver.identity().name {
            "redb" => Some("fdatasync=12*off->return(EIO)"),
            "fjall" | "fjall-optimistic" => Some("fsync[jnl]=12*off->return(EIO)"),
            _ => None,
        }
    }

    #[test]
    fn acknowledged_commits_that_failed_are_missed() {
        each(|case, driver| match faults(driver) {
            Some(faults) => caught(case, &Deaf(driver), faults),
            None => case.skip(NO_FAULTS),
        });
    }

    #[test]
    fn an_engine_that_reports_failures_is_not_blamed() {
        each(|case, driver| match faults(driver) {
            Some(faults) => not_blamed(case, driver, faults),
            None => case.skip(NO_FAULTS),
        });
    }
}
