//! What a chaos case does: a first child counts the hits of the point, a second one on an equal
//! database meets the fault, and `recovery_check.rs` opens what it left behind. A hit that does not come
//! is armed again, a few times.

use crate::{
    engine::{
        EngineOptions,
        failpoint::{Action, Rule},
    },
    history::OracleName,
    history::child::{ExitClass, SIGABRT},
    oracle::{Violation, recovery},
    report,
    scenario::{
        Case,
        chaos::{
            exits::{self, Met, ended, must, unexpected},
            fault::Fault,
            recipes::{self, Stages},
            recovery_check::RecoveryCheck,
            stopped::Stopped,
        },
        database::{Database, Stage},
    },
    verdict::Verdict,
};
use knobs::budget::Unit;
use results::absorbed;

/// How often a point is armed whose hit does not come: threads do not take the same turns twice.
const ARMINGS: u32 = 4;

/// One case while it runs.
#[derive(Debug)]
pub struct Flow<'a> {
    /// Its folder, seed and figures.
    pub case: &'a mut Case,
    /// What is armed.
    pub fault: Fault,
    /// The processes before and at the fault.
    pub stages: Stages,
}

impl Flow<'_> {
    /// Runs the case.
    pub fn run(mut self) -> Verdict {
        self.case.figures.add(absorbed::judged(Unit::Crashes), 1);
        match self.steps() {
            Ok(verdict) | Err(Stopped::By(verdict)) => verdict,
            Err(Stopped::Known(id)) => self.case.put_down_to(id, Unit::Crashes, 1),
        }
    }

    fn steps(&mut self) -> Result<Verdict, Stopped> {
        let base = self.set_up()?;
        let nth = match self.fault.action {
            Action::Abort => {
                let hits = self.count(&base)?;
                self.nth(hits)
            }
            Action::Panic | Action::Io | Action::IoKind(_) => 1,
        };
        let database = self.arm(&base, nth)?;
        let mut recovery_check = RecoveryCheck {
            options: recipes::without_rotation(&self.stages.armed.options),
            preset: self.fault.preset(),
            expect: self.expect(),
            figures: &mut self.case.figures,
        };
        let mut violations = recovery_check.judge(database)?;
        violations.retain(|violation| !self.explained(violation));
        Ok(Verdict::from_violations(violations))
    }

    /// Whether the fault is the reason for what the checker says.
    fn explained(&self, violation: &Violation) -> bool {
        let expected = self.fault.contradictions().iter();
        let explained = violation.oracle == OracleName::Checker
            && expected.into_iter().any(|sentence| violation.witness.contains(sentence));
        if explained {
            report::say(&format!("chaos: said because of the fault: {}", violation.witness));
        }
        explained
    }

    /// The database before the fault.
    fn set_up(&mut self) -> Result<Database, Stopped> {
        let root = self.case.dir().join("base");
        let mut base = must(Database::new(root, self.case.seed()));
        for stage in &self.stages.setup.clone() {
            let exit = must(base.process(stage, &mut self.case.figures));
            if stage.rules.is_empty() {
                let ended = ended(&base, &exit, stage.end, "before the fault");
                ended.map_err(|verdict| self.unless_known(verdict, &base))?;
            } else if exit.class != ExitClass::Died(SIGABRT) || !exit.stderr.trim().is_empty() {
                return Err(unexpected(&base, &exit, "under the rules of the setup").into());
            }
        }
        Ok(base)
    }

    /// How often an undisturbed process comes by the point.
    fn count(&mut self, base: &Database) -> Result<u64, Stopped> {
        let point = self.fault.full_name();
        for counting in 1..=ARMINGS {
            let mut counted = must(base.fork(self.case.dir().join("counting")));
            let stage = self.armed(&Rule::counting(&point));
            let exit = must(counted.process(&stage, &mut self.case.figures));
            let ended = ended(&counted, &exit, stage.end, "while hits were counted");
            ended.map_err(|verdict| self.unless_known(verdict, &counted))?;
            match must(counted.hits(&point)).unwrap_or_default() {
                0 => report::say(&format!("chaos: counting {counting} of {ARMINGS}: no hit")),
                hits => return Ok(hits),
            }
        }
        Err(Verdict::Inconclusive(format!("{point} was never hit")).into())
    }

    /// The hit that the position stands for.
    fn nth(&self, hits: u64) -> u64 {
        let (nth, is_first_too) = self.fault.position.of(hits);
        let same = if is_first_too { ", which is the first one too" } else { "" };
        let preset = self.fault.preset().name();
        report::say(&format!("chaos: armed at hit {nth} of {hits}{same}, configuration {preset}"));
        nth
    }

    fn armed(&self, rule: &Rule) -> Stage {
        // Of several rules for one operation the engine takes the last.
        let others = &self.stages.armed.rules;
        let rules = if others.is_empty() { rule.to_string() } else { format!("{others},{rule}") };
        let count = vec![rule.point.clone()];
        Stage { count, rules, ..self.stages.armed.clone() }
    }

    /// The database as the fault left it.
    fn arm(&mut self, base: &Database, mut nth: u64) -> Result<Database, Stopped> {
        let point = self.fault.full_name();
        for arming in 1..=ARMINGS {
            let mut armed = must(base.fork(self.case.dir().join("armed")));
            // A child that a panic left hanging ends itself a moment after it.
            let stage = self.armed(&Rule::new(&point, self.fault.action, nth));
            let exit = must(armed.process(&stage, &mut self.case.figures));
            let hits = must(armed.hits(&point)).unwrap_or_default();
            let met = match self.fault.action {
                Action::Abort => exits::met_abort(&armed, &exit, hits, nth),
                Action::Panic => exits::met_panic(&armed, &exit, &point),
                Action::Io => exits::met_error(&armed, &exit, hits, true),
                Action::IoKind(_) => exits::met_error(&armed, &exit, hits, false),
            };
            match met.map_err(|verdict| self.unless_known(verdict, &armed))? {
                Met::Fault(how) => {
                    self.case.figures.add("faults_hit", 1);
                    report::say(&format!("chaos: {point} hit: {how}"));
                    return Ok(armed);
                }
                Met::Nothing(hits) => {
                    report::say(&format!(
                        "chaos: arming {arming} of {ARMINGS}: hit {nth} did not come, there were \
                         {hits}"
                    ));
                    nth = nth.min(hits.max(1));
                }
            }
        }
        Err(Verdict::Inconclusive(format!(
            "hit {nth} of {point} did not come in {ARMINGS} armings"
        ))
        .into())
    }

    fn unless_known(&mut self, verdict: Verdict, database: &Database) -> Stopped {
        Stopped::unless_known(verdict, database, &mut self.case.figures)
    }

    /// What the weakest of the options promises that the database was opened with.
    fn expect(&self) -> recovery::Expect {
        let setup = self.stages.setup.iter().map(|stage| &stage.options);
        let all: Vec<&EngineOptions> = setup.chain([&self.stages.armed.options]).collect();
        let expects = all.into_iter().map(recovery::Expect::of);
        let weakest = expects.max_by_key(|expect| expect.streams == recovery::Streams::Many);
        weakest.expect("there is an armed stage")
    }
}
