//! What the self-test and the calibration measure on: the bench program of this tree, the same code
//! in other link orders, and that with a slowdown planted. Builds and measures; judges nothing.

use crate::{
    bench::{Clock, Program},
    compare,
    files::{self, Origin},
    gate::Place,
    identical::identical,
    page,
    pool::{Line, Recorded, Variant},
    run::Side,
    settings::Settings,
    sides::{self, Sides},
    stats,
};
use process::{Error, Interrupts, Result, console, wanted::Wanted};
use std::{collections::BTreeMap, fs, path::Path, time::Duration};

/// The programs, ready to run.
pub(crate) struct Bed<'s> {
    pub(crate) settings: &'s Settings,
    pub(crate) interrupts: &'s Interrupts,
    pub(crate) program: Program,
    /// The same code in link orders that `program` does not have; with a linker that cannot
    /// shuffle, the same program.
    pub(crate) moved: Program,
    pub(crate) cases: Vec<String>,
    pub(crate) origin: Origin,
    /// Steps of the constant loop for a client in a batch that make so many per cent, by case; none
    /// before they were found.
    steps: BTreeMap<(String, u32), u64>,
}

/// Runs of a case on each side in the plain design.
const PLAIN_RUNS: usize = 6;

/// What is planted, in per cent.
const PLANTS: [u32; 3] = [5, 10, 20];

/// The long plant that the others are found by, in per cent of the case's time if a step took a
/// nanosecond, and the fewest steps that a processor cannot hide.
const LONG_PCT: f64 = 20.0;
const LEAST_STEPS: u64 = 256;

/// Rounds of all layouts that it is tried for.
const TRIAL_ROUNDS: usize = 5;

/// A pool takes as long as it takes.
const NO_LIMIT: Duration = Duration::from_hours(24);

impl<'s> Bed<'s> {
    /// Builds this tree; `None` when a signal came.
    pub(crate) fn new(settings: &'s Settings, interrupts: &'s Interrupts) -> Result<Option<Self>> {
        let (tree, origin) = sides::this_tree(settings)?;
        let Some(exe) = tree.build(interrupts)? else { return Ok(None) };
        let (folder, wanted) = (settings.file("layouts"), settings.limits.layouts);
        let mut layouts = tree.layouts(&exe, 2 * wanted, &folder, interrupts)?;
        if interrupts.outcome().is_some() {
            return Ok(None);
        }
        let half = layouts.len().div_ceil(2);
        let moved = if layouts.len() > 1 { layouts.split_off(half) } else { layouts.clone() };
        layouts.truncate(moved.len());
        let log = settings.file("head.bench.log");
        let program = Program { layouts, manifest: tree.manifest, log, slow: None };
        let moved = Program { layouts: moved, ..program.clone() };
        program.open_log()?;
        let there = program.list(settings, interrupts)?;
        let cases: Vec<_> =
            settings.cases.iter().filter(|case| there.contains(case)).cloned().collect();
        if cases.is_empty() {
            return Err(compare::no_cases(&origin.commit));
        }
        let steps = BTreeMap::new();
        Ok(Some(Self { settings, interrupts, program, moved, cases, origin, steps }))
    }

