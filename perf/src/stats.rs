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
    let mut some = sample.to_vec();
    let middle = some.len() / 2;
    if some.is_empty() {
        return None;
    }
    // Without sorting: the bootstrap asks for it a thousand times.
    let (below, high, _) = some.select_nth_unstable_by(middle, f64::total_cmp);
    let (high, is_odd) = (*high, sample.len() % 2 == 1);
    let low = if is_odd { high } else { below.iter().copied().fold(f64::NEG_INFINITY, f64::max) };
    Some(low + 0.5 * (high - low))
}

/// The mean.
pub(crate) fn mean(sample: &[f64]) -> Option<f64> {
    (!sample.is_empty()).then(|| sample.iter().sum::<f64>() / sample.len() as f64)
}

/// A figure of a sample with what resampling says about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Resampled {
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// The standard error.
    pub(crate) error: f64,
}

/// What a sample has one of; none when there are too few numbers.
pub(crate) type Statistic = fn(&[f64]) -> Option<f64>;

/// Percentile bootstrap intervals of these statistics at this confidence (Efron 1979), for the spread
/// of one process run's samples. Not for extremes, for which the bootstrap is invalid.
pub(crate) fn bootstrap<const N: usize>(
    sample: &[f64],
    statistics: [Statistic; N],
    confidence: f64,
    rng: &mut fastrand::Rng,
) -> Option<[Resampled; N]> {
    const DRAWS: usize = 1000;
    let values = whole_of(statistics.map(|statistic| statistic(sample)))?;
    let mut drawn = vec![[0.0; N]; DRAWS];
    let mut again = sample.to_vec();
    for figures in &mut drawn {
        again.fill_with(|| sample[rng.usize(..sample.len())]);
        *figures = whole_of(statistics.map(|statistic| statistic(&again)))?;
    }
    let tail = (1.0 - confidence) / 2.0;
    whole_of(std::array::from_fn(|at| {
        let drawn: Vec<f64> = drawn.iter().map(|figures| figures[at]).collect();
        let (low, high) = (quantile(&drawn, tail)?, quantile(&drawn, 1.0 - tail)?);
        Some(Resampled { value: values[at], low, high, error: std_dev(&drawn)? })
    }))
}

/// All of them, or none when one is missing.
fn whole_of<T: Copy, const N: usize>(some: [Option<T>; N]) -> Option<[T; N]> {
    some.iter().all(Option::is_some).then(|| some.map(|one| one.expect("all are there")))
}

