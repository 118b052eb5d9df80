//! The pace of the benches: the logarithm of each case's median, divided by that of the frozen
//! control case of the same snapshot, relative to the first snapshots; over all cases, and over the
//! cases of each kind of work, because a change in one kind would drown among the others. A drift
//! is a trend that amounts to something, a step the most marked split of the series. Each machine is a
//! piece of its own, relative to its own first snapshots: where a run goes on on another one, what
//! changed is the machine.

use super::{Judgement, Trend};
use crate::{
    limits::Pace,
    snapshot::Snapshot,
    stats::{Point, Step, median, rises, step_up, theil_sen},
};
use std::collections::BTreeSet;

const ASPECT: &str = "pace";

/// Makes the random orders that steps are compared with; any number does.
const ORDERS_SEED: u64 = 0x50AC;

/// Standard errors by which a step has to stand out to be found in four of five runs: 2.33 for a
/// p value of 0.01 and 0.84 for the power.
const STANDS_OUT: f64 = 3.17;

/// A snapshot of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The cycle that took it.
    pub cycle: u64,
    /// The machine, by a number.
    pub machine: u64,
    /// What it is.
    pub snapshot: Snapshot,
}

/// Judges the snapshots of a run, in the order in which they were taken.
pub fn pace(readings: &[Reading], limits: &Pace) -> Judgement {
    let unclear = |why: String| Judgement::new(ASPECT, Trend::Inconclusive, why);
    let pieces: Vec<&[Reading]> =
        readings.chunk_by(|one, next| one.machine == next.machine).collect();
    let most = pieces.iter().map(|piece| piece.len()).max().unwrap_or_default();
    if most < limits.min_snapshots {
        let least = limits.min_snapshots;
        let on = if pieces.len() > 1 { " on one machine" } else { "" };
        return unclear(format!("{most} snapshots{on} of at least {least}: run longer"));
    }
    if let Some(bare) = readings.iter().find(|reading| reading.snapshot.control_ns.is_none()) {
        return unclear(format!("the snapshot of cycle {} has no frozen control case", bare.cycle));
    }
    let common = common(readings);
    if common.is_empty() {
        return unclear("no case is in every snapshot".to_owned());
    }
    let kinds: BTreeSet<&str> = common.iter().map(|id| kind(id)).collect();
    let mut series = vec![Series::of("all cases", &common, &pieces, limits)];
    if kinds.len() > 1 {
        series.extend(kinds.iter().map(|wanted| {
            let chosen: Vec<_> = common.iter().copied().filter(|id| kind(id) == *wanted).collect();
            Series::of(wanted, &chosen, &pieces, limits)
        }));
    }
    // One look at all cases, and the kinds share a second one of the same size.
    let share = limits.significance / kinds.len().max(1) as f64;
    let significance = |index: usize| if index == 0 { limits.significance } else { share };
    let found = series
        .iter()
        .enumerate()
        .find(|(index, series)| series.is_slower(limits.slower_pct, significance(*index)));
    match found {
        Some((_, series)) => series.judgement(Trend::Found),
        None if series[0].resolution_pct > limits.resolves_pct => {
            let blind = series[0].resolution_pct;
            let judgement = series[0].judgement(Trend::Inconclusive);
            let because = format!(
                "too noisy: {} snapshots show a step of {blind:.0} % at the least, {:.0} % is \
                 wanted; {}",
                readings.len(),
                limits.resolves_pct,
                judgement.because
            );
            Judgement { because, ..judgement }
        }
        None => series[0].judgement(Trend::Steady),
    }
}

/// The cases that every snapshot has.
fn common(readings: &[Reading]) -> Vec<&str> {
    let Some(first) = readings.first() else { return Vec::new() };
    let everywhere =
        |id: &&String| readings.iter().all(|reading| reading.snapshot.cases.contains_key(*id));
    first.snapshot.cases.keys().filter(everywhere).map(String::as_str).collect()
}

/// The kind of work that a case does: `Put` of `Put/K16-V16/1`.
fn kind(id: &str) -> &str {
    id.split('/').next().unwrap_or(id)
}

/// A step, and the cycle that it begins with.
struct Found {
    cycle: u64,
    step: Step,
}

/// One series of logarithms, 0 being the level of each machine's first snapshots.
struct Series<'s> {
    name: &'s str,
    /// How many there are.
    points: usize,
    /// How much the trend comes to over the run.
    drift: f64,
    drift_p: f64,
    /// The most marked step within one machine; its p value covers that all were searched.
    found: Found,
    /// The smallest step that would have been found in the middle of each machine's piece, in per cent.
    resolution_pct: f64,
    machines: usize,
}

