//! Joins the stages: the only module that sees all of them. A [`Case`] is the one way in which a
//! test runs: it prints its seed first, owns its folder, and fails with the verdict's text.

pub mod aging;
pub mod bench;
pub mod chaos;
pub mod claims;
pub mod contract;
pub mod database;
pub mod exclusive;
pub mod exits;
pub mod holds;
pub mod isolated;
pub mod large;
pub mod pairs;
pub mod power;
pub mod regression;
pub mod rot;
pub mod run;
pub mod slopes;
pub mod stored;
pub mod upgrade;

use crate::{
    engine::{Preset, under_test},
    history::pauses,
    report::{self, Figures},
    settings::{FindingId, Seed, Settings, unknown_regression},
    testdir::TestDir,
    verdict::Verdict,
};
use knobs::budget::Unit;
use results::marker::Marker;
use run::Run;
use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::{Path, PathBuf},
};

/// Makes a module of cases out of a promise: one test for each preset in which it is to hold, named
/// after it, with what is done in the body and judged after it.
///
/// ```ignore
/// case!(hot_keys_stay_exact: [Defaults, Tiny], |run| {
///     run.session(|s| {
///         s.open("a");
///         s.work("a", clients(0..3).mix(&mix, 40));
///     });
///     run.reopen();
///     run.must_reach(conflicts(1));
/// });
/// ```
///
/// Presets behind `stress` are cases of the stress layer, and of the pass over the plain engine: the fast layer has
/// twelve seconds. With `in` before the presets the tests are called `in_defaults`, `in_tiny` and so on.
#[macro_export]
macro_rules! case {
    ($promise:ident: [$($preset:ident),+ $(,)?], |$run:ident| $body:block) => {
        mod $promise {
            use super::*;

            fn body($run: &mut $crate::scenario::run::Run<'_>) $body

            $($crate::case!(@test $preset);)+
        }
    };
    ($promise:ident: [$($preset:ident),+], stress: [$($more:ident),+], |$run:ident| $body:block) => {
        mod $promise {
            use super::*;

            fn body($run: &mut $crate::scenario::run::Run<'_>) $body

            $($crate::case!(@test $preset);)+

            mod stress_too {
                use super::body;

                $($crate::case!(@test $more);)+
            }
        }
    };
    ($promise:ident: in [$($preset:ident),+ $(,)?], |$run:ident| $body:block) => {
        mod $promise {
            use super::*;

            fn body($run: &mut $crate::scenario::run::Run<'_>) $body

            $($crate::case!(@in $preset);)+
        }
    };
    (@test Defaults) => { $crate::case!(@test defaults Defaults); };
    (@test Tiny) => { $crate::case!(@test tiny Tiny); };
    (@test Compressed) => { $crate::case!(@test compressed Compressed); };
    (@test Relaxed) => { $crate::case!(@test relaxed Relaxed); };
    (@test OneWriter) => { $crate::case!(@test one_writer OneWriter); };
    (@test ManyWriters) => { $crate::case!(@test many_writers ManyWriters); };
    (@test Deep) => { $crate::case!(@test deep Deep); };
    (@in Defaults) => { $crate::case!(@test in_defaults Defaults); };
    (@in Tiny) => { $crate::case!(@test in_tiny Tiny); };
    (@in Compressed) => { $crate::case!(@test in_compressed Compressed); };
    (@in Relaxed) => { $crate::case!(@test in_relaxed Relaxed); };
    (@in OneWriter) => { $crate::case!(@test in_one_writer OneWriter); };
    (@in ManyWriters) => { $crate::case!(@test in_many_writers ManyWriters); };
    (@in Deep) => { $crate::case!(@test in_deep Deep); };
    (@test $name:ident $preset:ident) => {
        #[test]
        fn $name() {
            $crate::scenario::Case::run(|case| case.over($crate::engine::Preset::$preset, body));
        }
    };
}

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
        report::announce(seed, settings.root_seed, name, &under_test::driver().identity());
        let dir = TestDir::new(name).unwrap_or_else(|error| panic!("{error}"));
        let mut case = Self { name: name.to_owned(), seed, dir, figures: Figures::default() };
        if let Some(id) = unknown_regression(name) {
            let _ = case.skip(&format!("the regression of `{id}`, which counts as unknown"));
            return;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| body(&mut case)));
        report::figures(&case.figures);
        match outcome {
            Ok(Verdict::Pass) => {}
            Ok(Verdict::Known(id)) => case.met(id),
            Ok(verdict) => {
                let text = report::failure(&verdict, name, settings.root_seed);
                case.leave_evidence(&text);
                panic!("{text}");
            }
            Err(panic) => {
                let again = format!("repeat: just repro '{name}' {}", settings.root_seed);
                case.leave_evidence(&format!(
                    "the case itself panicked; see its output\n  {again}"
                ));
                report::say(&again);
                resume_unwind(panic);
            }
        }
    }

    /// Runs the engine under test in a preset, and judges everything that the run collected.
    pub fn over(&mut self, preset: Preset, body: impl FnOnce(&mut Run<'_>)) -> Verdict {
        let mut run = Run::new(preset, self.dir().to_owned(), self.seed);
        if self.meets_pauses() {
            pauses::begin(self.seed);
        }
        body(&mut run);
        let verdict = run.judge();
        if pauses::taken() > 0 {
            self.figures.add("pauses", pauses::taken());
        }
        self.figures.join(run.figures);
        verdict
    }

    /// Whether clients that work at once meet pauses: in the stress layer always, in the fast layer on
    /// half of the seeds, and not where faults, and when they come, are the matter.
    fn meets_pauses(&self) -> bool {
        let layer = |prefix| self.name.split("::").any(|part| part.starts_with(prefix));
        let coin = self.seed.derive("meets pauses").number().is_multiple_of(2);
        Settings::get().pauses && !layer("chaos_") && (layer("stress_") || coin)
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
        Settings::get().artifacts.join(process::scratch::label(&self.name))
    }

    /// Says why the case judges nothing here; it then passes, and is reported apart.
    pub fn skip(&self, reason: &str) -> Verdict {
        report::mark(&Marker::Skip { reason: reason.to_owned() });
        Verdict::Pass
    }

    /// Says that a known finding showed itself again, as it should on this engine version.
    pub fn met(&self, id: FindingId) {
        report::mark(&Marker::KnownFinding { id: id.to_string(), case: self.name.clone() });
    }

    /// Says that so much of what this case judged is put down to a known finding: it showed itself, and a
    /// run holds its share against the entry's budget.
    pub fn put_down_to(&mut self, id: FindingId, unit: Unit, count: u64) {
        self.figures.put_down_to(id, unit, count);
        self.met(id);
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

#[cfg(test)]
mod tests {
    use super::{Case, Verdict, catch_unwind};
    use crate::history::OracleName;
    use crate::{oracle::Violation, settings::Settings};
    use std::fs;

    /// How a case of this name ended: what it panicked with, and the verdict beside its evidence.
    fn ended(name: &str, body: impl FnOnce() -> Verdict + std::panic::UnwindSafe) -> [String; 2] {
        let panic = catch_unwind(|| {
            Case::run_named(name, |case| {
                fs::write(case.dir().join("file"), "evidence").unwrap();
                body()
            });
        });
        let panic = panic.expect_err("what is no pass is a panic");
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let evidence = Settings::get().artifacts.join(process::scratch::label(name));
        assert_eq!(fs::read_to_string(evidence.join("file")).unwrap(), "evidence");
        let verdict = fs::read_to_string(evidence.join("verdict.txt")).unwrap();
        fs::remove_dir_all(evidence).unwrap();
        [said.unwrap_or_default(), verdict]
    }

    #[test]
    fn what_is_no_pass_fails_and_leaves_evidence() {
        // Not inconclusive ones: the runner reads what a panic prints and would fail this test for it.
        let violated =
            || Verdict::Violated(vec![Violation::new(OracleName::Answers, "p", "w".to_owned())]);
        for (name, verdict, says) in [
            ("ends::violated", violated(), "1 violation(s)"),
            ("ends::crashed", Verdict::Crashed("so".to_owned()), "died"),
            ("ends::stuck", Verdict::Stuck("so".to_owned()), "no progress"),
        ] {
            let [said, kept] = ended(name, || verdict);
            assert!(said.contains(says), "{said}");
            assert_eq!(said, kept);
            let again = format!("repeat: just repro '{name}' {}", Settings::get().root_seed);
            assert!(kept.ends_with(&again), "{kept}");
        }
        let [said, kept] = ended("ends::panicked", || panic!("a bug of ours"));
        assert_eq!(said, "a bug of ours");
        let again = format!("repeat: just repro 'ends::panicked' {}", Settings::get().root_seed);
        assert!(kept.starts_with("the case itself panicked") && kept.ends_with(&again), "{kept}");
    }

    #[test]
    fn a_pass_leaves_nothing() {
        Case::run_named("ends::passed", |case| {
            fs::write(case.dir().join("file"), "evidence").unwrap();
            Verdict::Pass
        });
        assert!(!Settings::get().artifacts.join(process::scratch::label("ends::passed")).exists());
    }
}
