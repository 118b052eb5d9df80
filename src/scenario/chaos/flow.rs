//! What a chaos case does: a first child counts the hits of the point, a second one on an equal
//! database meets the fault, and three more open what it left behind - look and die, look, write
//! more and die, look, close and have the engine's offline checker look too. Then all oracles of a
//! crash judge. How a child must end is judged here; what it left behind is judged by the oracles.

use crate::{
    engine::{
        EngineOptions,
        failpoint::{Action, Rule},
    },
    history::{
        Event, History,
        child::{End, Exit, ExitClass},
    },
    oracle::{Violation, live, progress, recovery},
    report,
    scenario::{
        Case,
        chaos::{
            Fault, Position,
            recipes::{self, Recipe, Stages},
        },
        database::{Database, Stage},
    },
    verdict::Verdict,
};
use std::{collections::BTreeMap, time::Duration};

/// How often a point is armed whose hit does not come: threads do not take the same turns twice.
const ARMINGS: u32 = 4;

/// When a child is ended that a panic left hanging without a word.
const PANIC_DEADLINE: Duration = Duration::from_secs(3);

/// No client of equal work may come to this many times less than another.
const FAIRNESS: u64 = 100;

/// What became of an armed child.
enum Met {
    /// It met the fault; how it took it.
    Fault(String),
    /// It came to its end without; how often it came by the point.
    Nothing(u64),
}

/// Runs one case; `Err` is a verdict that was reached early.
pub fn run(case: &mut Case, fault: Fault, recipe: Recipe) -> Verdict {
    run_stages(case, fault, &recipe.stages())
}

/// The same with processes of the caller's choice.
pub fn run_stages(case: &mut Case, fault: Fault, stages: &Stages) -> Verdict {
    let steps = Flow { case, fault, stages };
    steps.run().unwrap_or_else(|verdict| verdict)
}

struct Flow<'a> {
    case: &'a mut Case,
    fault: Fault,
    stages: &'a Stages,
}

