//! What comes after the fault. Four openings: look and die; look, write more and die; look, close
//! and have the engine's offline checker look; look once more, because a clean close has to leave
//! an openable database too. Each copy that was published is opened and checked as well. All the
//! oracles of a crash judge what was found.

use crate::{
    engine::{EngineOptions, Preset},
    history::{
        Event, History, Milestone,
        child::{End, Exit},
    },
    oracle::{
        Violation,
        judge::{Equals, Evidence, Isolation, judge_all},
        recovery,
    },
    report::Figures,
    scenario::{
        chaos::{recipes, stopped::Stopped},
        database::{Database, Stage},
        exits::{self, must, newest},
        run::concluded,
    },
};
use std::collections::BTreeMap;

/// No client of equal work may come to this many times less than another.
const FAIRNESS: u64 = 100;

/// Opens what a fault left behind.
#[derive(Debug)]
pub struct RecoveryCheck<'a> {
    /// How it is opened.
    pub options: EngineOptions,
    /// What its new buckets are like.
    pub preset: Preset,
    /// What it may promise, in all the ways in which it was opened before.
    pub expect: recovery::Expect,
    /// Where openings and judged transactions are counted.
    pub figures: &'a mut Figures,
}

impl RecoveryCheck<'_> {
    /// Opens the database again and again and judges it; then its copies.
    pub fn judge(&mut self, mut database: Database) -> Result<Vec<Violation>, Stopped> {
        let mut violations = self.copies(&database)?;
        let mut equals = Vec::new();
        let look = Stage::looking(&self.options);
        let work = Stage { steps: recipes::epilogue(self.preset), ..look.clone() };
        let check = Stage { end: End::CloseAndCheck, ..look.clone() };
        for (stage, when) in [
            (&look, "at the first opening after the fault"),
            (&work, "at the second opening after the fault"),
            (&check, "at the third opening after the fault"),
            (&look, "at the opening after the clean close"),
        ] {
            let exit = must(database.process(stage, self.figures));
            self.ended(&database, &exit, stage.end, when)?;
            if !stage.steps.is_empty() {
                let commits = commits_of_newest(&must(database.history()));
                equals.push(Equals { commits, most_times: FAIRNESS });
            }
        }
        violations.extend(self.states(&mut database, &equals));
        Ok(violations)
    }

    fn ended(
        &mut self,
        database: &Database,
        exit: &Exit,
        end: End,
        when: &str,
    ) -> Result<(), Stopped> {
        exits::ended(database, exit, end, when)
            .map_err(|verdict| Stopped::unless_known(verdict, database, self.figures))
    }

    fn states(&mut self, database: &mut Database, equals: &[Equals]) -> Vec<Violation> {
        let history = must(database.history());
        let dumps = std::mem::take(&mut database.dumps);
        let states = recovery::Reopened::at_milestones(&history, dumps);
        let evidence = Evidence { equals, ..Evidence::new(&history, self.expect.streams, &states) };
        let judgement = judge_all(&evidence);
        self.figures.add("transactions", judgement.transactions);
        concluded(judgement, database.root(), self.figures)
    }

    /// A copy that stands at its place holds all that was acknowledged before it was asked for;
    /// no client worked while it was made, so nothing else either.
    fn copies(&mut self, database: &Database) -> Result<Vec<Violation>, Stopped> {
        let history = must(database.history());
        let mut violations = Vec::new();
        for (at, event) in history.events.iter().enumerate() {
            let Event::Milestone(Milestone::Copying { name }) = event else { continue };
            let Some(mut copy) = must(database.published_copy(name)) else { continue };
            let check = Stage { end: End::CloseAndCheck, ..Stage::looking(&self.options) };
            let exit = must(copy.process(&check, self.figures));
            let when = format!("at the opening of the copy `{name}`");
            self.ended(&copy, &exit, check.end, &when)?;
            self.figures.add("copies", 1);
            let dump = copy.dumps.pop().expect("a process that was to dump did");
            let before = History { events: history.events[..=at].to_vec() };
            let states = [recovery::Reopened::after(&before, dump)];
            let evidence = Evidence {
                clients_misled: Some("a copy holds what was acknowledged before it was asked for"),
                ..Evidence::new(&before, self.expect.streams, &states)
            };
            violations.extend(concluded(judge_all(&evidence), copy.root(), self.figures));
            let found = must(copy.history());
            let opened = History { events: newest(&found).to_vec() };
            let isolation = Isolation::Not("no client worked on the copy");
            let evidence =
                Evidence { isolation, ..Evidence::new(&opened, self.expect.streams, &[]) };
            violations.extend(judge_all(&evidence).violations());
        }
        Ok(violations)
    }
}

fn commits_of_newest(history: &History) -> BTreeMap<u16, u64> {
    let mut commits = BTreeMap::new();
    for event in newest(history) {
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
