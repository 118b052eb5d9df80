//! What recording costs: the same plans on the real engine, with everything recorded and with nothing,
//! in turns: `recording [rounds]`. Both make the same calls; who records nothing does not check
//! either. Judges nothing.

use mace_prod::{
    engine::{Bucket, Driver, Merge, Outcome, Preset, Txn, mace::MaceDriver},
    history::{History, clients::Traffic, journal::Recorder},
    settings::Seed,
    testdir::TestDir,
    workload::{Mix, Op, Source, TxnId, TxnPlan, Version, marker_key, value::MIN_VALUE},
};
use std::{
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Instant,
};

const CLIENTS: u16 = 4;
const TXNS: u64 = 2000;
const KEYS: u64 = 10_000;

fn mix() -> Mix {
    Mix { keys: KEYS, weights: [40, 0, 60, 0, 0, 0, 0], abort_pct: 0, ..Mix::default() }
}

/// How many transactions a second `work` commits in a database of its own.
fn measured(preset: Preset, work: impl FnOnce(&dyn Bucket, &TestDir) -> u64) -> f64 {
    let dir = TestDir::new("recording").unwrap_or_else(|error| panic!("{error}"));
    let engine = MaceDriver.open(&dir.path().join("db"), &preset.engine()).expect("it opens");
    let mut options = preset.bucket();
    options.merge = Merge::Sum;
    let bucket = engine.create_bucket("a", &options).expect("a bucket can be made");
    let started = Instant::now();
    let commits = work(bucket.as_ref(), &dir);
    commits as f64 / started.elapsed().as_secs_f64()
}

fn recorded(recorder: &Recorder, bucket: &dyn Bucket, seed: Seed) -> u64 {
    let traffic =
        Traffic { first_client: 0, clients: CLIENTS, source: Source::Mix(mix()), txns: TXNS };
    traffic.run("a", bucket, recorder, seed).committed()
}

/// The same calls, and nothing else.
fn plain(bucket: &dyn Bucket, seed: Seed) -> u64 {
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let mut rng = seed.derive(&format!("client {client}")).rng();
                let plans: Vec<TxnPlan> = (0..TXNS).map(|_| mix().next(0, &mut rng)).collect();
                scope.spawn(move || {
                    let seq = AtomicU32::new(0);
                    let attempt = |plan: &TxnPlan| {
                        let seq = seq.fetch_add(1, Ordering::Relaxed) + 1;
                        carried_out(bucket, plan, TxnId { client, seq })
                    };
                    let ended = plans.iter().map(|plan| {
                        while attempt(plan).is_err() {
                            thread::yield_now();
                        }
                        1
                    });
                    ended.sum::<u64>()
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().expect("no client panics")).sum()
    })
}

fn carried_out(bucket: &dyn Bucket, plan: &TxnPlan, id: TxnId) -> Outcome<()> {
    let txn = bucket.begin()?;
    let marker = Op::Upsert(marker_key(id.client), MIN_VALUE as u32);
    for (op, number) in plan.ops.iter().chain([&marker]).zip(0..) {
        thread::yield_now();
        step(txn.as_ref(), op, id, number)?;
    }
    txn.commit()
}

fn step(txn: &dyn Txn, op: &Op, txn_id: TxnId, op_number: u16) -> Outcome<()> {
    let (Op::Read(key) | Op::Upsert(key, _)) = op else {
        panic!("the mix has no other operations")
    };
    // As the recording client does: what was read is decoded.
    if let Ok(value) = txn.get(key) {
        assert!(Version::decode(key, &value).is_some(), "a value is whole");
    }
    let Op::Upsert(key, length) = op else { return Ok(()) };
    let len = (*length).max(MIN_VALUE as u32);
    txn.upsert(key, &Version { txn: txn_id, op: op_number, len }.encode(key))
}

#[expect(clippy::print_stdout, reason = "an example speaks to the terminal")]
fn main() {
    let rounds = std::env::args()
        .skip(1)
        .find(|text| text != "--bench")
        .map_or(15, |text| text.parse().expect("a number"));
    for preset in [Preset::Defaults, Preset::Relaxed] {
        let mut memory = Vec::new();
        let mut file = Vec::new();
        let mut none = Vec::new();
        for round in 0..rounds {
            let seed = Seed::new(round);
            none.push(measured(preset, |bucket, _| plain(bucket, seed)));
            memory.push(measured(preset, |bucket, _| {
                recorded(&Recorder::memory(&History::default()), bucket, seed)
            }));
            file.push(measured(preset, |bucket, dir| {
                let recorder = Recorder::file(&dir.path().join("journal"));
                recorded(&recorder.unwrap_or_else(|error| panic!("{error}")), bucket, seed)
            }));
        }
        let [none, memory, file] = [none, memory, file].map(median);
        let cost = |with: f64| 100.0 * (1.0 - with / none);
        println!(
            "{}: {none:.0} transactions a second unrecorded; {memory:.0} recorded in memory \
             ({:.1} % less), {file:.0} in a journal ({:.1} % less); medians of {rounds} rounds",
            preset.name(),
            cost(memory),
            cost(file),
        );
    }
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
