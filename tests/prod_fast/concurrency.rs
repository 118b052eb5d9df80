//! Concurrency: clients that meet on the same keys, and readers that hold snapshots beside them
//! while checkpoints are written and garbage is collected.

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
    verdict::Verdict,
    workload::{Access, Bank, Mix, Source, plan::key},
};

/// Rounds after which clients that never met will not meet.
const ROUNDS: u32 = 20;

const BANK: Bank = Bank { accounts: 6, opening: 100, moves: 2 };

in_families!(money_is_conserved:
    defaults Defaults,
    tiny Tiny,
    compressed Compressed,
    relaxed Relaxed,
    one_writer OneWriter,
    many_writers ManyWriters,
);

/// Transfers that meet, auditors that add up every snapshot.
fn money_is_conserved(case: &mut Case, family: Family) -> Judging<Verdict> {
    let driver = Apart::new(&MaceDriver);
    let mut live = Live::new(&driver, case.dir().join("bank"), case.seed());
    live.session(&family.engine().one_log_file(), |session| {
        let opening =
            Traffic { first_client: 0, clients: 1, source: Source::Opening(BANK), txns: 1 };
        session.run(&[open(family), traffic(opening)])?;
        let auditors = [
            Watch { client: 100, hold: Hold::Stamps(40), ..watch() },
            Watch { client: 101, hold: Hold::Throughout, ..watch() },
        ];
        let transfers =
            Traffic { first_client: 1, clients: 4, source: Source::Bank(BANK), txns: 25 };
        for _ in 0..ROUNDS {
            session.watched_under_upkeep("a", &auditors, &[traffic(transfers.clone())])?;
            if session.runner.tally.conflicts > 0 {
                break;
            }
        }
        Ok(())
    })?;
    live.look(&family.engine().one_log_file())?;
    live.check()?;
    live.conserves(BANK);
    let verdict = live.judge(&mut case.figures);
    Ok(verdict
        .and(reached("a conflict", live.evidence.tally.conflicts))
        .and(reached("a commit beside an open snapshot", live.overtaken())))
}

in_families!(a_snapshot_stands_still:
    defaults Defaults,
    tiny Tiny,
    compressed Compressed,
    relaxed Relaxed,
    one_writer OneWriter,
    many_writers ManyWriters,
);

/// Views held open across others' commits, checkpoints, collection and eviction.
fn a_snapshot_stands_still(case: &mut Case, family: Family) -> Judging<Verdict> {
    let mix = Mix { keys: 48, ..Mix::default() };
    let clients = |first_client, txns| {
        traffic(Traffic { first_client, clients: 3, source: Source::Mix(mix.clone()), txns })
    };
    let keys: Vec<Vec<u8>> = (0..mix.keys).map(key).collect();
    let watches = [
        Watch { client: 100, keys: keys.clone(), hold: Hold::Throughout, ..watch() },
        Watch { client: 101, keys, hold: Hold::Stamps(60), ..watch() },
    ];
    let driver = Apart::new(&MaceDriver);
    let mut live = Live::new(&driver, case.dir().join("views"), case.seed());
    live.session(&family.engine().one_log_file(), |session| {
        session.run(&[open(family), clients(0, 20)])?;
        session.watched_under_upkeep("a", &watches, &[clients(0, 40)])?;
        session.watched(&watches, &[clients(3, 10), checkpoint(), Step::Collect { rounds: 2 }])
    })?;
    live.look(&family.engine().one_log_file())?;
    live.check()?;
    let verdict = live.judge(&mut case.figures);
    Ok(verdict.and(reached("a commit beside an open snapshot", live.overtaken())))
}

in_families!(a_lost_update_is_refused_and_everybody_gets_on:
    defaults Defaults,
    tiny Tiny,
    relaxed Relaxed,
    one_writer OneWriter,
    many_writers ManyWriters,
);

/// Clients that read and write back the same few keys.
fn a_lost_update_is_refused_and_everybody_gets_on(
    case: &mut Case,
    family: Family,
) -> Judging<Verdict> {
    let mix = Mix {
        keys: 12,
        access: Access::Hotspot { hot: 2 },
        ops: 3,
        lengths: vec![40, 1200],
        weights: [10, 0, 60, 0, 20, 10, 0],
        abort_pct: 5,
    };
    let mut live = Live::new(&MaceDriver, case.dir().join("updates"), case.seed());
    live.session(&family.engine().one_log_file(), |session| {
        session.run(&[open(family)])?;
        let clients = Traffic { first_client: 0, clients: 3, source: Source::Mix(mix), txns: 40 };
        for _ in 0..ROUNDS {
            session.run_equals(&[traffic(clients.clone())])?;
            if session.runner.tally.conflicts > 0 {
                break;
            }
        }
        Ok(())
    })?;
    live.look(&family.engine().one_log_file())?;
    let verdict = live.judge(&mut case.figures);
    Ok(verdict.and(reached("a conflict", live.evidence.tally.conflicts)))
}

fn open(family: Family) -> Step {
    Step::Open { bucket: "a".to_owned(), options: family.bucket().checkpoints_when_asked() }
}

fn traffic(traffic: Traffic) -> Step {
    Step::Traffic { bucket: "a".to_owned(), traffic }
}

fn checkpoint() -> Step {
    Step::Checkpoint { bucket: "a".to_owned() }
}

fn watch() -> Watch {
    Watch { bucket: "a".to_owned(), client: 100, keys: Vec::new(), hold: Hold::Throughout }
}
