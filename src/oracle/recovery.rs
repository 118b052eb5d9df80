//! Runs the oracles of a crash over a history and the states found at its reopenings: durability,
//! order, atomicity, contents, stability and scan. Each reopening is judged against the state
//! found at the one before, so that a broken promise is reported once.
//!
//! What is verified stands with each oracle. Not verified here, for all of them: a bucket of which
//! no dump was taken counts as absent, and a power loss soon after a reopening is judged as if all
//! that the reopening showed were durable, because the engine promises nothing in between.

use super::{
    Judged, atomicity, contents, durability, ledger::Ledger, order, recovered::Recovered, scan,
    stability, terms::Terms,
};
use crate::{
    history::{Event, History, dump::Pairs},
    workload::TxnId,
};
use std::collections::BTreeSet;

pub use super::reopened::{Expect, Promise, Reopened, Streams};

/// Judges the states found at successive reopenings of one database, oldest first. Events after
/// the last of them are left out.
pub(super) fn judge(history: &History, reopened: &[Reopened], expect: Expect) -> Judged {
    judge_with(history, reopened, expect, false)
}

/// The same, but of commits that were answered with an error any part may be there.
pub(super) fn apart_from_failed(
    history: &History,
    reopened: &[Reopened],
    expect: Expect,
) -> Judged {
    judge_with(history, reopened, expect, true)
}

fn judge_with(history: &History, reopened: &[Reopened], expect: Expect, in_parts: bool) -> Judged {
    let cuts: Vec<usize> = reopened.iter().map(|state| state.events).collect();
    let events = &history.events[..cuts.last().copied().unwrap_or_default()];
    let ledger = Ledger::new(events, &cuts);
    let mut judged =
        Judged { transactions_judged: ledger.records.len() as u64, ..Judged::default() };
    for (segment, state) in reopened.iter().enumerate() {
        judged.add(scan::dumped(&state.dump));
        let cutoff = cutoff(state.promise, &events[..state.events]);
        for (terms, base) in buckets(&ledger, reopened, segment, cutoff, expect.streams) {
            let terms = Terms { in_parts, ..terms };
            judge_bucket(&ledger, terms, base, state.dump.buckets.get(terms.bucket), &mut judged);
        }
    }
    judged.shortened()
}

/// The buckets that a reopening may have found, each with the state at the reopening before.
fn buckets<'a>(
    ledger: &'a Ledger<'a>,
    reopened: &'a [Reopened],
    segment: usize,
    cutoff: u64,
    streams: Streams,
) -> Vec<(Terms<'a>, Option<&'a Pairs>)> {
    let lives = &ledger.lives[segment];
    let found = reopened[segment].dump.buckets.keys().map(String::as_str);
    let named: BTreeSet<&str> = lives.keys().copied().chain(found).collect();
    let terms = named.into_iter().map(|bucket| {
        let life = lives.get(bucket).copied().unwrap_or_default();
        let same = segment > 0 && incarnation(ledger, segment - 1, bucket) == life.incarnation;
        let before = segment.checked_sub(1).filter(|_| same).map(|at| &reopened[at].dump);
        let base = before.and_then(|dump| dump.buckets.get(bucket));
        (Terms { bucket, segment, life, cutoff, streams, in_parts: false }, base)
    });
    terms.collect()
}

/// Who survived until a reopening and who verifiably did not, of those that asked to commit since
/// the one before.
pub(super) fn fates(
    ledger: &Ledger,
    reopened: &[Reopened],
    segment: usize,
    cutoff: u64,
    streams: Streams,
) -> (BTreeSet<TxnId>, BTreeSet<TxnId>) {
    let mut survived = BTreeSet::new();
    let mut lost = BTreeSet::new();
    let empty = Pairs::new();
    for (terms, base) in buckets(ledger, reopened, segment, cutoff, streams) {
        let found = reopened[segment].dump.buckets.get(terms.bucket).unwrap_or(&empty);
        let recovered = Recovered::new(ledger, terms, base.unwrap_or(&empty), found);
        survived.extend(recovered.survivors);
        lost.extend(recovered.lost.into_keys());
    }
    (survived, lost)
}

fn incarnation(ledger: &Ledger, segment: usize, bucket: &str) -> u32 {
    ledger.lives[segment].get(bucket).copied().unwrap_or_default().incarnation
}

