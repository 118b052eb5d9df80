//! The sweep of holds: a work is recorded once, so that it is known which threads come by which places.
//! Then it is carried out again and again, each time with one thread held at one place until another one
//! has done one thing, and every oracle judges what is left. A race that takes one such meeting, and most
//! do, is met by going through the places instead of by luck.
//!
//! Threads that were held while others went on are told apart from those that others waited for, and
//! from those that never came by. A sweep that comes to fewer meetings than it used to is inconclusive.

pub mod deed;
pub mod known;
pub mod schedule;
pub mod work;

use crate::{
    engine::{Driver, EngineOptions, mace::MaceDriver},
    error::Error,
    history::{
        child::End,
        hold,
        script::{Step, Then, held::LEAD, meet::places_of},
        ways::Passed,
    },
    oracle::Violation,
    report::{Figures, say},
    scenario::{
        Case,
        database::Stage,
        run::{Judging, Run, processes::Met, session::Verbs},
    },
    settings::{Rng, Seed, Settings, is_of_mace},
    verdict::Verdict,
};
use schedule::{Schedule, acts, spots};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};
use work::{ALL, Work};

/// How often a schedule is tried that was asked for.
const REPEATS: u64 = 20;

/// A sweep that comes to so few meetings by chance, where it has its usual share, is one of a million.
const LUCK: f64 = 1e-6;

/// One case: the sweep of a work.
#[derive(Clone, Copy, Debug)]
pub struct HoldsCase(Work);

/// All of them.
pub fn cases() -> Vec<HoldsCase> {
    ALL.iter().copied().map(HoldsCase).collect()
}

impl HoldsCase {
    /// The case's name: `chaos_holds::<work>::<preset>`.
    pub fn name(&self) -> String {
        format!("chaos_holds::{}::{}", self.0.name, self.0.preset.name())
    }

    /// Runs the case.
    pub fn run(&self, case: &mut Case) -> Verdict {
        if !hold::is_possible() {
            return case.skip("threads can be held on Linux only");
        }
        if !is_of_mace() {
            return case.skip("what the works of the sweep do is written for mace-kv");
        }
        let folder = case.dir().to_owned();
        let mut sweep = Sweep::new(&MaceDriver, self.0, folder, case.seed());
        let verdict = match &Settings::get().hold {
            Some(text) => self.again(&mut sweep, text),
            None => self.swept(&mut sweep, case.name(), Settings::get().holds),
        };
        case.figures.join(sweep.figures);
        verdict.unwrap_or_else(|verdict| verdict)
    }

    fn swept(&self, sweep: &mut Sweep<'_>, name: &str, most: u64) -> Judging<Verdict> {
        let all = sweep.schedules()?;
        let chosen = if most == 0 { all } else { sweep.drawn(&all, most) };
        for (number, schedule) in (1..).zip(&chosen) {
            let Tried { verdict, .. } = sweep.tries(number, schedule);
            if verdict != Verdict::Pass {
                return Ok(told(verdict, name, &self.0, schedule));
            }
        }
        Ok(enough(&sweep.figures, self.0.meets))
    }

    /// Tries one schedule again and again, and says how often it shows.
    fn again(&self, sweep: &mut Sweep<'_>, text: &str) -> Judging<Verdict> {
        let all = sweep.schedules()?;
        let Some(schedule) = all.into_iter().find_map(|schedule| schedule.named(text)) else {
            return Err(Verdict::Inconclusive(format!("no thread came by {text}")));
        };
        say(&schedule.prose(&self.0));
        let tried: Vec<Tried> =
            (1..=REPEATS).map(|number| sweep.tries(number, &schedule)).collect();
        let met = tried.iter().filter(|it| it.met != Met::Missed).count();
        let shown: Vec<Verdict> =
            tried.into_iter().map(|it| it.verdict).filter(|it| *it != Verdict::Pass).collect();
        say(&format!("it showed in {} of {REPEATS}; the thread was held in {met}", shown.len()));
        let nothing = if met > 0 { Verdict::Pass } else { enough(&sweep.figures, self.0.meets) };
        Ok(shown.into_iter().next().unwrap_or(nothing))
    }
}

