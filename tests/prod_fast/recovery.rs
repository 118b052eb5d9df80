//! Recovery: processes that are killed at counted points of their work or of their opening, and
//! what is found afterwards. A child counts its own commits and writes, and sends itself SIGKILL.

use mace_prod::{
    engine::{EngineOptions, Family, RULES},
    history::{child::End, drive::Traffic, kill::Mark, script::Step},
    scenario::{Case, crashes::Crashes, database::Stage, run::Judging},
    verdict::Verdict,
    workload::{Mix, Source},
};

/// Keys of each bucket: a page of the small families takes 64.
const KEYS: u64 = 120;

in_families!(acknowledged_work_survives_kills_at_counted_commits:
    defaults Defaults,
    tiny Tiny,
    compressed Compressed,
    relaxed Relaxed,
    one_writer OneWriter,
    many_writers ManyWriters,
);

/// One database: killed after the first commit, in the middle of traffic with a checkpoint behind
/// it, and when a commit was just about to be asked for; reopened twice; closed and checked.
fn acknowledged_work_survives_kills_at_counted_commits(
    case: &mut Case,
    family: Family,
) -> Judging<Verdict> {
    let options = family.engine().one_log_file();
    let mut crashes = Crashes::new(case);
    for mark in [Mark::Acked(1), Mark::Acked(57), Mark::Asked(100)] {
        crashes.killed(&options, work(family, 40), mark)?;
    }
    finish(crashes, &options)
}

in_families!(recovery_survives_being_killed:
    defaults Defaults,
    tiny Tiny,
    compressed Compressed,
    relaxed Relaxed,
    one_writer OneWriter,
    many_writers ManyWriters,
);

/// Killed in its work, then three times in the opening that follows.
fn recovery_survives_being_killed(case: &mut Case, family: Family) -> Judging<Verdict> {
    let options = family.engine().one_log_file();
    let mut crashes = Crashes::new(case);
    crashes.killed(&options, work(family, 40), Mark::Acked(90))?;
    crashes.killed_in_openings(&options)?;
    finish(crashes, &options)
}

in_families!(a_closed_database_reopens_to_the_same_state_twice:
    defaults Defaults,
    tiny Tiny,
    many_writers ManyWriters,
);

fn a_closed_database_reopens_to_the_same_state_twice(
    case: &mut Case,
    family: Family,
) -> Judging<Verdict> {
    let options = family.engine().one_log_file();
    let mut crashes = Crashes::new(case);
    crashes.ends(&Stage::closing(&options, work(family, 30)))?;
    finish(crashes, &options)
}

in_families!(the_durability_route_may_change_at_every_reopening:
    defaults Defaults,
    tiny Tiny,
    compressed Compressed,
);

/// Durable, relaxed and back, after a kill and after a clean close, and killed while it changes.
fn the_durability_route_may_change_at_every_reopening(
    case: &mut Case,
    family: Family,
) -> Judging<Verdict> {
    let durable = EngineOptions { durable: true, ..family.engine().one_log_file() };
    let relaxed = EngineOptions { durable: false, ..family.engine().one_log_file() };
    let mut crashes = Crashes::new(case);
    crashes.killed(&durable, work(family, 25), Mark::Acked(40))?;
    crashes.killed_in_openings(&relaxed)?;
    crashes.killed(&relaxed, work(family, 25), Mark::Acked(41))?;
    crashes.ends(&Stage { dump: true, ..Stage::closing(&durable, work(family, 10)) })?;
    finish(crashes, &relaxed)
}

in_families!(the_number_of_writers_may_change_at_every_reopening:
    defaults Defaults,
    tiny Tiny,
    relaxed Relaxed,
);

/// One writer group, four, thirty-two and one again, with a kill in between each, and killed while
/// it changes.
fn the_number_of_writers_may_change_at_every_reopening(
    case: &mut Case,
    family: Family,
) -> Judging<Verdict> {
    if !RULES.writers_change {
        return Ok(case.skip("this engine refuses another number of writer groups"));
    }
    let with = |writers| EngineOptions { writers, ..family.engine().one_log_file() };
    let mut crashes = Crashes::new(case);
    for writers in [1, 4, 32] {
        crashes.killed(&with(writers), work(family, 20), Mark::Acked(30))?;
    }
    crashes.killed_in_openings(&with(1))?;
    crashes.ends(&Stage { dump: true, ..Stage::closing(&with(1), work(family, 10)) })?;
    finish(crashes, &with(4))
}

/// Opens the bucket, and three clients work in it before and after a checkpoint.
fn work(family: Family, txns: u64) -> Vec<Step> {
    let bucket = || "a".to_owned();
    let source = Source::Mix(Mix { keys: KEYS, ..Mix::default() });
    let traffic = Traffic { first_client: 0, clients: 3, source, txns };
    let clients = Step::Traffic { bucket: bucket(), traffic };
    let open = Step::Open { bucket: bucket(), options: family.bucket().for_kills() };
    vec![open, clients.clone(), Step::Checkpoint { bucket: bucket() }, clients]
}

in_families!(a_rotating_log_survives_kills:
    tiny Tiny,
    compressed Compressed,
    relaxed Relaxed,
    one_writer OneWriter,
    many_writers ManyWriters,
);

/// One client in each of two buckets that drops nothing, so that the log may rotate under it.
fn a_rotating_log_survives_kills(case: &mut Case, family: Family) -> Judging<Verdict> {
    let options = family.engine();
    let source = Source::Mix(Mix { keys: KEYS, abort_pct: 0, ..Mix::default() });
    let client =
        |first_client| Traffic { first_client, clients: 1, source: source.clone(), txns: 80 };
    let open =
        |name: &str| Step::Open { bucket: name.to_owned(), options: family.bucket().for_kills() };
    let both =
        Step::Parallel { parts: vec![("a".to_owned(), client(0)), ("b".to_owned(), client(10))] };
    let checkpoint = Step::Checkpoint { bucket: "a".to_owned() };
    let steps =
        vec![open("a"), open("b"), both.clone(), checkpoint, Step::Collect { rounds: 1 }, both];
    let mut crashes = Crashes::new(case);
    for mark in [Mark::Acked(70), Mark::Asked(250)] {
        crashes.killed(&options, steps.clone(), mark)?;
    }
    crashes.killed_in_openings(&options)?;
    finish(crashes, &options)
}

/// Looks twice, closes and has the checker look, and judges.
fn finish(mut crashes: Crashes<'_>, options: &EngineOptions) -> Judging<Verdict> {
    let look = Stage::looking(options);
    crashes.ends(&look)?;
    crashes.ends(&Stage { end: End::CloseAndCheck, ..look.clone() })?;
    crashes.ends(&Stage { end: End::Close, ..look })?;
    Ok(crashes.judge())
}
