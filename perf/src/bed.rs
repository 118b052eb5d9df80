//! What the self-test and the calibration measure on: the bench program of this tree, the same code
//! in other link orders, and that with a slowdown planted. Builds and measures; judges nothing.

use crate::{
    bench::{Clock, Program},
    compare,
    files::{self, Origin},
    gate::{Measure, Place},
    pool::{Line, Variant},
    run::Side,
    settings::Settings,
    sides, stats,
};
use launch::{Error, Interrupts, Result, console};
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
    /// Steps of the constant loop a call that make so many per cent, by case.
    steps: BTreeMap<(String, u32), u64>,
}

/// Runs of a case on each side in the plain design.
const PLAIN_RUNS: usize = 6;

/// What is planted, in per cent.
const PLANTS: [u32; 3] = [5, 10, 20];

/// How often a plant is corrected.
const TRIALS: usize = 2;

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
        let mut bed = Self { settings, interrupts, program, moved, cases, origin, steps };
        Ok(bed.weigh()?.map(|()| bed))
    }

    /// Finds how many steps of the constant loop make each plant; `None` when a signal came. The
    /// first few steps cost next to nothing, because the processor does them beside other work; so
    /// each plant is tried and corrected.
    fn weigh(&mut self) -> Result<Option<()>> {
        for case in self.cases.clone() {
            console::note(&format!("perf: finding the plants of {case}"));
            let Some(plain) = self.best(&self.moved, &case, 2)? else { return Ok(None) };
            for pct in PLANTS {
                let wanted = plain * f64::from(pct) / 100.0;
                // A step takes about a nanosecond.
                let mut steps = (wanted / self.settings.compare_items as f64).max(1.0);
                for _ in 0..TRIALS {
                    let slow = Some((case.clone(), stats::whole(steps.ceil())));
                    let trial = Program { slow, ..self.moved.clone() };
                    let Some(slower) = self.best(&trial, &case, 2)? else { return Ok(None) };
                    steps *= (wanted / (slower - plain).max(wanted / 2.0)).clamp(0.5, 2.0);
                }
                self.steps.insert((case.clone(), pct), stats::whole(steps.round()).max(1));
            }
        }
        Ok(Some(()))
    }

    /// The best low quantile of a case over so many rounds of all layouts.
    fn best(&self, program: &Program, case: &str, rounds: usize) -> Result<Option<f64>> {
        let mut clock = self.clock(program);
        let mut lows = Vec::new();
        for round in 0..rounds * program.layouts.len() {
            let layout = round % program.layouts.len();
            let place = Place { side: Side::Head, round, slot: 0, layout };
            let Some(run) = clock.run(case, place)? else { return Ok(None) };
            lows.push(run.low_ns);
        }
        Ok(stats::quantile(&lows, 0.0))
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
