//! Buckets that come and go, alone and beside clients of a bucket that stays.

use mace_prod::{
    case,
    engine::{EngineError, Reason},
    history::clients::clients,
    scenario::run::{
        Run,
        goals::counted,
        session::{Session, Verbs},
    },
    settings::{FindingId, Settings, excludes},
    workload::{
        Mix,
        churn::{self, Fate, Round},
    },
};

/// Names that buckets share one after the other.
const NAMES: u64 = 6;

/// Sessions over which the rounds are spread, with a look at the closed database after each.
const SESSIONS: usize = 4;

case!(stress_buckets_are_made_and_deleted: [Defaults, Tiny, Relaxed], |run| {
    let count = Settings::get().bucket_stress_rounds;
    let rounds = churn::rounds(&mut run.seed().derive("rounds").rng(), NAMES, count);
    for part in rounds.chunks(rounds.len().div_ceil(SESSIONS)) {
        run.session(|s| go_rounds(s, part, 0));
        run.reopen();
    }
    delete_all(run, &rounds);
});

case!(stress_buckets_churn_beside_clients: [Defaults, Tiny, Relaxed], |run| {
    let settings = Settings::get();
    let mut rng = run.seed().derive("rounds").rng();
    let rounds = churn::rounds(&mut rng, NAMES, settings.bucket_churn_rounds);
    let mix = Mix { keys: 80, ..Mix::default() };
    run.keep_one_log_file();
    run.serialise_maintenance();
    let stays = run.buckets.clone();
    // Those that come and go write checkpoints whenever the engine likes.
    run.buckets = run.preset().bucket();
    for part in rounds.chunks(rounds.len().div_ceil(SESSIONS)) {
        run.session(|s| {
            s.open_as("stays", &stays);
            let traffic = clients(0..settings.bucket_churn_workers as u16).mix(&mix, 20);
            s.work_beside("stays", traffic, |script| go_rounds(script, part, 1));
        });
        run.reopen();
    }
    delete_all(run, &rounds);
});

/// One round after the other; `others` are buckets that stay.
fn go_rounds(s: &mut impl Verbs, rounds: &[Round], others: u64) {
    for round in rounds {
        go_round(s, round, others);
    }
}

/// What a round does. One client that drops nothing: whoever deletes a bucket in which work was
/// dropped has to wait until the engine has cleaned up.
fn go_round(s: &mut impl Verbs, round: &Round, others: u64) {
    let bucket = &round.bucket;
    let mix = Mix { keys: 30, abort_pct: 0, ..Mix::default() };
    s.open(bucket);
    s.work(bucket, clients(200..201).mix(&mix, 3));
    let racing = round.fate == Fate::Unload && excludes(FindingId::UNLOAD_RACES_THE_EVICTOR);
    if round.checkpoint || racing {
        s.checkpoint(bucket);
    }
    match round.fate {
        Fate::Use => {}
        Fate::Unload => s.unload(bucket),
        Fate::Delete => s.delete(bucket),
    }
    if round.reap {
        s.reap_to(round.left + others);
    }
}

/// Deletes what is left of the churned names: the engine then counts none of them any more.
fn delete_all(run: &mut Run<'_>, rounds: &[Round]) {
    run.keep_one_log_file();
    run.session(|s| {
        let stays = s.engine().bucket_options("stays") != Err(EngineError::Absent);
        (0..NAMES).for_each(|number| delete(s, &format!("churn-{number}")));
        s.reap_to(u64::from(stays));
    });
    run.reopen();
    run.check();
    let deleted = rounds.iter().filter(|round| round.fate == Fate::Delete).count() as u64;
    run.figures.add("buckets_deleted", deleted);
    run.must_reach(counted("a deleted bucket", deleted));
}

fn delete(session: &mut Session<'_>, name: &str) {
    session.attempt(|s| match s.engine().bucket_options(name) {
        // An engine may have no options to show.
        Ok(_) | Err(EngineError::Refused(Reason::Unsupported)) => {
            s.delete(name);
            Ok(())
        }
        Err(EngineError::Absent) => Ok(()),
        Err(denial) => Err(denial),
    });
}
