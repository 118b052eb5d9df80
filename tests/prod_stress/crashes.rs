//! One database that ages: killed, reopened with other options, killed while it is reopened, used,
//! killed again. What every reopening finds is judged against the journal of all processes.

use mace_prod::{
    engine::{EngineOptions, Family, RULES},
    history::{child::End, drive::Traffic, kill::Mark, script::Step},
    scenario::{Case, crashes::Crashes, database::Stage, run::Judging},
    settings::{Draw, FindingId, leaves_out},
    verdict::Verdict,
    workload::{Mix, Source, Sweep},
};

/// Deaths of one database.
const CYCLES: u32 = 24;

in_families!(stress_an_aging_database_survives_every_crash:
    defaults Defaults,
    tiny Tiny,
    compressed Compressed,
    relaxed Relaxed,
    many_writers ManyWriters,
);

fn stress_an_aging_database_survives_every_crash(
    case: &mut Case,
    family: Family,
) -> Judging<Verdict> {
    let mut draw = case.seed().derive("cycles").draw();
    let mut crashes = Crashes::new(case);
    let bucket = || "a".to_owned();
    let open = Step::Open { bucket: bucket(), options: family.bucket().for_kills() };
    let fill =
        Step::Traffic { bucket: bucket(), traffic: Traffic::sweep(Sweep::fill(300, 100, 20)) };
    let checkpoint = Step::Checkpoint { bucket: bucket() };
    let first = family.engine().one_log_file();
    crashes.ends(&Stage::dying(&first, vec![open.clone(), fill, checkpoint]))?;
    let mut durable = first.durable;
    for _ in 0..CYCLES {
        let options = options(family, &mut draw);
        // Killed on the way back to the durable route: known finding `killed-in-route-switch`.
        let back = options.durable && !durable && leaves_out(FindingId::KILLED_IN_ROUTE_SWITCH);
        durable = options.durable;
        if draw.percent(25) && !back {
            crashes.killed_in_openings(&options)?;
        }
        let steps = work(&open, &mut draw);
        if draw.percent(20) {
            crashes.ends(&Stage { dump: true, ..Stage::closing(&options, steps) })?;
        } else {
            let mark = if draw.percent(50) { Mark::Acked } else { Mark::Asked };
            crashes.killed(&options, steps, mark(draw.between(1, 50)))?;
        }
    }
    let options = options(family, &mut draw);
    crashes.ends(&Stage::looking(&options))?;
    crashes.ends(&Stage { end: End::CloseAndCheck, ..Stage::looking(&options) })?;
    crashes.ends(&Stage::looking(&options))?;
    Ok(crashes.judge())
}

/// The family's options with the durability route and the number of writers drawn anew.
fn options(family: Family, draw: &mut Draw) -> EngineOptions {
    let own = family.engine().one_log_file();
    let drawn = *draw.pick(&[1, 4, 16, 32]);
    let writers = if RULES.writers_change { drawn } else { own.writers };
    EngineOptions { durable: draw.percent(60), writers, ..own }
}

/// Clients with checkpoints and collection in between, at least sixty commits in all.
fn work(open: &Step, draw: &mut Draw) -> Vec<Step> {
    let bucket = || "a".to_owned();
    let mut steps = vec![open.clone()];
    for _ in 0..3 {
        if draw.percent(40) {
            steps.push(Step::Checkpoint { bucket: bucket() });
        }
        if draw.percent(30) {
            steps.push(Step::Collect { rounds: 1 });
        }
        let source = Source::Mix(Mix { keys: 300, ..Mix::default() });
        let traffic = Traffic { first_client: 0, clients: 3, source, txns: 12 };
        steps.push(Step::Traffic { bucket: bucket(), traffic });
    }
    steps
}
