//! What one short process run of one case on one side gave, and where it stood in the order of
//! runs. Data, and what can be read out of a set of runs; nothing is decided here.

use crate::stats;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One of the two versions that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    Base,
    Head,
}

/// One process run of a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) side: Side,
    /// The round, from 0; each has two runs of each side.
    pub(crate) round: usize,
    /// Its place in the round, 0 to 3.
    pub(crate) slot: usize,
    /// Which link layout it ran in.
    pub(crate) layout: usize,
    /// The low quantile of the samples' time for an iteration (`criterion::LOW`).
    pub(crate) low_ns: f64,
    /// Their median.
    pub(crate) median_ns: f64,
    /// Their mean.
    pub(crate) mean_ns: f64,
    pub(crate) samples: usize,
    /// How long the whole process took, in milliseconds.
    #[serde(default)]
    pub(crate) wall_ms: f64,
    /// Load average of the last minute when the run ended.
    pub(crate) load: f64,
}

/// What was measured, before anything is decided about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Estimate {
    /// The gate's estimator of each side ([`best`]).
    pub(crate) base_ns: f64,
    pub(crate) head_ns: f64,
    pub(crate) delta_pct: f64,
    /// Bounds of `delta_pct` at 5 % and 95 %, over random halves of the rounds.
    pub(crate) low_pct: f64,
    pub(crate) high_pct: f64,
    /// The medians of the runs' medians, for those who want the plain figure, and their delta.
    pub(crate) base_median_ns: f64,
    pub(crate) head_median_ns: f64,
    pub(crate) median_delta_pct: f64,
    /// What base differs from itself by: half of its runs against the others, in the middle of many
    /// such splits.
    pub(crate) floor_pct: f64,
    pub(crate) rounds: usize,
    /// The share of halves that do not show a slowdown beyond the bound that was asked for.
    pub(crate) p_value: f64,
}

/// Random halves of the rounds that the bounds are taken from. The smallest p-value is one in so many:
/// by Holm at 5 % two hundred suspects can still be proved.
const HALVES: usize = 4000;

/// Splits of base that the middle is taken of.
const SPLITS: usize = 500;

/// The figure of a side: the mean of `low_ns` over the lowest eighth of its runs, at least one.
/// Delays only add (Chen and Revels 2016), so that the lowest runs are those that were disturbed
/// least. Not the lowest alone: of recorded runs of four writers one in fifty is lower than all
/// others by six per cent, and decided the comparison.
pub(crate) fn best(runs: &[Run], side: Side) -> Option<f64> {
    lowest(&ascending(runs, side), |_| true)
}

/// The runs of a side, the lowest first: subsets are then read off in one go.
fn ascending(runs: &[Run], side: Side) -> Vec<&Run> {
    let mut runs: Vec<_> = runs.iter().filter(|run| run.side == side).collect();
    runs.sort_by(|one, other| one.low_ns.total_cmp(&other.low_ns));
    runs
}

/// The same figure among those that are chosen.
fn lowest(ascending: &[&Run], chosen: impl Fn(&Run) -> bool) -> Option<f64> {
    let chosen = || ascending.iter().filter(|run| chosen(run));
    let lows: Vec<f64> =
        chosen().take(chosen().count().div_ceil(8)).map(|run| run.low_ns).collect();
    stats::mean(&lows)
}

fn delta([base, head]: &[Vec<&Run>; 2], chosen: impl Fn(&Run) -> bool) -> Option<f64> {
    Some(stats::delta_pct(lowest(base, &chosen)?, lowest(head, &chosen)?))
}

impl Estimate {
    /// Reads the estimate out of the runs; `bound_pct` is what the p-value speaks of. `None` when
    /// a side has no run.
    pub(crate) fn of(runs: &[Run], bound_pct: f64, rng: &mut fastrand::Rng) -> Option<Self> {
        let sides = [Side::Base, Side::Head].map(|side| ascending(runs, side));
        let (base_ns, head_ns) = (lowest(&sides[0], |_| true)?, lowest(&sides[1], |_| true)?);
        let rounds = runs.iter().map(|run| run.round).max()? + 1;
        let halves = halves(&sides, rounds, rng);
        let beyond = halves.iter().filter(|delta| **delta <= bound_pct).count();
        let medians = |side| {
            let of: Vec<_> =
                runs.iter().filter(|run| run.side == side).map(|run| run.median_ns).collect();
            stats::median(&of)
        };
        let (base_median_ns, head_median_ns) = (medians(Side::Base)?, medians(Side::Head)?);
        Some(Self {
            base_ns,
            head_ns,
            delta_pct: stats::delta_pct(base_ns, head_ns),
            low_pct: stats::quantile(&halves, 0.05)?,
            high_pct: stats::quantile(&halves, 0.95)?,
            base_median_ns,
            head_median_ns,
            median_delta_pct: stats::delta_pct(base_median_ns, head_median_ns),
            floor_pct: floor(&sides[0], rounds, rng)?,
            rounds,
            p_value: (beyond + 1) as f64 / (halves.len() + 1) as f64,
        })
    }
}