/// The interval of the median alone.
pub(crate) fn median_interval(
    sample: &[f64],
    confidence: f64,
    rng: &mut fastrand::Rng,
) -> Option<(f64, f64)> {
    let [found] = bootstrap(sample, [median], confidence, rng)?;
    Some((found.low, found.high))
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

/// Where a series changes its level: binary segmentation, a split kept when Welch's test of the two
/// sides is significant at `alpha` and their means differ by `min_pct` per cent. The rule is that of
/// Hunter (Fleming et al. 2023) with a t-test in the place of permutations; each side has at
/// least three points. The best of many splits is looked at, so that each of them may only have its
/// share of `alpha` (Bonferroni).
pub(crate) fn change_points(series: &[f64], alpha: f64, min_pct: f64) -> Vec<usize> {
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
        let (before, after) = (mean(&series[from..at]), mean(&series[at..to]));
        let (Some(before), Some(after)) = (before, after) else { continue };
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
        let (mean, n) = (mean(sample).unwrap_or(0.0), sample.len() as f64);
        (mean, std_dev(sample).unwrap_or(0.0).powi(2) / n, n - 1.0)
    };
    let ((m1, v1, f1), (m2, v2, f2)) = (moments(left), moments(right));
    let (distance, spread) = ((m1 - m2).abs(), (v1 + v2).sqrt());
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

/// The standard deviation of a sample, with its correction by Bessel.
pub(crate) fn std_dev(sample: &[f64]) -> Option<f64> {
    let mean = mean(sample)?;
    let squares: f64 = sample.iter().map(|x| (x - mean).powi(2)).sum();
    (sample.len() > 1).then(|| (squares / (sample.len() - 1) as f64).sqrt())
}

/// The median distance from the median, scaled to the standard deviation of a normal distribution as
/// Criterion and R's `mad` do.
pub(crate) fn median_abs_dev(sample: &[f64]) -> Option<f64> {
    let middle = median(sample)?;
    let distances: Vec<f64> = sample.iter().map(|x| (x - middle).abs()).collect();
    Some(median(&distances)? * 1.4826)
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
        for len in 1..=SAMPLE.len() {
            assert_eq!(median(&SAMPLE[..len]), quantile(&SAMPLE[..len], 0.5), "{len}");
        }
        assert_eq!(median(&[]), None);
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
        assert_eq!(change_points(&flat, 0.001, 5.0), [0; 0]);
        let step: Vec<f64> = (0..40).map(|i| noise(if i < 25 { 100.0 } else { 110.0 })).collect();
        assert_eq!(change_points(&step, 0.001, 5.0), [25]);
    }

    #[test]
    fn welch_and_student_say_what_scipy_says() {
        // scipy 1.17.1, stats.ttest_ind(.., equal_var=False): statistic and df.
        let slower = [104.0, 103.1, 106.2, 105.0, 104.4, 103.0];
        let (t, freedom) = welch(&[101.0, 99.5, 100.2, 100.9], &slower);
        near(t, 6.419_439_223_115_546);
        near(freedom, 7.938_741_159_922_919);
        let (t, freedom) = welch(&[10.0, 10.1, 9.9], &[10.0, 12.0, 8.0]);
        near(t, 0.0);
        near(freedom, 2.009_999_937_500_390_7);
        assert_eq!(welch(&[1.0; 3], &[2.0; 3]), (f64::INFINITY, 1.0));
        // 2 * stats.t.sf(t, df)
        for (t, freedom, p) in [
            (0.0, 5.0, 1.0),
            (2.0, 1.0, 0.295_167_235_300_866_5),
            (6.0, 2.0, 0.026_671_473_215_424_77),
            (12.0, 3.0, 0.001_245_015_800_789_336_2),
            (6.0, 4.0, 0.003_882_537_046_960_510_7),
            (8.61, 4.0, 0.001_000_134_123_827_867),
            (3.5, 7.0, 0.009_993_040_881_885_549),
            (4.587, 10.0, 0.000_999_837_291_876_343_4),
            (6.0, 31.0, 1.227_096_195_286_699_8e-6),
        ] {
            near(student(t, freedom), p);
            near(student(t, freedom + 0.9), p);
        }
        assert!(student(f64::INFINITY, 1.0) < 1e-15 && student(f64::INFINITY, 2.0) < 1e-15);
    }

    #[test]
    fn a_few_points_need_a_clearer_step_than_many() {
        let step = |points: usize, high: f64| -> Vec<f64> {
            let noise = |at: usize| [0.0, 1.0, -1.0][at % 3];
            let level = |at| if at < points { 100.0 } else { high };
            (0..2 * points).map(|at| level(at) + noise(at)).collect()
        };
        // t is 7.35 with four degrees of freedom, p 0.0018: beyond six, and what chance makes.
        assert_eq!(change_points(&step(3, 106.0), 0.001, 5.0), [0; 0]);
        assert_eq!(change_points(&step(3, 110.0), 0.001, 5.0), [3]);
        assert_eq!(change_points(&step(9, 106.0), 0.001, 5.0), [9]);

        // Of 4,000 series of noise, ten points each and no step among them, four may have one.
        let mut rng = fastrand::Rng::with_seed(7);
        let mut noise = || 100.0 + 10.0 * (0..12).map(|_| rng.f64() - 0.5).sum::<f64>();
        let false_steps = (0..4000).filter(|_| {
            let series: Vec<f64> = (0..10).map(|_| noise()).collect();
            !change_points(&series, 0.001, 5.0).is_empty()
        });
        let false_steps = false_steps.count();
        assert!(false_steps <= 4, "{false_steps}");
    }

    const SAMPLE: [f64; 11] = [12.0, 3.0, 7.0, 1.0, 30.0, 5.0, 9.0, 22.0, 4.0, 15.0, 8.0];

    #[test]
    fn deviations_are_those_of_numpy_and_scipy() {
        // numpy 2, std(ddof=1); scipy 1.17.1, stats.median_abs_deviation * 1.4826
        near(std_dev(&SAMPLE).unwrap(), 8.801_859_307_710_346);
        near(median_abs_dev(&SAMPLE).unwrap(), 5.9304);
        assert_eq!((std_dev(&[1.0]), median_abs_dev(&[])), (None, None));
    }

    #[test]
    fn the_bootstrap_gives_the_intervals_of_scipy() {
        // The median's bootstrap distribution is binomial and known exactly: scipy 1.17.1,
        // stats.binom.sf(5, 11, k / 11) is 0.0072, 0.0512, .. 0.9488, 0.9928 for the second, third,
        // .. eighth and ninth of the sorted sample, so that the interval is from the third to the ninth.
        let mut rng = fastrand::Rng::with_seed(1);
        assert_eq!(median_interval(&SAMPLE, 0.95, &mut rng), Some((4.0, 15.0)));
        assert_eq!(median_interval(&[], 0.95, &mut rng), None);
        // stats.bootstrap(.., numpy.mean, method="percentile", n_resamples=200000)
        let [mean] = bootstrap(&SAMPLE, [mean], 0.95, &mut rng).unwrap();
        let close = |left: f64, right: f64| (left - right).abs() < 0.05 * right;
        assert!(close(mean.low, 6.0) && close(mean.high, 15.909) && close(mean.error, 2.5368));
    }
}
