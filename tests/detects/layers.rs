//! What the layers judge beside the oracles, and how they bring evidence to them: sessions, watchers,
//! banks and glances must catch the engines that sin where they look, and let honest ones pass.
//! Judges the harness, never the engine under test.

use mace_prod::{
    engine::{
        BucketOptions, Driver, EngineOptions, Merge,
        apart::Apart,
        lying::{Lying, Sin},
        model::ModelDriver,
    },
    history::{
        drive::Traffic,
        script::Step,
        watch::{Hold, Watch},
    },
    oracle::OracleName,
    report::Figures,
    scenario::run::{Judging, Live, reached},
    settings::Seed,
    testdir::TestDir,
    verdict::Verdict,
    workload::{Access, Bank, Mix, Source, plan::key},
};

/// Runs of each sin, each with a seed of its own: a sin needs a victim, and threads meet by chance.
const RUNS: u64 = 20;

const BANK: Bank = Bank { accounts: 4, opening: 100, moves: 2 };

/// How one play ended, and how often its engine sinned.
struct Played {
    verdict: Verdict,
    sins: u64,
}

fn open() -> Step {
    let options = BucketOptions { merge: Merge::Sum, ..BucketOptions::default() };
    Step::Open { bucket: "a".to_owned(), options }
}

fn clients(first_client: u16, clients: u16, source: Source, txns: u64) -> Step {
    let traffic = Traffic { first_client, clients, source, txns };
    Step::Traffic { bucket: "a".to_owned(), traffic }
}

fn watch(client: u16, hold: Hold) -> Watch {
    Watch { bucket: "a".to_owned(), client, keys: (0..12).map(key).collect(), hold }
}

/// Transfers with auditors beside them, and a reopening.
fn bank(live: &mut Live<'_>) -> Judging<Verdict> {
    let options = EngineOptions::default();
    live.session(&options, |session| {
        session.run(&[open(), clients(0, 1, Source::Opening(BANK), 1)])?;
        let auditors = [watch(100, Hold::Stamps(20)), watch(101, Hold::Throughout)];
        let transfers = clients(1, 3, Source::Bank(BANK), 20);
        session.watched_under_upkeep("a", &auditors, &[transfers])
    })?;
    live.look(&options)?;
    live.conserves(BANK);
    Ok(live.judge(&mut Figures::default()))
}

/// Clients on a few keys with watchers beside them, a glance, and a reopening.
fn keys(live: &mut Live<'_>) -> Judging<Verdict> {
    let options = EngineOptions::default();
    let mix = Mix { keys: 12, access: Access::Hotspot { hot: 2 }, ..Mix::default() };
    live.session(&options, |session| {
        session.run(&[open(), clients(0, 2, Source::Mix(mix.clone()), 15)])?;
        let watches = [watch(100, Hold::Stamps(20)), watch(101, Hold::Throughout)];
        session.watched_under_upkeep("a", &watches, &[clients(0, 3, Source::Mix(mix), 20)])?;
        session.glance(&watch(102, Hold::Throughout))
    })?;
    live.look(&options)?;
    live.check()?;
    Ok(live.judge(&mut Figures::default()))
}

fn play(
    sin: Option<Sin>,
    seed: u64,
    scene: impl FnOnce(&mut Live<'_>) -> Judging<Verdict>,
) -> Played {
    let honest = Lying::honest(ModelDriver::default());
    let driver = match sin {
        Some(sin) => honest.sinning(sin),
        None => honest,
    };
    let dir = TestDir::new("detects-layers").expect("a folder for the journal");
    let mut live = Live::new(&driver, dir.join("live"), Seed::new(seed));
    let verdict = scene(&mut live).unwrap_or_else(|verdict| verdict);
    Played { verdict, sins: driver.sins(&live.dir()) }
}

fn must_be_caught(sin: Sin, oracle: OracleName, scene: impl Fn(&mut Live<'_>) -> Judging<Verdict>) {
    let mut caught = 0;
    for seed in 0..RUNS {
        let Played { verdict, sins } = play(Some(sin), seed, &scene);
        match verdict {
            Verdict::Violated(found) if sins > 0 => {
                caught += u64::from(found.iter().any(|violation| violation.oracle == oracle));
            }
            Verdict::Pass => {}
            other => panic!("seed {seed}, {sins} sins: {other:?}"),
        }
    }
    assert!(caught > 0, "{sin:?} was never laid at the door of {oracle} in {RUNS} runs");
}

#[test]
fn detects_a_snapshot_that_moves_under_a_watcher() {
    must_be_caught(Sin::ViewMoves, OracleName::Reads, keys);
}

#[test]
fn detects_a_snapshot_of_two_moments_in_an_audit() {
    must_be_caught(Sin::ViewTorn, OracleName::Conservation, bank);
}

#[test]
fn detects_an_update_lost_between_transfers() {
    must_be_caught(Sin::ConflictMissed, OracleName::Conservation, bank);
}

#[test]
fn detects_a_commit_that_a_clean_close_drops() {
    must_be_caught(Sin::AcknowledgedDropped, OracleName::Durability, keys);
}

#[test]
fn detects_a_client_that_never_gets_on() {
    must_be_caught(Sin::LockLeaks, OracleName::Progress, keys);
}

#[test]
fn detects_a_scan_that_skips_under_a_watcher() {
    must_be_caught(Sin::ScanSkips, OracleName::Scan, keys);
}

#[test]
fn an_honest_engine_is_not_flagged_whether_it_is_kept_apart_or_not() {
    for seed in 0..RUNS {
        for scene in [bank, keys] {
            assert_eq!(play(None, seed, scene).verdict, Verdict::Pass, "seed {seed}");
        }
        let (model, dir) = (ModelDriver::default(), TestDir::new("apart").expect("a folder"));
        let apart = Apart::new(&model);
        let mut live = Live::new(&apart, dir.join("live"), Seed::new(seed));
        assert_eq!(bank(&mut live), Ok(Verdict::Pass), "seed {seed}, apart");
    }
}

#[test]
fn a_call_that_must_succeed_and_does_not_is_a_violation() {
    let model = ModelDriver::default();
    let dir = TestDir::new("denied").expect("a folder");
    let mut live = Live::new(&model, dir.join("live"), Seed::new(1));
    let open = model.open(&live.dir(), &EngineOptions::default()).expect("it opens");
    let denied = live.session(&EngineOptions::default(), |_| Ok(()));
    drop(open);
    let Err(Verdict::Violated(found)) = denied else { panic!("{denied:?}") };
    assert_eq!(found[0].oracle, OracleName::Answers);
}

#[test]
fn a_run_that_did_not_get_there_is_inconclusive() {
    assert_eq!(reached("a conflict", 1), Verdict::Pass);
    let missed = reached("a conflict", 0);
    assert!(matches!(missed, Verdict::Inconclusive(_)), "{missed:?}");
    let violated = Verdict::from_violations(vec![mace_prod::oracle::Violation::new(
        OracleName::Answers,
        "b",
        "c",
    )]);
    assert_eq!(violated.clone().and(missed), violated, "a violation is not hidden by it");
}