/// A verdict with the schedule that led to it, and the command that tries it again.
fn told(verdict: Verdict, name: &str, work: &Work, schedule: &Schedule) -> Verdict {
    let root = Settings::get().root_seed;
    let told = |found: String| {
        let prose = schedule.prose(work);
        let text = schedule.text();
        format!(
            "{found}\n      {prose}\n      again: MACE_PROD_HOLD='{text}' just repro '{name}' {root}"
        )
    };
    match verdict {
        Verdict::Violated(found) => Verdict::Violated(
            found
                .into_iter()
                .enumerate()
                .map(|(number, violation)| match number {
                    0 => Violation { witness: told(violation.witness), ..violation },
                    _ => violation,
                })
                .collect(),
        ),
        Verdict::Crashed(how) => Verdict::Crashed(told(how)),
        Verdict::Stuck(how) => Verdict::Stuck(told(how)),
        Verdict::Inconclusive(why) => Verdict::Inconclusive(told(why)),
        verdict @ (Verdict::Pass | Verdict::Known(_)) => verdict,
    }
}

/// So many of them: each place once before another one comes twice. Clients come by most places, and have
/// half of the draws.
fn drawn(all: &[Schedule], most: u64, rng: &mut Rng) -> Vec<Schedule> {
    let mut places: BTreeMap<bool, BTreeMap<(&str, &str), Vec<&Schedule>>> = BTreeMap::new();
    for schedule in all {
        let of_thread = places.entry(schedule.thread == LEAD).or_default();
        of_thread.entry((&schedule.thread, &schedule.label)).or_default().push(schedule);
    }
    let places: Vec<Vec<Vec<&Schedule>>> =
        places.into_values().map(|of_thread| of_thread.into_values().collect()).collect();
    let mut left: Vec<Vec<Vec<&Schedule>>> = vec![Vec::new(); places.len()];
    let draw = |number: u64| {
        let kind = (number % places.len() as u64) as usize;
        if left[kind].is_empty() {
            left[kind].clone_from(&places[kind]);
        }
        let at = rng.below(left[kind].len() as u64) as usize;
        let place = left[kind].swap_remove(at);
        (*rng.pick(&place)).clone()
    };
    if places.is_empty() { Vec::new() } else { (0..most).map(draw).collect() }
}

/// Whether as many threads were met as usual.
fn enough(figures: &Figures, share: f64) -> Verdict {
    let tried = figures.get("holds.tried");
    let met = tried - figures.get(Met::Missed.figure());
    if is_luck(met, tried, share) {
        return Verdict::Pass;
    }
    Verdict::Inconclusive(format!(
        "{met} of {tried} threads were held; the share was {share} when it was measured"
    ))
}

/// Whether so few of so many may be chance at this share.
fn is_luck(met: u64, tried: u64, share: f64) -> bool {
    // Logarithms: the chance that none of hundreds is met is below the smallest float.
    let mut chance = tried as f64 * (1.0 - share).ln();
    let mut below = chance.exp();
    for count in 0..met {
        chance += ((tried - count) as f64 / (count + 1) as f64 * share / (1.0 - share)).ln();
        below += chance.exp();
    }
    below > LUCK
}

/// A work, carried out on one engine with a thread held here and there.
pub struct Sweep<'a> {
    driver: &'a dyn Driver,
    work: Work,
    folder: PathBuf,
    seed: Seed,
    /// What was counted.
    pub figures: Figures,
}

/// What became of one schedule.
#[derive(Clone, Debug)]
pub struct Tried {
    /// Whether the thread was held.
    pub met: Met,
    /// What the oracles say.
    pub verdict: Verdict,
}

impl<'a> Sweep<'a> {
    /// Of this engine, in this folder. One without files is driven in this process.
    pub fn new(driver: &'a dyn Driver, work: Work, folder: PathBuf, seed: Seed) -> Self {
        Self { driver, work, folder, seed, figures: Figures::default() }
    }

