//! Histories written by hand, for the unit tests of the oracles: a few transactions, and the state
//! that an honest engine would show after them, ready to be tampered with. Verifies nothing; not an
//! oracle.

use super::recovery::{self, Expect, Promise, Reopened, Streams};
use crate::oracle::OracleName;
use crate::{
    engine::EngineError,
    history::{
        BucketChange, Event, History, KeyText, Seen, Write,
        dump::{Dump, Pairs},
    },
    workload::{TxnId, Version, marker_key, value::decode_sum},
};
use std::collections::BTreeMap;

/// A write to be; the version follows from who writes it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum W {
    Set,
    Del,
    Add(u64),
}

/// Transaction `seq` of a client.
pub(crate) const fn id(client: u16, seq: u32) -> TxnId {
    TxnId { client, seq }
}

/// The version that a transaction's write number `op` stores.
pub(crate) const fn version(client: u16, seq: u32, op: u16) -> Version {
    Version { txn: id(client, seq), op, len: 40 }
}

/// The stored bytes of that version.
pub(crate) fn value(key: &str, client: u16, seq: u32, op: u16) -> Vec<u8> {
    version(client, seq, op).encode(key.as_bytes())
}

/// A read of that version.
pub(crate) fn saw(key: &str, client: u16, seq: u32, op: u16) -> (KeyText, Seen) {
    (KeyText::new(key.as_bytes()), Seen::Version(version(client, seq, op)))
}

/// A read of nothing.
pub(crate) fn saw_nothing(key: &str) -> (KeyText, Seen) {
    (KeyText::new(key.as_bytes()), Seen::Absent)
}

/// Bucket `b`, found in this state after all of the script so far.
pub(crate) fn found(script: &Script, pairs: Pairs) -> Reopened {
    let buckets = BTreeMap::from([("b".to_owned(), pairs)]);
    Reopened::after(&script.history(), Dump { buckets, ..Dump::default() })
}

/// Which oracles raise something, with a single log, each as often as it does.
pub(crate) fn raised(script: &Script, states: &[Reopened]) -> Vec<OracleName> {
    let expect = Expect { streams: Streams::One };
    let judged = recovery::judge(&script.history(), states, expect);
    judged.violations.iter().map(|violation| violation.oracle).collect()
}

/// The same with a log for each writer group, when the power failed before any barrier; and how
/// often something was allowed.
pub(crate) fn raised_after_power_loss(
    script: &Script,
    pairs: Pairs,
) -> (Vec<OracleName>, Vec<u64>) {
    let state = Reopened { promise: Promise::Synced, ..found(script, pairs) };
    let expect = Expect { streams: Streams::Many };
    let judged = recovery::judge(&script.history(), &[state], expect);
    let raised = judged.violations.iter().map(|violation| violation.oracle).collect();
    (raised, judged.allowances.iter().map(|allowance| allowance.count).collect())
}

