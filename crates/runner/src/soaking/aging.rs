//! The program of the aging database: starts it, asks it for each cycle's work, and has the last ending
//! judged when the soak is over. The database stays from the first cycle to the last, also where the soak
//! is interrupted or the program dies. One that dies, hangs or answers nonsense is a finding.

use super::plan::Plan;
use crate::yardstick::Yardstick;
use process::{Companion, Interrupts, Outcome, Silence, console, store::if_there};
use results::{
    resident::{Answer, Request},
    waits::{self, Histogram},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// What a part that is no layer came to.
pub(super) struct Simple {
    pub(super) outcome: Outcome,
    /// Why it did not pass, in one line; empty when it did.
    pub(super) why: String,
}

/// What a cycle's work came to, and the answer where there was one.
pub(super) struct Aged {
    pub(super) simple: Simple,
    pub(super) answer: Option<Answer>,
}

pub(super) struct Aging {
    program: PathBuf,
    root: PathBuf,
    database: PathBuf,
    companion: Option<Companion>,
    keys: u64,
    operations: u64,
    most: Duration,
    /// What a commit may take.
    longest_call: Duration,
    /// The life of the last answer, when its program was not started since.
    life: Option<u64>,
    /// Lives that this sitting saw and the soak has not counted yet.
    fresh: u64,
}

impl Aging {
    /// The database that an earlier sitting left, or a new one.
    pub(super) fn new(plan: &Plan, program: PathBuf, resume: bool) -> io::Result<Self> {
        let database = plan.file("aging");
        if !resume {
            remove(&database)?;
        }
        Ok(Self {
            program,
            root: plan.session.root.clone(),
            database,
            companion: None,
            keys: plan.keys,
            operations: plan.operations,
            most: plan.patience,
            longest_call: plan.longest_call,
            life: None,
            fresh: 0,
        })
    }

    /// Does the work of the cycle with this number.
    pub(super) fn cycle(&mut self, cycle: u64, seed: u64, interrupts: &Interrupts) -> Aged {
        self.ask(Request { cycle, seed, keys: self.keys, operations: self.operations }, interrupts)
    }

    fn ask(&mut self, request: Request, interrupts: &Interrupts) -> Aged {
        let none = |outcome, why| Aged { simple: Simple { outcome, why }, answer: None };
        let broken = |what, error| none(Outcome::Broken, format!("it cannot be {what} ({error})"));
        let mut companion = match self.companion.take() {
            Some(companion) => companion,
            None => match self.start(interrupts) {
                Ok(companion) => companion,
                Err(error) => return broken("started", error),
            },
        };
        let yardstick = Yardstick::begin(&self.database);
        let asked = companion.ask(&request.line(), self.most);
        let machine_away_us = yardstick.end();
        let answer = match asked {
            Err(error) => return broken("asked", error),
            Ok(Err(Silence::Ended(status))) => {
                return none(Outcome::Failed, format!("the process ended ({status})"));
            }
            Ok(Err(Silence::Stuck)) => {
                return none(
                    Outcome::Failed,
                    format!("no answer within {} s", self.most.as_secs()),
                );
            }
            Ok(Ok(line)) => match Answer::parse(&line, request) {
                Ok(answer) => answer,
                Err(why) => return none(Outcome::Broken, why),
            },
        };
        self.companion = Some(companion);
        if self.life.replace(answer.life) != Some(answer.life) {
            self.fresh += 1;
        }
        let found = answer.found.clone().map(|why| Simple { outcome: Outcome::Failed, why });
        let simple = found
            .or_else(|| stall(&answer, machine_away_us, self.longest_call))
            .unwrap_or_else(|| Simple { outcome: Outcome::Passed, why: String::new() });
        Aged { simple, answer: Some(answer) }
    }

    /// The number of lives so far, when it was `before`.
    pub(super) fn processes(&mut self, before: u64) -> u64 {
        before + std::mem::take(&mut self.fresh)
    }

    /// Has the last ending judged and removes the database.
    pub(super) fn last(&mut self, cycle: u64, seed: u64, interrupts: &Interrupts) -> Option<Aged> {
        if !self.database.exists() {
            return None;
        }
        let request = Request { cycle, seed, keys: self.keys, operations: 0 };
        let aged = self.ask(request, interrupts);
        self.end();
        let is_sound = aged.simple.outcome == Outcome::Passed;
        if is_sound && let Err(error) = remove(&self.database) {
            console::note(&format!("soak       the aging database stays: {error}"));
        }
        Some(aged)
    }

    /// Ends the program; the database stays.
    pub(super) fn end(&mut self) {
        if let Some(companion) = self.companion.take()
            && let Err(error) = companion.end(self.most)
        {
            console::note(&format!("soak       the aging database's program: {error}"));
        }
    }

    fn start(&mut self, interrupts: &Interrupts) -> io::Result<Companion> {
        fs::create_dir_all(&self.database)?;
        let mut command = Command::new(&self.program);
        command.arg(&self.database).current_dir(&self.root);
        self.life = None;
        interrupts.accompany(&mut command)
    }
}

/// Whether a commit took longer than the machine explains.
fn stall(answer: &Answer, machine_away_us: Option<u64>, bound: Duration) -> Option<Simple> {
    let mut calls_us = Histogram::default();
    calls_us.record(answer.commit_max_ns / 1000);
    let (outcome, why) = waits::judge(&calls_us, machine_away_us, bound)?;
    Some(Simple { outcome, why })
}

fn remove(folder: &Path) -> io::Result<()> {
    if_there(fs::remove_dir_all(folder)).map(drop)
}