    /// So many schedules, by the seed.
    pub fn drawn(&self, all: &[Schedule], most: u64) -> Vec<Schedule> {
        drawn(all, most, &mut self.seed.derive("schedules").rng())
    }

    fn options(&self) -> EngineOptions {
        self.work.preset.engine().one_log_file()
    }

    fn is_own_process(&self) -> bool {
        self.driver.capabilities().files
    }

    /// Every schedule of the places that threads come by in an undisturbed run.
    pub fn schedules(&mut self) -> Judging<Vec<Schedule>> {
        let mut run = self.run("recording");
        let record = Step::Record { acts: acts(&self.work) };
        if self.is_own_process() {
            run.process(&Stage::closing(&self.options(), vec![record]));
        } else {
            run.session(|s| s.step(record));
        }
        let path = places_of(&run.dir());
        let judged = run.judge();
        self.figures.join(run.figures);
        if judged != Verdict::Pass {
            return Err(judged);
        }
        let text =
            fs::read(&path).unwrap_or_else(|error| panic!("{}", Error::new("read", &path, error)));
        let places: Vec<Passed> = serde_json::from_slice(&text)
            .unwrap_or_else(|error| panic!("{}", Error::new("parse", &path, error)));
        let spots = spots(places, &self.work);
        self.figures.add("holds.places", spots.len() as u64);
        let all = spots.iter().flat_map(|spot| spot.schedules(&self.work, self.is_own_process()));
        // The findings are of the engine under test.
        let is_under_test = self.driver.identity().name == MaceDriver.identity().name;
        let (left_out, all): (Vec<_>, Vec<_>) = all
            .partition(|schedule| is_under_test && known::excludes_schedule(schedule, &self.work));
        self.figures.add("holds.all", all.len() as u64);
        self.figures.add("holds.left_out", left_out.len() as u64);
        Ok(all)
    }

    fn run(&self, name: &str) -> Run<'a> {
        let mut run = Run::of(self.driver, self.work.preset, self.folder.join(name), self.seed);
        run.options = self.options();
        run.buckets = self.work.bucket();
        run
    }

    /// Carries out one schedule on a database of its own.
    pub fn tries(&mut self, number: u64, schedule: &Schedule) -> Tried {
        let name = format!("hold-{number}");
        let mut run = self.run(&name);
        let step = schedule.step(&self.work);
        let met = if self.is_own_process() {
            let end = if schedule.then == Then::Die { End::Die } else { End::Close };
            run.meets(&Stage { end, ..Stage::closing(&self.options(), vec![step]) })
        } else {
            run.session(|s| s.step(step));
            Met::of(&run.history())
        };
        run.check();
        run.reopen();
        if self.driver.capabilities().copy && self.is_own_process() {
            run.open_copies();
        }
        let verdict = run.judge();
        self.figures.join(run.figures);
        self.figures.add("holds.tried", 1);
        self.figures.add(met.figure(), 1);
        if verdict == Verdict::Pass {
            emptied(&self.folder.join(&name));
        }
        Tried { met, verdict }
    }
}

fn emptied(folder: &Path) {
    fs::remove_dir_all(folder)
        .unwrap_or_else(|error| panic!("{}", Error::new("remove", folder, error)));
}

#[cfg(test)]
mod tests {
    use super::is_luck;

    #[test]
    fn a_share_that_fell_is_told_from_chance() {
        assert!(is_luck(20, 40, 0.5) && is_luck(8, 40, 0.5) && is_luck(40, 40, 0.9));
        assert!(!is_luck(4, 40, 0.5) && !is_luck(0, 40, 0.4));
        assert!(is_luck(372, 400, 0.92) && is_luck(5000, 5000, 0.97) && !is_luck(2500, 5000, 0.97));
        // A few say nothing.
        assert!(is_luck(0, 4, 0.5));
    }
}
