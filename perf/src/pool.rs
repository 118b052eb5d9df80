//! Pools: real process runs of this machine, recorded once, from which as many comparisons as one
//! likes can be drawn. The gate decides over them with its own code, so that its error rates get
//! narrow intervals in minutes. Records and draws; decides nothing.
//!
//! A pool has blocks of one round for each link layout. A drawn comparison goes over whole blocks
//! in random order, the same for all its cases, so that an hour that was slow stays slow for all.

use crate::{
    files::{self, Origin},
    gate::{Limits, Measure, Place},
    run::{self, Run, Side},
    stats,
};
use process::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// What a run of a pool was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Variant {
    /// The program.
    Base,
    /// The same code in other link orders: what an unrelated change does to it.
    Moved,
    /// The moved program with a slowdown planted in the engine, of about so many per cent.
    Slow(u32),
    /// The times of the moved program, longer by exactly so many per cent. Drawn, never run.
    Scaled(u32),
}

/// A line of `pool.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) case: String,
    pub(crate) variant: Variant,
    /// Whether it belongs to a pass of the plain design, whose passes count as rounds.
    pub(crate) plain: bool,
    pub(crate) run: Run,
}

/// The first line of `pool.jsonl`: what was recorded, where and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Recorded {
    pub(crate) format: u32,
    pub(crate) origin: Origin,
}

/// The runs of one case in one round, by variant: four of base, two of each other.
type Runs = BTreeMap<Variant, Vec<Run>>;

/// Runs to draw comparisons from.
#[derive(Debug)]
pub(crate) struct Pool {
    /// Who was measured; pools of older versions do not say it.
    pub(crate) origin: Option<Origin>,
    /// Mean load while it was recorded.
    pub(crate) load: f64,
    layouts: usize,
    /// Whole rounds, a multiple of the layouts.
    rounds: Vec<BTreeMap<String, Runs>>,
    /// Median of the runs' medians by variant and case, for each pass of the plain design; base
    /// comes twice in a pass, as two runs of the suite do.
    passes: Vec<BTreeMap<(Variant, String), Vec<f64>>>,
}

/// Runs of base in a round, and of every other variant.
pub(crate) const BASE_RUNS: usize = 4;

