//! Processes of a run: each opens the database, reads it in every way, does its work and ends as it
//! is told, and what is to be said of one that ends in another way. What a process found is judged
//! with everything else at the end of the run.

use super::{Explain, Judging, Left, Run, must, session::Script};
use crate::{
    engine::failpoint::Rule,
    history::{
        Event, History, Milestone,
        child::{End, Exit, ExitClass, KILLED, SIGABRT},
        kill::Mark,
        script::Step,
    },
    oracle::{judge::Equals, recovery::Reopened},
    report::{Figures, say},
    scenario::{
        database::{Database, Stage},
        exits::{came_to, newest, unexpected},
    },
    settings::expects,
    verdict::Verdict,
};
use knobs::budget::Unit;
use std::collections::{BTreeMap, BTreeSet};

/// No client of equal work in a process of its own may come to this many times less than another.
const FAIRNESS: u64 = 100;

/// What became of a thread that was to be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// It was held while others did what they were to do.
    Held,
    /// It was held, and the others waited for it.
    Blocked,
    /// It never came by.
    Missed,
}

impl Met {
    /// By what a history says.
    pub fn of(history: &History) -> Self {
        let said = |is_it: fn(&Milestone) -> bool| {
            let is_it = |event: &Event| matches!(event, Event::Milestone(said) if is_it(said));
            history.events.iter().any(is_it)
        };
        match (said(Milestone::is_held), said(Milestone::is_blocked)) {
            (true, true) => Self::Blocked,
            (true, false) => Self::Held,
            (false, _) => Self::Missed,
        }
    }

