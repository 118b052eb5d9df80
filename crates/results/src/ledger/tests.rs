//! The ledger over several sittings, machines and engines.

use super::{Document, Entry, Ledger, Subject};
use crate::{
    Outcome,
    seeds::{Shard, root_seed},
};

fn subject(version: &str) -> Subject {
    Subject {
        engine: format!("mace-kv {version}"),
        source: "registry".into(),
        features: "failpoints".into(),
    }
}

fn entry(index: u64, layer: &str, outcome: Outcome) -> Entry {
    Entry {
        version: Entry::FORMAT,
        soak_seed: 7,
        index,
        seed: root_seed(7, index),
        subject: subject("0.2.0"),
        layer: layer.into(),
        outcome,
        cases: 0,
        failed: 0,
    }
}

#[test]
fn a_later_run_continues_where_the_earlier_ended() {
    let ledger = Ledger(vec![
        entry(0, "stress", Outcome::Passed),
        entry(0, "chaos", Outcome::Failed),
        entry(1, "stress", Outcome::Passed),
    ]);
    let here = subject("0.2.0");
    let other = subject("0.1.2");
    assert_eq!(ledger.soak_seed(&here), Some(7));
    assert_eq!(ledger.next_index(7, &here, Shard::WHOLE), 2);
    assert_eq!(ledger.next_index(7, &here, Shard { number: 2, of: 2 }), 3);
    assert_eq!(ledger.next_index(7, &other, Shard::WHOLE), 0, "another engine has run nothing");
    assert_eq!(ledger.next_index(8, &here, Shard::WHOLE), 0, "another sequence of seeds");
    assert_eq!(ledger.soak_seed(&other), None);
}

#[test]
fn a_torn_last_line_is_skipped_a_wrong_one_refused() {
    let text = Ledger(vec![entry(0, "stress", Outcome::Passed)]).render();
    assert!(text.contains(r#""verdict":"passed""#) && text.ends_with('\n'), "{text}");
    assert_eq!(Ledger::parse(&format!("{text}{}", &text[..20])).unwrap().0.len(), 1);
    let newer = text.replace("\"version\":1", "\"version\":2");
    let unknown = text.replace("\"layer\"", "\"lair\"");
    for (text, says) in [("nonsense\n", "line 1"), (&newer, "format 2"), (&unknown, "line 1")] {
        let error = Ledger::parse(text).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn ledgers_of_shards_merge_in_any_order() {
    let passed = |index| entry(index, "stress", Outcome::Passed);
    let one = Ledger(vec![passed(0), passed(2)]);
    let two = Ledger(vec![passed(1), entry(2, "stress", Outcome::Failed), passed(0)]);
    let forth = Ledger::merge([one.clone(), two.clone()]);
    assert_eq!(forth, Ledger::merge([two, one.clone(), one]));
    let found: Vec<_> = forth.0.iter().map(|e| (e.index, e.outcome.name())).collect();
    assert_eq!(found, [(0, "passed"), (1, "passed"), (2, "passed"), (2, "failed")]);
    assert_eq!(Ledger::parse(&forth.render()).unwrap(), forth);
    assert_eq!(forth.next_index(7, &subject("0.2.0"), Shard { number: 1, of: 2 }), 4);
}
