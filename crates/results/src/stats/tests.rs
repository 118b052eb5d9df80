//! The statistics against textbook numbers and against series whose nature is known.

use super::{Point, median, quantile, rises, step_up, theil_sen, upper_tail};

fn piece(readings: &[f64]) -> Vec<Point> {
    readings.iter().enumerate().map(|(at, y)| (at as f64, *y)).collect()
}

#[test]
fn medians_and_quantiles_interpolate() {
    assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
    assert_eq!(quantile(vec![10.0, 20.0], 0.95), Some(19.5));
    assert_eq!(quantile((0..=100).map(f64::from).collect(), 0.95), Some(95.0));
    assert_eq!(median(Vec::new()), None);
}

#[test]
fn the_slope_ignores_an_outlier_and_never_joins_two_pieces() {
    let outlier = piece(&[0.0, 2.0, 4.0, 900.0, 8.0, 10.0, 12.0]);
    assert_eq!(theil_sen(&[outlier]), Some(2.0));
    let restarted = [piece(&[1.0, 2.0, 3.0]), piece(&[101.0, 102.0, 103.0])];
    assert_eq!(theil_sen(&restarted), Some(1.0));
    assert_eq!(theil_sen(&[piece(&[5.0])]), None);
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
