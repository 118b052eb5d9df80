//! The sweep of holds finds an engine's race, whichever two threads have to meet for it, and blames no
//! honest engine. The races are the model's: the sweep drives it in this process.

use mace_prod::{
    engine::{
        Driver, Preset,
        faulty::{Race, RacyEngine},
        model::ModelDriver,
    },
    history::ways::Kind,
    scenario::{
        holds::{
            Sweep,
            deed::Deed::{Checkpoint, Collect, Fill, Open, Overwrite, Read},
            schedule::Schedule,
            work::Work,
        },
        run::processes::Met,
    },
    settings::Seed,
    testdir::TestDir,
    verdict::Verdict,
};

const WORK: Work = Work {
    name: "model",
    preset: Preset::Defaults,
    acts: &[Open, Fill, Read],
    amid: &[Checkpoint, Overwrite, Collect],
    evicts: false,
    meets: 0.5,
};

/// After how many of these schedules the sweep found something, and what.
fn found(
    driver: &dyn Driver,
    choose: impl FnOnce(&Sweep<'_>, Vec<Schedule>) -> Vec<Schedule>,
) -> (u64, Option<(String, Verdict)>) {
    let dir = TestDir::new("holds").expect("a folder can be made");
    let mut sweep = Sweep::new(driver, WORK, dir.path().to_owned(), Seed::new(1));
    let all = sweep.schedules().expect("an undisturbed run is sound");
    let chosen = choose(&sweep, all);
    let mut found = None;
    for (number, schedule) in (1..).zip(&chosen) {
        let verdict = sweep.tries(number, schedule).verdict;
        if verdict != Verdict::Pass {
            found = Some((schedule.text(), verdict));
            break;
        }
    }
    assert!(sweep.figures.get(Met::Held.figure()) > 0, "nobody was held");
    (sweep.figures.get("holds.tried"), found)
}

/// All in which a thread asks for the memory of a page.
fn pages(_: &Sweep<'_>, all: Vec<Schedule>) -> Vec<Schedule> {
    all.into_iter().filter(|schedule| schedule.kind == Kind::Page).collect()
}

#[test]
fn the_sweep_finds_each_race_of_the_model() {
    for race in Race::ALL {
        let (tried, found) = found(&RacyEngine::new(ModelDriver::default(), race), pages);
        let (text, verdict) = found.unwrap_or_else(|| panic!("{race:?}: not in {tried}"));
        assert!(matches!(verdict, Verdict::Violated(_)), "{race:?}: {verdict:?}");
        assert!(text.contains("meets<"), "{race:?} shows where nothing is wrong: {text}");
    }
}

#[test]
fn the_sweep_does_not_blame_the_honest_model() {
    let (tried, found) = found(&ModelDriver::default(), |sweep, all| sweep.drawn(&all, 100));
    assert_eq!((tried, found), (100, None));
}
