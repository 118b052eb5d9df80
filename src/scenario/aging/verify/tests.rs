//! A database that is honest, and the same with one named defect: each has its own words.

use super::*;
use crate::{
    engine::{BucketOptions, Driver, Engine, EngineOptions, Merge, model::ModelDriver},
    history::expected::{Change, Reached},
    testdir::TestDir,
    workload::{TxnId, Version},
};

/// Three keys of client 0; the others of the first two batches stay empty.
const KEYS: [u64; 3] = [0, 8, 16];

/// A sum of client 0.
const SUM: u64 = 120;

struct Stage {
    expected: Expected,
    bucket: Box<dyn Bucket>,
    // The bucket is given back before its engine, and the folder goes last.
    _engine: Box<dyn Engine>,
    _dir: TestDir,
}

impl Stage {
    /// Transactions 1 to 3 of client 0, each of two keys, acknowledged; the third deletes one.
    fn set() -> Self {
        let dir = TestDir::new("verify").unwrap();
        let engine = ModelDriver::default().open(dir.path(), &EngineOptions::default()).unwrap();
        let options = BucketOptions { merge: Merge::Sum, ..BucketOptions::default() };
        let bucket = engine.create_bucket("old", &options).unwrap();
        let expected = Expected::open(dir.path(), 2000).unwrap();
        let stage = Self { expected, bucket, _engine: engine, _dir: dir };
        stage.commits(1, &[(KEYS[0], 40), (KEYS[1], 50)]);
        stage.commits(2, &[(KEYS[1], 60), (KEYS[2], 70)]);
        stage.commits(3, &[(KEYS[0], 80), (KEYS[2], 0)]);
        stage
    }

    /// A transaction that took effect and was acknowledged.
    fn commits(&self, seq: u32, writes: &[(u64, u32)]) {
        self.asks(seq, writes);
        self.takes_effect(seq, writes);
        let intent = self.expected.intents(0).unwrap().read().unwrap().pop().unwrap();
        intent.changes.iter().for_each(|change| self.expected.settle(change.key, change.after));
        let reached = self.expected.reached(0);
        self.expected.reach(0, Reached { acked: seq, ..reached });
    }

    fn asks(&self, seq: u32, writes: &[(u64, u32)]) {
        let changes = writes.iter().map(|(key, len)| Change {
            key: *key,
            before: self.expected.slot(*key).settled,
            after: if *len == 0 { Entry::new(seq, 0) } else { keys::written(version(seq, *len)) },
        });
        let intent = Intent { seq, changes: changes.collect() };
        self.expected.intents(0).unwrap().append(&intent).unwrap();
        intent.changes.iter().for_each(|change| self.expected.pend(change.key, change.after));
        let reached = self.expected.reached(0);
        self.expected.reach(0, Reached { begun: seq, ..reached });
    }

    fn takes_effect(&self, seq: u32, writes: &[(u64, u32)]) {
        for (key, len) in writes {
            self.holds(*key, seq, *len);
        }
        self.marks(seq);
    }

    /// A key holds what this transaction wrote, whatever was promised; nothing where it has no length.
    fn holds(&self, key: u64, seq: u32, len: u32) {
        let name = keys::name(key);
        let value = version(seq, len).encode(&name);
        self.has(&name, (len > 0).then_some(&value));
    }

    fn has(&self, name: &[u8], value: Option<&[u8]>) {
        let txn = self.bucket.begin().unwrap();
        match value {
            Some(value) => txn.upsert(name, value).unwrap(),
            None => drop(txn.del(name)),
        }
        txn.commit().unwrap();
    }

    fn marks(&self, seq: u32) {
        self.has(&marker_key(0), Some(&keys::marker(0, seq)));
    }

    /// What is found when the database is opened again.
    fn told(&self) -> String {
        let verifier = Verifier { bucket: self.bucket.as_ref(), expected: &self.expected };
        let recovered = verifier.recover(Promised::Acknowledged).unwrap();
        let compared = verifier.all(2).unwrap();
        assert_eq!(compared.reads, 2000);
        let mut words = recovered.words.clone();
        words.extend(verifier.explain(&compared, &recovered).unwrap());
        words.join("; ")
    }

    fn tells(&self, word: &str) {
        let told = self.told();
        assert!(told.starts_with(word) && !told.contains("; "), "{word}: {told}");
    }
}

fn version(seq: u32, len: u32) -> Version {
    Version { txn: TxnId { client: 0, seq }, op: 0, len }
}

