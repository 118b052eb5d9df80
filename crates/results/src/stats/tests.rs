//! The statistics against textbook numbers and against series whose nature is known.

use super::*;

fn piece(readings: &[f64]) -> Vec<Point> {
    readings.iter().enumerate().map(|(at, y)| (at as f64, *y)).collect()
}

#[test]
fn medians_and_quantiles_interpolate() {
    assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    assert_eq!(quantile(&[10.0, 20.0], 0.95), Some(19.5));
    assert_eq!(quantile(&(0..=100).map(f64::from).collect::<Vec<_>>(), 0.95), Some(95.0));
    assert_eq!(median(&[]), None);
}

#[test]
fn the_slope_ignores_outliers_and_never_joins_pieces() {
    let outlier = piece(&[0.0, 2.0, 4.0, 900.0, 8.0, 10.0, 12.0]);
    assert_eq!(theil_sen(&[outlier]), Some(2.0));
    let restarted = [piece(&[1.0, 2.0, 3.0]), piece(&[101.0, 102.0, 103.0])];
    assert_eq!(theil_sen(&restarted), Some(1.0));
    assert_eq!(theil_sen(&[piece(&[5.0])]), None);
}

#[test]
fn an_exponent_tells_a_line_from_a_tree() {
    let sizes = [1e3, 1e4, 1e5, 1e6, 1e7_f64];
    let follows = |cost: fn(f64) -> f64| exponent(&sizes.map(|size| (size, cost(size))));
    near(follows(|size| 3.0 * size).unwrap(), 1.0);
    near(follows(|_| 7.0).unwrap(), 0.0);
    near(follows(|size| size.powf(0.35)).unwrap(), 0.35);
    assert!(follows(f64::ln).is_some_and(|power| power < 0.35));
    // A fixed part hides the rise from small sizes alone.
    assert!(follows(|size| 1e4 + size).is_some_and(|power| power > 0.35));
    assert_eq!(exponent(&[(1e3, 5.0)]), None);
}

#[test]
fn the_trend_test_has_the_textbook_values() {
    // Ten readings that only rise: S = 45, variance 125, z = 44 / sqrt(125) = 3.935.
    let rising: Vec<f64> = (0..10).map(f64::from).collect();
    let p = rises(&[piece(&rising)]);
    assert!((p - 4.15e-5).abs() < 1e-6, "{p}");
    // S = 21 by hand, and three pairs of ties take 3 off the variance.
    let p = rises(&[piece(&[10.0, 22.0, 21.0, 30.0, 22.0, 30.0, 40.0, 40.0])]);
    let z = 20.0 / (8.0_f64 * 7.0 * 21.0 / 18.0 - 3.0).sqrt();
    assert!((p - upper_tail(z)).abs() < 1e-12, "{p}");
    assert_eq!(rises(&[piece(&[7.0; 12])]).to_bits(), 1.0_f64.to_bits());
    let falling: Vec<f64> = (0..10).map(|at| f64::from(-at)).collect();
    assert!(rises(&[piece(&falling)]) > 0.999);
}

#[test]
fn pooling_adds_evidence_but_not_what_lies_between() {
    let half = piece(&[1.0, 2.0, 3.0, 4.0, 5.0]);
    let one = rises(std::slice::from_ref(&half));
    assert!(rises(&[half.clone(), half.clone()]) < one);
    let level = [piece(&[1.0; 5]), piece(&[9.0; 5])];
    assert_eq!(rises(&level).to_bits(), 1.0_f64.to_bits(), "a restart is no growth");
}

#[test]
fn the_normal_tail_is_right() {
    for (z, p) in [(0.0, 0.5), (1.6449, 0.05), (2.3263, 0.01), (-2.3263, 0.99)] {
        assert!((upper_tail(z) - p).abs() < 1e-5, "{z}");
    }
}

#[test]
fn a_step_is_found_where_it_is_and_a_fall_is_none() {
    let readings = [0.0, 0.02, -0.01, 0.01, 0.0, 0.03, 0.2, 0.19, 0.22, 0.2, 0.18, 0.21];
    let step = step_up(&readings, 1).unwrap();
    assert_eq!(step.at, 6);
    assert!((step.height - 0.195).abs() < 0.01 && step.p < 0.01, "{step:?}");
    assert!(step.noise < 0.03, "the step itself is no noise: {step:?}");
    let fall: Vec<f64> = readings.iter().map(|y| -y).collect();
    let step = step_up(&fall, 1).unwrap();
    assert!(step.p > 0.5, "{step:?}");
    assert_eq!(step_up(&readings[..5], 1), None);
    assert_eq!(step_up(&readings, 1), step_up(&readings, 1));
}

