//! Any key of an aging database against what is expected of it, at rest or while its client is at work,
//! in constant memory: a batch of neighbours is read at one snapshot, between two looks at what is
//! expected. What took effect between the two looks may show or not; everything else is odd, and gets
//! the word for what must have happened.

use super::keys::{self, Found};
use crate::{
    engine::{Bucket, EngineError, Keys, Order, Outcome, Read, Scan},
    history::expected::{CLIENTS, Entry, Expected, Intent, Slot},
    workload::value::marker_key,
};
use std::{
    ops::Bound,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// Keys that are read at one snapshot.
const BATCH: u64 = 1024;

/// Odd keys that are kept as witnesses: the first ones tell the story.
const KEPT: usize = 8;

/// A key that does not hold what is expected of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Odd {
    number: u64,
    expected: Entry,
    found: Found,
}

impl Odd {
    /// What must have happened, as far as the key alone tells it.
    fn word(&self) -> &'static str {
        let Self { expected, found, .. } = self;
        match found {
            Found::Nothing => "a key is gone",
            Found::Value(version) if version.txn.seq > expected.seq() => {
                "what was undone or dropped shows"
            }
            Found::Value(version) if version.txn.seq < expected.seq() && expected.what() == 0 => {
                "a deleted key is back"
            }
            Found::Value(version) if version.txn.seq < expected.seq() => "an old version is back",
            Found::Sum(_) if expected.what() == 0 => "a deleted key is back",
            Found::Value(_) | Found::Sum(_) | Found::Nonsense => "a wrong value",
        }
    }

    fn say(&self, word: &str) -> String {
        let Self { number, expected, found } = self;
        let name = keys::name(*number);
        let name = String::from_utf8_lossy(&name);
        format!("{word}: {name} is {found:?} instead of {}", keys::say(*number, *expected))
    }
}

/// What was found of some keys.
#[derive(Debug, Default)]
pub(super) struct Verified {
    /// Keys that were compared.
    pub(super) reads: u64,
    /// Those that changed so often meanwhile that any value of them would do.
    pub(super) unsettled: u64,
    /// Keys that are odd.
    pub(super) odd: Vec<Odd>,
    /// What is there and should not be, and what cannot be read in that order, in words.
    pub(super) strange: Vec<String>,
}

impl Verified {
    fn join(&mut self, other: Self) {
        self.reads += other.reads;
        self.unsettled += other.unsettled;
        self.odd.extend(other.odd);
        self.odd.truncate(KEPT);
        self.strange.extend(other.strange);
        self.strange.truncate(KEPT);
    }

    fn is_full(&self) -> bool {
        self.odd.len() >= KEPT || self.strange.len() >= KEPT
    }

    /// All of it in words, by the keys alone.
    pub(super) fn words(&self) -> Vec<String> {
        let odd = self.odd.iter().map(|odd| odd.say(odd.word()));
        odd.chain(self.strange.iter().cloned()).collect()
    }
}

/// Compares a bucket with what is expected of it.
#[derive(Clone, Copy)]
pub(super) struct Verifier<'a> {
    pub(super) bucket: &'a dyn Bucket,
    pub(super) expected: &'a Expected,
}

/// A batch while it is read.
struct Batch {
    low: u64,
    before: Vec<Slot>,
    met: Vec<bool>,
    /// What is not what was expected before, and has to be looked at again.
    open: Vec<(u64, Option<Vec<u8>>)>,
    strange: Vec<String>,
}

impl Batch {
    fn meet(&mut self, name: &[u8], value: &[u8]) {
        let number = keys::number(name).filter(|number| *number >= self.low);
        let at = number.map_or(usize::MAX, |number| (number - self.low) as usize);
        let (Some(number), Some(slot)) = (number, self.before.get(at)) else {
            let name = String::from_utf8_lossy(name);
            self.strange.push(format!("a key that nobody wrote: {name}"));
            return;
        };
        if std::mem::replace(&mut self.met[at], true) {
            let name = String::from_utf8_lossy(name);
            self.strange.push(format!("a scan met a key twice: {name}"));
        }
        if !agrees(number, name, *slot, Some(value)) {
            self.open.push((number, Some(value.to_vec())));
        }
    }
}

/// Whether a key may hold this, by one look at what is expected.
fn agrees(number: u64, name: &[u8], slot: Slot, found: Option<&[u8]>) -> bool {
    let pending = slot.pending;
    keys::is_right(number, name, slot.settled, found)
        || (pending != Entry::NEVER && keys::is_right(number, name, pending, found))
}