/// The delta on random halves of the rounds. Half-sampling is calibrated for a best-of estimator,
/// where the ordinary bootstrap is not.
fn halves(sides: &[Vec<&Run>; 2], rounds: usize, rng: &mut fastrand::Rng) -> Vec<f64> {
    let mut half: Vec<bool> = (0..rounds).map(|round| round < rounds.div_ceil(2)).collect();
    (0..HALVES)
        .filter_map(|_| {
            rng.shuffle(&mut half);
            delta(sides, |run| half[run.round])
        })
        .collect()
}

/// Base against itself: each round gives one of its base runs to either half, by the toss of a coin,
/// and the better half is compared with the other; the median over many such splits. One split alone
/// says little: half of the runs have more than the spread of all of them, and the larger of the two
/// ways round is the worse one.
fn floor(base: &[&Run], rounds: usize, rng: &mut fastrand::Rng) -> Option<f64> {
    let is_second =
        |run: &Run| base.iter().any(|other| other.round == run.round && other.slot < run.slot);
    let seconds: BTreeSet<(usize, usize)> =
        base.iter().filter(|run| is_second(run)).map(|run| (run.round, run.slot)).collect();
    let splits: Vec<f64> = (0..SPLITS)
        .filter_map(|_| {
            let coins: Vec<bool> = (0..rounds).map(|_| rng.bool()).collect();
            let half = |run: &Run| coins[run.round] ^ seconds.contains(&(run.round, run.slot));
            let (one, other) = (lowest(base, half)?, lowest(base, |run| !half(run))?);
            Some(stats::delta_pct(one.min(other), one.max(other)))
        })
        .collect();
    stats::median(&splits)
}

/// Whether any single round shows head slower by more than this: the sign of a slowdown that only
/// sometimes happens, to which the best over all runs is blind.
pub(crate) fn any_round_beyond(runs: &[Run], pct: f64) -> bool {
    let sides = [Side::Base, Side::Head].map(|side| ascending(runs, side));
    let rounds = runs.iter().map(|run| run.round + 1).max().unwrap_or(0);
    (0..rounds).any(|round| delta(&sides, |run| run.round == round).is_some_and(|d| d > pct))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(side: Side, round: usize, slot: usize, low_ns: f64) -> Run {
        let (layout, samples, wall_ms, load) = (0, 10, 300.0, 0.0);
        let (median_ns, mean_ns) = (low_ns * 1.2, low_ns * 1.3);
        Run { side, round, slot, layout, low_ns, median_ns, mean_ns, samples, wall_ms, load }
    }

    fn runs() -> Vec<Run> {
        use Side::{Base, Head};
        [
            (Base, 0, 0, 110.0),
            (Head, 0, 1, 120.0),
            (Head, 0, 2, 112.0),
            (Base, 0, 3, 100.0),
            (Head, 1, 0, 111.0),
            (Base, 1, 1, 104.0),
            (Base, 1, 2, 130.0),
            (Head, 1, 3, 140.0),
        ]
        .map(|(side, round, slot, low)| run(side, round, slot, low))
        .into()
    }

    #[test]
    fn the_estimate_is_the_best_of_each_side() {
        let estimate = Estimate::of(&runs(), 1.0, &mut fastrand::Rng::with_seed(1)).unwrap();
        assert_eq!((estimate.base_ns, estimate.head_ns, estimate.rounds), (100.0, 111.0, 2));
        assert!((estimate.delta_pct - 11.0).abs() < 1e-9);
        // A half is one of the two rounds: 112/100 or 111/104.
        assert!((estimate.high_pct - 12.0).abs() < 1e-9, "{estimate:?}");
        assert!((estimate.low_pct - (111.0 / 104.0 - 1.0) * 100.0).abs() < 1e-9, "{estimate:?}");
        assert!((estimate.base_median_ns - 107.0 * 1.2).abs() < 1e-9);
        assert!(estimate.p_value < 0.001);
        assert!(
            Estimate::of(&runs(), 11.5, &mut fastrand::Rng::with_seed(1)).unwrap().p_value > 0.3
        );
        assert!(Estimate::of(&runs()[..1], 1.0, &mut fastrand::Rng::with_seed(1)).is_none());
    }

    #[test]
    fn base_is_compared_with_itself_over_all_ways_to_split_it() {
        let floor_of = |rounds: &[[f64; 2]]| {
            let runs: Vec<Run> = rounds
                .iter()
                .enumerate()
                .flat_map(|(round, lows)| [0, 1].map(|at| run(Side::Base, round, 3 * at, lows[at])))
                .collect();
            let base = ascending(&runs, Side::Base);
            floor(&base, rounds.len(), &mut fastrand::Rng::with_seed(1)).unwrap()
        };
        // The lowest run is in one half, whichever it is, and the one of its round in the other.
        assert!((floor_of(&[[100.0, 110.0], [120.0, 130.0]]) - 10.0).abs() < 1e-9);
        // Three of four splits put 102 against 100, and one puts 110.
        let floor = floor_of(&[[100.0, 110.0], [102.0, 120.0], [102.0, 130.0]]);
        assert!((floor - 2.0).abs() < 1e-9, "{floor}");
        assert!(floor_of(&[[100.0, 100.0], [130.0, 101.0]]).abs() < 1e-9);
    }

    #[test]
    fn one_bad_round_is_seen() {
        assert!(any_round_beyond(&runs(), 11.9) && !any_round_beyond(&runs(), 12.1));
    }
}
