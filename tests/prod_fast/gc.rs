//! Garbage collection of data and of blobs: files go, what is left stays within a bound, and
//! readers beside it see exactly their snapshots.

use mace_prod::{
    engine::{Family, RULES, apart::Apart, mace::MaceDriver},
    history::{
        drive::Traffic,
        script::Step,
        watch::{Hold, Watch},
    },
    oracle::space::Bound,
    scenario::{
        Case,
        run::{Judging, Live, reached},
    },
    verdict::Verdict,
    workload::Sweep,
};

/// Rounds of overwriting and collecting; a file that stays after each of them shows.
const ROUNDS: u64 = 9;

/// Collections after which what was not collected will not be.
const COLLECTIONS: u32 = 400;

/// Bytes for pages that are not full and for the tables of each file.
const SLACK: u64 = 128 << 10;

const DRIVER: Apart<'static> = Apart::new(&MaceDriver);

in_families!(data_files_are_collected_beside_readers:
    defaults Defaults,
    tiny Tiny,
    compressed Compressed,
    relaxed Relaxed,
    one_writer OneWriter,
    many_writers ManyWriters,
);

fn data_files_are_collected_beside_readers(case: &mut Case, family: Family) -> Judging<Verdict> {
    let fill = Sweep::fill(400, 100, 50);
    let again = Sweep { step: 40, per_txn: 15, ..fill.clone() };
    let (live, verdict) = cycle(case, family, &fill, &again, (1, 0))?;
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
    let fill = Sweep::fill(40, RULES.large, 10);
    let again = Sweep { step: 4, per_txn: 5, ..fill.clone() };
    let (live, verdict) = cycle(case, family, &fill, &again, (0, 1))?;
    Ok(verdict.and(reached("a collected blob file", live.evidence.collected.1)))
}

/// Fills a bucket, then overwrites and collects round by round, beside readers and upkeep.
fn cycle(
    case: &mut Case,
    family: Family,
    fill: &Sweep,
    again: &Sweep,
    (data, blob): (u64, u64),
) -> Judging<(Live<'static>, Verdict)> {
    let bucket = || "a".to_owned();
    let work =
        |sweep: &Sweep| Step::Traffic { bucket: bucket(), traffic: Traffic::sweep(sweep.clone()) };
    let checkpoint = Step::Checkpoint { bucket: bucket() };
    let watch = Watch { bucket: bucket(), client: 100, keys: Vec::new(), hold: Hold::Stamps(36) };
    // A leaf gives garbage once its chain of changes was folded, so the same few keys are written
    // until that is certain to have happened.
    let rewrites = u64::from(family.bucket().consolidate_deltas) / 8 + 4;
    let mut writing = vec![work(again); rewrites as usize];
    writing.push(checkpoint.clone());
    let mut live = Live::new(&DRIVER, case.dir().join("gc"), case.seed());
    live.session(&family.engine(), |session| {
        let options = family.bucket().checkpoints_when_asked();
        session.run(&[Step::Open { bucket: bucket(), options }, work(fill), checkpoint])?;
        for round in 1..=ROUNDS {
            session.watched_under_upkeep("a", std::slice::from_ref(&watch), &writing)?;
            // No snapshot is open here, so that what was replaced can go.
            let (data, blob) = (data * round, blob * round);
            session.run(&[Step::CollectUntil { data, blob, rounds: COLLECTIONS }])?;
            session.sample("a")?;
        }
        Ok(())
    })?;
    live.look(&family.engine())?;
    live.check()?;
    // A file of dead data goes when the one after it was collected too, so that what two rounds
    // wrote may still be there.
    let round = again.plans().len() as u64 * again.per_txn * u64::from(again.length) * rewrites;
    let bound = Bound { factor: 2, slack_bytes: 2 * round + SLACK };
    live.bounded(bound);
    let verdict = live.judge(&mut case.figures);
    Ok((live, verdict))
}