impl Verifier<'_> {
    /// Compares the keys from `low` to below `high`, read by scans in this order.
    pub(super) fn range(&self, low: u64, high: u64, order: Order) -> Outcome<Verified> {
        let before: Vec<Slot> = (low..high).map(|number| self.expected.slot(number)).collect();
        let met = vec![false; before.len()];
        let mut batch = Batch { low, before, met, open: Vec::new(), strange: Vec::new() };
        {
            let view = self.bucket.view()?;
            for [from, to] in keys::bounds(low, high) {
                let keys = Keys::Range(keys::beginning(from), Bound::Excluded(to));
                let scan = Scan { keys, order, limit: usize::MAX };
                view.visit(&scan, &mut |name, value| batch.meet(name, value))?;
            }
        }
        let Batch { before, met, mut open, strange, .. } = batch;
        for (at, slot) in before.iter().enumerate().filter(|(at, _)| !met[*at]) {
            let number = low + at as u64;
            if !agrees(number, &[], *slot, None) {
                open.push((number, None));
            }
        }
        let mut verified = Verified { reads: high - low, strange, ..Verified::default() };
        for (number, bytes) in open {
            self.again(number, before[(number - low) as usize], bytes.as_deref(), &mut verified);
        }
        Ok(verified)
    }

    /// Looks again at what is expected of a key that did not hold what was expected `before`.
    fn again(&self, number: u64, before: Slot, bytes: Option<&[u8]>, verified: &mut Verified) {
        let after = self.expected.slot(number);
        let name = keys::name(number);
        if agrees(number, &name, after, bytes) {
            return;
        }
        let found = keys::found(number, &name, bytes);
        let newest = after.settled.seq().max(after.pending.seq());
        let within = match found {
            // Something in between: its writer's number says so.
            Found::Value(version) => (before.settled.seq() + 1..newest).contains(&version.txn.seq),
            Found::Nothing | Found::Sum(_) => before.settled != after.settled,
            Found::Nonsense => false,
        };
        if within {
            verified.unsettled += 1;
        } else if verified.odd.len() < KEPT {
            verified.odd.push(Odd { number, expected: after.settled, found });
        }
    }

    /// Compares one key, read by itself in a transaction or a view that began when this was known of it.
    pub(super) fn one(&self, read: &dyn Read, number: u64, before: Slot) -> Outcome<Verified> {
        let name = keys::name(number);
        let bytes = match read.get(&name) {
            Ok(bytes) => Some(bytes),
            Err(EngineError::Absent) => None,
            Err(denial) => return Err(denial),
        };
        let mut verified = Verified { reads: 1, ..Verified::default() };
        if !agrees(number, &name, before, bytes.as_deref()) {
            self.again(number, before, bytes.as_deref(), &mut verified);
        }
        Ok(verified)
    }

    /// Compares all keys, on so many threads. Ends early when enough is odd.
    pub(super) fn all(&self, threads: usize) -> Outcome<Verified> {
        let next = AtomicU64::new(0);
        let sum = Mutex::new(Verified::default());
        let keys = self.expected.keys();
        let work = || -> Outcome<()> {
            loop {
                let low = next.fetch_add(BATCH, Ordering::Relaxed);
                if low >= keys || lock(&sum).is_full() {
                    return Ok(());
                }
                let verified = self.range(low, (low + BATCH).min(keys), Order::Forward)?;
                lock(&sum).join(verified);
            }
        };
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().expect("a reader is ours"))
        })?;
        let mut sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.nothing_behind(keys, &mut sum)?;
        Ok(sum)
    }

    /// Nothing stands behind the last key.
    fn nothing_behind(&self, keys: u64, verified: &mut Verified) -> Outcome<()> {
        let view = self.bucket.view()?;
        let [values, sums] = keys::bounds(keys, keys);
        for ([from, _], end) in [(values, b"k0"), (sums, b"s0")] {
            let keys = Keys::Range(Bound::Included(from), Bound::Excluded(end.to_vec()));
            for (name, _) in view.scan(&Scan { keys, order: Order::Forward, limit: 1 })? {
                let name = String::from_utf8_lossy(&name);
                verified.strange.push(format!("a key that nobody wrote: {name}"));
            }
        }
        Ok(())
    }

    /// Sets the expectation to what the clients' markers say, and tells which promises these break.
    pub(super) fn recover(&self, promised: Promised) -> Outcome<Recovered> {
        let mut recovered =
            Recovered { markers: Vec::new(), intents: Vec::new(), words: Vec::new() };
        let view = self.bucket.view()?;
        for client in 0..CLIENTS {
            let intents = self.expected.intents(client).and_then(|intents| intents.read());
            let intents = intents.unwrap_or_else(|error| panic!("{error}"));
            let reached = self.expected.reached(client);
            let floor = match promised {
                Promised::Acknowledged => reached.acked,
                Promised::Synced => reached.promised,
            };
            let marker = marker(view.as_ref(), client)?;
            let known = intents.iter().map(|intent| intent.seq).chain([reached.promised]);
            let seq = match marker {
                Ok(seq) if seq < floor => {
                    let lost =
                        intents.iter().filter(|intent| (seq + 1..=floor).contains(&intent.seq));
                    let lost = lost.count();
                    recovered.words.push(format!(
                        "a lost suffix: client {client} is at T{client}.{seq}, and T{client}.{floor} \
                         was promised: transactions gone: {lost}"
                    ));
                    seq
                }
                Ok(seq) if known.clone().any(|known| known == seq) => seq,
                Ok(seq) => {
                    recovered.words.push(format!(
                        "what was undone or dropped shows: client {client} is at T{client}.{seq}, \
                         which was never to commit"
                    ));
                    reached.acked
                }
                Err(bytes) => {
                    recovered.words.push(format!(
                        "a wrong value: the marker of client {client} is {bytes} bytes that it never wrote"
                    ));
                    reached.acked
                }
            };
            self.expected.rewind(client, seq, &intents);
            recovered.markers.push(seq);
            recovered.intents.push(intents);
        }
        Ok(recovered)
    }

    /// The words for what is odd, by the transactions that are known: one that is lost as a whole while
    /// a later one of its client is there is a hole, a part of one is torn.
    pub(super) fn explain(
        &self,
        verified: &Verified,
        recovered: &Recovered,
    ) -> Outcome<Vec<String>> {
        let view = self.bucket.view()?;
        let mut words = Vec::new();
        for odd in &verified.odd {
            let client = usize::from(keys::owner(odd.number));
            let intents = &recovered.intents[client];
            let seq = match odd.found {
                Found::Value(version) => version.txn.seq.max(odd.expected.seq()),
                _ => odd.expected.seq(),
            };
            let Some(intent) = intents.iter().find(|intent| intent.seq == seq) else {
                words.push(odd.say(odd.word()));
                continue;
            };
            let has_no_room = intent.seq >= recovered.markers[client];
            let torn = has_no_room || self.shows(view.as_ref(), intent)?;
            let which = if torn { "a torn transaction" } else { "a hole" };
            words.push(odd.say(&format!("{which}, {}", odd.word())));
        }
        words.extend(verified.strange.iter().cloned());
        Ok(words)
    }

    /// Whether any write of a transaction that is still the newest of its key is there.
    fn shows(&self, view: &dyn Read, intent: &Intent) -> Outcome<bool> {
        for change in &intent.changes {
            if self.expected.slot(change.key).settled != change.after {
                continue;
            }
            let name = keys::name(change.key);
            let bytes = match view.get(&name) {
                Ok(bytes) => Some(bytes),
                Err(EngineError::Absent) => None,
                Err(denial) => return Err(denial),
            };
            if keys::is_right(change.key, &name, change.after, bytes.as_deref()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// What a reopened database must still have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Promised {
    /// All that was acknowledged.
    Acknowledged,
    /// All that was acknowledged before the last promise.
    Synced,
}

/// What the markers of a reopened database say.
#[derive(Debug)]
pub(super) struct Recovered {
    markers: Vec<u32>,
    intents: Vec<Vec<Intent>>,
    /// Broken promises that the markers show.
    pub(super) words: Vec<String>,
}

/// The newest transaction of a client that took effect; of a marker that nobody wrote its length.
fn marker(view: &dyn Read, client: u16) -> Outcome<Result<u32, usize>> {
    let name = marker_key(client);
    match view.get(&name) {
        Err(EngineError::Absent) => Ok(Ok(0)),
        Err(denial) => Err(denial),
        Ok(bytes) => Ok(crate::workload::Version::decode(&name, &bytes)
            .filter(|version| version.txn.client == client)
            .map_or(Err(bytes.len()), |version| Ok(version.txn.seq))),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
