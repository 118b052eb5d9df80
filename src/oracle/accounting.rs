//! Accounting: what the engine has written down of its files is what the files hold.
//!
//! Verifies, where the engine was asked (`history::accounting`, after a case's checker), that its own
//! comparison finds no difference: for each data and blob file, the number of records and bytes in it and
//! how many of them are dead; that a record is dead exactly when no page, no history and no value refers to
//! it; that the ranges of addresses are those of the files; that no file is unaccounted for, and none waits
//! to be deleted.
//!
//! A difference that is the known finding `dead-counts-as-alive` is counted and let pass on an engine that has it;
//! the engine's comparison ends there, so that what it compares later is not looked at in that run.
//!
//! Does not verify the log's files, nor what a plain build or 0.1.2 has written down: only a build
//! with the engine's own assertions has the comparison. Nor what holds while work goes on: the
//! engine's comparison wants a database that rests.

use super::{Judged, OracleName, Violation};
use crate::{
    history::{Event, History, Milestone},
    settings::{FindingId, excludes},
};

/// The oracle's name.
pub const NAME: OracleName = OracleName::Accounting;

const PROMISE: &str =
    "the persisted garbage ledger matches what is physically reachable, and no file is orphaned";

const KNOWN: &str =
    "(none; the known finding `dead-counts-as-alive`: a dead record counts as alive)";

/// Judges what the engine found at each asking; nothing where it was never asked.
pub(super) fn judge(history: &History) -> Option<Judged> {
    let asked = history.events.iter().filter_map(|event| match event {
        Event::Milestone(Milestone::Accounted { difference }) => Some(difference),
        _ => None,
    });
    let asked: Vec<_> = asked.collect();
    if asked.is_empty() {
        return None;
    }
    let differences = asked.into_iter().flatten();
    let (known, others): (Vec<_>, Vec<_>) = differences.partition(|found| is_known(found));
    let mut judged = Judged::default();
    judged.allow(NAME, KNOWN, known.len() as u64);
    judged.add(others.into_iter().map(|it| Violation::new(NAME, PROMISE, it.clone())).collect());
    Some(judged)
}

/// One record that nothing refers to and that is not among the dead. The other way round, a record that is
/// in use and counts as dead, is never known.
fn is_known(difference: &str) -> bool {
    excludes(FindingId::DEAD_COUNTS_AS_ALIVE)
        && difference.contains("reachability and inactive bitmap disagree")
        && difference.ends_with("left: false; right: true")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(answers: &[Option<&str>]) -> History {
        let events = answers.iter().map(|answer| {
            let difference = answer.map(str::to_owned);
            Event::Milestone(Milestone::Accounted { difference })
        });
        History { events: events.collect() }
    }

    #[test]
    fn accepts_accounts_without_a_difference() {
        assert_eq!(judge(&asked(&[None, None])), Some(Judged::default()));
        assert_eq!(judge(&asked(&[])), None, "nobody asked");
    }

    #[test]
    fn rejects_each_difference() {
        let found = judge(&asked(&[None, Some("an orphan"), None, Some("a byte")])).unwrap();
        let found: Vec<_> =
            found.violations.iter().map(|violation| violation.witness.as_str()).collect();
        assert_eq!(found, ["an orphan", "a byte"]);
    }

    #[test]
    fn a_known_difference_is_one_way_only() {
        let disagree = |left, right| {
            let what =
                "assertion `left == right` failed: Data relocation 140 in bucket 0 (file 1, seq 0)";
            let how = "reachability and inactive bitmap disagree";
            format!("{what} {how}; left: {left}; right: {right}")
        };
        assert_eq!(is_known(&disagree(false, true)), excludes(FindingId::DEAD_COUNTS_AS_ALIVE));
        assert!(!is_known(&disagree(true, false)) && !is_known("an orphan"));
    }
}
