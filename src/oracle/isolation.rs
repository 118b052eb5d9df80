//! Isolation: the whole history of all clients is snapshot isolated, over all processes, or serialisable
//! where the engine promises that ([`Level`]). The bridge to the crate `isolation`, which has the rules and
//! the names.
//!
//! Verifies every anomaly of that crate, from dirty write to real-time order, over what transactions
//! that asked to commit first read and scanned and what they wrote: single values, lists that grow
//! and sets that operands add to; and that each state found at a reopening is a snapshot that extends
//! what was acknowledged before it. A commit whose answer is missing took effect when somebody saw
//! some of it, and then before the next reopening.
//!
//! Where the promise is weaker, what was recorded up to the loss is judged in full, and then once
//! more together with the state that was found:
//! - acknowledged work that no promise covers (a power loss on the relaxed route) is unknown there. It
//!   took effect when the state, or a survivor, shows some of it, and then as a whole;
//! - with a log for each writer group, work that is lost though a survivor saw it is left out with the
//!   keys that it wrote.
//!
//! Both are counted under the engine's own sentence.
//!
//! Does not verify:
//! - keys at which some transaction wrote without having read them: the order of their versions is
//!   not known; clients read before they write, so that there are none of these in cases;
//! - merged numbers: operands commute, and several sets of them add up to one number;
//! - that what is left after a loss that was allowed is a prefix in time: the oracle of order does;
//! - states of buckets whose deletion was under way;
//! - reads of transactions that were dropped, and repeated reads (`history/clients/attempt.rs` does).

mod bridge;
mod losses;
#[cfg(test)]
mod tests;

use super::{
    Allowance, OracleName, Violation,
    ledger::Ledger,
    order::NO_ORDER_BETWEEN_GROUPS,
    recovery::{Reopened, Streams},
};
use crate::history::{Event, History};
use bridge::Bridge;
use isolation::{
    Level, Shape, check_at, elle,
    explain::{self},
};
use losses::Losses;

/// The oracle's name.
pub const NAME: OracleName = OracleName::Isolation;

/// What was made of a history.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// What broke isolation.
    pub violations: Vec<Violation>,
    /// Files that show it: a name and a content. Pictures of the circles, and the history in the
    /// format of other checkers.
    pub evidence: Vec<(String, String)>,
    /// What was lost and let pass.
    pub allowances: Vec<Allowance>,
    /// What the history held.
    pub seen: isolation::Seen,
}

/// What is judged, and by what.
#[derive(Clone, Copy)]
pub(super) struct Judging<'a> {
    /// All that happened.
    pub(super) history: &'a History,
    /// States found at reopenings, the oldest first.
    pub(super) states: &'a [Reopened],
    /// Over how many streams the log was spread, at the most.
    pub(super) streams: Streams,
    /// What the engine promises.
    pub(super) level: Level,
}

/// Judges a history and the states found at its reopenings.
///
/// # Panics
/// When the history is malformed: a bug of ours.
pub(super) fn judge(of: Judging<'_>) -> Judged {
    let before = |events: &[Event], states: &[Reopened], losses: &Losses<'_>| {
        let judged = judge_one(events, states, losses, of.level);
        (!judged.violations.is_empty()).then_some(judged)
    };
    judge_after(of, false, before)
}

/// The same where all that was recorded, with the states before the last one, was judged already:
/// only what the last state adds is looked for.
///
/// # Panics
/// When the history is malformed: a bug of ours.
pub(super) fn crash_state(of: Judging<'_>) -> Judged {
    judge_after(of, false, |_, _, _| None)
}

/// The same without what commits wrote that were answered with an error: whether those alone are
/// what is wrong. One of them may have happened, and then nobody may have missed it.
///
/// # Panics
/// When the history is malformed: a bug of ours.
pub(super) fn apart_from_failed(of: Judging<'_>) -> Judged {
    judge_after(of, true, |_, _, _| None)
}

/// `before` judges what was recorded up to a loss, with the states and losses before it.
fn judge_after(
    of: Judging<'_>,
    apart_from_failed: bool,
    before: impl Fn(&[Event], &[Reopened], &Losses<'_>) -> Option<Judged>,
) -> Judged {
    let Judging { history, states, streams, level } = of;
    let events = &history.events;
    let cuts: Vec<usize> = states.iter().map(|state| state.events).collect();
    let ledger = Ledger::new(events, &cuts);
    let mut losses = Losses::default();
    if apart_from_failed {
        losses.leave_out_failed(&ledger);
    }
    for (at, state) in states.iter().enumerate() {
        let Some(more) = Losses::at(&ledger, events, states, at, streams) else { continue };
        // Up to the loss everything counts that was acknowledged.
        if let Some(judged) = before(&events[..state.events], &states[..at], &losses) {
            return judged;
        }
        losses.open.extend(more.open);
        losses.lost.extend(more.lost);
        losses.places.extend(more.places);
    }
    let mut judged = judge_one(events, states, &losses, level);
    let oracle = NAME;
    let sentence = NO_ORDER_BETWEEN_GROUPS;
    let count = losses.lost.len() as u64;
    if count > 0 {
        judged.allowances.push(Allowance { oracle, sentence, count });
    }
    judged
}

fn judge_one(events: &[Event], states: &[Reopened], losses: &Losses<'_>, level: Level) -> Judged {
    let cuts: Vec<usize> = states.iter().map(|state| state.events).collect();
    let ledger = Ledger::new(events, &cuts);
    let bridge = Bridge::new(&ledger, events, states, losses);
    let report = check_at(&bridge.history, level).unwrap_or_else(|error| panic!("{error}"));
    let mut judged = Judged { seen: report.seen, ..Judged::default() };
    for (number, found) in report.violations.iter().enumerate() {
        let text = explain::text(found, &bridge);
        judged.evidence.push((format!("isolation-{number}.svg"), explain::svg(found, &bridge)));
        judged.evidence.push((format!("isolation-{number}.dot"), explain::dot(found, &bridge)));
        judged.violations.push(Violation::new(NAME, found.anomaly.promise(), text));
    }
    if !report.violations.is_empty() {
        for (shape, name) in [(Shape::Registers, "history"), (Shape::Lists, "lists")] {
            if shape == Shape::Registers || bridge.history.has_lists() {
                let text = elle(&bridge.history, shape);
                let text = text.unwrap_or_else(|error| panic!("{error}"));
                judged.evidence.push((format!("isolation-{name}.jsonl"), text));
            }
        }
    }
    judged
}
