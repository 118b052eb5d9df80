//! Buckets that come and go, alone and beside clients of a bucket that stays.

use mace_prod::{
    engine::{Denial, Family, Outcome, apart::Apart, mace::MaceDriver},
    history::{drive::Traffic, script::Step},
    scenario::{
        Case,
        run::{Judging, Live, Session, reached},
    },
    settings::{FindingId, Settings, leaves_out},
    verdict::Verdict,
    workload::{
        Mix, Source,
        churn::{self, Fate, Round},
    },
};

/// Names that buckets share one after the other.
const NAMES: u64 = 6;

/// Sessions over which the rounds are spread, with a look at the closed database after each.
const SESSIONS: usize = 4;

in_families!(stress_buckets_are_made_and_deleted:
    defaults Defaults,
    tiny Tiny,
    relaxed Relaxed,
);

fn stress_buckets_are_made_and_deleted(case: &mut Case, family: Family) -> Judging<Verdict> {
    let count = Settings::get().bucket_stress_rounds;
    let rounds = churn::rounds(&mut case.seed().derive("rounds").draw(), NAMES, count);
    let mut live = Live::new(&MaceDriver, case.dir().join("buckets"), case.seed());
    for part in rounds.chunks(rounds.len().div_ceil(SESSIONS)) {
        live.session(&family.engine(), |session| {
            part.iter().try_for_each(|round| session.run(&steps(round, family, 0)))
        })?;
        live.look(&family.engine())?;
    }
    finish(live, case, family, &rounds)
}

in_families!(stress_buckets_churn_beside_clients:
    defaults Defaults,
    tiny Tiny,
    relaxed Relaxed,
);

fn stress_buckets_churn_beside_clients(case: &mut Case, family: Family) -> Judging<Verdict> {
    let settings = Settings::get();
    let mut draw = case.seed().derive("rounds").draw();
    let rounds = churn::rounds(&mut draw, NAMES, settings.bucket_churn_rounds);
    let bucket = || "stays".to_owned();
    let source = Source::Mix(Mix { keys: 80, ..Mix::default() });
    let clients = settings.bucket_churn_workers as u16;
    let traffic = Traffic { first_client: 0, clients, source, txns: 20 };
    let options = family.engine().one_log_file();
    let driver = Apart::new(&MaceDriver);
    let mut live = Live::new(&driver, case.dir().join("buckets"), case.seed());
    for part in rounds.chunks(rounds.len().div_ceil(SESSIONS)) {
        let steps = part.iter().flat_map(|round| steps(round, family, 1)).collect();
        let beside = Step::Beside { bucket: bucket(), traffic: traffic.clone(), steps };
        let stays = family.bucket().checkpoints_when_asked();
        live.session(&options, |session| {
            session.run(&[Step::Open { bucket: bucket(), options: stays }, beside])
        })?;
        live.look(&options)?;
    }
    finish(live, case, family, &rounds)
}

/// What a round does. One client that drops nothing: whoever deletes a bucket in which work was
/// dropped has to wait until the engine has cleaned up. `others` are buckets that stay.
fn steps(round: &Round, family: Family, others: u64) -> Vec<Step> {
    let bucket = || round.bucket.clone();
    let source = Source::Mix(Mix { keys: 30, abort_pct: 0, ..Mix::default() });
    let traffic = Traffic { first_client: 200, clients: 1, source, txns: 3 };
    let mut steps = vec![
        Step::Open { bucket: bucket(), options: family.bucket() },
        Step::Traffic { bucket: bucket(), traffic },
    ];
    let racing = round.fate == Fate::Unload && leaves_out(FindingId::UNLOAD_RACES_THE_EVICTOR);
    if round.checkpoint || racing {
        steps.push(Step::Checkpoint { bucket: bucket() });
    }
    match round.fate {
        Fate::Use => {}
        Fate::Unload => steps.push(Step::Unload { bucket: bucket() }),
        Fate::Delete => steps.push(Step::Delete { bucket: bucket() }),
    }
    if round.reap {
        steps.push(Step::ReapTo { buckets: round.left + others });
    }
    steps
}

/// Deletes what is left of the churned names: the engine then counts none of them any more.
fn finish(
    mut live: Live<'_>,
    case: &mut Case,
    family: Family,
    rounds: &[Round],
) -> Judging<Verdict> {
    let options = family.engine().one_log_file();
    live.session(&options, |session| {
        let stays = session.engine.bucket_options("stays").is_ok();
        for number in 0..NAMES {
            delete(session, &format!("churn-{number}"))?;
        }
        session.run(&[Step::ReapTo { buckets: u64::from(stays) }])
    })?;
    live.look(&options)?;
    live.check()?;
    let deleted = rounds.iter().filter(|round| round.fate == Fate::Delete).count() as u64;
    case.figures.add("buckets_deleted", deleted);
    let verdict = live.judge(&mut case.figures);
    Ok(verdict.and(reached("a deleted bucket", deleted)))
}

fn delete(session: &mut Session<'_>, name: &str) -> Outcome<()> {
    match session.engine.bucket_options(name) {
        Ok(_) => session.run(&[Step::Delete { bucket: name.to_owned() }]),
        Err(Denial::Absent) => Ok(()),
        Err(denial) => Err(denial),
    }
}