impl Flow<'_> {
    fn run(mut self) -> Result<Verdict, Verdict> {
        let base = self.set_up()?;
        let nth = match self.fault.action {
            Action::Abort => {
                let hits = self.count(&base)?;
                report::say(&format!("chaos: {} is hit {hits} times", self.fault.point));
                position(self.fault.position, hits)
            }
            Action::Panic | Action::Io | Action::IoKind(_) => Ok(1),
        };
        match nth {
            Ok(nth) => {
                let database = self.arm(&base, nth)?;
                self.aftermath(database)
            }
            Err(earlier) => {
                report::say(&format!(
                    "chaos: this position is the {earlier} one, which has a case"
                ));
                Ok(Verdict::Pass)
            }
        }
    }

    /// The database before the fault.
    fn set_up(&mut self) -> Result<Database, Verdict> {
        let root = self.case.dir().join("base");
        let mut base = must(Database::new(root, self.case.seed()));
        for stage in &self.stages.setup {
            let exit = must(base.process(stage, &mut self.case.figures));
            if stage.rules.is_empty() {
                ended(&base, &exit, stage.end, "before the fault")?;
            } else if exit.class != ExitClass::Died(SIGABRT) || !exit.stderr.trim().is_empty() {
                return Err(unexpected(&base, &exit, "under the rules of the setup"));
            }
        }
        Ok(base)
    }

    /// How often an undisturbed process comes by the point.
    fn count(&mut self, base: &Database) -> Result<u64, Verdict> {
        let mut counting = must(base.fork(self.case.dir().join("counting")));
        let stage = self.stage(Rule::counting(self.fault.point));
        let exit = must(counting.process(&stage, &mut self.case.figures));
        ended(&counting, &exit, stage.end, "while hits were counted")?;
        match must(counting.hits(self.fault.point)).unwrap_or_default() {
            0 => Err(Verdict::Inconclusive(format!("{} was never hit", self.fault.point))),
            hits => Ok(hits),
        }
    }

    fn stage(&self, rule: Rule) -> Stage {
        // Of several rules for one operation the engine takes the last.
        let others = &self.stages.armed.rules;
        let rules = if others.is_empty() { rule.to_string() } else { format!("{others},{rule}") };
        let count = vec![rule.point];
        Stage { count, rules, ..self.stages.armed.clone() }
    }

    /// The database as the fault left it.
    fn arm(&mut self, base: &Database, mut nth: u64) -> Result<Database, Verdict> {
        for arming in 1..=ARMINGS {
            let mut armed = must(base.fork(self.case.dir().join("armed")));
            let mut stage = self.stage(Rule::new(self.fault.point, self.fault.action, nth));
            if self.fault.action == Action::Panic {
                stage.deadline = PANIC_DEADLINE;
            }
            let exit = must(armed.process(&stage, &mut self.case.figures));
            match self.met(&armed, &exit, nth)? {
                Met::Fault(how) => {
                    self.case.figures.add("faults_hit", 1);
                    report::say(&format!("chaos: met at hit {nth}: {how}"));
                    return Ok(armed);
                }
                Met::Nothing(hits) => {
                    let point = self.fault.point;
                    report::say(&format!(
                        "chaos: arming {arming} of {ARMINGS}: hit {nth} of {point} did not come, \
                         there were {hits}"
                    ));
                    nth = nth.min(hits.max(1));
                }
            }
        }
        let point = self.fault.point;
        Err(Verdict::Inconclusive(format!(
            "hit {nth} of {point} did not come in {ARMINGS} armings"
        )))
    }

    fn met(&self, armed: &Database, exit: &Exit, nth: u64) -> Result<Met, Verdict> {
        let hits = must(armed.hits(self.fault.point)).unwrap_or_default();
        match self.fault.action {
            Action::Abort => match exit.class {
                ExitClass::Died(SIGABRT) if exit.stderr.trim().is_empty() => {
                    Ok(Met::Fault("died".to_owned()))
                }
                ExitClass::Done if hits < nth => Ok(Met::Nothing(hits)),
                _ => Err(unexpected(armed, exit, "elsewhere than at the armed point")),
            },
            Action::Panic => self.met_panic(armed, exit),
            Action::Io | Action::IoKind(_) => met_error(armed, exit, hits),
        }
    }

    fn met_panic(&self, armed: &Database, exit: &Exit) -> Result<Met, Verdict> {
        let ours = format!("panicked failpoint panic: {}", self.fault.point);
        let panicked = must(armed.phases()).iter().any(|phase| phase.starts_with(&ours));
        let how = match exit.class {
            ExitClass::Done if !panicked => return Ok(Met::Nothing(0)),
            _ if !panicked => return Err(unexpected(armed, exit, "before the armed panic")),
            ExitClass::Done => "panicked and came to its end all the same",
            ExitClass::Refused => "panicked and denied the next call",
            ExitClass::Panicked => "panicked and ended",
            ExitClass::Died(_) => "panicked and aborted",
            ExitClass::Hung => "panicked and hung; ended by us, which counts as a crash",
        };
        Ok(Met::Fault(how.to_owned()))
    }

    /// Opens what the fault left behind, again and again, and judges it.
    fn aftermath(&mut self, mut database: Database) -> Result<Verdict, Verdict> {
        let options = self.stages.armed.options.clone();
        let look = Stage::looking(&options);
        let work = Stage { steps: recipes::epilogue(), ..look.clone() };
        let check = Stage { end: End::CloseAndCheck, ..look.clone() };
        let mut violations = Vec::new();
        for (stage, when) in [
            (look, "at the first opening after the fault"),
            (work, "at the second opening after the fault"),
            (check, "at the third opening after the fault"),
        ] {
            let exit = must(database.process(&stage, &mut self.case.figures));
            ended(&database, &exit, stage.end, when)?;
            if !stage.steps.is_empty() {
                let commits = commits_of_newest(&must(database.history()));
                violations.extend(progress::judge(&commits, FAIRNESS));
            }
        }
        violations.extend(self.judge(&mut database));
        Ok(Verdict::from_violations(violations))
    }

    fn judge(&mut self, database: &mut Database) -> Vec<Violation> {
        let history = must(database.history());
        let dumps = std::mem::take(&mut database.dumps);
        let states = recovery::Reopened::at_milestones(&history, dumps);
        let judged = recovery::judge(&history, &states, &self.expect());
        for allowed in &judged.allowances {
            let (oracle, count, sentence) = (allowed.oracle, allowed.count, allowed.sentence);
            report::say(&format!("chaos: {oracle} let {count} pass: {sentence}"));
        }
        self.case.figures.add("transactions", judged.transactions_judged);
        let mut violations = judged.violations;
        violations.extend(live::judge(&history).violations);
        violations
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

/// `abort()` on every Unix.
const SIGABRT: i32 = 6;

/// The hit that a position stands for, or the earlier position that is the same hit.
fn position(position: Position, hits: u64) -> Result<u64, &'static str> {
    match position {
        Position::First => Ok(1),
        Position::Middle if hits < 3 => Err("first"),
        Position::Middle => Ok(hits.div_ceil(2)),
        Position::Last if hits == 1 => Err("first"),
        Position::Last => Ok(hits),
    }
}

