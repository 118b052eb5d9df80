//! What the self-test and the calibration measure on: the bench program of this tree, the same code
//! in other link orders, and that with a slowdown planted. Builds and measures; judges nothing.

use crate::{
    bench::{Clock, NO_LIMIT},
    build::{Plant, Program},
    identical::identical,
    render,
    revisions::{self, Revisions},
    session::Session,
};
use process::{Error, Result, console, wanted::Wanted};
use results::{
    gate::{Place, Side},
    stats,
};
use std::collections::BTreeMap;

/// What head is in a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The same code, built twice.
    SameCode,
    /// The same code in other link orders: what an unrelated change does to it.
    OtherLayout,
    /// Relinked as well, with a slowdown planted in the engine, of about so many per cent.
    Planted(u32),
}

/// What is planted, in per cent.
const PLANTS: [u32; 3] = [5, 10, 20];

/// The programs, ready to run.
pub(crate) struct Testbed {
    pub(crate) program: Program,
    /// The same code in link orders that `program` does not have; with a linker that cannot
    /// shuffle, the same program.
    pub(crate) relinked: Program,
    pub(crate) cases: Vec<String>,
    /// What the plants of a case are scaled from; none before they were found.
    trials: BTreeMap<String, Trial>,
}

/// What a case takes in nanoseconds as it is, and with a plant of so many steps.
struct Trial {
    plain: f64,
    slow: f64,
    steps: u64,
}

/// The long plant that the others are found by, in per cent of the case's time if a step took a
/// nanosecond, and the fewest steps that a processor cannot hide.
const LONG_PCT: f64 = 20.0;
const LEAST_STEPS: u64 = 256;

/// Rounds of all layouts that it is tried for.
const TRIAL_ROUNDS: usize = 5;

impl Testbed {
    /// Builds this tree.
    pub(crate) fn new(session: &Session) -> Result<Self> {
        let mut program = Program::build(revisions::this_tree(session)?, "head", session)?;
        link(&mut program, 2 * session.limits.layouts, session)?;
        let mut relinked = program.clone();
        if program.layouts.len() > 1 {
            relinked.layouts = program.layouts.split_off(program.layouts.len().div_ceil(2));
            program.layouts.truncate(relinked.layouts.len());
        }
        let known = program.list(session)?;
        let cases = session.cases.iter().filter(|case| known.contains(case));
        let cases: Vec<_> = cases.cloned().collect();
        if cases.is_empty() {
            let what = "none of the cases is there";
            let remedy = "see MACE_PERF_COMPARE_FILTERS; `just perf snapshot` prints the names";
            return Err(Error::new(what, &program.tree.origin.commit, remedy));
        }
        Ok(Self { program, relinked, cases, trials: BTreeMap::new() })
    }

    /// Finds out what a step of the constant loop costs in each case. A burst costs what its steps
    /// cost, so that one long plant says it.
    pub(crate) fn find_plants(&mut self, session: &Session) -> Result<()> {
        for case in self.cases.clone() {
            console::note(&format!("perf: finding the plants of {case}"));
            let [plain, _] = self.figures(session, &case, 1, LEAST_STEPS)?;
            // A step takes one or two nanoseconds.
            let steps = stats::whole(plain * LONG_PCT / 100.0).max(LEAST_STEPS);
            let [plain, slow] = self.figures(session, &case, TRIAL_ROUNDS, steps)?;
            let took = render::time(plain);
            let slowed = render::time(slow);
            console::note(&format!("perf: {case} takes {took}, and {slowed} with {steps} steps"));
            self.trials.insert(case, Trial { plain, slow, steps });
        }
        Ok(())
    }

