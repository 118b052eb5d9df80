//! Hot keys and hot accounts, for longer than the fast layer has time.

use mace_prod::{
    engine::{Family, apart::Apart, mace::MaceDriver},
    history::{
        drive::Traffic,
        script::Step,
        watch::{Hold, Watch},
    },
    scenario::{
        Case,
        run::{Judging, Live, reached},
    },
    settings::FindingId,
    verdict::Verdict,
    workload::{Access, Bank, Mix, Source},
};

const BANK: Bank = Bank { accounts: 6, opening: 100, moves: 2 };

/// Sessions over which the work is spread.
const SESSIONS: u32 = 3;

in_families!(stress_hot_keys_stay_exact:
    defaults Defaults,
    tiny Tiny,
    relaxed Relaxed,
    many_writers ManyWriters,
);

fn stress_hot_keys_stay_exact(case: &mut Case, family: Family) -> Judging<Verdict> {
    let lengths = vec![32, 100, 255, 1024, 1500];
    let mix = Mix { keys: 400, access: Access::Hotspot { hot: 3 }, lengths, ..Mix::default() };
    let source = Source::Mix(mix);
    let traffic = Traffic { first_client: 0, clients: 3, source, txns: 120 };
    let bucket = || "a".to_owned();
    let options = family.engine().one_log_file();
    // Point reads follow the long histories of hot keys, and abort the process as scans do.
    let made = family.bucket().checkpoints_when_asked_while(FindingId::SCAN_OVER_CHECKPOINT);
    let mut live = Live::new(&MaceDriver, case.dir().join("hotspot"), case.seed());
    for _ in 0..SESSIONS {
        live.session(&options, |session| {
            let work = Step::Traffic { bucket: bucket(), traffic: traffic.clone() };
            session.run(&[Step::Open { bucket: bucket(), options: made.clone() }])?;
            session.run_equals(&[work])?;
            session.run(&[Step::Checkpoint { bucket: bucket() }, Step::Collect { rounds: 2 }])
        })?;
        live.look(&options)?;
    }
    live.check()?;
    let verdict = live.judge(&mut case.figures);
    Ok(verdict.and(reached("a conflict", live.evidence.tally.conflicts)))
}

in_families!(stress_money_is_conserved:
    defaults Defaults,
    tiny Tiny,
    relaxed Relaxed,
    many_writers ManyWriters,
);

fn stress_money_is_conserved(case: &mut Case, family: Family) -> Judging<Verdict> {
    let bucket = || "a".to_owned();
    let work = |traffic| Step::Traffic { bucket: bucket(), traffic };
    let opening = Traffic { first_client: 0, clients: 1, source: Source::Opening(BANK), txns: 1 };
    let transfers = Traffic { first_client: 1, clients: 4, source: Source::Bank(BANK), txns: 60 };
    let watch = |client, hold| Watch { bucket: bucket(), client, keys: Vec::new(), hold };
    let auditors = [watch(100, Hold::Stamps(80)), watch(101, Hold::Throughout)];
    let options = family.engine().one_log_file();
    let driver = Apart::new(&MaceDriver);
    let mut live = Live::new(&driver, case.dir().join("bank"), case.seed());
    for session_number in 0..SESSIONS {
        live.session(&options, |session| {
            let options = family.bucket().checkpoints_when_asked();
            session.run(&[Step::Open { bucket: bucket(), options }])?;
            if session_number == 0 {
                session.run(&[work(opening.clone())])?;
            }
            session.watched_under_upkeep("a", &auditors, &[work(transfers.clone())])
        })?;
        live.look(&options)?;
    }
    live.check()?;
    live.conserves(BANK);
    let verdict = live.judge(&mut case.figures);
    Ok(verdict
        .and(reached("a conflict", live.evidence.tally.conflicts))
        .and(reached("a commit beside an open snapshot", live.overtaken())))
}
