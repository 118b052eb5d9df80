//! The statistics of the perf gate and of a long run: quantiles, intervals, tests, slopes, trends and
//! steps. Pure functions over numbers, each with the source of its rule; they know no unit, no
//! threshold and no file.
//!
//! A *piece* is a stretch of a series that may be compared with itself only: the readings of one
//! process. Comparisons are made within pieces and pooled over them, as Hirsch and Slack do over
//! seasons (Water Resources Research 20, 1984).

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A reading: where it stands, such as the cycle's number, and what was read.
pub type Point = (f64, f64);

/// The median; `None` of nothing.
pub fn median(sample: &[f64]) -> Option<f64> {
    let mut some = sample.to_vec();
    let middle = some.len() / 2;
    if some.is_empty() {
        return None;
    }
    // Without sorting: the bootstrap asks for it a thousand times.
    let (below, high, _) = some.select_nth_unstable_by(middle, f64::total_cmp);
    let high = *high;
    let is_odd = sample.len() % 2 == 1;
    let low = if is_odd { high } else { below.iter().copied().fold(f64::NEG_INFINITY, f64::max) };
    Some(low + 0.5 * (high - low))
}

/// The `q` quantile with linear interpolation between neighbours (type 7 of Hyndman and Fan, the
/// default of R and numpy). `None` of nothing.
pub fn quantile(sample: &[f64], q: f64) -> Option<f64> {
    let mut numbers = sample.to_vec();
    numbers.sort_by(f64::total_cmp);
    let place = q * numbers.len().checked_sub(1)? as f64;
    let index = whole(place) as usize;
    let right = numbers.get(index + 1).unwrap_or(&numbers[index]);
    Some(numbers[index] + (right - numbers[index]) * place.fract())
}

/// A number without what stands after its point; a negative one becomes 0.
#[expect(clippy::cast_sign_loss, reason = "negative numbers become 0, which `as` promises")]
pub fn whole(number: f64) -> u64 {
    number as u64
}

/// The mean; `None` of nothing.
pub fn mean(sample: &[f64]) -> Option<f64> {
    (!sample.is_empty()).then(|| sample.iter().sum::<f64>() / sample.len() as f64)
}

/// The standard deviation of a sample, with Bessel's correction.
pub fn std_dev(sample: &[f64]) -> Option<f64> {
    let mean = mean(sample)?;
    let squares: f64 = sample.iter().map(|x| (x - mean).powi(2)).sum();
    (sample.len() > 1).then(|| (squares / (sample.len() - 1) as f64).sqrt())
}

/// `(head - base) / base * 100`: positive is slower.
pub fn delta_pct(base: f64, head: f64) -> f64 {
    (head - base) / base * 100.0
}

/// How many samples the bootstrap draws.
const BOOTSTRAP_DRAWS: usize = 1000;

/// The percentile bootstrap interval of the median at this confidence (Efron 1979). `below` draws a
/// whole number below its argument. The bootstrap is invalid for extremes.
pub fn median_interval(
    sample: &[f64],
    confidence: f64,
    mut below: impl FnMut(usize) -> usize,
) -> Option<(f64, f64)> {
    if sample.is_empty() {
        return None;
    }
    let mut again = sample.to_vec();
    let mut medians = Vec::with_capacity(BOOTSTRAP_DRAWS);
    for _ in 0..BOOTSTRAP_DRAWS {
        again.fill_with(|| sample[below(sample.len())]);
        medians.extend(median(&again));
    }
    let tail = (1.0 - confidence) / 2.0;
    Some((quantile(&medians, tail)?, quantile(&medians, 1.0 - tail)?))
}

/// The Theil-Sen slope: the median of the slopes between any two readings of one piece (Sen,
/// JASA 63, 1968). `None` without two readings at different places.
pub fn theil_sen(pieces: &[Vec<Point>]) -> Option<f64> {
    let slopes = pieces.iter().flat_map(|piece| {
        pairs(piece)
            .filter(|((x0, _), (x1, _))| x1 > x0)
            .map(|((x0, y0), (x1, y1))| (y1 - y0) / (x1 - x0))
    });
    median(&slopes.collect::<Vec<_>>())
}

/// The power of its size that a cost follows, of sizes with their costs: the Theil-Sen slope of the logarithms. `None`
/// without two sizes.
pub fn exponent(costs: &[Point]) -> Option<f64> {
    theil_sen(&[costs.iter().map(|(size, cost)| (size.ln(), cost.ln())).collect()])
}

/// How likely a series without a trend rises as steadily as this one does: the one-sided p value
/// of the Mann-Kendall test, pooled over pieces, with the correction for ties and for continuity
/// (Kendall, Rank Correlation Methods, 1975). A series that never changes has 1.
pub fn rises(pieces: &[Vec<Point>]) -> f64 {
    let mut score = 0.0;
    let mut variance = 0.0;
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
    readings.sort_by(f64::total_cmp);
    let ties = readings.chunk_by(|a, b| a.total_cmp(b).is_eq()).map(|tied| term(tied.len() as f64));
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
    let median_of = |side: &[f64]| median(side).expect("a side has readings");
    let before = median_of(&series[..at]);
    let after = median_of(&series[at..]);
    let deviations = series
        .iter()
        .enumerate()
        .map(|(index, reading)| (reading - if index < at { before } else { after }).abs());
    let noise = 1.4826 * median(&deviations.collect::<Vec<_>>()).expect("there are readings");

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
        let n0 = at as f64;
        let n1 = (count - at) as f64;
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
        numbers.swap(last, below(last + 1, generator));
    }
}

/// A whole number below `bound`.
fn below(bound: usize, generator: &mut Xoshiro256PlusPlus) -> usize {
    ((u128::from(generator.next_u64()) * bound as u128) >> 64) as usize
}