/// A history under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    events: Vec<Event>,
    stamp: u64,
    seqs: BTreeMap<u16, u32>,
    begun: BTreeMap<u16, u64>,
    reads: Vec<(KeyText, Seen)>,
    /// What an honest engine shows, bucket by bucket.
    state: BTreeMap<String, Pairs>,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    pub(crate) fn history(&self) -> History {
        History { events: self.events.clone() }
    }

    pub(crate) fn state(&self, bucket: &str) -> Pairs {
        self.state.get(bucket).cloned().unwrap_or_default()
    }

    /// The next transaction to commit saw this.
    pub(crate) fn reading(mut self, reads: &[(KeyText, Seen)]) -> Self {
        self.reads = reads.to_vec();
        self
    }

    pub(crate) fn begin(self, bucket: &str, client: u16) -> Self {
        self.begin_asked(bucket, client).begun(client)
    }

    /// The engine is asked to begin a transaction.
    pub(crate) fn begin_asked(mut self, bucket: &str, client: u16) -> Self {
        let seq = self.seqs.entry(client).or_default();
        *seq += 1;
        let txn = id(client, *seq);
        let stamp = self.tick();
        self.events.push(Event::Begin { txn, bucket: bucket.to_owned(), stamp });
        self
    }

    /// The engine has begun it.
    pub(crate) fn begun(mut self, client: u16) -> Self {
        let begun = self.tick();
        self.begun.insert(client, begun);
        self
    }

    pub(crate) fn commit(mut self, client: u16, writes: &[(&str, W)]) -> Self {
        let txn = self.current(client);
        let writes = numbered(txn, writes, true);
        let stamp = self.tick();
        let reads = std::mem::take(&mut self.reads);
        let begun = self.begun[&client];
        self.events.push(Event::Commit { txn, stamp, begun, reads, writes, scans: Vec::new() });
        self
    }

    /// The last transaction that the client committed is acknowledged.
    pub(crate) fn ok(mut self, client: u16) -> Self {
        let txn = self.current(client);
        let stamp = self.tick();
        self.events.push(Event::Ok { txn, stamp });
        self.took_effect(client)
    }

    /// An acknowledged transaction from begin to end.
    pub(crate) fn txn(self, bucket: &str, client: u16, writes: &[(&str, W)]) -> Self {
        self.begin(bucket, client).commit(client, writes).ok(client)
    }

    /// A transaction whose commit was never answered; the state does not show it.
    pub(crate) fn unknown(self, bucket: &str, client: u16, writes: &[(&str, W)]) -> Self {
        self.begin(bucket, client).commit(client, writes)
    }

    /// One whose commit is answered with an error.
    pub(crate) fn failed(self, bucket: &str, client: u16, writes: &[(&str, W)]) -> Self {
        let mut script = self.unknown(bucket, client, writes);
        let txn = script.current(client);
        let stamp = script.tick();
        script.events.push(Event::Info {
            txn,
            stamp,
            denial: EngineError::Unknown("IoError".to_owned()),
        });
        script
    }

    pub(crate) fn aborted(self, bucket: &str, client: u16, writes: &[(&str, W)]) -> Self {
        let mut script = self.begin(bucket, client);
        let txn = script.current(client);
        let writes = numbered(txn, writes, false);
        let stamp = script.tick();
        script.events.push(Event::Abort { txn, stamp, writes, denial: None });
        script
    }

    pub(crate) fn deleted(mut self, bucket: &str) -> Self {
        self.state.remove(bucket);
        self.changed(bucket, BucketChange::Deleted)
    }

    pub(crate) fn changed(mut self, bucket: &str, change: BucketChange) -> Self {
        let stamp = self.tick();
        self.events.push(Event::Bucket { name: bucket.to_owned(), change, stamp });
        self
    }

    pub(crate) fn event(mut self, event: Event) -> Self {
        self.events.push(event);
        self
    }

    /// The state shows the client's last transaction.
    pub(crate) fn took_effect(mut self, client: u16) -> Self {
        let txn = self.current(client);
        let mut name = String::new();
        let mut done = Vec::new();
        for event in &self.events {
            match event {
                Event::Begin { txn: at, bucket, .. } if *at == txn => name.clone_from(bucket),
                Event::Commit { txn: at, writes, .. } if *at == txn => done.clone_from(writes),
                _ => {}
            }
        }
        let pairs = self.state.entry(name).or_default();
        for (key, write) in done {
            let key = key.bytes();
            match write {
                Write::Set(version) => {
                    let value = version.encode(&key);
                    pairs.insert(key, value);
                }
                Write::Del => {
                    pairs.remove(&key);
                }
                Write::Include(_) => panic!("scripts have no sets"),
                Write::Add(number) => {
                    let before = pairs.get(&key).and_then(|bytes| decode_sum(bytes)).unwrap_or(0);
                    pairs.insert(key, (before + number).to_le_bytes().to_vec());
                }
            }
        }
        self
    }

    fn tick(&mut self) -> u64 {
        self.stamp += 1;
        self.stamp
    }

    fn current(&self, client: u16) -> TxnId {
        id(client, self.seqs[&client])
    }
}

/// Each write gets its number; one that commits marks its client last.
fn numbered(txn: TxnId, writes: &[(&str, W)], ending: bool) -> Vec<(KeyText, Write)> {
    let marker = marker_key(txn.client);
    let plain = writes.iter().map(|(key, write)| (key.as_bytes(), *write));
    let marks = ending.then_some((marker.as_slice(), W::Set));
    let numbered = (0..).zip(plain.chain(marks));
    numbered
        .map(|(op, (key, write))| {
            let write = match write {
                W::Set => Write::Set(version(txn.client, txn.seq, op)),
                W::Del => Write::Del,
                W::Add(number) => Write::Add(number),
            };
            (KeyText::new(key), write)
        })
        .collect()
}
