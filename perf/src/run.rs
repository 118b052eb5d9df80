//! What one short process run of one case on one side gave, and where it stood in the order of
//! runs. Data, and what can be read out of a set of runs; nothing is decided here.

use crate::stats;
use serde::{Deserialize, Serialize};

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
    /// What base differs from itself: the best of half of its runs against the best of the others.
    pub(crate) floor_pct: f64,
    pub(crate) rounds: usize,
    /// The share of halves that do not show a slowdown beyond the bound that was asked for.
    pub(crate) p_value: f64,
}

/// Random halves of the rounds that the bounds are taken from.
const HALVES: usize = 2000;

/// The figure of a side: the mean of `low_ns` over the lowest eighth of its runs, at least one.
/// Delays only add (Chen and Revels 2016), so that the lowest runs are those that were disturbed
/// least. Not the lowest alone: of recorded runs of four writers one in fifty is lower than all
/// others by six per cent, and decided the comparison.
pub(crate) fn best(runs: &[Run], side: Side) -> Option<f64> {
    best_of(runs, side, |_| true)
}

/// The same among the runs that are chosen.
fn best_of(runs: &[Run], side: Side, chosen: impl Fn(&Run) -> bool) -> Option<f64> {
    let runs = runs.iter().filter(|run| run.side == side && chosen(run));
    let mut lows: Vec<f64> = runs.map(|run| run.low_ns).collect();
    lows.sort_by(f64::total_cmp);
    lows.truncate(lows.len().div_ceil(8));
    stats::mean(&lows)
}

fn delta(runs: &[Run], chosen: impl Fn(&Run) -> bool) -> Option<f64> {
    let (base, head) = (best_of(runs, Side::Base, &chosen)?, best_of(runs, Side::Head, &chosen)?);
    Some(stats::delta_pct(base, head))
}

impl Estimate {
    /// Reads the estimate out of the runs; `bound_pct` is what the p-value speaks of. `None` when
    /// a side has no run.
    pub(crate) fn of(runs: &[Run], bound_pct: f64, rng: &mut fastrand::Rng) -> Option<Self> {
        let (base_ns, head_ns) = (best(runs, Side::Base)?, best(runs, Side::Head)?);
        let rounds = runs.iter().map(|run| run.round).max()? + 1;
        let halves = halves(runs, rounds, rng);
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
            floor_pct: floor(runs)?,
            rounds,
            p_value: (beyond + 1) as f64 / (halves.len() + 1) as f64,
        })
    }
}

/// The delta on random halves of the rounds. Half-sampling is calibrated for a best-of estimator,
/// where the ordinary bootstrap is not.
fn halves(runs: &[Run], rounds: usize, rng: &mut fastrand::Rng) -> Vec<f64> {
    let mut order: Vec<usize> = (0..rounds).collect();
    (0..HALVES)
        .filter_map(|_| {
            rng.shuffle(&mut order);
            let half = &order[..rounds.div_ceil(2)];
            delta(runs, |run| half.contains(&run.round))
        })
        .collect()
}

/// Base against itself: each round gives one of its base runs to either half, by turns the one
/// that ran first, so that neither half has the better places. The larger of the two ways round.
fn floor(runs: &[Run]) -> Option<f64> {
    let first = |run: &Run| {
        let earlier = |other: &&Run| {
            other.side == Side::Base && other.round == run.round && other.slot < run.slot
        };
        runs.iter().find(earlier).is_none()
    };
    let half = |parity: usize| {
        best_of(runs, Side::Base, |run| (run.round + usize::from(first(run))) % 2 == parity)
    };
    match (half(0), half(1)) {
        (Some(one), Some(other)) => Some(stats::delta_pct(one.min(other), one.max(other))),
        _ => None,
    }
}

/// Whether any single round shows head slower by more than this: the sign of a slowdown that only
/// sometimes happens, to which the best over all runs is blind.
pub(crate) fn any_round_beyond(runs: &[Run], pct: f64) -> bool {
    let rounds = runs.iter().map(|run| run.round + 1).max().unwrap_or(0);
    (0..rounds).any(|round| delta(runs, |run| run.round == round).is_some_and(|d| d > pct))
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
        // Base's halves are {first of round 0, second of round 1} and the rest.
        assert!((estimate.floor_pct - 10.0).abs() < 1e-9, "{estimate:?}");
        assert!((estimate.base_median_ns - 107.0 * 1.2).abs() < 1e-9);
        assert!(estimate.p_value < 0.001);
        assert!(
            Estimate::of(&runs(), 11.5, &mut fastrand::Rng::with_seed(1)).unwrap().p_value > 0.3
        );
        assert!(Estimate::of(&runs()[..1], 1.0, &mut fastrand::Rng::with_seed(1)).is_none());
    }

    #[test]
    fn one_bad_round_is_seen() {
        assert!(any_round_beyond(&runs(), 11.9) && !any_round_beyond(&runs(), 12.1));
    }
}
