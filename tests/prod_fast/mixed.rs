//! Mixed traffic over every operation that a transaction has, with checkpoints and collection in
//! between, a clean close, and the exact state afterwards.

use mace_prod::{
    engine::{Family, mace::MaceDriver},
    history::{drive::Traffic, script::Step},
    scenario::{
        Case,
        run::{Judging, Live},
    },
    verdict::Verdict,
    workload::{Mix, Source},
};

in_families!(mixed_work_in_two_buckets_survives_a_clean_close:
    defaults Defaults,
    tiny Tiny,
    compressed Compressed,
    relaxed Relaxed,
    one_writer OneWriter,
    many_writers ManyWriters,
);

fn mixed_work_in_two_buckets_survives_a_clean_close(
    case: &mut Case,
    family: Family,
) -> Judging<Verdict> {
    let mix = Mix { keys: 120, ops: 6, ..Mix::default() }.under_checkpoints();
    let source = Source::Mix(mix);
    let clients =
        |first_client| Traffic { first_client, clients: 2, source: source.clone(), txns: 30 };
    let both =
        Step::Parallel { parts: vec![("a".to_owned(), clients(0)), ("b".to_owned(), clients(10))] };
    let open = |name: &str| Step::Open { bucket: name.to_owned(), options: family.bucket() };
    let checkpoint = Step::Checkpoint { bucket: "a".to_owned() };
    let mut live = Live::new(&MaceDriver, case.dir().join("mixed"), case.seed());
    live.session(&family.engine().one_log_file(), |session| {
        session.run(&[open("a"), open("b")])?;
        session.run_equals(&[both.clone(), checkpoint, Step::Collect { rounds: 1 }, both.clone()])
    })?;
    live.look(&family.engine().one_log_file())?;
    live.session(&family.engine().one_log_file(), |session| {
        session.run(&[open("a"), open("b"), both.clone()])
    })?;
    live.look(&family.engine().one_log_file())?;
    live.look(&family.engine().one_log_file())?;
    live.check()?;
    Ok(live.judge(&mut case.figures))
}

in_families!(mixed_work_survives_a_rotating_log:
    tiny Tiny,
    compressed Compressed,
    relaxed Relaxed,
    one_writer OneWriter,
    many_writers ManyWriters,
);

/// One client in each bucket that drops nothing, so that the log may rotate under it.
fn mixed_work_survives_a_rotating_log(case: &mut Case, family: Family) -> Judging<Verdict> {
    let source = Source::Mix(Mix { keys: 80, abort_pct: 0, ..Mix::default() }.under_checkpoints());
    let client =
        |first_client| Traffic { first_client, clients: 1, source: source.clone(), txns: 50 };
    let both =
        Step::Parallel { parts: vec![("a".to_owned(), client(0)), ("b".to_owned(), client(10))] };
    let open = |name: &str| Step::Open { bucket: name.to_owned(), options: family.bucket() };
    let checkpoint = |name: &str| Step::Checkpoint { bucket: name.to_owned() };
    let mut live = Live::new(&MaceDriver, case.dir().join("mixed"), case.seed());
    for _ in 0..2 {
        live.session(&family.engine(), |session| {
            let collect = Step::Collect { rounds: 1 };
            session.run(&[open("a"), open("b"), both.clone(), checkpoint("a"), collect])?;
            session.run_equals(&[both.clone(), checkpoint("b")])
        })?;
        live.look(&family.engine())?;
    }
    live.check()?;
    Ok(live.judge(&mut case.figures))
}
