//! How children may end: as they were told, by the fault that was armed, or in a way that is a
//! verdict by itself. Runs nothing and reads no state.

use crate::{
    engine::{EngineError, under_test},
    error,
    history::OracleName,
    history::{
        Event, History, Milestone,
        child::{End, Exit, ExitClass, SIGABRT},
    },
    oracle::Violation,
    scenario::database::Database,
    verdict::Verdict,
};

/// What became of an armed child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Met {
    /// It met the fault; how it took it.
    Fault(String),
    /// It came to its end without; how often it came by the point.
    Nothing(u64),
}

/// A child that was armed to abort in silence at its n-th hit.
pub fn met_abort(armed: &Database, exit: &Exit, hits: u64, nth: u64) -> Result<Met, Verdict> {
    match exit.class {
        ExitClass::Died(SIGABRT) if exit.stderr.trim().is_empty() => {
            Ok(Met::Fault("died".to_owned()))
        }
        ExitClass::Done if hits < nth => Ok(Met::Nothing(hits)),
        _ => Err(unexpected(armed, exit, "elsewhere than at the armed point")),
    }
}

/// A child that was armed to panic. The engine's threads are its own, so whoever waits for one
/// that panicked may wait for ever.
pub fn met_panic(armed: &Database, exit: &Exit, point: &str) -> Result<Met, Verdict> {
    let panicked = panics(&must(armed.milestones())).any(|text| is_panic_of(text, point));
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

/// How 0.1.2 says in a panic what 0.2.0 reports before it aborts.
const REPORTS: [&str; 2] = ["must_ok failed: ", "can't fail, "];

/// What the engine's failpoints panic with.
fn is_panic_of(message: &str, point: &str) -> bool {
    message.strip_prefix("failpoint panic: ").is_some_and(|rest| rest.starts_with(point))
}

/// The messages of the panics.
fn panics(milestones: &[Milestone]) -> impl Iterator<Item = &str> {
    milestones.iter().filter_map(|milestone| match milestone {
        Milestone::Panicked { message } => Some(message.as_str()),
        _ => None,
    })
}

/// A child that was armed to get an I/O error. The engine may return it to the caller, refuse the
/// opening or a step with it, or stop with a report; all three are documented. `silent`: this
/// point's own code stops without a report.
pub fn met_error(armed: &Database, exit: &Exit, hits: u64, silent: bool) -> Result<Met, Verdict> {
    let milestones = must(armed.milestones());
    let let_pass = |milestone: &Milestone| matches!(milestone, Milestone::LetPass(_));
    let report = panics(&milestones).find(|text| REPORTS.iter().any(|is| text.starts_with(is)));
    let outcome = match exit.class {
        ExitClass::Done | ExitClass::Refused if hits == 0 => return Ok(Met::Nothing(0)),
        ExitClass::Done if milestones.iter().any(let_pass) => "denied a call".to_owned(),
        ExitClass::Done => match failures_of_newest(&must(armed.history())) {
            0 => "served all the same".to_owned(),
            failures => format!("failed {failures} transactions"),
        },
        ExitClass::Refused if milestones.iter().any(Milestone::is_opened) => {
            "denied a call".to_owned()
        }
        ExitClass::Refused => "refused to open".to_owned(),
        ExitClass::Died(SIGABRT) if exit.stderr.contains("fatal: ") => {
            let report = exit.stderr.lines().rfind(|line| line.starts_with("fatal: "));
            format!("stopped with a report, {}", report.unwrap_or_default())
        }
        ExitClass::Died(SIGABRT) | ExitClass::Panicked | ExitClass::Hung
            if under_test::driver().capabilities().stops_by_panic && report.is_some() =>
        {
            format!("stopped with a panic, {}", report.unwrap_or_default())
        }
        ExitClass::Died(SIGABRT) if silent && exit.stderr.trim().is_empty() => {
            "stopped without a report".to_owned()
        }
        _ => return Err(unexpected(armed, exit, "on an I/O error")),
    };
    Ok(Met::Fault(format!("outcome={outcome}")))
}

/// Whether a child came to the end that it was told.
pub fn came_to(milestones: &[Milestone], exit: &Exit, end: End) -> bool {
    match end {
        End::Die => {
            exit.class == ExitClass::Died(SIGABRT) && milestones.iter().any(Milestone::is_scripted)
        }
        End::Close => exit.class == ExitClass::Done && milestones.contains(&Milestone::Closed),
        End::CloseAndCheck | End::CheckUnopened => {
            // An engine without a checker cannot be asked; that is said once, by its capabilities.
            let looked = |it: &Milestone| matches!(it, Milestone::Checked | Milestone::NoChecker);
            exit.class == ExitClass::Done && milestones.iter().any(looked)
        }
    }
}

/// The verdict on a child that ended in a way in which it should not.
pub fn unexpected(database: &Database, exit: &Exit, when: &str) -> Verdict {
    let milestones = must(database.milestones());
    let last = milestones.iter().rfind(|it| !matches!(it, Milestone::Hits { .. }));
    let last = last.map_or_else(|| "nothing".to_owned(), |last| format!("{last:?}"));
    let text = format!("{when}, after `{last}`: {:?} {}", exit.class, exit.stderr.trim());
    match exit.class {
        ExitClass::Hung => Verdict::Stuck(text),
        ExitClass::Refused => {
            let promise = "a database that died can be opened and serves";
            Verdict::Violated(vec![Violation::new(OracleName::Answers, promise, text)])
        }
        ExitClass::Done | ExitClass::Died(_) | ExitClass::Panicked => Verdict::Crashed(text),
    }
}

/// The events of the newest process.
pub fn newest(history: &History) -> &[Event] {
    let start = |event: &Event| matches!(event, Event::Milestone(Milestone::Started));
    let at = history.events.iter().rposition(start).unwrap_or_default();
    &history.events[at..]
}

fn failures_of_newest(history: &History) -> usize {
    let failed = |event: &&Event| match event {
        Event::Info { .. } => true,
        Event::Abort { denial, .. } => matches!(denial, Some(EngineError::Failed(_))),
        _ => false,
    };
    newest(history).iter().filter(failed).count()
}

/// Files of the case's own folder can be read and written.
///
/// # Panics
/// When they cannot: the machine is at fault, and nothing can be judged.
#[track_caller]
pub fn must<T>(result: error::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}
