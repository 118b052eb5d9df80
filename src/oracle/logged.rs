//! Logged: an engine that logs an error has met something that went wrong.
//!
//! Verifies that a process that nobody disturbed logged no error: one without an armed fault, whose
//! database was closed, or left by a kill. What an engine does about an error is its own affair; one
//! that it only logs, and goes on, is nobody's, and its caller is told nothing.
//!
//! Does not verify processes with an armed fault, a failing disk or a lost power, where errors are
//! right; directed cases of the contract, which ask for what must be refused; nor warnings. What a library
//! prints instead of logging it fails a case elsewhere: a process that ends well prints nothing.

use super::{OracleName, Violation};
use crate::history::{Event, History, Milestone};

/// The oracle's name.
pub const NAME: OracleName = OracleName::Logged;

const PROMISE: &str = "no error is met in a run that nobody disturbs";

/// Judges the errors of all processes that were listened to; nothing where none was.
pub(super) fn judge(history: &History) -> Option<Vec<Violation>> {
    let listening = Event::Milestone(Milestone::Listening);
    let events = &history.events[history.events.iter().position(|event| *event == listening)?..];
    let errors = events.iter().filter_map(|event| match event {
        Event::Milestone(Milestone::Logged { error }) => Some(error),
        _ => None,
    });
    Some(errors.map(|error| Violation::new(NAME, PROMISE, error.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(milestones: Vec<Milestone>) -> Option<usize> {
        let events = milestones.into_iter().map(Event::Milestone).collect();
        judge(&History { events }).map(|found| found.len())
    }

    #[test]
    fn accepts_a_process_that_logs_no_error() {
        assert_eq!(of(vec![Milestone::Started, Milestone::Listening, Milestone::Closed]), Some(0));
        assert_eq!(of(vec![Milestone::Started, Milestone::Closed]), None, "nobody listened");
    }

    #[test]
    fn rejects_each_error() {
        let error = || Milestone::Logged { error: "a clean-up failed".to_owned() };
        let started = vec![Milestone::Started, Milestone::Listening];
        assert_eq!(of([started, vec![error(), Milestone::Closed, error()]].concat()), Some(2));
    }
}