fn near(left: f64, right: f64) {
    assert!((left - right).abs() < 1e-9, "{left} is not {right}");
}

#[test]
fn quantiles_are_those_of_numpy() {
    // numpy.quantile([7, 1, 3, 10], [0, .1, .25, .5, .9, 1])
    let sample = [7.0, 1.0, 3.0, 10.0];
    for (q, right) in [(0.0, 1.0), (0.1, 1.6), (0.25, 2.5), (0.5, 5.0), (0.9, 9.1), (1.0, 10.0)] {
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
fn wilson_intervals_match_the_books() {
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
fn change_points_are_steps_and_never_noise() {
    // scipy.stats.theilslopes([1, 2, 3, 50, 5]).slope
    near(theil_sen(&[piece(&[1.0, 2.0, 3.0, 50.0, 5.0])]).unwrap(), 1.0);
    let mut unit = uniform(5);
    let mut noise = |level: f64| level * (1.0 + 0.01 * (unit() - 0.5));
    let flat: Vec<f64> = (0..40).map(|_| noise(100.0)).collect();
    assert_eq!(change_points(&flat, 0.001, 5.0), [0; 0]);
    let step: Vec<f64> = (0..40).map(|i| noise(if i < 25 { 100.0 } else { 110.0 })).collect();
    assert_eq!(change_points(&step, 0.001, 5.0), [25]);
}

#[test]
fn welch_and_student_match_scipy() {
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
fn few_points_need_a_clearer_step_than_many() {
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
    let mut unit = uniform(7);
    let mut noise = || 100.0 + 10.0 * (0..12).map(|_| unit() - 0.5).sum::<f64>();
    let false_steps = (0..4000).filter(|_| {
        let series: Vec<f64> = (0..10).map(|_| noise()).collect();
        !change_points(&series, 0.001, 5.0).is_empty()
    });
    let false_steps = false_steps.count();
    assert!(false_steps <= 4, "{false_steps}");
}

/// Drawn evenly from zero to one.
fn uniform(seed: u64) -> impl FnMut() -> f64 {
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
    move || (generator.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

const SAMPLE: [f64; 11] = [12.0, 3.0, 7.0, 1.0, 30.0, 5.0, 9.0, 22.0, 4.0, 15.0, 8.0];

#[test]
fn deviations_are_those_of_numpy() {
    // numpy 2, std(ddof=1)
    near(std_dev(&SAMPLE).unwrap(), 8.801_859_307_710_346);
    assert_eq!(std_dev(&[1.0]), None);
}

#[test]
fn the_bootstrap_gives_the_intervals_of_scipy() {
    // The median's bootstrap distribution is binomial and known exactly: scipy 1.17.1,
    // stats.binom.sf(5, 11, k / 11) is 0.0072, 0.0512, .. 0.9488, 0.9928 for the second, third,
    // .. eighth and ninth of the sorted sample, so that the interval is from the third to the ninth.
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut below = |bound| below(bound, &mut generator);
    assert_eq!(median_interval(&SAMPLE, 0.95, &mut below), Some((4.0, 15.0)));
    assert_eq!(median_interval(&[], 0.95, &mut below), None);
}

#[test]
fn poisson_tails_have_the_textbook_values() {
    let close = |found: f64, wanted: f64| {
        assert!((found / wanted - 1.0).abs() < 1e-6, "{found} instead of {wanted}");
    };
    // 1 - e^-1 (1 + 1 + 1/2), and 1 - e^-0.1.
    close(poisson_beyond(2.0, 1.0), 0.080_301_397_071);
    close(poisson_beyond(0.0, 0.1), 0.095_162_581_964);
    // Far on either side, where each term is below the smallest number.
    assert_eq!((poisson_beyond(0.0, 2000.0), poisson_beyond(4000.0, 10.0)), (1.0, 0.0));
    // Garwood (1936): the upper limits of 0 and of 10 at 97.5 % are 3.6889 and 18.3904.
    close(gamma_at_most(1.0, 0.025), 3.688_879_454);
    close(gamma_at_most(11.0, 0.025), 18.390_356_2);
}