    /// The figure that counts it.
    pub const fn figure(self) -> &'static str {
        match self {
            Self::Held => "holds.held",
            Self::Blocked => "holds.blocked",
            Self::Missed => "holds.missed",
        }
    }
}

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

    /// The same, of clients with equal work: each of them has to get on.
    pub fn died_fairly(&mut self, work: impl FnOnce(&mut Script)) {
        self.attempt(|run| {
            run.ends(&run.stage(End::Die, work))?;
            let commits = commits(newest(&run.history()));
            run.evidence.equals.push(Equals { commits, most_times: FAIRNESS });
            Ok(())
        });
    }

    /// Runs a process that was written down before: it comes to the end it was told, or, under failpoint
    /// rules, they abort it.
    pub fn process(&mut self, stage: &Stage) {
        self.attempt(
            |run| if stage.rules.is_empty() { run.ends(stage) } else { run.aborts(stage) },
        );
    }

    /// Works in a process that is killed at its mark.
    pub fn killed(&mut self, mark: Mark, work: impl FnOnce(&mut Script)) {
        self.attempt(|run| {
            let stage = Stage { kill: Some(mark), ..run.stage(End::Die, work) };
            let exit = run.exit_of(&stage);
            let milestones = must(run.database.milestones());
            let killed = milestones.last() == Some(&Milestone::Killed);
            if exit.class == ExitClass::Died(KILLED) && killed {
                run.figures.add("kills", 1);
                return Ok(());
            }
            if milestones.iter().any(Milestone::is_scripted) {
                return Err(Verdict::Inconclusive(format!("the work ended before {mark:?}")));
            }
            Err(unexpected(&run.database, &exit, &format!("before {mark:?}")))
        });
    }

    /// Runs a process in which a thread is held; one that is to die may do so meanwhile.
    pub fn meets(&mut self, stage: &Stage) -> Met {
        let mut met = Met::Missed;
        self.attempt(|run| {
            let exit = run.exit_of(stage);
            met = Met::of(&run.history());
            ended(stage, &exit, "while a thread was held", &run.database)
        });
        met
    }

    /// Works in a process that dies at a failpoint.
    pub fn aborted(&mut self, rule: &Rule, work: impl FnOnce(&mut Script)) {
        self.attempt(|run| {
            run.aborts(&run.stage(End::Die, work).under(rule.to_string()))?;
            run.figures.add("faults_hit", 1);
            Ok(())
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

    /// Opens every copy that the engine published, has it read and checked in a process of its own, and
    /// judges it with everything else: it holds all that was acknowledged before it was asked for, and
    /// ends at one transaction's border, at the latest where it stood.
    pub fn open_copies(&mut self) {
        self.attempt(|run| {
            let history = run.history();
            for (at, event) in history.events.iter().enumerate() {
                let Event::Milestone(Milestone::Copying { name }) = event else { continue };
                let Some(mut copy) = must(run.database.published_copy(name)) else { continue };
                let stage = Stage { end: End::CloseAndCheck, ..Stage::looking(&run.options) };
                let exit = must(copy.process(&stage, &mut run.figures));
                ended(&stage, &exit, &format!("at the opening of the copy `{name}`"), &copy)
                    .map_err(|verdict| run.explained(verdict, &copy))?;
                run.figures.add("copies", 1);
                let dump = copy.dumps.pop().expect("a process that was to dump did");
                let found = Reopened::of_copy(&history, at, dump);
                let mut history = History { events: history.events[..found.events].to_vec() };
                let reopened = vec![found];
                history.events.extend_from_slice(newest(&must(copy.history())));
                let root = copy.root().to_owned();
                run.copies.push((name.clone(), Left { root, history, reopened }));
            }
            Ok(())
        });
    }

    /// Runs a process on a copy of the database as it is now, in a folder with this name.
    pub fn on_a_copy(&mut self, name: &str, stage: &Stage) -> (Database, Exit) {
        self.processes += 1;
        self.note_streams(&stage.options);
        let mut copy = must(self.database.fork(self.folder.join(name)));
        let exit = must(copy.process(stage, &mut self.figures));
        (copy, exit)
    }

    /// Goes on with a copy, as a process left it.
    pub fn go_on_with(&mut self, copy: Database) {
        self.database = copy;
    }

    /// The verdict on a process, unless a known finding is behind it that the case knows to explain.
    pub fn explained(&mut self, verdict: Verdict, database: &Database) -> Verdict {
        explained(self.explain, verdict, database, &mut self.figures)
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
        let exit = self.exit_of(stage);
        let when = format!("in process {} of the case", self.processes);
        ended(stage, &exit, &when, &self.database)
            .map_err(|verdict| explained(self.explain, verdict, &self.database, &mut self.figures))
    }

    /// Runs a process that its failpoint rules abort in silence.
    fn aborts(&mut self, stage: &Stage) -> Judging<()> {
        let exit = self.exit_of(stage);
        let Stage { rules, .. } = stage;
        if must(self.database.milestones()).iter().any(Milestone::is_scripted) {
            return Err(Verdict::Inconclusive(format!("the work ended before {rules}")));
        }
        if exit.class == ExitClass::Died(SIGABRT) && exit.stderr.trim().is_empty() {
            return Ok(());
        }
        let verdict = unexpected(&self.database, &exit, &format!("under {rules}"));
        Err(explained(self.explain, verdict, &self.database, &mut self.figures))
    }

    fn allocations_of_opening(&mut self) -> Judging<u64> {
        let stage = Stage::dying(&self.options, Vec::new());
        let (counting, exit) = self.on_a_copy("counting", &stage);
        ended(&stage, &exit, "at an undisturbed opening", &counting)
            .map_err(|verdict| self.explained(verdict, &counting))?;
        let milestones = must(counting.milestones());
        let allocations = milestones.iter().find_map(Milestone::allocations);
        Ok(allocations.expect("a child that opened says how"))
    }

    fn killed_in_opening(&mut self, mut mark: u64) -> Judging<()> {
        for attempt in 1..=TRIES {
            let stage = Stage::killed(&self.options, Vec::new(), Mark::Opening(mark));
            let (killed, exit) = self.on_a_copy(&format!("opening-{mark}-{attempt}"), &stage);
            let milestones = must(killed.milestones());
            let opened = milestones.iter().any(Milestone::is_opened);
            match exit.class {
                ExitClass::Died(KILLED) if !opened => {
                    self.figures.add("kills_in_recovery", 1);
                    self.go_on_with(killed);
                    return Ok(());
                }
                ExitClass::Died(SIGABRT) if opened => {
                    say(&format!("allocation {mark} of an opening did not come"));
                    mark = (mark / 4 * 3).max(1);
                }
                _ => {
                    let verdict = unexpected(&killed, &exit, &format!("before allocation {mark}"));
                    return Err(self.explained(verdict, &killed));
                }
            }
        }
        Err(Verdict::Inconclusive(format!("no kill in an opening came in {TRIES} tries")))
    }

    fn exit_of(&mut self, stage: &Stage) -> Exit {
        self.processes += 1;
        self.note_streams(&stage.options);
        let stage = Stage { open_files: self.open_files.or(stage.open_files), ..stage.clone() };
        must(self.database.process(&stage, &mut self.figures))
    }
}

/// A process that was to come to its end did.
fn ended(stage: &Stage, exit: &Exit, when: &str, database: &Database) -> Judging<()> {
    if came_to(&must(database.milestones()), exit, stage.end) && exit.stderr.trim().is_empty() {
        return Ok(());
    }
    Err(unexpected(database, exit, when))
}

fn explained(
    explain: Option<Explain>,
    verdict: Verdict,
    database: &Database,
    figures: &mut Figures,
) -> Verdict {
    let found = explain.and_then(|by| by(&verdict, database, figures));
    let Some((id, evidence)) = found.filter(|(id, _)| expects(*id)) else { return verdict };
    say(&format!("{verdict:?}"));
    say(&format!("that is `{id}`: {evidence}"));
    figures.put_down_to(id, Unit::Crashes, 1);
    Verdict::Known(id)
}

/// Acknowledged commits of each client.
fn commits(events: &[Event]) -> BTreeMap<u16, u64> {
    let mut commits = BTreeMap::new();
    for event in events {
        match event {
            Event::Begin { txn, .. } => {
                commits.entry(txn.client).or_default();
            }
            Event::Ok { txn, .. } => *commits.entry(txn.client).or_default() += 1,
            _ => {}
        }
    }
    commits
}
