//! The oracle on histories written by hand: what it verifies and what it does not accuse.

use super::*;
use crate::{
    engine::EngineError,
    history::{
        KeyText, Milestone, Scanned, Seen, Write,
        dump::{Dump, Pairs},
    },
    oracle::recovery::Promise,
    workload::{TxnId, Version, elements, marker_key},
};
use std::collections::BTreeMap;

const BUCKET: &str = "b";

fn key(name: &str) -> KeyText {
    KeyText::new(name.as_bytes())
}

const fn version(client: u16) -> Version {
    Version { txn: TxnId { client, seq: 1 }, op: 0, len: 40 }
}

/// A transaction of each client: when it begins, what it reads, what it writes.
fn txn(client: u16, begin: u64, reads: &[(&str, Seen)], writes: &[&str]) -> Vec<Event> {
    let txn = TxnId { client, seq: 1 };
    let reads = reads.iter().map(|(name, seen)| (key(name), seen.clone())).collect();
    let writes = writes.iter().map(|name| (key(name), Write::Set(version(client)))).collect();
    vec![
        Event::Begin { txn, bucket: BUCKET.to_owned(), stamp: begin },
        Event::Commit {
            txn,
            stamp: begin + 20,
            begun: begin + 10,
            reads,
            writes,
            scans: Vec::new(),
        },
        Event::Ok { txn, stamp: begin + 30 },
    ]
}

fn judged(history: &History, states: &[Reopened], streams: Streams) -> Judged {
    judge(Judging { history, states, streams, level: Level::StrongSnapshotIsolation })
}

fn found(events: Vec<Event>) -> Vec<String> {
    let judged = judged(&History::ordered(events), &[], Streams::One);
    assert_eq!(judged.evidence.is_empty(), judged.violations.is_empty());
    judged.violations.into_iter().map(|violation| violation.witness).collect()
}

#[test]
fn accepts_write_skew_and_counts_it() {
    let both = [("x", Seen::Absent), ("y", Seen::Absent)];
    let events = [txn(1, 1, &both, &["x"]), txn(2, 2, &both, &["y"])].concat();
    let told = judged(&History::ordered(events), &[], Streams::One);
    assert_eq!(told.violations, []);
    assert_eq!(told.seen.write_skews, 1);
}

#[test]
fn rejects_write_skew_of_what_is_to_be_serialisable() {
    let both = [("x", Seen::Absent), ("y", Seen::Absent)];
    let events = |then| [txn(1, 1, &both, &["x"]), txn(2, then, &both, &["y"])].concat();
    let found = |then| {
        let history = History::ordered(events(then));
        let level = Level::Serialisable;
        judge(Judging { history: &history, states: &[], streams: Streams::One, level }).violations
    };
    assert!(found(2)[0].witness.starts_with("anti-dependency cycle (G2)"), "{:?}", found(2));
    let read = [("x", Seen::Version(version(1))), ("y", Seen::Absent)];
    let serial = [txn(1, 1, &both, &["x"]), txn(2, 100, &read, &["y"])].concat();
    let history = History::ordered(serial);
    let level = Level::Serialisable;
    let judging = Judging { history: &history, states: &[], streams: Streams::One, level };
    assert_eq!(judge(judging).violations, []);
}

#[test]
fn rejects_a_long_fork_by_its_name() {
    let saw = |client| Seen::Version(version(client));
    let events = [
        txn(1, 1, &[("x", Seen::Absent)], &["x"]),
        txn(2, 2, &[("y", Seen::Absent)], &["y"]),
        txn(3, 15, &[("x", saw(1)), ("y", Seen::Absent)], &[]),
        txn(4, 16, &[("x", Seen::Absent), ("y", saw(2))], &[]),
    ];
    let found = found(events.concat());
    assert!(found.len() == 1 && found[0].starts_with("long fork"), "{found:?}");
}

#[test]
fn rejects_a_lost_update_but_not_an_unknown_commit() {
    let reads = [("x", Seen::Absent)];
    let mut events = [txn(1, 1, &reads, &["x"]), txn(2, 2, &reads, &["x"])].concat();
    let twice = found(events.clone());
    assert!(twice[0].starts_with("lost update"), "{twice:?}");
    let last = events.len() - 1;
    let denial = EngineError::Unknown("io".to_owned());
    events[last] = Event::Info { txn: TxnId { client: 2, seq: 1 }, stamp: 32, denial };
    assert_eq!(found(events), [""; 0]);
}

fn element(client: u16) -> Version {
    elements::version(TxnId { client, seq: 1 }, 0)
}

