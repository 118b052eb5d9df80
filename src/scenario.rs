//! Joins the stages: the only module that sees all of them. A [`Case`] is the one way in which a
//! test runs: it prints its seed first, owns its folder, and fails with the verdict's text.

pub mod aging;
pub mod bench;
pub mod chaos;
pub mod contract;
pub mod crashes;
pub mod database;
pub mod isolated;
pub mod live;
pub mod power;

use crate::{
    engine::{Driver, mace::MaceDriver},
    report::{self, Figures},
    settings::{Seed, Settings},
    testdir::TestDir,
    verdict::Verdict,
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
};

/// One validation case while it runs.
#[derive(Debug)]
pub struct Case {
    name: String,
    seed: Seed,
    dir: TestDir,
    /// What the case counted; printed at its end.
    pub figures: Figures,
}

impl Case {
    /// Runs the case that this test is; its name is the test's.
    ///
    /// # Panics
    /// When the verdict is no pass: the text says what was found and how to repeat it.
    #[track_caller]
    pub fn run(body: impl FnOnce(&mut Case) -> Verdict) {
        let thread = std::thread::current();
        let name = thread.name().expect("a test thread carries the name of its test").to_owned();
        Self::run_named(&name, body);
    }

    /// Runs a case under a name of its own, for tests that a table makes.
    #[track_caller]
    pub fn run_named(name: &str, body: impl FnOnce(&mut Case) -> Verdict) {
        let settings = Settings::get();
        let seed = settings.root_seed.derive(name);
        report::announce(seed, settings.root_seed, name, &MaceDriver.identity());
        let dir = TestDir::new(name).unwrap_or_else(|error| panic!("{error}"));
        let mut case = Self { name: name.to_owned(), seed, dir, figures: Figures::default() };
        let outcome = catch_unwind(AssertUnwindSafe(|| body(&mut case)));
        report::figures(&case.figures);
        match outcome {
            Ok(Verdict::Pass) => {}
            Ok(verdict) => {
                let text = report::failure(&verdict, name, settings.root_seed);
                case.leave_evidence(&text);
                panic!("{text}");
            }
            Err(panic) => {
                case.leave_evidence("the case itself panicked; see its output");
                report::say(&format!("repeat: just repro '{name}' {}", settings.root_seed));
                resume_unwind(panic);
            }
        }
    }

    /// The case's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The case's own seed: derived from the root seed by the case's name, the same for every
    /// attempt.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// The case's folder, empty at the start.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where the evidence of the case is kept when it fails.
    pub fn evidence(&self) -> PathBuf {
        Settings::get().artifacts.join(scratch::label(&self.name))
    }

    /// Says why the case judges nothing here; it then passes, and is reported apart.
    pub fn skip(&self, reason: &str) -> Verdict {
        report::say(&format!("mace-prod: skip reason={reason}"));
        Verdict::Pass
    }

    /// Says that a known finding showed itself again, as it should on this engine version.
    pub fn known_finding(&self, id: &str) -> Verdict {
        report::say(&format!("mace-prod: known-finding id={id} case={}", self.name));
        Verdict::Pass
    }

    fn leave_evidence(self, text: &str) {
        let target = self.evidence();
        // A finding that is judged again is in there, and leaves nothing that is new.
        if Settings::get().power_replay.is_some() {
            return;
        }
        let kept = std::fs::write(self.dir.join("verdict.txt"), text)
            .map_err(|error| crate::error::Error::new("write", self.dir.path(), error))
            .and_then(|()| self.dir.keep(&target));
        match kept {
            Ok(()) => report::say(&format!("evidence: {}", target.display())),
            Err(error) => report::say(&format!("evidence lost: {error}")),
        }
    }
}
