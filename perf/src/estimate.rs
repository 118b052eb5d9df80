//! What a set of runs shows: the figure of a side, the delta with its bounds, the noise floor. Pure;
//! nothing is measured or decided here.

use results::{
    gate::{Estimate, Run, Side},
    stats,
};

/// Random halves of the rounds that the bounds are taken from. The smallest p-value is one in so many:
/// by Holm at 5 % two hundred suspects can still be proved.
const HALVES: usize = 4000;

/// Splits of base that the median is taken of.
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
    let mut runs: Vec<_> = runs.iter().filter(|run| run.place.side == side).collect();
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

/// Reads the estimate out of the runs; `bound_pct` is what the p-value speaks of. `None` when
/// a side has no run.
pub(crate) fn estimate(runs: &[Run], bound_pct: f64, rng: &mut fastrand::Rng) -> Option<Estimate> {
    let sides = [Side::Base, Side::Head].map(|side| ascending(runs, side));
    let base_ns = lowest(&sides[0], |_| true)?;
    let head_ns = lowest(&sides[1], |_| true)?;
    let rounds = runs.iter().map(|run| run.place.round).max()? + 1;
    let halves = halves(&sides, rounds, rng);
    let beyond = halves.iter().filter(|delta| **delta <= bound_pct).count();
    let medians =
        |side: &[&Run]| stats::median(&side.iter().map(|run| run.median_ns).collect::<Vec<_>>());
    let base_median_ns = medians(&sides[0])?;
    let head_median_ns = medians(&sides[1])?;
    Some(Estimate {
        base_ns,
        head_ns,
        delta_pct: stats::delta_pct(base_ns, head_ns),
        low_pct: stats::quantile(&halves, 0.05)?,
        high_pct: stats::quantile(&halves, 0.95)?,
        base_median_ns,
        head_median_ns,
        median_delta_pct: stats::delta_pct(base_median_ns, head_median_ns),
        noise_floor_pct: noise_floor(&sides[0], rounds, rng)?,
        rounds,
        p_value: (beyond + 1) as f64 / (halves.len() + 1) as f64,
    })
}

/// The delta on random halves of the rounds. Half-sampling is calibrated for a best-of estimator,
/// where the ordinary bootstrap is not.
fn halves(sides: &[Vec<&Run>; 2], rounds: usize, rng: &mut fastrand::Rng) -> Vec<f64> {
    let mut half: Vec<bool> = (0..rounds).map(|round| round < rounds.div_ceil(2)).collect();
    let delta_of_half = |_| {
        rng.shuffle(&mut half);
        delta(sides, |run| half[run.place.round])
    };
    (0..HALVES).filter_map(delta_of_half).collect()
}

/// Base against itself: each round gives one of its base runs to either half, by the toss of a coin,
/// and the better half is compared with the other; the median over many such splits. One split alone
/// says little: half of the runs have more than the spread of all of them, and the larger of the two
/// ways round is the worse one.
fn noise_floor(base: &[&Run], rounds: usize, rng: &mut fastrand::Rng) -> Option<f64> {
    let split = |_| {
        let coins: Vec<bool> = (0..rounds).map(|_| rng.bool()).collect();
        // Of ABBA and of BAAB, each side has one run in either half of the round.
        let half = |run: &Run| coins[run.place.round] ^ (run.place.slot >= 2);
        let one = lowest(base, half)?;
        let other = lowest(base, |run| !half(run))?;
        Some(stats::delta_pct(one.min(other), one.max(other)))
    };
    stats::median(&(0..SPLITS).filter_map(split).collect::<Vec<_>>())
}

/// Whether any single round shows head slower by more than this: the sign of a slowdown that only
/// sometimes happens, to which the best over all runs is blind.
pub(crate) fn any_round_beyond(runs: &[Run], pct: f64) -> bool {
    let sides = [Side::Base, Side::Head].map(|side| ascending(runs, side));
    let rounds = runs.iter().map(|run| run.place.round + 1).max().unwrap_or(0);
    (0..rounds).any(|round| delta(&sides, |run| run.place.round == round).is_some_and(|d| d > pct))
}

#[cfg(test)]
mod tests {
    use super::*;
    use results::gate::Place;

    fn run(side: Side, round: usize, slot: usize, low_ns: f64) -> Run {
        Run {
            place: Place { side, round, slot, layout: 0 },
            low_ns,
            median_ns: low_ns * 1.2,
            mean_ns: low_ns * 1.3,
            samples: 10,
            wall_ms: 300.0,
            load: 0.0,
        }
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
        let found = estimate(&runs(), 1.0, &mut fastrand::Rng::with_seed(1)).unwrap();
        assert_eq!((found.base_ns, found.head_ns, found.rounds), (100.0, 111.0, 2));
        assert!((found.delta_pct - 11.0).abs() < 1e-9);
        // A half is one of the two rounds: 112/100 or 111/104.
        assert!((found.high_pct - 12.0).abs() < 1e-9, "{found:?}");
        assert!((found.low_pct - (111.0 / 104.0 - 1.0) * 100.0).abs() < 1e-9, "{found:?}");
        assert!((found.base_median_ns - 107.0 * 1.2).abs() < 1e-9);
        assert!(found.p_value < 0.001);
        assert!(estimate(&runs(), 11.5, &mut fastrand::Rng::with_seed(1)).unwrap().p_value > 0.3);
        assert!(estimate(&runs()[..1], 1.0, &mut fastrand::Rng::with_seed(1)).is_none());
    }

    #[test]
    fn the_noise_floor_is_over_many_splits_of_base() {
        let floor_of = |rounds: &[[f64; 2]]| {
            let runs: Vec<Run> = rounds
                .iter()
                .enumerate()
                .flat_map(|(round, lows)| [0, 1].map(|at| run(Side::Base, round, 3 * at, lows[at])))
                .collect();
            let base = ascending(&runs, Side::Base);
            noise_floor(&base, rounds.len(), &mut fastrand::Rng::with_seed(1)).unwrap()
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
