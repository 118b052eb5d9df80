//! The statistics of the gate: pure functions over numbers. Each names where its rule comes from.
//! Nothing here knows a case, a clock or a file.

/// The quantile of a sample by linear interpolation between order statistics (Hyndman and Fan's
/// definition 7, the default of R and numpy). `None` for an empty sample.
pub(crate) fn quantile(sample: &[f64], q: f64) -> Option<f64> {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = q * (sorted.len().checked_sub(1)? as f64);
    let (low, high) = (whole(at) as usize, whole(at.ceil()) as usize);
    Some(sorted[low] + (at - low as f64) * (sorted[high] - sorted[low]))
}

/// A number that is not negative, without what stands after its point.
#[expect(clippy::cast_sign_loss, reason = "negative numbers become 0, which `as` promises")]
pub(crate) fn whole(number: f64) -> u64 {
    number as u64
}

/// The median.
pub(crate) fn median(sample: &[f64]) -> Option<f64> {
    quantile(sample, 0.5)
}

/// The mean.
pub(crate) fn mean(sample: &[f64]) -> Option<f64> {
    (!sample.is_empty()).then(|| sample.iter().sum::<f64>() / sample.len() as f64)
}

/// A percentile bootstrap interval of the median at this confidence (Efron 1979), for the spread
/// of one process run's samples. Not for extremes, for which the bootstrap is invalid.
pub(crate) fn median_interval(
    sample: &[f64],
    confidence: f64,
    rng: &mut fastrand::Rng,
) -> Option<(f64, f64)> {
    const DRAWS: usize = 1000;
    if sample.is_empty() {
        return None;
    }
    let medians: Vec<f64> = (0..DRAWS)
        .filter_map(|_| {
            let drawn: Vec<f64> =
                sample.iter().map(|_| sample[rng.usize(..sample.len())]).collect();
            median(&drawn)
        })
        .collect();
    let tail = (1.0 - confidence) / 2.0;
    Some((quantile(&medians, tail)?, quantile(&medians, 1.0 - tail)?))
}

/// `(head - base) / base * 100`: positive is slower.
pub(crate) fn delta_pct(base: f64, head: f64) -> f64 {
    (head - base) / base * 100.0
}

/// The interval of Wilson (1927) for a rate, at 95 %.
pub(crate) fn wilson(hits: usize, trials: usize) -> (f64, f64) {
    const Z: f64 = 1.959_963_984_540_054;
    if trials == 0 {
        return (0.0, 1.0);
    }
    let (n, p) = (trials as f64, hits as f64 / trials as f64);
    let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let reach = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    ((middle - reach).max(0.0), (middle + reach).min(1.0))
}