impl<'s> Series<'s> {
    /// One of the pieces is long enough to show a step.
    fn of(name: &'s str, cases: &[&str], pieces: &[&[Reading]], limits: &Pace) -> Self {
        let levels: Vec<Vec<f64>> =
            pieces.iter().map(|piece| relative(cases, piece, limits.first_snapshots)).collect();
        let points = |levels: &Vec<f64>| -> Vec<Point> {
            levels.iter().enumerate().map(|(at, level)| (at as f64, *level)).collect()
        };
        let series: Vec<Vec<Point>> = levels.iter().map(points).collect();
        let spans = levels.iter().map(|levels| levels.len().saturating_sub(1));
        let drift = theil_sen(&series).unwrap_or_default() * spans.sum::<usize>() as f64;
        let is_long = |(piece, _): &(&&[Reading], _)| piece.len() >= limits.min_snapshots;
        let long: Vec<_> = pieces.iter().zip(&levels).filter(is_long).collect();
        let steps = long.iter().map(|(piece, levels)| {
            let step = step_up(levels, ORDERS_SEED).expect("a long piece has a step");
            let p = (step.p * long.len() as f64).min(1.0);
            Found { cycle: piece[step.at].cycle, step: Step { p, ..step } }
        });
        let steps: Vec<Found> = steps.collect();
        let blind = steps.iter().zip(&long).map(|(found, (piece, _))| {
            per_cent(STANDS_OUT * found.step.noise * 2.0 / (piece.len() as f64).sqrt())
        });
        let resolution_pct = blind.fold(0.0, f64::max);
        let found = steps.into_iter().min_by(|one, other| one.step.p.total_cmp(&other.step.p));
        Self {
            name,
            points: levels.iter().map(Vec::len).sum(),
            drift,
            drift_p: rises(&series),
            found: found.expect("a piece is long enough"),
            resolution_pct,
            machines: pieces.len(),
        }
    }

    fn is_slower(&self, slower_pct: f64, significance: f64) -> bool {
        let enough = (1.0 + slower_pct / 100.0).ln();
        let drifts = self.drift >= enough && self.drift_p <= significance;
        drifts || (self.found.step.height >= enough && self.found.step.p <= significance)
    }

    fn judgement(&self, trend: Trend) -> Judgement {
        let Found { cycle, step } = &self.found;
        let drift = per_cent(self.drift);
        let height = per_cent(step.height);
        let machines = match self.machines {
            1 => String::new(),
            machines => format!(" of {machines} machines, each for itself"),
        };
        let because = format!(
            "{}: drift {drift:+.1} % over {} snapshots{machines} (p = {:.4}); most marked step \
             {height:+.1} % at cycle {cycle} (p = {:.4}); noise {:.1} %",
            self.name,
            self.points,
            self.drift_p,
            step.p,
            per_cent(step.noise),
        );
        Judgement::new(ASPECT, trend, because).with([
            ("snapshots", self.points as f64),
            ("machines", self.machines as f64),
            ("drift_pct", drift),
            ("drift_p", self.drift_p),
            ("step_pct", height),
            ("step_p", step.p),
            ("step_cycle", *cycle as f64),
            ("noise_pct", per_cent(step.noise)),
            ("resolution_pct", self.resolution_pct),
        ])
    }
}

/// The median over the cases of each snapshot, relative to the first ones of the same machine.
fn relative(cases: &[&str], piece: &[Reading], first_snapshots: usize) -> Vec<f64> {
    let level = |reading: &Reading, id: &str| {
        let control = reading.snapshot.control_ns.expect("every snapshot has its control case");
        (reading.snapshot.cases[id] / control).ln()
    };
    let first = &piece[..first_snapshots.min(piece.len())];
    let base = |id: &&str| {
        let levels: Vec<f64> = first.iter().map(|reading| level(reading, id)).collect();
        median(&levels).expect("there is a first snapshot")
    };
    let bases: Vec<f64> = cases.iter().map(base).collect();
    let over_cases = |reading: &Reading| {
        let levels = cases.iter().zip(&bases).map(|(id, base)| level(reading, id) - base);
        median(&levels.collect::<Vec<_>>()).expect("there is a case")
    };
    piece.iter().map(over_cases).collect()
}

fn per_cent(logarithm: f64) -> f64 {
    logarithm.exp_m1() * 100.0
}