#[test]
fn an_honest_database_is_not_flagged() {
    let stage = Stage::set();
    assert_eq!(stage.told(), "");
    // A dropped transaction, one that was under way and is absent, and one that took effect.
    let lost: [(u64, u32); 2] = [(KEYS[0], 90), (KEYS[1], 0)];
    stage.asks(5, &lost);
    assert_eq!(stage.told(), "");
    let stage = Stage::set();
    stage.asks(5, &lost);
    stage.takes_effect(5, &lost);
    assert_eq!(stage.told(), "");
    stage.expected.promise().unwrap();
    assert_eq!(stage.told(), "");
}

#[test]
fn a_lost_suffix_is_told_from_a_hole() {
    let stage = Stage::set();
    stage.holds(KEYS[0], 1, 40);
    stage.holds(KEYS[2], 2, 70);
    stage.marks(2);
    stage.tells("a lost suffix: client 0 is at T0.2, and T0.3 was promised: transactions gone: 1");

    let stage = Stage::set();
    stage.holds(KEYS[1], 1, 50);
    stage.tells("a hole, an old version is back: k/00000008");
}

#[test]
fn a_torn_transaction_is_told_from_a_lost_one() {
    let stage = Stage::set();
    stage.holds(KEYS[0], 1, 40);
    stage.tells("a torn transaction, an old version is back: k/00000000");
    let stage = Stage::set();
    stage.holds(KEYS[2], 2, 70);
    stage.tells("a torn transaction, a deleted key is back: k/00000016");
    // One that was under way, without its marker.
    let stage = Stage::set();
    stage.asks(4, &[(KEYS[0], 90), (KEYS[1], 0)]);
    stage.holds(KEYS[0], 4, 90);
    stage.tells("a torn transaction, what was undone or dropped shows: k/00000000");
}

/// What a defect does to the database.
type Plant = fn(&Stage);

#[test]
fn what_was_promised_long_ago_stays() {
    let defects: [(&str, Plant); 7] = [
        ("an old version is back", |stage| stage.holds(KEYS[0], 1, 40)),
        ("a deleted key is back", |stage| stage.holds(KEYS[2], 2, 70)),
        ("a key is gone", |stage| stage.holds(KEYS[1], 2, 0)),
        ("a wrong value", |stage| stage.holds(KEYS[1], 2, 61)),
        ("a wrong value", |stage| stage.has(&keys::name(KEYS[1]), Some(b"x"))),
        ("what was undone or dropped shows", |stage| stage.holds(KEYS[1], 4, 50)),
        ("a key that nobody wrote", |stage| stage.has(b"k/00002000", Some(b"x"))),
    ];
    for (word, defect) in defects {
        let stage = Stage::set();
        stage.expected.promise().unwrap();
        assert_eq!(stage.told(), "");
        defect(&stage);
        stage.tells(word);
    }
    let stage = Stage::set();
    stage.expected.promise().unwrap();
    stage.marks(4);
    stage.tells("what was undone or dropped shows: client 0 is at T0.4");
    stage.has(&marker_key(0), Some(b"x"));
    stage.tells("a wrong value: the marker of client 0");
}

#[test]
fn a_sum_is_compared_by_its_number() {
    let stage = Stage::set();
    stage.has(&keys::name(SUM), Some(&7u64.to_le_bytes()));
    stage.tells("a deleted key is back: s/00000120");
    stage.expected.settle(SUM, keys::summed(3, 7));
    assert_eq!(stage.told(), "");
    stage.expected.settle(SUM, keys::summed(3, 8));
    stage.tells("a torn transaction, a wrong value: s/00000120 is Sum(7) instead of the sum 8");
}

#[test]
fn what_is_under_way_may_show_or_not() {
    let stage = Stage::set();
    let verifier = Verifier { bucket: stage.bucket.as_ref(), expected: &stage.expected };
    let odd = |verified: Verified| verified.words();
    let all = || odd(verifier.range(0, 100, Order::Alternating).unwrap());
    stage.asks(4, &[(KEYS[0], 90), (KEYS[1], 0)]);
    assert_eq!(all(), [""; 0]);
    stage.takes_effect(4, &[(KEYS[0], 90), (KEYS[1], 0)]);
    assert_eq!(all(), [""; 0]);
    // A look that began earlier saw something in between, which came and went meanwhile.
    let before = Slot { settled: keys::written(version(1, 40)), pending: Entry::NEVER };
    stage.holds(KEYS[0], 2, 33);
    let view = stage.bucket.view().unwrap();
    let between = verifier.one(view.as_ref(), KEYS[0], before).unwrap();
    assert_eq!((between.unsettled, odd(between)), (1, Vec::new()));
    assert_eq!(all().len(), 1, "and a later look may not");
}
