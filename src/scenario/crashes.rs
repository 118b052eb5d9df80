//! A database whose processes are killed at counted points, one after the other, and what is to be
//! said of how each of them ended. The last verb judges everything with the recovery oracles.

use crate::{
    engine::{EngineOptions, failpoint::Rule},
    error,
    history::OracleName,
    history::{
        Event, Milestone,
        child::{Exit, ExitClass, KILLED, SIGABRT},
        kill::Mark,
        script::Step,
    },
    oracle::{
        Violation,
        judge::{Evidence, judge_all},
        recovery::{Expect, Reopened, Streams},
    },
    report::say,
    scenario::{
        Case,
        chaos::exits::came_to,
        database::{Database, Stage},
        run::{Judging, concluded, count},
    },
    verdict::Verdict,
};
use std::collections::BTreeSet;

const SERVES: &str = "a database that died can be opened and serves";

/// How often a kill inside of an opening is tried that did not come.
const TRIES: u32 = 5;

/// The database, and the weakest of the promises that it was opened under.
pub struct Crashes<'a> {
    case: &'a mut Case,
    database: Database,
    streams: Streams,
}

impl<'a> Crashes<'a> {
    /// A database that is not there yet.
    ///
    /// # Panics
    /// When its folder cannot be made.
    pub fn new(case: &'a mut Case) -> Self {
        let root = case.dir().join("crashes");
        let database = must(Database::new(root, case.seed()));
        Self { case, database, streams: Streams::One }
    }

    /// Runs a process that comes to the end it was told.
    pub fn ends(&mut self, stage: &Stage) -> Judging<()> {
        let exit = self.process(stage);
        let milestones = must(self.database.milestones());
        if came_to(&milestones, &exit, stage.end) && exit.stderr.trim().is_empty() {
            return Ok(());
        }
        Err(unexpected(&milestones, &exit))
    }

    /// Runs a process that is killed at its mark.
    pub fn killed(&mut self, options: &EngineOptions, steps: Vec<Step>, mark: Mark) -> Judging<()> {
        // What the child finds is judged before it goes on: the kill before this one is in it.
        let stage = Stage { dump: true, ..Stage::killed(options, steps, mark) };
        let exit = self.process(&stage);
        let milestones = must(self.database.milestones());
        if exit.class == ExitClass::Died(KILLED) && milestones.last() == Some(&Milestone::Killed) {
            self.case.figures.add("kills", 1);
            return Ok(());
        }
        if milestones.iter().any(Milestone::is_scripted) {
            return Err(Verdict::Inconclusive(format!("the work ended before {mark:?}")));
        }
        Err(unexpected(&milestones, &exit))
    }

    /// Runs a process that dies at a failpoint.
    pub fn aborted(
        &mut self,
        options: &EngineOptions,
        steps: Vec<Step>,
        rule: &Rule,
    ) -> Judging<()> {
        let stage = Stage { dump: true, ..Stage::dying(options, steps) }.under(rule.to_string());
        let exit = self.process(&stage);
        let milestones = must(self.database.milestones());
        if milestones.iter().any(Milestone::is_scripted) {
            return Err(Verdict::Inconclusive(format!("the work ended before {rule}")));
        }
        if exit.class == ExitClass::Died(SIGABRT) {
            self.case.figures.add("faults_hit", 1);
            return Ok(());
        }
        Err(unexpected(&milestones, &exit))
    }

    /// Kills openings of the database at the first, a middle and a late one of the allocations
    /// that an undisturbed opening takes, each on what the one before left.
    pub fn killed_in_openings(&mut self, options: &EngineOptions) -> Judging<()> {
        let most = self.allocations_of_opening(options)?;
        // Threads of the engine share the count, so that the very last one need not come again.
        let marks: BTreeSet<u64> = [1, most / 3, most / 10 * 9].into();
        for mark in marks {
            self.killed_in_opening(options, mark.max(1))?;
        }
        Ok(())
    }

    fn allocations_of_opening(&mut self, options: &EngineOptions) -> Judging<u64> {
        let mut counting = must(self.database.fork(self.case.dir().join("counting")));
        std::mem::swap(&mut counting, &mut self.database);
        let ended = self.ends(&Stage::dying(options, Vec::new()));
        std::mem::swap(&mut counting, &mut self.database);
        ended?;
        let milestones = must(counting.milestones());
        let allocations = milestones.iter().find_map(Milestone::allocations);
        Ok(allocations.expect("a child that opened says how"))
    }

    fn killed_in_opening(&mut self, options: &EngineOptions, mut mark: u64) -> Judging<()> {
        for attempt in 1..=TRIES {
            let stage = Stage::killed(options, Vec::new(), Mark::Opening(mark));
            let root = self.case.dir().join(format!("opening-{mark}-{attempt}"));
            let mut killed = must(self.database.fork(root));
            let exit = must(killed.process(&stage, &mut self.case.figures));
            let milestones = must(killed.milestones());
            let opened = milestones.iter().any(Milestone::is_opened);
            match exit.class {
                ExitClass::Died(KILLED) if !opened => {
                    self.case.figures.add("kills_in_recovery", 1);
                    self.database = killed;
                    return Ok(());
                }
                ExitClass::Died(SIGABRT) if opened => {
                    say(&format!("allocation {mark} of an opening did not come"));
                    mark = (mark / 4 * 3).max(1);
                }
                _ => return Err(unexpected(&milestones, &exit)),
            }
        }
        Err(Verdict::Inconclusive(format!("no kill in an opening came in {TRIES} tries")))
    }

    /// Judges all states that were found, and everything that clients saw.
    pub fn judge(mut self) -> Verdict {
        let history = must(self.database.history());
        let dumps = std::mem::take(&mut self.database.dumps);
        let states = Reopened::at_milestones(&history, dumps);
        let judgement = judge_all(&Evidence::new(&history, self.streams, &states));
        let dir = self.case.dir().to_owned();
        let violations = concluded(judgement, &dir, &mut self.case.figures);
        count(&history, &mut self.case.figures);
        let asked = history.events.iter().filter(|event| matches!(event, Event::Commit { .. }));
        let answered = history.events.iter().filter(|event| matches!(event, Event::Ok { .. }));
        let open = asked.count().saturating_sub(answered.count());
        self.case.figures.add("commits_in_flight", open as u64);
        Verdict::from_violations(violations)
    }

    fn process(&mut self, stage: &Stage) -> Exit {
        if Expect::of(&stage.options).streams == Streams::Many {
            self.streams = Streams::Many;
        }
        must(self.database.process(stage, &mut self.case.figures))
    }
}

fn unexpected(milestones: &[Milestone], exit: &Exit) -> Verdict {
    let how = format!("{:?} after {milestones:?}: {}", exit.class, exit.stderr.trim());
    match exit.class {
        ExitClass::Hung => Verdict::Stuck(how),
        ExitClass::Refused => {
            Verdict::Violated(vec![Violation::new(OracleName::Answers, SERVES, how)])
        }
        _ => Verdict::Crashed(how),
    }
}

fn must<T>(result: error::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}
