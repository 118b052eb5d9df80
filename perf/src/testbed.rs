//! What the self-test and the calibration measure on: the bench program of this tree, the same code
//! in other link orders, and that with a slowdown planted. Builds and measures; judges nothing.

use crate::{
    bench::{Clock, Pair, Plant, Program},
    identical::identical,
    proof::{Kind, PLANTS},
    render,
    revisions::{self, Revision, Revisions},
    settings::Settings,
};
use process::{Error, Interrupts, Result, console, wanted::Wanted};
use results::{
    gate::{Origin, Place, Side},
    stats,
};
use std::{collections::BTreeMap, time::Duration};

/// The programs, ready to run.
pub(crate) struct Testbed<'s> {
    settings: &'s Settings,
    interrupts: &'s Interrupts,
    pub(crate) program: Program,
    /// The same code in link orders that `program` does not have; with a linker that cannot
    /// shuffle, the same program.
    pub(crate) relinked: Program,
    pub(crate) cases: Vec<String>,
    pub(crate) origin: Origin,
    /// The plants by case and per cent; none before they were found.
    plants: BTreeMap<(String, u32), Plant>,
}

/// The long plant that the others are found by, in per cent of the case's time if a step took a
/// nanosecond, and the fewest steps that a processor cannot hide.
const LONG_PCT: f64 = 20.0;
const LEAST_STEPS: u64 = 256;

/// Rounds of all layouts that it is tried for.
const TRIAL_ROUNDS: usize = 5;

/// Trials take as long as they take.
const NO_LIMIT: Duration = Duration::from_hours(24);

impl<'s> Testbed<'s> {
    /// Builds this tree; `None` when a signal came.
    pub(crate) fn new(settings: &'s Settings, interrupts: &'s Interrupts) -> Result<Option<Self>> {
        let Revision { tree, origin } = revisions::this_tree(settings)?;
        let log = settings.file("head.bench.log");
        let Some(mut program) = Program::build(tree, log, interrupts)? else { return Ok(None) };
        link(&mut program, 2 * settings.limits.layouts, settings, interrupts)?;
        let mut relinked = program.clone();
        if program.layouts.len() > 1 {
            relinked.layouts = program.layouts.split_off(program.layouts.len().div_ceil(2));
            program.layouts.truncate(relinked.layouts.len());
        }
        let known = program.list(settings, interrupts)?;
        if interrupts.outcome().is_some() {
            return Ok(None);
        }
        let cases = settings.cases.iter().filter(|case| known.contains(case));
        let cases: Vec<_> = cases.cloned().collect();
        if cases.is_empty() {
            let remedy = "see MACE_PERF_COMPARE_FILTERS; `just perf snapshot` prints the names";
            return Err(Error::new("none of the cases is there", &origin.commit, remedy));
        }
        let plants = BTreeMap::new();
        Ok(Some(Self { settings, interrupts, program, relinked, cases, origin, plants }))
    }

    /// Finds how many steps of the constant loop make each plant; false when a signal came. A burst
    /// costs what its steps cost, so that one long plant says what a step costs.
    pub(crate) fn find_plants(&mut self) -> Result<bool> {
        for case in self.cases.clone() {
            console::note(&format!("perf: finding the plants of {case}"));
            let Some([plain]) = self.figures(&case, 1, [None])? else { return Ok(false) };
            // A step takes one or two nanoseconds.
            let long = stats::whole(plain * LONG_PCT / 100.0).max(LEAST_STEPS);
            let trials = [None, Some(long)];
            let Some(figures) = self.figures(&case, TRIAL_ROUNDS, trials)? else {
                return Ok(false);
            };
            let [plain, slow] = figures.map(render::time);
            console::note(&format!("perf: {case} takes {plain}, and {slow} with {long} steps"));
            for pct in PLANTS {
                let steps = steps(figures, long, pct);
                let plant = Plant { case: case.clone(), steps };
                self.plants.insert((case.clone(), pct), plant);
            }
        }
        Ok(true)
    }

