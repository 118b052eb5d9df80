//! What the layers judge beside the oracles, and how they bring evidence to them: sessions, watchers,
//! banks and glances must catch the engines that defect where they look, and let honest ones pass.
//! Judges the harness, never the engine under test.

use mace_prod::{
    engine::{
        Driver, EngineError, Preset,
        faulty::{Defect, FaultyEngine},
        model::ModelDriver,
    },
    history::{
        clients::{Traffic, clients},
        snapshot_readers::Watch,
    },
    oracle::OracleName,
    scenario::{
        run::{
            Run,
            goals::{conflicts, reached},
            session::Verbs,
        },
        stored,
    },
    settings::Seed,
    testdir::TestDir,
    verdict::Verdict,
    workload::{Access, Bank, Mix, Sweep, plan::key},
};

/// Runs of each defect, each with a seed of its own: a defect needs a victim, and threads meet by chance.
const RUNS: u64 = 20;

const BANK: Bank = Bank { accounts: 6, opening: 100, moves: 2, merged_pct: 30 };

/// How one play ended, and how often its engine shown.
struct Played {
    verdict: Verdict,
    defects: u64,
}

fn readers() -> [Watch; 2] {
    [Watch::renewed("a", 100, 20), Watch::throughout("a", 101)].map(|it| it.of_keys(keys()))
}

fn keys() -> impl Iterator<Item = Vec<u8>> {
    (0..12).map(key)
}

/// Transfers with auditors beside them, and a reopening.
fn bank(run: &mut Run<'_>) {
    run.session(|s| {
        s.open("a");
        s.work("a", clients(0..1).open_accounts(BANK));
        s.beside_upkeep("a", &readers(), |s| s.work("a", clients(1..4).transfer(BANK, 20)));
    });
    run.reopen();
    run.conserves(BANK);
}

/// Clients on a few keys with watchers beside them, a glance, and a reopening.
fn hot_keys(run: &mut Run<'_>) {
    let mix = Mix { keys: 12, access: Access::Hotspot { hot: 2 }, ..Mix::default() };
    run.session(|s| {
        s.open("a");
        s.work("a", clients(0..2).mix(&mix, 15));
        s.beside_upkeep("a", &readers(), |s| s.work("a", clients(0..3).mix(&mix, 20)));
        s.glance(&Watch::throughout("a", 102).of_keys(keys()));
    });
    run.reopen();
    run.check();
}

fn run_of<'a>(driver: &'a dyn Driver, dir: &TestDir, seed: u64) -> Run<'a> {
    Run::of(driver, Preset::Defaults, dir.join("run"), Seed::new(seed))
}