    /// What the case takes at its best as it is and with so many steps, over so many rounds of all layouts;
    /// run by turns, so that a drift of the machine hits both alike. The lowest run alone: where others
    /// leave four clients one core most of the time, few runs have found two.
    fn figures(
        &self,
        session: &Session,
        case: &str,
        rounds: usize,
        steps: u64,
    ) -> Result<[f64; 2]> {
        let programs = [self.relinked.clone(), self.planted(case, steps)];
        let mut clock = Clock::new(session, NO_LIMIT);
        let mut best = [f64::INFINITY; 2];
        let layouts = self.relinked.layouts.len();
        for round in 0..rounds * layouts {
            for (slot, (program, best)) in programs.iter().zip(&mut best).enumerate() {
                let place = Place { side: Side::Head, round, slot, layout: round % layouts };
                let run = clock.once(program, case, place)?;
                session.check()?;
                *best = best.min(run.map_or(f64::INFINITY, |run| run.low_ns));
            }
        }
        Ok(best)
    }

    fn planted(&self, case: &str, steps: u64) -> Program {
        let plant = Some(Plant { case: case.to_owned(), steps });
        Program { plant, ..self.relinked.clone() }
    }

    /// The commit of this tree as a comparison's base is: built from a worktree of its own into a
    /// folder of its own, and linked again. An engine that is a published version has no such
    /// worktree: then it is this program.
    pub(crate) fn twin(&self, session: &Session) -> Result<Program> {
        if matches!(Wanted::of(&session.knobs)?, Wanted::Version(_)) {
            return Ok(self.program.clone());
        }
        let Revisions { base, worktree: _worktree, .. } =
            Revisions::with_base(session, Some("HEAD"))?;
        let mut twin = Program::build(base, "base", session)?;
        if !identical(&twin.layouts[0], &self.program.layouts[0])? {
            console::note(&format!(
                "perf: HEAD is not the same machine code as this tree ({}): A/A compares the two",
                self.program.tree.origin.commit
            ));
        }
        link(&mut twin, self.program.layouts.len(), session)?;
        // What it is run with is there when its worktree is gone.
        twin.tree = self.program.tree.clone();
        Ok(twin)
    }

    /// Head of a comparison of this kind with the plant, if it is one, in this case.
    pub(crate) fn head(&self, kind: Kind, case: &str) -> Program {
        match kind {
            Kind::SameCode => self.program.clone(),
            Kind::OtherLayout => self.relinked.clone(),
            Kind::Planted(pct) => self.planted(case, self.trials[case].steps_of(pct)),
        }
    }
}

impl Kind {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        [Self::SameCode, Self::OtherLayout].into_iter().chain(PLANTS.map(Self::Planted))
    }

    pub(crate) fn name(self) -> String {
        match self {
            Self::SameCode => "A/A".to_owned(),
            Self::OtherLayout => "other layout".to_owned(),
            Self::Planted(pct) => format!("about +{pct} % planted in one case"),
        }
    }
}

/// Links the program in so many layouts and prints why there are fewer.
fn link(program: &mut Program, count: usize, session: &Session) -> Result<()> {
    if let Some(why) = program.link(count, session)? {
        console::note(&format!("perf: {why}"));
    }
    Ok(())
}

impl Trial {
    /// The steps that make the case slower by so many per cent.
    fn steps_of(&self, pct: u32) -> u64 {
        // Noise can make a long plant as cheap as none; no step takes less than a tenth of a nanosecond.
        let step = ((self.slow - self.plain) / self.steps as f64).max(0.1);
        stats::whole((self.plain * f64::from(pct) / 100.0 / step).round()).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::Trial;

    #[test]
    fn a_plant_is_scaled_from_a_long_one() {
        // A step takes one and a half nanoseconds.
        let trial = Trial { plain: 30e3, slow: 39e3, steps: 6_000 };
        assert_eq!([5, 10, 20].map(|pct| trial.steps_of(pct)), [1000, 2000, 4000]);
        // The machine hid the long plant.
        assert_eq!(Trial { slow: 29e3, ..trial }.steps_of(10), 30_000);
    }
}
