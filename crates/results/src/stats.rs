//! The statistics of a long run: robust slopes, trends and steps. Pure functions over numbers; they
//! know no unit, no threshold and no file.
//!
//! A *piece* is a stretch of a series that may be compared with itself only: the readings of one
//! process. Comparisons are made within pieces and pooled over them, as Hirsch and Slack do over
//! seasons (Water Resources Research 20, 1984).

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A reading: where it stands, such as the cycle's number, and what was read.
pub type Point = (f64, f64);

/// The median; `None` of nothing.
pub fn median(mut numbers: Vec<f64>) -> Option<f64> {
    quantile_sorted(sorted(&mut numbers), 0.5)
}

/// The `q` quantile with linear interpolation between neighbours (type 7 of Hyndman and Fan).
pub fn quantile(mut numbers: Vec<f64>, q: f64) -> Option<f64> {
    quantile_sorted(sorted(&mut numbers), q)
}

fn sorted(numbers: &mut [f64]) -> &[f64] {
    numbers.sort_by(f64::total_cmp);
    numbers
}

fn quantile_sorted(numbers: &[f64], q: f64) -> Option<f64> {
    let place = q * numbers.len().checked_sub(1)? as f64;
    let share = place.fract();
    #[expect(clippy::cast_sign_loss, reason = "a place in a list is not negative")]
    let index = place as usize;
    let right = numbers.get(index + 1).unwrap_or(&numbers[index]);
    Some(numbers[index] + (right - numbers[index]) * share)
}

/// The Theil-Sen slope: the median of the slopes between any two readings of one piece (Sen,
/// JASA 63, 1968). `None` without two readings at different places.
pub fn theil_sen(pieces: &[Vec<Point>]) -> Option<f64> {
    let slopes = pieces.iter().flat_map(|piece| {
        pairs(piece)
            .filter(|((x0, _), (x1, _))| x1 > x0)
            .map(|((x0, y0), (x1, y1))| (y1 - y0) / (x1 - x0))
    });
    median(slopes.collect())
}

/// How likely a series without a trend rises as steadily as this one does: the one-sided p value
/// of the Mann-Kendall test, pooled over pieces, with the correction for ties and for continuity
/// (Kendall, Rank Correlation Methods, 1975). A series that never changes has 1.
pub fn rises(pieces: &[Vec<Point>]) -> f64 {
    let (mut score, mut variance) = (0.0, 0.0);
    for piece in pieces {
        score += pairs(piece).map(|((_, y0), (_, y1))| sign(y1 - y0)).sum::<f64>();
        variance += kendall_variance(piece);
    }
    if variance <= 0.0 {
        return 1.0;
    }
    upper_tail((score - sign(score)) / variance.sqrt())
}

fn pairs(piece: &[Point]) -> impl Iterator<Item = (Point, Point)> {
    piece
        .iter()
        .enumerate()
        .flat_map(|(at, first)| piece[at + 1..].iter().map(|second| (*first, *second)))
}

fn sign(number: f64) -> f64 {
    if number == 0.0 { 0.0 } else { number.signum() }
}

fn kendall_variance(piece: &[Point]) -> f64 {
    let term = |n: f64| n * (n - 1.0) * (2.0 * n + 5.0);
    let mut readings: Vec<f64> = piece.iter().map(|(_, y)| *y).collect();
    let ties = sorted(&mut readings)
        .chunk_by(|a, b| a.total_cmp(b).is_eq())
        .map(|tied| term(tied.len() as f64));
    let ties: f64 = ties.sum();
    (term(piece.len() as f64) - ties) / 18.0
}

/// The probability that a standard normal number is greater than `z`.
fn upper_tail(z: f64) -> f64 {
    libm::erfc(z / std::f64::consts::SQRT_2) / 2.0
}

/// The place where a series most likely stepped up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Index of the first reading after it.
    pub at: usize,
    /// Median after it minus median before it.
    pub height: f64,
    /// How likely a series without a step, in random order, has one as marked as this.
    pub p: f64,
    /// Standard deviation of the readings around their side's median, estimated by the median
    /// absolute deviation.
    pub noise: f64,
}

/// Readings that a side of a step must have.
const SIDE: usize = 3;

/// Random orders that a step is compared with; the smallest p value is one of so many.
const ORDERS: u32 = 9_999;

/// Finds the most marked step up: the split with the greatest difference of means in units of its
/// standard error, compared with random orders of the same readings, so that the search for the
/// best split is part of the null distribution. `seed` makes the orders. `None` when there are too
/// few readings for two sides.
pub fn step_up(series: &[f64], seed: u64) -> Option<Step> {
    let (at, observed) = best_split(series)?;
    let median_of = |side: &[f64]| median(side.to_vec()).expect("a side has readings");
    let (before, after) = (median_of(&series[..at]), median_of(&series[at..]));
    let deviations = series
        .iter()
        .enumerate()
        .map(|(index, reading)| (reading - if index < at { before } else { after }).abs());
    let noise = 1.4826 * median(deviations.collect()).expect("there are readings");

    let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut order = series.to_vec();
    let as_marked = (0..ORDERS)
        .filter(|_| {
            shuffle(&mut order, &mut generator);
            best_split(&order).is_some_and(|(_, marked)| marked >= observed - 1e-9)
        })
        .count();
    let p = (1 + as_marked) as f64 / f64::from(1 + ORDERS);
    Some(Step { at, height: after - before, p, noise })
}

/// The split with the greatest rise of the mean, and that rise in units of its standard error. The
/// variance is that around the two means, so that the step itself is no noise.
fn best_split(series: &[f64]) -> Option<(usize, f64)> {
    let count = series.len();
    let (total, squares) =
        series.iter().fold((0.0, 0.0), |(sum, squares), y| (sum + y, squares + y * y));
    let mut left = 0.0;
    let mut best: Option<(usize, f64)> = None;
    for (index, reading) in series.iter().enumerate() {
        left += reading;
        let at = index + 1;
        if at < SIDE || count - at < SIDE {
            continue;
        }
        let (n0, n1) = (at as f64, (count - at) as f64);
        let rise = (total - left) / n1 - left / n0;
        let around = squares - left * left / n0 - (total - left) * (total - left) / n1;
        let error = (around.max(1e-12) / (n0 + n1 - 2.0) * (1.0 / n0 + 1.0 / n1)).sqrt();
        let marked = rise / error;
        if best.is_none_or(|(_, most)| marked > most) {
            best = Some((at, marked));
        }
    }
    best
}

/// Fisher and Yates.
fn shuffle(numbers: &mut [f64], generator: &mut Xoshiro256PlusPlus) {
    for last in (1..numbers.len()).rev() {
        let bound = last as u64 + 1;
        let pick = (u128::from(generator.next_u64()) * u128::from(bound)) >> 64;
        numbers.swap(last, pick as usize);
    }
}

#[cfg(test)]
mod tests;
