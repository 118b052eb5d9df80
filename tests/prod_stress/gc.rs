//! Large values that are overwritten and collected for many rounds, beside readers.

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

const ROUNDS: u64 = 40;
const COLLECTIONS: u32 = 400;

/// Overwrites of a key in each round, more than a chain of changes may be long.
const REWRITES: usize = 6;

/// Bytes for pages that are not full and for the tables of each file.
const SLACK: u64 = 128 << 10;

in_families!(stress_blobs_are_collected_for_ever:
    tiny Tiny,
    compressed Compressed,
    relaxed Relaxed,
    many_writers ManyWriters,
);

fn stress_blobs_are_collected_for_ever(case: &mut Case, family: Family) -> Judging<Verdict> {
    let bucket = || "a".to_owned();
    let fill = Sweep::fill(60, RULES.large, 10);
    let work = |sweep: Sweep| Step::Traffic { bucket: bucket(), traffic: Traffic::sweep(sweep) };
    let checkpoint = Step::Checkpoint { bucket: bucket() };
    let watch = Watch { bucket: bucket(), client: 100, keys: Vec::new(), hold: Hold::Stamps(36) };
    let driver = Apart::new(&MaceDriver);
    let mut live = Live::new(&driver, case.dir().join("gc"), case.seed());
    live.session(&family.engine(), |session| {
        let options = family.bucket().checkpoints_when_asked();
        session.run(&[
            Step::Open { bucket: bucket(), options },
            work(fill.clone()),
            checkpoint.clone(),
        ])?;
        for round in 0..ROUNDS {
            // Another quarter of the keys each time, so that every file gets old and goes.
            let again = Sweep { first: round % 4, step: 4, per_txn: 5, ..fill.clone() };
            let mut writing = vec![work(again); REWRITES];
            writing.push(checkpoint.clone());
            session.watched_under_upkeep("a", std::slice::from_ref(&watch), &writing)?;
            session.run(&[Step::CollectUntil { data: 0, blob: round + 1, rounds: COLLECTIONS }])?;
            session.sample("a")?;
        }
        Ok(())
    })?;
    live.look(&family.engine())?;
    live.check()?;
    let round = 15 * REWRITES as u64 * u64::from(RULES.large);
    let bound = Bound { factor: 2, slack_bytes: 2 * round + SLACK };
    live.bounded(bound);
    let verdict = live.judge(&mut case.figures);
    Ok(verdict.and(reached("a collected blob file", live.evidence.collected.1)))
}
