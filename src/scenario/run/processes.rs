//! Processes of a run: each opens the database, reads it in every way, does its work and ends as it
//! is told, and what is to be said of one that ends in another way. What a process found is judged
//! with everything else at the end of the run.

use super::{Judging, Run, must, session::Script};
use crate::{
    engine::failpoint::Rule,
    history::{
        Milestone, OracleName,
        child::{End, Exit, ExitClass, KILLED, SIGABRT},
        kill::Mark,
        script::Step,
    },
    oracle::Violation,
    report::say,
    scenario::{database::Stage, exits::came_to},
    verdict::Verdict,
};
use std::collections::BTreeSet;

const SERVES: &str = "a database that died can be opened and serves";

/// How often a kill inside of an opening is tried that did not come.
const TRIES: u32 = 5;

impl Run<'_> {
    /// Works in a process that closes the database cleanly.
    pub fn closed(&mut self, work: impl FnOnce(&mut Script)) {
        self.attempt(|run| run.ends(&run.stage(End::Close, work)));
    }

    /// Works in a process that dies with the database open, its work done.
    pub fn died(&mut self, work: impl FnOnce(&mut Script)) {
        self.attempt(|run| run.ends(&run.stage(End::Die, work)));
    }

    /// Works in a process that is killed at its mark.
    pub fn killed(&mut self, mark: Mark, work: impl FnOnce(&mut Script)) {
        self.attempt(|run| {
            let stage = Stage { kill: Some(mark), ..run.stage(End::Die, work) };
            let exit = run.process(&stage);
            let milestones = must(run.database.milestones());
            let killed = milestones.last() == Some(&Milestone::Killed);
            if exit.class == ExitClass::Died(KILLED) && killed {
                run.figures.add("kills", 1);
                return Ok(());
            }
            if milestones.iter().any(Milestone::is_scripted) {
                return Err(Verdict::Inconclusive(format!("the work ended before {mark:?}")));
            }
            Err(unexpected(&milestones, &exit))
        });
    }

    /// Works in a process that dies at a failpoint.
    pub fn aborted(&mut self, rule: &Rule, work: impl FnOnce(&mut Script)) {
        self.attempt(|run| {
            let exit = run.process(&run.stage(End::Die, work).under(rule.to_string()));
            let milestones = must(run.database.milestones());
            if milestones.iter().any(Milestone::is_scripted) {
                return Err(Verdict::Inconclusive(format!("the work ended before {rule}")));
            }
            if exit.class == ExitClass::Died(SIGABRT) {
                run.figures.add("faults_hit", 1);
                return Ok(());
            }
            Err(unexpected(&milestones, &exit))
        });
    }

    /// Kills openings of the database at the first, a middle and a late one of the allocations
    /// that an undisturbed opening takes, each on what the one before left.
    pub fn killed_in_openings(&mut self) {
        self.attempt(|run| {
            let most = run.allocations_of_opening()?;
            // Threads of the engine share the count, so that the very last one need not come again.
            let marks: BTreeSet<u64> = [1, most / 3, most / 10 * 9].into();
            marks.into_iter().try_for_each(|mark| run.killed_in_opening(mark.max(1)))
        });
    }

    pub(super) fn looked_at(&mut self) -> Judging<()> {
        self.ends(&Stage::looking(&self.options))
    }

    pub(super) fn closed_and_checked(&mut self) -> Judging<()> {
        self.ends(&Stage { end: End::CloseAndCheck, ..Stage::looking(&self.options) })
    }

    /// What a process is to do, written down before it is known how the process ends. Buckets are made
    /// to be killed in ([`BucketOptions::for_kills`](crate::engine::BucketOptions::for_kills)).
    pub fn script(&self, work: impl FnOnce(&mut Script)) -> Vec<Step> {
        Script::of(&self.buckets.clone().for_kills(), work)
    }

    /// What a process finds is judged before it goes on: the kill before this one is in it.
    fn stage(&self, end: End, work: impl FnOnce(&mut Script)) -> Stage {
        let steps = self.script(work);
        Stage { steps, end, ..Stage::looking(&self.options) }
    }

    /// Runs a process that comes to the end it was told.
    fn ends(&mut self, stage: &Stage) -> Judging<()> {
        let exit = self.process(stage);
        let milestones = must(self.database.milestones());
        if came_to(&milestones, &exit, stage.end) && exit.stderr.trim().is_empty() {
            return Ok(());
        }
        Err(unexpected(&milestones, &exit))
    }

    fn allocations_of_opening(&mut self) -> Judging<u64> {
        let mut counting = must(self.database.fork(self.folder.join("counting")));
        std::mem::swap(&mut counting, &mut self.database);
        let ended = self.ends(&Stage::dying(&self.options, Vec::new()));
        std::mem::swap(&mut counting, &mut self.database);
        ended?;
        let milestones = must(counting.milestones());
        let allocations = milestones.iter().find_map(Milestone::allocations);
        Ok(allocations.expect("a child that opened says how"))
    }

    fn killed_in_opening(&mut self, mut mark: u64) -> Judging<()> {
        for attempt in 1..=TRIES {
            let stage = Stage::killed(&self.options, Vec::new(), Mark::Opening(mark));
            let root = self.folder.join(format!("opening-{mark}-{attempt}"));
            let mut killed = must(self.database.fork(root));
            let exit = must(killed.process(&stage, &mut self.figures));
            let milestones = must(killed.milestones());
            let opened = milestones.iter().any(Milestone::is_opened);
            match exit.class {
                ExitClass::Died(KILLED) if !opened => {
                    self.figures.add("kills_in_recovery", 1);
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

    fn process(&mut self, stage: &Stage) -> Exit {
        self.processes += 1;
        self.note_streams();
        must(self.database.process(stage, &mut self.figures))
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