/// An I/O error may be returned to the caller, refuse the opening or a step, or stop the engine
/// with a report; all three are documented.
fn met_error(armed: &Database, exit: &Exit, hits: u64) -> Result<Met, Verdict> {
    let phases = must(armed.phases());
    let opened = phases.iter().any(|phase| phase == "opened");
    match exit.class {
        ExitClass::Done | ExitClass::Refused if hits == 0 => Ok(Met::Nothing(0)),
        ExitClass::Done => {
            let failures = failures_of_newest(&must(armed.history()));
            Ok(Met::Fault(format!("outcome=served, {failures} calls answered with an error")))
        }
        ExitClass::Refused if opened => Ok(Met::Fault("outcome=denied a call".to_owned())),
        ExitClass::Refused => Ok(Met::Fault("outcome=refused to open".to_owned())),
        ExitClass::Died(SIGABRT) if exit.stderr.contains("fatal:") => {
            let report = exit.stderr.lines().rfind(|line| line.contains("fatal:"));
            Ok(Met::Fault(format!("outcome=fail-stop, {}", report.unwrap_or_default())))
        }
        _ => Err(unexpected(armed, exit, "on an I/O error")),
    }
}

/// A child that was to come to its end did.
fn ended(database: &Database, exit: &Exit, end: End, when: &str) -> Result<(), Verdict> {
    let phases = must(database.phases());
    let reached = |name: &str| phases.iter().any(|phase| phase.starts_with(name));
    let as_told = match end {
        End::Die => exit.class == ExitClass::Died(SIGABRT) && reached("scripted"),
        End::Close => exit.class == ExitClass::Done && reached("closed"),
        End::CloseAndCheck => exit.class == ExitClass::Done && reached("checked"),
    };
    if as_told { Ok(()) } else { Err(unexpected(database, exit, when)) }
}

/// The verdict on a child that ended in a way in which it should not.
fn unexpected(database: &Database, exit: &Exit, when: &str) -> Verdict {
    let phases = must(database.phases());
    let last = phases.iter().rfind(|phase| !phase.starts_with("hits "));
    let last = last.map_or("nothing", String::as_str);
    let text = format!("{when}, after `{last}`: {:?}\n{}", exit.class, exit.stderr.trim());
    match exit.class {
        ExitClass::Hung => Verdict::Stuck(text),
        ExitClass::Refused => {
            let promise = "a database that died can be opened and serves";
            Verdict::Violated(vec![Violation::new("answers", promise, text)])
        }
        ExitClass::Done | ExitClass::Died(_) | ExitClass::Panicked => Verdict::Crashed(text),
    }
}

fn newest(history: &History) -> &[Event] {
    let start = |event: &Event| matches!(event, Event::Phase { name } if name == "started");
    let at = history.events.iter().rposition(start).unwrap_or_default();
    &history.events[at..]
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

fn failures_of_newest(history: &History) -> usize {
    use crate::engine::Denial::Failed;
    let failed = |event: &&Event| match event {
        Event::Info { .. } => true,
        Event::Abort { denial, .. } => matches!(denial, Some(Failed(_))),
        _ => false,
    };
    newest(history).iter().filter(failed).count()
}

/// Files of the case's own folder can be read and written.
#[track_caller]
fn must<T>(result: crate::error::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}