/// The same for a list or a set: what the transaction saw, and whether it adds an element.
fn adding(client: u16, begin: u64, name: &str, seen: Seen) -> Vec<Event> {
    let mut events = txn(client, begin, &[(name, seen)], &[]);
    let Event::Commit { writes, .. } = &mut events[1] else { panic!("a commit is second") };
    let element = element(client);
    let write = if name.starts_with("l/") { Write::Set(element) } else { Write::Include(element) };
    writes.push((key(name), write));
    events
}

#[test]
fn rejects_two_that_append_to_one_list() {
    let saw = |clients: &[u16]| Seen::List(clients.iter().copied().map(element).collect());
    let honest = [adding(1, 1, "l/1", Seen::Absent), adding(2, 100, "l/1", saw(&[1]))].concat();
    let reader = txn(3, 200, &[("l/1", saw(&[1, 2]))], &[]);
    assert_eq!(found([honest.clone(), reader].concat()), [""; 0]);
    let forked = [adding(1, 1, "l/1", Seen::Absent), adding(2, 2, "l/1", Seen::Absent)].concat();
    assert!(found(forked)[0].starts_with("lost update"));
    let short = txn(3, 200, &[("l/1", saw(&[2]))], &[]);
    assert!(found([honest, short].concat())[0].starts_with("value never written"));
}

#[test]
fn rejects_sets_that_do_not_include_one_another() {
    let saw = |client: u16| Seen::Set(vec![element(client)]);
    let added = [adding(1, 1, "u/1", Seen::Absent), adding(2, 2, "u/1", Seen::Absent)].concat();
    let reader = |client, begin, seen| txn(client, begin, &[("u/1", seen)], &[]);
    let all = Seen::Set(vec![element(1), element(2)]);
    assert_eq!(found([added.clone(), reader(3, 100, all)].concat()), [""; 0]);
    let forked = [added.clone(), reader(3, 15, saw(1)), reader(4, 16, saw(2))].concat();
    assert!(found(forked)[0].starts_with("long fork"));
    let twice = Seen::Set(vec![element(1), element(1), element(2)]);
    assert!(found([added, reader(3, 100, twice)].concat())[0].starts_with("value never written"));
}

/// A transaction that scans, and met these keys of `x` and `y`.
fn scanning(begin: u64, backward: bool, met: &[(&str, u16)]) -> Vec<Event> {
    let met: Vec<(KeyText, Seen)> =
        met.iter().map(|(name, by)| (key(name), Seen::Version(version(*by)))).collect();
    let mut events = txn(9, begin, &[], &[]);
    let Event::Commit { reads, scans, .. } = &mut events[1] else { panic!("a commit is second") };
    for name in ["k/x", "k/y"] {
        let seen = met.iter().find(|(at, _)| at.0 == name).map_or(Seen::Absent, |at| at.1.clone());
        reads.push((key(name), seen));
    }
    let first = vec![key("k/x"), key("k/y")];
    scans.push(Scanned { prefix: key("k/"), backward, met, first });
    events
}

#[test]
fn rejects_a_phantom_and_a_scan_in_disorder() {
    let both = [("k/x", Seen::Absent), ("k/y", Seen::Absent)];
    let wrote = txn(1, 1, &both, &["k/x", "k/y"]);
    let scan = |begin, backward, met: &[(&str, u16)]| {
        found([wrote.clone(), scanning(begin, backward, met)].concat())
    };
    assert_eq!(scan(100, false, &[("k/x", 1), ("k/y", 1)]), [""; 0]);
    assert_eq!(scan(100, true, &[("k/y", 1), ("k/x", 1)]), [""; 0]);
    assert!(scan(100, true, &[("k/x", 1), ("k/y", 1)])[0].starts_with("range read"));
    assert!(scan(15, false, &[("k/x", 1)])[0].starts_with("phantom"));
}

/// Each client has written its key and its marker; the state after a reopening, without some of it.
fn reopened(promise: Promise, streams: Streams, events: Vec<Event>, gone: &[&str]) -> Judged {
    let mut history = History::ordered(events);
    let mut pairs = Pairs::new();
    for event in &history.events {
        let Event::Commit { writes, .. } = event else { continue };
        for (at, write) in writes.iter().filter(|(at, _)| !gone.iter().any(|name| key(name) == *at))
        {
            let Write::Set(version) = write else { panic!("only values here") };
            pairs.insert(at.bytes(), version.encode(&at.bytes()));
        }
    }
    let dump = Dump { buckets: BTreeMap::from([(BUCKET.to_owned(), pairs)]), ..Dump::default() };
    let state = Reopened { promise, ..Reopened::after(&history, dump) };
    history.events.push(Event::Milestone(Milestone::Started));
    judged(&history, &[state], streams)
}

fn marker(client: u16) -> String {
    String::from_utf8(marker_key(client)).expect("a marker is text")
}