/// The interval of Wilson (1927) for a rate, at 95 %.
pub fn wilson(hits: usize, trials: usize) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    if trials == 0 {
        return (0.0, 1.0);
    }
    let n = trials as f64;
    let p = hits as f64 / n;
    let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let reach = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((middle - reach).max(0.0), (middle + reach).min(1.0))
}

/// Which of these p-values are rejected at `alpha` together, by Holm (1979): the chance of one
/// false rejection among all of them stays below `alpha`.
pub fn holm(p_values: &[f64], alpha: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|left, right| p_values[*left].total_cmp(&p_values[*right]));
    let mut rejected = vec![false; p_values.len()];
    for (rank, index) in order.into_iter().enumerate() {
        if p_values[index] > alpha / (p_values.len() - rank) as f64 {
            break;
        }
        rejected[index] = true;
    }
    rejected
}

/// Where a series changes its level: binary segmentation, a split kept when Welch's test of the two
/// sides is significant at `alpha` and their means differ by `min_pct` per cent. The rule is that of
/// Hunter (Fleming et al. 2023) with a t-test in the place of permutations; each side has at
/// least three points. The best of many splits is looked at, so that each of them may only have its
/// share of `alpha` (Bonferroni).
pub fn change_points(series: &[f64], alpha: f64, min_pct: f64) -> Vec<usize> {
    let mut found = Vec::new();
    let mut todo = vec![(0, series.len())];
    while let Some((from, to)) = todo.pop() {
        let splits = from + 3..(to + 1).saturating_sub(3);
        let share = alpha / splits.len() as f64;
        let best = splits
            .map(|at| (at, welch(&series[from..at], &series[at..to])))
            .filter(|(_, (t, freedom))| student(*t, *freedom) <= share)
            .max_by(|left, right| left.1.0.total_cmp(&right.1.0));
        let Some((at, _)) = best else { continue };
        let before = mean(&series[from..at]);
        let Some((before, after)) = before.zip(mean(&series[at..to])) else { continue };
        if delta_pct(before, after).abs() >= min_pct {
            found.push(at);
            todo.extend([(from, at), (at, to)]);
        }
    }
    found.sort_unstable();
    found
}

/// The absolute value of Welch's t (1947) of two samples and its degrees of freedom; infinite and 1
/// when neither varies.
fn welch(left: &[f64], right: &[f64]) -> (f64, f64) {
    let moments = |sample: &[f64]| {
        let n = sample.len() as f64;
        (mean(sample).unwrap_or(0.0), std_dev(sample).unwrap_or(0.0).powi(2) / n, n - 1.0)
    };
    let (m1, v1, f1) = moments(left);
    let (m2, v2, f2) = moments(right);
    let distance = (m1 - m2).abs();
    let spread = (v1 + v2).sqrt();
    let t = if distance > 0.0 { distance / spread } else { 0.0 };
    let freedom = (v1 + v2).powi(2) / (v1.powi(2) / f1 + v2.powi(2) / f2);
    (t, if freedom.is_finite() { freedom } else { 1.0 })
}

/// How probable an absolute value of Student's t beyond this one is by chance, by the finite series
/// for whole degrees of freedom (Abramowitz and Stegun 26.7.3 and 26.7.4). Those between are taken as
/// the whole number below, which makes it more probable.
fn student(t: f64, freedom: f64) -> f64 {
    let freedom = whole(freedom).max(1);
    let angle = (t / (freedom as f64).sqrt()).atan();
    let (sin, cos) = angle.sin_cos();
    let is_odd = freedom % 2 == 1;
    let mut term = if is_odd { cos } else { 1.0 };
    let mut sum = if freedom == 1 { 0.0 } else { term };
    let mut at = if is_odd { 3 } else { 2 };
    while at < freedom {
        term *= cos * cos * (at - 1) as f64 / at as f64;
        sum += term;
        at += 2;
    }
    let inside = if is_odd { (angle + sin * sum) / std::f64::consts::FRAC_PI_2 } else { sin * sum };
    (1.0 - inside).clamp(0.0, 1.0)
}

/// How probable it is that a count with a Poisson distribution of this mean is greater than `count`, which
/// need not be whole: the regularised lower incomplete gamma function of `count + 1` (Abramowitz and Stegun
/// 26.4.21).
pub fn poisson_beyond(count: f64, mean: f64) -> f64 {
    gamma_below(count + 1.0, mean)
}

/// The number that a gamma distributed one of this shape and the scale 1 exceeds with the probability
/// `above`.
pub fn gamma_at_most(shape: f64, above: f64) -> f64 {
    let mut low = 0.0;
    let mut high = shape + 1.0;
    while 1.0 - gamma_below(shape, high) > above {
        low = high;
        high *= 2.0;
    }
    // Each step halves what is left of the interval; a number has 53 digits.
    for _ in 0..60 {
        let middle = low + 0.5 * (high - low);
        if 1.0 - gamma_below(shape, middle) > above {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// The regularised lower incomplete gamma function by its series (Abramowitz and Stegun 6.5.29).
fn gamma_below(shape: f64, at: f64) -> f64 {
    if at <= 0.0 {
        return 0.0;
    }
    let exponent = shape * at.ln() - at - libm::lgamma(shape + 1.0);
    // Far from the shape, where no term can be written as a number, all of it is on one side.
    if exponent < f64::MIN_POSITIVE.ln() {
        return if at > shape { 1.0 } else { 0.0 };
    }
    let mut term = exponent.exp();
    let mut sum = 0.0;
    let mut next = shape;
    // Terms grow as long as `next` is below `at`.
    while next < at || term > sum * f64::EPSILON {
        sum += term;
        next += 1.0;
        term *= at / next;
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests;
