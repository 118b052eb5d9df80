//! Several clients on one thread, their transactions woven into one another as a seed says, so
//! that the same seed meets the same conflicts. Records what `history/clients.rs` records, and also
//! writes that no read came before.

use mace_prod::{
    engine::{Bucket, EngineError, Outcome, Txn},
    history::{Event, KeyText, Seen, Write, clients::seen, journal::Recorder},
    settings::{Rng, Seed},
    workload::{
        TxnId, Version, marker_key,
        plan::{key, sum_key},
    },
};
use std::collections::BTreeMap;

const CLIENTS: usize = 3;
const KEYS: u64 = 8;
const VALUE: u32 = 40;

/// One transaction under way.
struct Thread<'a> {
    id: TxnId,
    begun: u64,
    txn: Box<dyn Txn + 'a>,
    reads: BTreeMap<KeyText, Seen>,
    writes: Vec<(KeyText, Write)>,
}

/// Carries out `steps` steps. Stops where the engine dies; what was under way then has no end.
pub(crate) fn weave(name: &str, bucket: &dyn Bucket, recorder: &Recorder, seed: Seed, steps: u32) {
    woven(name, bucket, recorder, seed, steps, false);
}

/// The same with clients that read every key before they write it, so that the order of its
/// versions is known.
pub(crate) fn look_and_weave(
    name: &str,
    bucket: &dyn Bucket,
    recorder: &Recorder,
    seed: Seed,
    steps: u32,
) {
    woven(name, bucket, recorder, seed, steps, true);
}

/// Two readers, one after the other, each of every key.
pub(crate) fn look(name: &str, bucket: &dyn Bucket, recorder: &Recorder) {
    for _ in 0..2 {
        let mut reader = begin(name, bucket, recorder, CLIENTS as u16).0.expect("it can begin");
        (0..KEYS).for_each(|number| drop(reader.read(&key(number))));
        drop(commit(reader, recorder));
    }
}

fn woven(
    name: &str,
    bucket: &dyn Bucket,
    recorder: &Recorder,
    seed: Seed,
    steps: u32,
    looks: bool,
) {
    let mut rng = seed.rng();
    let mut threads: Vec<Option<Thread>> = (0..CLIENTS).map(|_| None).collect();
    for _ in 0..steps {
        let client = rng.below(CLIENTS as u64) as usize;
        let (thread, answer) = match threads[client].take() {
            None => begin(name, bucket, recorder, client as u16),
            Some(thread) => step(thread, recorder, &mut rng, looks),
        };
        threads[client] = thread;
        if answer.is_err_and(|denial| is_death(&denial)) {
            return;
        }
    }
    for thread in threads.into_iter().flatten() {
        abort(thread, recorder, None);
    }
}

type Stepped<'a> = (Option<Thread<'a>>, Outcome<()>);

fn is_death(denial: &EngineError) -> bool {
    matches!(denial, EngineError::Unknown(text) | EngineError::Failed(text) if text.starts_with("the engine"))
}

fn begin<'a>(name: &str, bucket: &'a dyn Bucket, recorder: &Recorder, client: u16) -> Stepped<'a> {
    let id = recorder.next_txn(client);
    let stamp = recorder.stamp();
    recorder.record(Event::Begin { txn: id, bucket: name.to_owned(), stamp });
    match bucket.begin() {
        Ok(txn) => {
            let begun = recorder.stamp();
            let reads = BTreeMap::new();
            let writes = Vec::new();
            (Some(Thread { id, begun, txn, reads, writes }), Ok(()))
        }
        Err(denial) => (None, Err(denial)),
    }
}