fn judge_bucket(
    ledger: &Ledger,
    terms: Terms,
    base: Option<&Pairs>,
    found: Option<&Pairs>,
    judged: &mut Judged,
) {
    judged.add(durability::bucket(&terms, found.is_some()));
    if found.is_none() && terms.life.deleting {
        return;
    }
    let empty = Pairs::new();
    let recovered = Recovered::new(ledger, terms, base.unwrap_or(&empty), found.unwrap_or(&empty));
    judged.add(durability::judge(&recovered));
    let (holes, allowed) = order::judge(&recovered);
    judged.add(holes);
    judged.allow(order::NAME, order::NO_ORDER_BETWEEN_GROUPS, allowed);
    judged.allow(atomicity::NAME, atomicity::UNDECIDED, recovered.undecided);
    judged.add(atomicity::judge(&recovered));
    judged.add(contents::judge(&recovered));
    judged.add(stability::judge(&recovered));
}

/// Acknowledgements before this stamp must be honoured.
pub(super) fn cutoff(promise: Promise, events: &[Event]) -> u64 {
    match promise {
        Promise::Acked => u64::MAX,
        Promise::AckedBefore(stamp) => stamp,
        Promise::Synced => {
            let barriers = events.iter().filter_map(|event| match event {
                Event::Synced { asked, .. } => Some(*asked),
                _ => None,
            });
            barriers.max().unwrap_or_default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        engine::{Capabilities, EngineOptions},
        history::{Milestone, dump::Dump},
        oracle::{
            OracleName,
            history_builder::{Script, W, found, raised},
        },
    };

    #[test]
    fn a_dump_belongs_to_its_milestone() {
        let dumped = || Event::Milestone(Milestone::Dumped);
        let script = Script::new().event(dumped()).txn("b", 0, &[("a", W::Set)]).event(dumped());
        let dumps = vec![Dump::default(), Dump::default()];
        let states = Reopened::at_milestones(&script.history(), dumps);
        assert_eq!(states.iter().map(|state| state.events).collect::<Vec<_>>(), [0, 4]);
        assert_eq!(raised(&script, &states), [OracleName::Durability]);
    }

    #[test]
    fn a_copy_ends_at_a_border_while_it_is_made() {
        let name = || "copy".to_owned();
        let before = Script::new().txn("b", 0, &[("a", W::Set)]);
        let asked = before.len();
        let amid = before.clone().event(Event::Milestone(Milestone::Copying { name: name() }));
        let amid = amid.txn("b", 0, &[("c", W::Set), ("d", W::Set)]);
        let after = amid.clone().event(Event::Milestone(Milestone::Copied { name: name() }));
        let after = after.txn("b", 0, &[("e", W::Set)]);
        let raised = |pairs| {
            let dump = found(&after, pairs).dump;
            raised(&after, &[Reopened::of_copy(&after.history(), asked, dump)])
        };
        for whole in [before.state("b"), amid.state("b")] {
            assert_eq!(raised(whole), []);
        }
        assert_eq!(raised(Pairs::new()), [OracleName::Durability]);
        let mut half = amid.state("b");
        half.remove(b"c".as_slice());
        assert_eq!(raised(half), [OracleName::Atomicity]);
        // Its key and its client's marker.
        assert_eq!(raised(after.state("b")), [OracleName::Contents; 2]);
    }

    #[test]
    fn the_durable_route_has_one_log_whatever_its_width() {
        let options = |durable, writers| EngineOptions { durable, writers, ..Default::default() };
        let many = Capabilities { many_logs: true, ..Capabilities::LEAST };
        let streams = |durable, writers| Expect::of(&options(durable, writers), many).streams;
        assert_eq!([streams(true, 8), streams(false, 1)], [Streams::One; 2]);
        assert_eq!(streams(false, 2), Streams::Many);
    }

    #[test]
    fn sums_with_too_many_unknowns_are_counted_only() {
        let unknown = |script: Script, _| script.unknown("b", 0, &[("s/1", W::Add(1))]);
        let judged = |count: u32| {
            let script = (0..count).fold(Script::new(), unknown).txn("b", 0, &[]);
            let mut state = script.state("b");
            state.insert(b"s/1".to_vec(), 7_u64.to_le_bytes().to_vec());
            let expect = Expect { streams: Streams::One };
            judge(&script.history(), &[found(&script, state)], expect)
        };
        assert_eq!(judged(10), Judged { transactions_judged: 11, ..Judged::default() });
        assert_eq!(judged(6).violations[0].oracle, contents::NAME);
        let undecided = judged(20);
        assert_eq!((undecided.violations.len(), undecided.allowances[0].count), (0, 1));
    }
}