/// Of two transactions of client 2 the first one read what client 1 wrote, and what it wrote itself is
/// replaced by the second, so that nothing shows its fate: it was seen, and stands as a survivor.
#[test]
fn counts_a_hole_behind_one_of_open_fate() {
    let first = marked(1, 1, &[("x", Seen::Absent)], "x");
    let saw = Seen::Version(version(1));
    let open = marked(2, 100, &[("x", saw), ("y", Seen::Absent)], "y");
    let was = [("y", Seen::Version(version(2))), (&*marker(2), Seen::Version(version(2)))];
    let mut last = txn(2, 200, &was, &["y", &marker(2)]);
    for event in &mut last {
        let (Event::Begin { txn, .. } | Event::Commit { txn, .. } | Event::Ok { txn, .. }) = event
        else {
            panic!("there is nothing else")
        };
        txn.seq = 2;
        let Event::Commit { writes, .. } = event else { continue };
        for (_, write) in writes {
            let txn = TxnId { client: 2, seq: 2 };
            *write = Write::Set(Version { txn, ..version(2) });
        }
    }
    let events = || [first.clone(), open.clone(), last.clone()].concat();
    let gone: &[&str] = &["x", &marker(1)];
    let judged = |streams| reopened(Promise::Synced, streams, events(), gone);
    let many = judged(Streams::Many);
    assert_eq!(many.violations, []);
    assert_eq!(many.allowances.iter().map(|allowed| allowed.count).sum::<u64>(), 1);
    assert!(!judged(Streams::One).violations.is_empty());
    // What the state shows of the last one has to be whole all the same.
    let torn = reopened(Promise::Synced, Streams::Many, events(), &["x", &marker(1), "y"]);
    assert!(!torn.violations.is_empty());
}

fn marked(client: u16, begin: u64, reads: &[(&str, Seen)], name: &str) -> Vec<Event> {
    let marker = marker(client);
    let reads = [reads, &[(marker.as_str(), Seen::Absent)]].concat();
    txn(client, begin, &reads, &[name, &marker])
}

#[test]
fn rejects_a_loss_over_a_reopening_by_its_name() {
    let wrote = || marked(1, 1, &[("x", Seen::Absent)], "x");
    let marker = marker(1);
    let judged = |gone: &[&str]| {
        let judged = reopened(Promise::Acked, Streams::One, wrote(), gone);
        judged.violations.into_iter().map(|found| found.witness).collect::<Vec<_>>()
    };
    assert_eq!(judged(&[]), [""; 0]);
    assert!(judged(&["x", &marker])[0].starts_with("history not extended"));
    assert!(judged(&["x"])[0].starts_with("fractured read"));
}

#[test]
fn counts_what_is_not_promised_and_rejects_a_part() {
    let wrote = || marked(1, 1, &[("x", Seen::Absent)], "x");
    let marker = marker(1);
    let judged = |gone: &[&str]| reopened(Promise::Synced, Streams::One, wrote(), gone);
    let lost = judged(&["x", &marker]);
    assert_eq!(lost.violations, []);
    assert_eq!(lost.allowances.iter().map(|allowed| allowed.count).sum::<u64>(), 1);
    let half = judged(&["x"]);
    assert!(half.violations[0].witness.starts_with("fractured read"), "{half:?}");
    assert_eq!(judged(&[]).allowances, []);
}

#[test]
fn counts_a_hole_between_logs_and_rejects_one_within() {
    let saw = Seen::Version(version(1));
    let events = || {
        let first = marked(1, 1, &[("x", Seen::Absent)], "x");
        [first, marked(2, 100, &[("x", saw.clone()), ("y", Seen::Absent)], "y")].concat()
    };
    let marker = marker(1);
    let judged = |streams| reopened(Promise::Synced, streams, events(), &["x", &marker]);
    let many = judged(Streams::Many);
    assert_eq!(many.violations, []);
    assert_eq!(many.allowances.iter().map(|allowed| allowed.count).sum::<u64>(), 1);
    assert!(!judged(Streams::One).violations.is_empty());
}

/// A commit that has no answer, and one who only read: whom he saw is there for good, once he was told
/// that he had.
#[test]
fn rejects_the_loss_of_what_a_reader_saw() {
    let judged = |promise, acked: bool| {
        let mut open = marked(1, 1, &[("x", Seen::Absent)], "x");
        open.pop();
        let mut reader = txn(2, 100, &[("x", Seen::Version(version(1)))], &[]);
        if !acked {
            reader.pop();
        }
        reopened(promise, Streams::One, [open, reader].concat(), &["x", &marker(1)])
    };
    let lost = judged(Promise::Acked, true);
    assert!(lost.violations[0].witness.starts_with("history not extended"), "{lost:?}");
    assert_eq!(judged(Promise::Acked, false).violations, []);
    // Where no acknowledgement is a promise, neither is his.
    assert_eq!(judged(Promise::Synced, true).violations, []);
}