/// Which of these p-values are rejected at `alpha` together, by Holm (1979): the chance of one
/// false rejection among all of them stays below `alpha`.
pub(crate) fn holm(p_values: &[f64], alpha: f64) -> Vec<bool> {
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

/// The slope of a series by Theil (1950) and Sen (1968): the median of all pairwise slopes.
pub(crate) fn theil_sen(series: &[f64]) -> Option<f64> {
    let mut slopes = Vec::new();
    for (i, left) in series.iter().enumerate() {
        for (j, right) in series.iter().enumerate().skip(i + 1) {
            slopes.push((right - left) / (j - i) as f64);
        }
    }
    median(&slopes)
}

/// Where a series changes its level: binary segmentation, a split kept when Welch's t of the two
/// sides is beyond `t_min` and their means differ by `min_pct` per cent. The rule is that of
/// Hunter (Fleming et al. 2023) with a t-test in the place of permutations; each side has at
/// least three points.
pub(crate) fn change_points(series: &[f64], t_min: f64, min_pct: f64) -> Vec<usize> {
    let mut found = Vec::new();
    let mut todo = vec![(0, series.len())];
    while let Some((from, to)) = todo.pop() {
        let best = (from + 3..(to + 1).saturating_sub(3))
            .map(|at| (at, welch(&series[from..at], &series[at..to])))
            .max_by(|left, right| left.1.total_cmp(&right.1));
        let Some((at, t)) = best else { continue };
        let (before, after) = (mean(&series[from..at]), mean(&series[at..to]));
        let (Some(before), Some(after)) = (before, after) else { continue };
        if t >= t_min && delta_pct(before, after).abs() >= min_pct {
            found.push(at);
            todo.extend([(from, at), (at, to)]);
        }
    }
    found.sort_unstable();
    found
}

/// The absolute value of Welch's t (1947) of two samples; infinite when neither varies.
fn welch(left: &[f64], right: &[f64]) -> f64 {
    let moments = |sample: &[f64]| {
        let mean = mean(sample).unwrap_or(0.0);
        let squares: f64 = sample.iter().map(|x| (x - mean).powi(2)).sum();
        let n = sample.len() as f64;
        (mean, squares / (n - 1.0).max(1.0) / n)
    };
    let ((m1, v1), (m2, v2)) = (moments(left), moments(right));
    let (distance, spread) = ((m1 - m2).abs(), (v1 + v2).sqrt());
    if distance > 0.0 { distance / spread } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-9, "{left} is not {right}");
    }

    #[test]
    fn quantiles_are_those_of_numpy() {
        // numpy.quantile([7, 1, 3, 10], [0, .1, .25, .5, .9, 1])
        let sample = [7.0, 1.0, 3.0, 10.0];
        for (q, right) in [(0.0, 1.0), (0.1, 1.6), (0.25, 2.5), (0.5, 5.0), (0.9, 9.1), (1.0, 10.0)]
        {
            near(quantile(&sample, q).unwrap(), right);
        }
        assert_eq!(quantile(&[], 0.5), None);
        near(median(&[4.0]).unwrap(), 4.0);
        near(mean(&sample).unwrap(), 5.25);
    }

    #[test]
    fn rates_have_the_intervals_of_the_books() {
        // Wilson (1927), computed in double precision with another program.
        let (low, high) = wilson(0, 72);
        near(low, 0.0);
        near((high * 1e6).round() / 1e6, 0.050_651);
        let (low, high) = wilson(19, 20);
        near((low * 1e6).round() / 1e6, 0.763_869);
        near((high * 1e6).round() / 1e6, 0.991_119);
    }

    #[test]
    fn holm_rejects_what_the_book_rejects() {
        // statsmodels multipletests([.01, .04, .03, .005], method="holm"): .01 and .005
        assert_eq!(holm(&[0.01, 0.04, 0.03, 0.005], 0.05), [true, false, false, true]);
        assert_eq!(holm(&[], 0.05), [false; 0]);
    }

    #[test]
    fn slopes_and_steps_are_found_where_they_are_and_nowhere_else() {
        // scipy.stats.theilslopes([1, 2, 3, 50, 5]).slope
        near(theil_sen(&[1.0, 2.0, 3.0, 50.0, 5.0]).unwrap(), 1.0);
        let mut rng = fastrand::Rng::with_seed(5);
        let mut noise = |level: f64| level * (1.0 + 0.01 * (rng.f64() - 0.5));
        let flat: Vec<f64> = (0..40).map(|_| noise(100.0)).collect();
        assert_eq!(change_points(&flat, 6.0, 5.0), [0; 0]);
        let step: Vec<f64> = (0..40).map(|i| noise(if i < 25 { 100.0 } else { 110.0 })).collect();
        assert_eq!(change_points(&step, 6.0, 5.0), [25]);
    }

    #[test]
    fn the_interval_of_the_median_holds_the_median() {
        let sample: Vec<f64> = (1..=101).map(f64::from).collect();
        let mut rng = fastrand::Rng::with_seed(1);
        let (low, high) = median_interval(&sample, 0.95, &mut rng).unwrap();
        assert!(low > 35.0 && low < 51.0 && high > 51.0 && high < 67.0, "{low} {high}");
    }
}