    /// The same with its plants: finds how many steps of the constant loop make each; `None` when a
    /// signal came. A burst costs what its steps cost, so that one long plant says what a step costs.
    pub(crate) fn with_plants(mut self) -> Result<Option<Self>> {
        for case in self.cases.clone() {
            console::note(&format!("perf: finding the plants of {case}"));
            let Some([plain]) = self.figures(&case, 1, [None])? else { return Ok(None) };
            // A step takes one or two nanoseconds.
            let long = stats::whole(plain * LONG_PCT / 100.0).max(LEAST_STEPS);
            let trials = [None, Some(long)];
            let Some(figures) = self.figures(&case, TRIAL_ROUNDS, trials)? else { return Ok(None) };
            let [plain, slow] = figures.map(page::time);
            console::note(&format!("perf: {case} takes {plain}, and {slow} with {long} steps"));
            for pct in PLANTS {
                self.steps.insert((case.clone(), pct), steps(figures, long, pct));
            }
        }
        Ok(Some(self))
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
            slow: steps.map(|steps| (case.to_owned(), steps)),
            ..self.moved.clone()
        });
        let mut clock = self.clock(&self.moved);
        let mut best = [f64::INFINITY; N];
        for round in 0..rounds * self.moved.layouts.len() {
            let layout = round % self.moved.layouts.len();
            for (slot, (program, best)) in programs.iter().zip(&mut best).enumerate() {
                let place = Place { side: Side::Head, round, slot, layout };
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
        let sides = Sides::with_base(self.settings, "HEAD")?;
        let tree = &sides.base.0;
        let Some(exe) = tree.build(self.interrupts)? else { return Ok(None) };
        if !identical(&exe, &self.program.layouts[0])? {
            console::note(&format!(
                "perf: HEAD is not the same machine code as this tree ({}): A/A compares the two",
                self.origin.commit
            ));
        }
        let folder = self.settings.file("layouts");
        let layouts = tree.layouts(&exe, self.program.layouts.len(), &folder, self.interrupts)?;
        let twin = Program { layouts, ..self.program.clone() };
        Ok(self.interrupts.outcome().is_none().then_some(twin))
    }

    /// Head of a comparison of this kind with the plant, if it is one, in this case.
    pub(crate) fn program(&self, kind: Variant, case: &str) -> Program {
        match kind {
            Variant::Base => self.program.clone(),
            // Longer times are no other program.
            Variant::Moved | Variant::Scaled(_) => self.moved.clone(),
            Variant::Slow(pct) => {
                let steps = self.steps[&(case.to_owned(), pct)];
                Program { slow: Some((case.to_owned(), steps)), ..self.moved.clone() }
            }
        }
    }

    fn clock<'c>(&'c self, head: &'c Program) -> Clock<'c> {
        Clock::new((&self.program, head), self.settings, self.interrupts, NO_LIMIT)
    }

    /// Records a pool of so many rounds, with a pass of the plain design after each block of them;
    /// `None` when a signal came, and what was recorded until then stays.
    pub(crate) fn record(&self, rounds: usize, file: &Path) -> Result<Option<()>> {
        fs::write(file, "")
            .map_err(|error| Error::io("write the file", file, "make it writable", error))?;
        files::append(file, &Recorded { format: 1, origin: self.origin.clone() })?;
        let layouts = self.program.layouts.len();
        let mut clock = self.clock(&self.moved);
        for round in 0..rounds.next_multiple_of(layouts) {
            console::note(&format!("perf: pool, round {} of {rounds}", round + 1));
            let mut cases = self.cases.clone();
            fastrand::shuffle(&mut cases);
            for case in &cases {
                let mut order = vec![Variant::Base, Variant::Base, Variant::Moved];
                order.extend(PLANTS.map(Variant::Slow));
                fastrand::shuffle(&mut order);
                // Mirrored, so that a drift of the machine hits all of them alike.
                let mirrored: Vec<_> = order.iter().rev().copied().collect();
                for (slot, variant) in order.into_iter().chain(mirrored).enumerate() {
                    let place = Place { side: Side::Head, round, slot, layout: round % layouts };
                    if self.keep(&mut clock, (case, variant), place, false, file)?.is_none() {
                        return Ok(None);
                    }
                }
            }
            if (round + 1) % layouts == 0 && self.pass(&mut clock, round / layouts, file)?.is_none()
            {
                return Ok(None);
            }
        }
        Ok(Some(()))
    }

    /// The plain design: every case so many times in a row, for base, base again, and each plant.
    fn pass(&self, clock: &mut Clock<'_>, pass: usize, file: &Path) -> Result<Option<()>> {
        let plants = PLANTS.map(Variant::Slow);
        for variant in [Variant::Base, Variant::Base].into_iter().chain(plants) {
            for case in &self.cases {
                for slot in 0..PLAIN_RUNS {
                    let place = Place { side: Side::Head, round: pass, slot, layout: 0 };
                    if self.keep(clock, (case, variant), place, true, file)?.is_none() {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(Some(()))
    }

    /// A run that goes into the pool; `None` when a signal came.
    fn keep(
        &self,
        clock: &mut Clock<'_>,
        (case, variant): (&str, Variant),
        place: Place,
        plain: bool,
        file: &Path,
    ) -> Result<Option<()>> {
        let mut program = self.program(variant, case);
        if plain {
            // The plain design has one layout.
            program.layouts.clone_from(&self.program.layouts);
        }
        let Some(run) = clock.once(&program, case, place)? else { return Ok(None) };
        let line = Line { case: case.to_owned(), variant, plain, run };
        files::append(file, &line).map(Some)
    }
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
    fn a_plant_is_read_off_a_long_one() {
        // A step takes one and a half nanoseconds.
        assert_eq!([5, 10, 20].map(|pct| steps([30e3, 39e3], 6_000, pct)), [1000, 2000, 4000]);
        // The machine hid the long plant.
        assert_eq!(steps([30e3, 29e3], 6_000, 10), 30_000);
    }
}