fn play(defect: Option<Defect>, seed: u64, scene: impl FnOnce(&mut Run<'_>)) -> Played {
    let honest = FaultyEngine::honest(ModelDriver::default());
    let driver = match defect {
        Some(defect) => honest.with_defect(defect),
        None => honest,
    };
    let dir = TestDir::new("detects-layers").expect("a folder for the journal");
    let mut run = run_of(&driver, &dir, seed);
    scene(&mut run);
    let verdict = run.judge();
    says_the_same_again(&verdict, &dir);
    Played { verdict, defects: driver.defects(&run.dir()) }
}

/// Whoever judges what a run left finds what the run found; a run that passed leaves nothing to judge.
fn says_the_same_again(verdict: &Verdict, dir: &TestDir) {
    let folder = dir.join("run");
    assert_eq!(folder.join("evidence").exists(), *verdict != Verdict::Pass, "{verdict:?}");
    let found = match verdict {
        Verdict::Violated(found) => found.clone(),
        Verdict::Pass => return,
        _ => Vec::new(),
    };
    let judged = stored::judge(&folder).expect("a run that does not pass leaves its evidence");
    let again: Vec<_> = judged.into_iter().flat_map(|again| again.violations).collect();
    assert_eq!(again, found);
}

fn must_be_caught(defect: Defect, oracle: OracleName, scene: impl Fn(&mut Run<'_>)) {
    let mut caught = 0;
    for seed in 0..RUNS {
        let Played { verdict, defects } = play(Some(defect), seed, &scene);
        match verdict {
            Verdict::Violated(found) if defects > 0 => {
                caught += u64::from(found.iter().any(|violation| violation.oracle == oracle));
            }
            Verdict::Pass => {}
            other => panic!("seed {seed}, {defects} defects: {other:?}"),
        }
    }
    assert!(caught > 0, "{defect:?} was never laid at the door of {oracle} in {RUNS} runs");
}

#[test]
fn detects_a_snapshot_that_moves_under_a_watcher() {
    must_be_caught(Defect::ViewMoves, OracleName::Reads, hot_keys);
}

#[test]
fn detects_a_snapshot_of_two_moments_in_an_audit() {
    must_be_caught(Defect::ViewTorn, OracleName::Conservation, bank);
}

#[test]
fn detects_an_update_lost_between_transfers() {
    must_be_caught(Defect::ConflictMissed, OracleName::Conservation, bank);
}

#[test]
fn detects_a_commit_that_a_clean_close_drops() {
    must_be_caught(Defect::AcknowledgedDropped, OracleName::Durability, hot_keys);
}

#[test]
fn detects_a_client_that_never_gets_on() {
    must_be_caught(Defect::LockLeaks, OracleName::Progress, hot_keys);
}

#[test]
fn detects_a_scan_that_skips_under_a_watcher() {
    must_be_caught(Defect::ScanSkips, OracleName::Scan, hot_keys);
}

#[test]
fn an_honest_engine_passes_kept_apart_or_not() {
    for seed in 0..RUNS {
        for scene in [bank, hot_keys] {
            assert_eq!(play(None, seed, scene).verdict, Verdict::Pass, "seed {seed}");
        }
        let model = ModelDriver::default();
        let dir = TestDir::new("apart").expect("a folder");
        let mut run = run_of(&model, &dir, seed);
        run.serialise_maintenance();
        bank(&mut run);
        assert_eq!(run.judge(), Verdict::Pass, "seed {seed}, apart");
    }
}

#[test]
fn a_denied_call_that_must_succeed_is_a_violation() {
    let model = ModelDriver::default();
    let dir = TestDir::new("denied").expect("a folder");
    let mut run = run_of(&model, &dir, 1);
    let open = model.open(&run.dir(), &run.options).expect("it opens");
    run.session(|_| ());
    drop(open);
    let Verdict::Violated(found) = run.judge() else { panic!("it was denied") };
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

#[test]
fn a_run_is_judged_whatever_its_body_leaves_out() {
    let model = ModelDriver::default();
    let dir = TestDir::new("judged").expect("a folder");
    let idle = run_of(&model, &dir, 1).judge();
    assert!(matches!(idle, Verdict::Inconclusive(_)), "nothing was done: {idle:?}");
    let mut missed = run_of(&model, &dir, 1);
    missed.session(|s| s.open("a"));
    missed.must_reach(conflicts(1));
    let missed = missed.judge();
    assert!(matches!(missed, Verdict::Inconclusive(_)), "{missed:?}");
}

#[test]
fn a_shallow_run_that_is_told_to_be_deep_is_caught() {
    let model = ModelDriver::default();
    let dir = TestDir::new("shallow").expect("a folder");
    let mut shallow = run_of(&model, &dir, 1);
    shallow.session(|s| {
        s.open("a");
        s.work("a", Traffic::sweep(Sweep::fill(300, 40, 20)));
    });
    shallow.reopen();
    shallow.must_be_deep();
    let verdict = shallow.judge();
    let Verdict::Inconclusive(why) = &verdict else { panic!("{verdict:?}") };
    assert!(why.contains("a level of the tree"), "{why}");
    assert_eq!(shallow.figures.get("deep.levels"), 1);
}

#[test]
fn honest_scans_of_binary_keys_are_not_flagged() {
    // The order of their texts is another one.
    let mix = Mix { keys: 60, binary: true, weights: [10, 30, 40, 5, 5, 10, 0], ..Mix::default() };
    for seed in 0..RUNS {
        let model = ModelDriver::default();
        let dir = TestDir::new("binary").expect("a folder");
        let mut run = run_of(&model, &dir, seed);
        run.session(|s| {
            s.open("a");
            s.work("a", clients(0..3).mix(&mix, 20));
        });
        run.reopen();
        assert_eq!(run.judge(), Verdict::Pass, "seed {seed}");
    }
}

#[test]
fn what_a_run_collected_before_it_ended_early_counts() {
    let driver = FaultyEngine::honest(ModelDriver::default()).with_defect(Defect::ViewMoves);
    let mut caught = 0;
    for seed in 0..RUNS {
        let dir = TestDir::new("early").expect("a folder");
        let mut run = run_of(&driver, &dir, seed);
        hot_keys(&mut run);
        run.session(|s| s.attempt(|_| Err(EngineError::Absent)));
        let Verdict::Violated(found) = run.judge() else { panic!("a step was denied") };
        let by = |oracle| found.iter().any(|violation| violation.oracle == oracle);
        assert!(by(OracleName::Answers), "{found:?}");
        caught += u64::from(by(OracleName::Reads));
    }
    assert!(caught > 0, "no snapshot that moved was told in {RUNS} runs");
}
