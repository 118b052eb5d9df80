//! Reads that must be accepted and reads that must not, each in a history of a few events. Verifies
//! the oracle, not an engine.

use super::*;
use crate::oracle::history_builder::{Script, W, saw, saw_nothing};

/// The promises that a history breaks.
fn broken(script: &Script) -> Vec<&'static str> {
    let history = script.history();
    judge(&Ledger::new(&history.events, &[]), Writers::FirstWins)
        .iter()
        .map(|violation| violation.promise)
        .collect()
}

/// Client 0 writes `a` and `c` twice.
fn twice() -> Script {
    let both = [("a", W::Set), ("c", W::Set)];
    Script::new().txn("b", 0, &both).txn("b", 0, &both)
}

#[test]
fn accepts_the_newest_version_and_a_concurrent_one() {
    let fresh = twice().reading(&[saw("a", 0, 2, 0), saw("c", 0, 2, 1)]).txn("b", 1, &[]);
    assert_eq!(broken(&fresh), [""; 0]);
    let early = Script::new().txn("b", 0, &[("a", W::Set)]).begin("b", 1);
    let early = early.txn("b", 0, &[("a", W::Set)]).reading(&[saw("a", 0, 1, 0)]);
    assert_eq!(broken(&early.commit(1, &[]).ok(1)), [""; 0]);
}

#[test]
fn accepts_write_skew_and_either_unknown_outcome() {
    let skew = Script::new().txn("b", 0, &[("a", W::Set), ("c", W::Set)]).begin("b", 1);
    let skew = skew.begin("b", 2).reading(&[saw("a", 0, 1, 0)]).commit(1, &[("c", W::Set)]).ok(1);
    let skew = skew.reading(&[saw("c", 0, 1, 1)]).commit(2, &[("a", W::Set)]).ok(2);
    assert_eq!(broken(&skew), [""; 0]);
    let unknown = Script::new().unknown("b", 0, &[("a", W::Set)]);
    for reads in [saw("a", 0, 1, 0), saw_nothing("a")] {
        assert_eq!(broken(&unknown.clone().reading(&[reads]).txn("b", 1, &[])), [""; 0]);
    }
}

#[test]
fn rejects_a_stale_read() {
    let stale = twice().reading(&[saw("a", 0, 1, 0)]).txn("b", 1, &[]);
    assert_eq!(broken(&stale), [FRESH]);
    let absent = twice().reading(&[saw_nothing("a")]).txn("b", 1, &[]);
    assert_eq!(broken(&absent), [FRESH]);
}

#[test]
fn rejects_an_unknown_commit_that_readers_lose_again() {
    let script = Script::new().unknown("b", 0, &[("a", W::Set)]);
    let script = script.reading(&[saw("a", 0, 1, 0)]).txn("b", 1, &[]);
    assert_eq!(broken(&script.reading(&[saw_nothing("a")]).txn("b", 2, &[])), [FRESH]);
}

#[test]
fn rejects_uncommitted_work() {
    let dropped = Script::new().aborted("b", 0, &[("a", W::Set)]);
    assert_eq!(broken(&dropped.reading(&[saw("a", 0, 1, 0)]).txn("b", 1, &[])), [COMMITTED]);
    let replaced = Script::new().txn("b", 0, &[("a", W::Set), ("a", W::Set)]);
    assert_eq!(broken(&replaced.reading(&[saw("a", 0, 1, 0)]).txn("b", 1, &[])), [COMMITTED]);
    let early = Script::new().begin("b", 0).begin("b", 1).reading(&[saw("a", 0, 1, 0)]);
    let early = early.commit(1, &[]).ok(1).commit(0, &[("a", W::Set)]).ok(0);
    assert_eq!(broken(&early), [COMMITTED]);
}

#[test]
fn rejects_what_nobody_wrote_there() {
    let garbage = (KeyText::new(b"a"), Seen::Garbage("3 bytes".to_owned()));
    let wrong = [garbage, saw("a", 7, 1, 0), saw("a", 0, 2, 1)];
    for read in wrong {
        assert_eq!(
            broken(&twice().reading(std::slice::from_ref(&read)).txn("b", 1, &[])),
            [WRITTEN],
            "{read:?}"
        );
    }
    let former = twice().deleted("b").reading(&[saw("a", 0, 2, 0)]).txn("b", 1, &[]);
    assert_eq!(broken(&former), [WRITTEN]);
}

