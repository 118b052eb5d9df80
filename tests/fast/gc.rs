//! Garbage collection of data and of blobs: files go, what is left stays within a bound, and
//! readers beside it see exactly their snapshots.

use mace_prod::{
    engine::{
        Family,
        apart::{Apart, From},
        mace::MaceDriver,
    },
    history::{
        drive::Traffic,
        script::Step,
        watch::{Hold, Watch},
    },
    oracle::space::Bound,
    scenario::{
        Case,
        live::{Judging, Live, reached},
    },
    verdict::Verdict,
    workload::Sweep,
};

/// Rounds of overwriting and collecting; a file that stays after each of them shows.
const ROUNDS: u64 = 5;

/// Collections after which what was not collected will not be.
const COLLECTIONS: u32 = 400;

in_families!(data_files_are_collected_beside_readers:
    defaults Defaults,
    tiny Tiny,
    compressed Compressed,
    relaxed Relaxed,
    one_writer OneWriter,
    many_writers ManyWriters,
);

fn data_files_are_collected_beside_readers(case: &mut Case, family: Family) -> Judging<Verdict> {
    // A leaf gives garbage once its chain of changes was folded, so the same few keys are written
    // more often than a chain may be long.
    let again = Sweep { first: 0, end: 600, step: 40, length: 100, per_txn: 15, commits: true };
    let rewrites = u64::from(family.bucket().consolidate_deltas) / 8 + 4;
    let (mut live, bound) = (live(case), bound());
    cycle(&mut live, family, &Sweep::fill(600, 100, 50), &again, rewrites, (1, 0))?;
    let verdict = live.judge(&mut case.figures).and(live.bounded(bound));
    Ok(verdict.and(reached("a collected data file", live.evidence.collected.0)))
}

in_families!(blob_files_are_collected_beside_readers:
    defaults Defaults,
    tiny Tiny,
    compressed Compressed,
    relaxed Relaxed,
    one_writer OneWriter,
    many_writers ManyWriters,
);

fn blob_files_are_collected_beside_readers(case: &mut Case, family: Family) -> Judging<Verdict> {
    let again = Sweep { first: 0, end: 40, step: 4, length: 3000, per_txn: 5, commits: true };
    let rewrites = u64::from(family.bucket().consolidate_deltas) / 8 + 4;
    let (mut live, bound) = (live(case), bound());
    cycle(&mut live, family, &Sweep::fill(40, 3000, 10), &again, rewrites, (0, 1))?;
    let verdict = live.judge(&mut case.figures).and(live.bounded(bound));
    Ok(verdict.and(reached("a collected blob file", live.evidence.collected.1)))
}

const DRIVER: Apart<'static> = Apart::new(&MaceDriver, From::Checkpoints);

fn live(case: &Case) -> Live<'static> {
    Live::new(&DRIVER, case.dir().join("gc"), case.seed())
}

fn bound() -> Bound {
    Bound { factor: 4, slack_bytes: 256 << 10 }
}

/// Fills a bucket, then overwrites and collects round by round.
fn cycle(
    live: &mut Live<'_>,
    family: Family,
    fill: &Sweep,
    again: &Sweep,
    rewrites: u64,
    (data, blob): (u64, u64),
) -> Judging<()> {
    let bucket = || "a".to_owned();
    let work =
        |sweep: &Sweep| Step::Traffic { bucket: bucket(), traffic: Traffic::sweep(sweep.clone()) };
    let checkpoint = Step::Checkpoint { bucket: bucket() };
    let watch = Watch { bucket: bucket(), client: 100, keys: Vec::new(), hold: Hold::Stamps(120) };
    let mut writing: Vec<Step> = (0..rewrites).map(|_| work(again)).collect();
    writing.push(checkpoint.clone());
    live.session(&family.engine(), |session| {
        let open =
            Step::Open { bucket: bucket(), options: family.bucket().checkpoints_when_asked() };
        session.run(&[open, work(fill), checkpoint.clone()])?;
        for round in 1..=ROUNDS {
            session.watched(std::slice::from_ref(&watch), &writing)?;
            // No snapshot is open here, so that what was replaced can go.
            let until =
                Step::CollectUntil { data: data * round, blob: blob * round, rounds: COLLECTIONS };
            session.run(&[until])?;
            session.sample("a")?;
        }
        Ok(())
    })?;
    live.look(&family.engine())?;
    live.check()
}