    /// What the case takes at its best with each of these plants, over so many rounds of all layouts;
    /// run by turns, so that a drift of the machine hits all of them alike. The lowest run alone:
    /// where others leave four clients one core most of the time, few runs have found two.
    fn figures<const N: usize>(
        &self,
        case: &str,
        rounds: usize,
        plants: [Option<u64>; N],
    ) -> Result<Option<[f64; N]>> {
        let programs = plants.map(|steps| Program {
            plant: steps.map(|steps| Plant { case: case.to_owned(), steps }),
            ..self.relinked.clone()
        });
        let pair = Pair { base: &self.program, head: &self.relinked };
        let mut clock = Clock::new(pair, self.settings, self.interrupts, NO_LIMIT);
        let mut best = [f64::INFINITY; N];
        let layouts = self.relinked.layouts.len();
        for round in 0..rounds * layouts {
            for (slot, (program, best)) in programs.iter().zip(&mut best).enumerate() {
                let place = Place { side: Side::Head, round, slot, layout: round % layouts };
                let Some(run) = clock.once(program, case, place)? else { return Ok(None) };
                *best = best.min(run.low_ns);
            }
        }
        Ok(Some(best))
    }

    /// The commit of this tree as a comparison's base is: built from a worktree of its own into a
    /// folder of its own, and linked again; `None` when a signal came. An engine that is a published
    /// version has no such worktree: then it is this program.
    pub(crate) fn twin(&self) -> Result<Option<Program>> {
        if matches!(Wanted::of(&self.settings.knobs)?, Wanted::Version(_)) {
            return Ok(Some(self.program.clone()));
        }
        let Revisions { base, worktree: _worktree, .. } =
            Revisions::with_base(self.settings, "HEAD")?;
        let twin = Program::build(base.tree, self.program.log.clone(), self.interrupts)?;
        let Some(mut twin) = twin else { return Ok(None) };
        if !identical(&twin.layouts[0], &self.program.layouts[0])? {
            console::note(&format!(
                "perf: HEAD is not the same machine code as this tree ({}): A/A compares the two",
                self.origin.commit
            ));
        }
        link(&mut twin, self.program.layouts.len(), self.settings, self.interrupts)?;
        // What it is run with is there when its worktree is gone.
        twin.tree = self.program.tree.clone();
        Ok(self.interrupts.outcome().is_none().then_some(twin))
    }

    /// Head of a comparison of this kind with the plant, if it is one, in this case.
    pub(crate) fn head(&self, kind: Kind, case: &str) -> Program {
        match kind {
            Kind::SameCode => self.program.clone(),
            Kind::OtherLayout => self.relinked.clone(),
            Kind::Planted(pct) => {
                let plant = self.plants.get(&(case.to_owned(), pct)).cloned();
                Program { plant, ..self.relinked.clone() }
            }
        }
    }
}

/// Links the program in so many layouts and prints why there are fewer.
fn link(
    program: &mut Program,
    count: usize,
    settings: &Settings,
    interrupts: &Interrupts,
) -> Result<()> {
    if let Some(why) = program.link(count, settings, interrupts)? {
        console::note(&format!("perf: {why}"));
    }
    Ok(())
}

/// The steps that make a case slower by so many per cent, when this is what it takes as it is, and
/// with a plant of so many steps.
fn steps([plain, slow]: [f64; 2], long: u64, pct: u32) -> u64 {
    // Noise can make a long plant as cheap as none; no step takes less than a tenth of a nanosecond.
    let step = ((slow - plain) / long as f64).max(0.1);
    stats::whole((plain * f64::from(pct) / 100.0 / step).round()).max(1)
}

#[cfg(test)]
mod tests {
    use super::steps;

    #[test]
    fn a_plant_is_scaled_from_a_long_one() {
        // A step takes one and a half nanoseconds.
        assert_eq!([5, 10, 20].map(|pct| steps([30e3, 39e3], 6_000, pct)), [1000, 2000, 4000]);
        // The machine hid the long plant.
        assert_eq!(steps([30e3, 29e3], 6_000, 10), 30_000);
    }
}