#[test]
fn rejects_a_mixture_of_snapshots() {
    let both = [("a", W::Set), ("c", W::Set)];
    let torn = Script::new().txn("b", 0, &both).begin("b", 0).commit(0, &both).begin("b", 1).ok(0);
    let torn = torn.reading(&[saw("a", 0, 2, 0), saw("c", 0, 1, 1)]).commit(1, &[]).ok(1);
    assert_eq!(broken(&torn), [SNAPSHOT]);
    let moved = Script::new().txn("b", 0, &[("a", W::Set)]).begin_asked("b", 1);
    let moved = moved.txn("b", 0, &[("a", W::Set)]).txn("b", 0, &[("c", W::Set)]).begun(1);
    let moved = moved.reading(&[saw("a", 0, 1, 0), saw("c", 0, 3, 0)]).commit(1, &[]).ok(1);
    assert_eq!(broken(&moved), [SNAPSHOT]);
}

#[test]
fn rejects_a_read_of_what_came_after_the_snapshot() {
    let script = Script::new().begin("b", 1).txn("b", 0, &[("a", W::Set)]);
    let script = script.reading(&[saw("a", 0, 1, 0)]).commit(1, &[]).ok(1);
    assert_eq!(broken(&script), [COMMITTED]);
}

#[test]
fn rejects_a_blind_write_over_what_it_did_not_see() {
    let script = Script::new().begin("b", 1).txn("b", 0, &[("a", W::Set)]);
    assert_eq!(broken(&script.commit(1, &[("a", W::Set)]).ok(1)), [FIRST_WRITER]);
    let merges = Script::new().begin("b", 1).txn("b", 0, &[("s/1", W::Add(1))]);
    assert_eq!(broken(&merges.commit(1, &[("s/1", W::Add(1))]).ok(1)), [""; 0]);
}

#[test]
fn rejects_a_lost_update() {
    let script = Script::new().txn("b", 0, &[("a", W::Set)]).begin("b", 1).begin("b", 2);
    let script = script.reading(&[saw("a", 0, 1, 0)]).commit(1, &[("a", W::Set)]).ok(1);
    let script = script.reading(&[saw("a", 0, 1, 0)]).commit(2, &[("a", W::Set)]).ok(2);
    assert_eq!(broken(&script), [FIRST_WRITER]);
}

#[test]
fn rejects_a_number_outside_of_its_operands() {
    let script =
        Script::new().txn("b", 0, &[("s/1", W::Add(5))]).unknown("b", 0, &[("s/1", W::Add(2))]);
    let read = |number| script.clone().reading(&[(KeyText::new(b"s/1"), Seen::Sum(number))]);
    for (number, promises) in [(5, vec![]), (7, vec![]), (4, vec![FRESH]), (8, vec![FRESH])] {
        assert_eq!(broken(&read(number).txn("b", 1, &[])), promises, "{number}");
    }
}

#[test]
fn rejects_a_snapshot_that_changes() {
    let first = Pairs::from([(b"a".to_vec(), b"1".to_vec())]);
    assert_eq!(still("a view", &first, &first.clone()), None);
    assert!(still("a view", &first, &Pairs::new()).is_some());
    assert!(still("a view", &Pairs::new(), &first).is_some());
}

#[test]
fn accepts_an_unanswered_commit_that_would_be_refused() {
    let first = Script::new().begin("b", 1).txn("b", 0, &[("a", W::Set)]);
    let asked = first.reading(&[saw_nothing("a")]).commit(1, &[("a", W::Set)]);
    let found = |script: &Script, writers| {
        judge(&Ledger::new(&script.history().events, &[]), writers).len()
    };
    assert_eq!(found(&asked, Writers::CheckedAtCommit), 0);
    assert_eq!(found(&asked, Writers::FirstWins), 1);
    assert_eq!(found(&asked.ok(1), Writers::CheckedAtCommit), 1);
    // What else it read is judged all the same.
    let stale = Script::new().txn("b", 0, &[("z", W::Set)]).begin("b", 1);
    let stale = stale.txn("b", 0, &[("a", W::Set)]);
    let stale = stale.reading(&[saw_nothing("a"), saw_nothing("z")]).commit(1, &[("a", W::Set)]);
    assert_eq!(found(&stale, Writers::CheckedAtCommit), 1);
}