fn step<'a>(
    mut thread: Thread<'a>,
    recorder: &Recorder,
    rng: &mut Rng,
    looks: bool,
) -> Stepped<'a> {
    let at = key(rng.below(KEYS));
    let answer = match rng.weighted(&[25, 20, 15, 8, 12, 14, 4]) {
        0 => thread.read(&at).map(drop),
        1 => thread.read(&at).and_then(|_| thread.set(&at)),
        2 if looks => thread.read(&at).and_then(|_| thread.set(&at)),
        2 => thread.set(&at),
        3 => thread.remove(&at),
        4 => thread.add(&sum_key(rng.below(3)), rng.between(1, 1_000_000)),
        5 => return commit(thread, recorder),
        _ => {
            abort(thread, recorder, None);
            return (None, Ok(()));
        }
    };
    match answer {
        Ok(()) => (Some(thread), Ok(())),
        Err(denial) if is_death(&denial) => (None, Err(denial)),
        Err(denial) => {
            abort(thread, recorder, Some(denial.clone()));
            (None, Err(denial))
        }
    }
}

fn commit<'a>(mut thread: Thread<'a>, recorder: &Recorder) -> Stepped<'a> {
    // Who wrote nothing leaves no marker.
    let answer = if thread.writes.is_empty() { Ok(()) } else { thread.mark() };
    if let Err(denial) = answer {
        if !is_death(&denial) {
            abort(thread, recorder, Some(denial.clone()));
        }
        return (None, Err(denial));
    }
    let Thread { id: txn, begun, txn: inner, reads, writes } = thread;
    let stamp = recorder.stamp();
    let reads = reads.into_iter().collect();
    recorder.record(Event::Commit {
        txn,
        stamp,
        begun,
        reads,
        writes: writes.clone(),
        scans: Vec::new(),
    });
    let answer = inner.commit();
    let stamp = recorder.stamp();
    match answer.clone() {
        Ok(()) => recorder.record(Event::Ok { txn, stamp }),
        Err(denial) if is_death(&denial) => {}
        Err(denial @ EngineError::Unknown(_)) => {
            recorder.record(Event::Info { txn, stamp, denial });
        }
        Err(denial) => {
            recorder.record(Event::Abort { txn, stamp, writes, denial: Some(denial) });
        }
    }
    (None, answer)
}

fn abort(thread: Thread, recorder: &Recorder, denial: Option<EngineError>) {
    let Thread { id, txn, writes, .. } = thread;
    drop(txn);
    let stamp = recorder.stamp();
    recorder.record(Event::Abort { txn: id, stamp, writes, denial });
}

impl Thread<'_> {
    fn read(&mut self, at: &[u8]) -> Outcome<Seen> {
        let found = match self.txn.get(at) {
            Ok(value) => seen(at, &value),
            Err(EngineError::Absent) => Seen::Absent,
            Err(denial) => return Err(denial),
        };
        let text = KeyText::new(at);
        if !self.writes.iter().any(|(own, _)| *own == text) {
            self.reads.entry(text).or_insert_with(|| found.clone());
        }
        Ok(found)
    }

    fn set(&mut self, at: &[u8]) -> Outcome<()> {
        let version = Version { txn: self.id, op: self.writes.len() as u16, len: VALUE };
        self.txn.upsert(at, &version.encode(at))?;
        self.writes.push((KeyText::new(at), Write::Set(version)));
        Ok(())
    }

    fn mark(&mut self) -> Outcome<()> {
        let key = marker_key(self.id.client);
        self.read(&key)?;
        self.set(&key)
    }

    fn remove(&mut self, at: &[u8]) -> Outcome<()> {
        if self.read(at)? == Seen::Absent {
            return Ok(());
        }
        match self.txn.del(at) {
            // A with_defect engine may have shown a key that is not there.
            Err(EngineError::Absent) => Ok(()),
            Ok(()) => {
                self.writes.push((KeyText::new(at), Write::Del));
                Ok(())
            }
            denied => denied,
        }
    }

    fn add(&mut self, at: &[u8], number: u64) -> Outcome<()> {
        self.txn.merge(at, &number.to_le_bytes())?;
        self.writes.push((KeyText::new(at), Write::Add(number)));
        Ok(())
    }
}