impl Pool {
    /// Reads what was recorded.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        if fs::metadata(path).is_err() {
            let remedy = "record one: `just perf selftest --pool 48`";
            return Err(Error::new("there is no pool of runs", path.display(), remedy));
        }
        let mut pool = Self::of(files::lines(path)).ok_or_else(|| {
            let remedy = "record it again: `just perf selftest --pool 48`";
            Error::new("the pool has no whole block of rounds", path.display(), remedy)
        })?;
        pool.origin = files::lines(path).into_iter().next().map(|Recorded { origin, .. }| origin);
        Ok(pool)
    }

    /// How many comparisons with these limits share no round; an error when a single one would go
    /// over rounds again, so that its confirming runs would not be fresh ones.
    pub(crate) fn disjoint(&self, limits: &Limits) -> Result<usize> {
        let blocks = |rounds: usize| rounds.div_ceil(self.layouts);
        let whole = blocks(limits.screen_rounds) + blocks(2 * limits.confirm_rounds);
        match self.rounds.len() / self.layouts / whole {
            0 => {
                let what = format!("{} rounds are too few for one comparison", self.rounds.len());
                let rounds = whole * self.layouts;
                let remedy = format!("record more: `just perf selftest --pool {rounds}`");
                Err(Error::new(what, "the pool", remedy))
            }
            disjoint => Ok(disjoint),
        }
    }

    /// The pool of these lines, without what a killed recording left incomplete.
    fn of(lines: Vec<Line>) -> Option<Self> {
        let mut rounds: BTreeMap<usize, BTreeMap<String, Runs>> = BTreeMap::new();
        let mut passes: BTreeMap<usize, BTreeMap<(Variant, String), Vec<f64>>> = BTreeMap::new();
        let mut layouts = 1;
        let loads: Vec<f64> = lines.iter().map(|line| line.run.load).collect();
        for Line { case, variant, plain, run } in lines {
            if plain {
                let pass = passes.entry(run.round).or_default();
                pass.entry((variant, case)).or_default().push(run.median_ns);
            } else {
                layouts = layouts.max(run.layout + 1);
                let round = rounds.entry(run.round).or_default();
                round.entry(case).or_default().entry(variant).or_default().push(run);
            }
        }
        let cases = rounds.values().map(BTreeMap::len).max()?;
        let whole = |round: &BTreeMap<String, Runs>| {
            let full = |(variant, runs): (&Variant, &Vec<Run>)| {
                runs.len() == if *variant == Variant::Base { BASE_RUNS } else { 2 }
            };
            round.len() == cases && round.values().all(|runs| runs.iter().all(full))
        };
        let mut rounds: Vec<_> = rounds.into_values().take_while(whole).collect();
        rounds.truncate(rounds.len() / layouts * layouts);
        let passes = passes.into_values().collect();
        let load = stats::mean(&loads)?;
        (!rounds.is_empty()).then_some(Self { origin: None, load, layouts, rounds, passes })
    }

    pub(crate) fn cases(&self) -> Vec<String> {
        self.rounds[0].keys().cloned().collect()
    }

    pub(crate) fn layouts(&self) -> usize {
        self.layouts
    }

    pub(crate) fn rounds(&self) -> usize {
        self.rounds.len()
    }

    /// The gate's figure of a case in a variant over the whole pool: what there really was.
    pub(crate) fn best(&self, case: &str, variant: Variant) -> Option<f64> {
        let runs = self.rounds.iter().filter_map(|round| round.get(case)?.get(&variant));
        let runs: Vec<Run> = runs.flatten().cloned().collect();
        run::best(&runs, Side::Head)
    }

    /// A comparison: `heads` says which variant head is in a case, `other` what it is elsewhere.
    pub(crate) fn draw(
        &self,
        plant: Option<(String, Variant)>,
        other: Variant,
        seed: u64,
    ) -> Draw<'_> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut blocks: Vec<usize> = (0..self.rounds.len() / self.layouts).collect();
        rng.shuffle(&mut blocks);
        Draw {
            pool: self,
            plant,
            other,
            blocks,
            begun: BTreeMap::new(),
            order: [0, 1, 2, 3],
            rng,
            secs: 0.0,
        }
    }

    /// The plain design, all of base and then all of head by medians, over each pass: which cases it
    /// flags at this limit. Without a plant base is compared with its own second turn.
    pub(crate) fn plain_flags(
        &self,
        plant: Option<&(String, Variant)>,
        limit_pct: f64,
    ) -> Vec<BTreeSet<String>> {
        let flags = |pass: &BTreeMap<(Variant, String), Vec<f64>>| {
            let mut flagged = BTreeSet::new();
            for case in self.cases() {
                let base = pass.get(&(Variant::Base, case.clone()))?;
                let (first, second) = base.split_at(base.len() / 2);
                let head = match plant {
                    Some((planted, variant)) if *planted == case => {
                        pass.get(&(*variant, case.clone()))?
                    }
                    _ => second,
                };
                let median = stats::median;
                if stats::delta_pct(median(first)?, median(head)?) > limit_pct {
                    flagged.insert(case);
                }
            }
            Some(flagged)
        };
        self.passes.iter().filter_map(flags).collect()
    }
}

/// One comparison out of a pool.
pub(crate) struct Draw<'p> {
    pool: &'p Pool,
    plant: Option<(String, Variant)>,
    other: Variant,
    blocks: Vec<usize>,
    /// Blocks that were begun, by case: a comparison's confirming rounds are fresh ones.
    begun: BTreeMap<String, usize>,
    /// Which run of base is whose in this round.
    order: [usize; BASE_RUNS],
    rng: fastrand::Rng,
    /// How long the drawn runs took when they were real.
    pub(crate) secs: f64,
}

impl Measure for Draw<'_> {
    fn run(&mut self, case: &str, place: Place) -> Result<Option<Run>> {
        let begun = self.begun.entry(case.to_owned()).or_default();
        if place.slot == 0 {
            *begun += usize::from(place.layout == 0);
            self.rng.shuffle(&mut self.order);
        }
        let block = self.blocks[*begun - 1];
        let runs = &self.pool.rounds[block * self.pool.layouts + place.layout][case];
        let variant = match (&self.plant, place.side) {
            (_, Side::Base) => Variant::Base,
            (Some((planted, variant)), Side::Head) if planted == case => *variant,
            (_, Side::Head) => self.other,
        };
        let (variant, longer) = match variant {
            Variant::Scaled(pct) => (Variant::Moved, 1.0 + f64::from(pct) / 100.0),
            variant => (variant, 1.0),
        };
        // Slots 0 and 3 are one side's, 1 and 2 the other's.
        let second = usize::from(place.slot > 1);
        let at = match (variant, place.side) {
            (Variant::Base, Side::Base) => self.order[second],
            (Variant::Base, Side::Head) => self.order[2 + second],
            _ => second,
        };
        let mut run = runs[&variant][at].clone();
        for time in [&mut run.low_ns, &mut run.median_ns, &mut run.mean_ns] {
            *time *= longer;
        }
        self.secs += run.wall_ms / 1000.0;
        let Place { side, round, slot, layout } = place;
        Ok(Some(Run { side, round, slot, layout, ..run }))
    }
}

#[cfg(test)]
mod tests;
