//! A small search among what a power loss may leave of a few processes, for regressions and for the
//! tests of detection: every crash state of the chosen steps is opened and judged, none twice.

use crate::power::{
    explore::{broken, known_of, names_kept, of_lives},
    record::{Places, crash, record, recorded_after, set_up, trace},
};
use faultfs::{Case as State, Explore, Finding, Op, Outcome, Plan, Step, Trace};
use mace_prod::{
    engine::{Driver, mace::MaceDriver},
    report::say,
    scenario::{
        Case, chaos::recipes::Stages, database::Stage, regression::Regression, run::Judging,
    },
    settings::{FindingId, Seed},
    verdict::Verdict,
};
use std::path::Path;

/// What is recorded and what a crash may do to it.
pub(crate) struct Search<'a> {
    /// The engine.
    pub(crate) driver: &'a dyn Driver,
    /// The processes, the last of which is recorded.
    pub(crate) stages: &'a Stages,
    /// Openings before it that are recorded too.
    pub(crate) first: &'a [Stage],
    /// What a crash may do to the files.
    pub(crate) steps: &'a [Step],
    /// Rules of the faults that the recorded process meets, which may end it.
    pub(crate) faults: &'a str,
    /// Whether the database is made before the recording, or within it.
    pub(crate) is_made: bool,
    /// How many crash states of each step are judged, of all that there are.
    pub(crate) states: u64,
    /// Whether names that the engine is known not to sync are kept.
    pub(crate) keeps_names: bool,
}

impl<'a> Search<'a> {
    /// What a crash of the engine under test leaves of these processes by these steps.
    pub(crate) fn new(stages: &'a Stages, steps: &'a [Step]) -> Self {
        let first = &[];
        let driver = &MaceDriver;
        Self {
            driver,
            stages,
            first,
            steps,
            faults: "",
            is_made: true,
            states: 4000,
            keeps_names: true,
        }
    }

    /// What is found. A process that ends badly without a fault is a verdict.
    pub(crate) fn run(&self, case: &mut Case) -> Judging<Found> {
        let Self { driver, stages, .. } = *self;
        let places = Places::new(case.dir());
        if self.is_made {
            set_up(&places, driver, stages, case.seed()).unwrap_or_else(|error| panic!("{error}"));
        } else {
            places.make();
        }
        let plan: Plan = self.faults.parse().unwrap_or_else(|error| panic!("{error}"));
        let recorded = recorded_after(&places, driver, stages, self.first, case.seed(), &plan);
        let recorded = recorded.unwrap_or_else(|error| panic!("{error}"));
        if plan.rules().is_empty() && recorded.outcome != Outcome::Sound {
            let how = format!("while it was recorded: {}", recorded.outcome);
            return Err(Verdict::Crashed(how));
        }
        let run = recorded.run;
        let lives = places.lives();
        let judge = |state: &State| run.judge(&crash(state), &lives);
        let trace = trace(&places);
        let seen = if self.keeps_names { names_kept(trace.clone(), driver) } else { trace.clone() };
        let explore = Explore::new().steps(self.steps).limit(self.states).nested(0).questions(0);
        let explore = explore.folder(case.dir());
        let report = explore.run(seen, &judge).unwrap_or_else(|error| panic!("{error}"));
        report.to_string().lines().for_each(say);
        run.notes.passed().report(&mut case.figures);
        Ok(Found { findings: report.findings, trace })
    }
}

/// What a search found.
pub(crate) struct Found {
    /// Each broken promise, with what was lost.
    pub(crate) findings: Vec<Finding>,
    trace: Trace,
}

impl Found {
    /// Whether a crash state breaks a promise in these words.
    pub(crate) fn says(&self, words: &str) -> bool {
        self.findings.iter().any(|finding| finding.outcome.to_string().contains(words))
    }

    /// What is put down to no known finding.
    pub(crate) fn unknown(&self) -> Vec<Outcome> {
        let outcomes = self.findings.iter().map(|finding| &finding.outcome);
        outcomes.filter(|it| !it.is_sound() && known_of(it).is_none()).cloned().collect()
    }

    /// Whether something is put down to this one.
    pub(crate) fn is_known(&self, id: FindingId) -> bool {
        self.findings.iter().any(|finding| known_of(&finding.outcome) == Some(id))
    }

    /// How many log files got their names.
    pub(crate) fn logs(&self) -> u64 {
        self.count(|op| matches!(op, Op::Create { name, .. } if name.contains("wal")))
    }

    /// How many calls failed or were slow.
    pub(crate) fn faults(&self) -> u64 {
        faults(&self.trace)
    }

    fn count(&self, is_it: impl Fn(&Op) -> bool) -> u64 {
        self.trace.events().iter().filter(|event| is_it(&event.op)).count() as u64
    }

    /// What is broken besides known findings, for a regression that does not show.
    pub(crate) fn tell(&self, finding: &mut Regression<'_>) {
        let others = self.unknown().iter().map(|found| broken(found.to_string())).collect();
        finding.breaks(Verdict::from_violations(others));
    }
}

/// How many calls of a recording failed or were slow.
pub(crate) fn faults(trace: &Trace) -> u64 {
    let is_fault = |op: &Op| matches!(op, Op::Fault { .. });
    trace.events().iter().filter(|event| is_fault(&event.op)).count() as u64
}

/// What is found where so many crash states, each of which lost one thing, are opened and written with
/// whatever is behind a cut, and lose their power again.
pub(crate) fn in_lives(folder: &Path, seed: Seed, stages: &Stages, lives: usize) -> Found {
    let places = Places::new(folder);
    let recorded = record(&places, &MaceDriver, stages, seed, &Plan::default());
    let run = recorded.unwrap_or_else(|error| panic!("{error}")).run;
    let explore = Explore::new().seed(seed.number()).steps(&[Step::DropOne]).nested(lives);
    let kept = places.lives().leaving_younger_logs();
    let judge = |state: &State| of_lives(&run, state, &kept);
    let trace = trace(&places);
    let explore = explore.limit(20).nested_limit(6).questions(0).folder(folder);
    let report = explore.run(trace.clone(), &judge).unwrap_or_else(|error| panic!("{error}"));
    report.to_string().lines().for_each(say);
    Found { findings: report.findings, trace }
}
