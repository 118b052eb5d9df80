//! Simulated runs with a known nature: leaks, steps and drifts are found, honest noise is not. The
//! noise comes from one seed for each run.

use super::{Judgement, Reading, Resource, Trend, growth, pace};
use crate::{
    limits::{Growth, Pace},
    row::Row,
    snapshot::Snapshot,
};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// A number around 0 with a standard deviation of about 1 (the sum of twelve uniform ones).
fn noise(generator: &mut Xoshiro256PlusPlus) -> f64 {
    let uniform = |_| generator.next_u64() as f64 / u64::MAX as f64;
    (0..12).map(uniform).sum::<f64>() - 6.0
}

#[expect(clippy::cast_sign_loss, reason = "amounts are far from 0")]
fn whole(amount: f64) -> u64 {
    amount as u64
}

const MIB: f64 = 1_048_576.0;

/// Rows of one process: memory from `at` of a cycle, with a noise of 1 MiB; files, threads and disk
/// level but for noise.
fn rows(cycles: u64, seed: u64, at: impl Fn(f64) -> f64) -> Vec<Row> {
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
    (1..=cycles)
        .map(|cycle| Row {
            cycle,
            rss_bytes: Some(whole((at(cycle as f64) + noise(&mut generator)) * MIB)),
            open_files: Some(whole(30.0 + noise(&mut generator) * 0.5)),
            threads: Some(12),
            disk_bytes: Some(whole((8.0 + noise(&mut generator) * 0.3) * MIB)),
            process: 1,
            ..Row::default()
        })
        .collect()
}

fn judged(rows: &[Row], resource: Resource) -> Judgement {
    growth(resource, rows, &Growth::default())
}

#[test]
fn a_leak_of_each_kind_is_found_within_twelve_cycles() {
    for seed in 0..20 {
        let mut rows = rows(12, seed, |cycle| 60.0 + 2.0 * cycle);
        for row in &mut rows {
            row.open_files = row.open_files.map(|files| files + row.cycle);
            row.threads = row.threads.map(|threads| threads + row.cycle);
            row.disk_bytes = row.disk_bytes.map(|bytes| bytes + row.cycle * 1_048_576);
        }
        for resource in Resource::ALL {
            let judgement = judged(&rows, resource);
            assert_eq!(judgement.trend, Trend::Found, "seed {seed}: {judgement}");
        }
        assert!(judged(&rows, Resource::Memory).figures["per_cycle"] > 1.0 * MIB);
    }
}

#[test]
fn honest_runs_raise_nothing() {
    // What an honest process does: fill its caches, then wander by its noise.
    let mut found = Vec::new();
    for seed in 0..500 {
        let rows = rows(12, seed, |cycle| 60.0 - 30.0 * (-cycle / 1.5).exp());
        found.extend(Resource::ALL.map(|resource| judged(&rows, resource)));
    }
    // A level of significance is a rate of false alarms, which the limits in bytes make rarer.
    let raised: Vec<_> = found.iter().filter(|j| j.trend != Trend::Steady).collect();
    assert!(raised.len() <= 2, "{} of 2000, such as {}", raised.len(), raised[0]);
}

#[test]
fn what_flattens_is_no_leak_and_what_restarts_neither() {
    let rows = rows(40, 3, |cycle| 100.0 - 60.0 * (-cycle / 4.0).exp());
    assert_eq!(judged(&rows, Resource::Memory).trend, Trend::Steady);
    let mut rows = self::rows(24, 4, |_| 60.0);
    for row in &mut rows {
        row.process = 1 + row.cycle / 13;
        row.open_files = Some(if row.process == 1 { 30 } else { 90 });
    }
    assert_eq!(judged(&rows, Resource::OpenFiles).trend, Trend::Steady);
}

#[test]
fn a_leak_is_found_over_several_sittings() {
    let mut rows = rows(24, 5, |_| 60.0);
    for row in &mut rows {
        row.process = 1 + (row.cycle - 1) / 8;
        row.open_files = Some(20 + (row.cycle - 1) % 8 * 2);
    }
    assert_eq!(judged(&rows[..8], Resource::OpenFiles).trend, Trend::Inconclusive);
    let judgement = judged(&rows, Resource::OpenFiles);
    assert_eq!(judgement.trend, Trend::Found, "{judgement}");
}

#[test]
fn too_few_cycles_say_nothing() {
    let rows = rows(10, 6, |cycle| 60.0 + 20.0 * cycle);
    let judgement = judged(&rows, Resource::Memory);
    assert_eq!(judgement.trend, Trend::Inconclusive);
    assert!(judgement.because.contains("7 cycles after a warm-up of 3"), "{judgement}");
    assert_eq!(judged(&[], Resource::Disk).trend, Trend::Inconclusive);
    let unsampled = vec![Row::default(); 20];
    assert_eq!(judged(&unsampled, Resource::Disk).trend, Trend::Inconclusive);
}

/// Snapshots of two kinds of work. The machine's speed wanders by a tenth from one to the next, in
/// the control case as well; `slower` says by which factor a case is slower at an index.
fn snapshots(
    count: u64,
    seed: u64,
    own_noise: f64,
    slower: impl Fn(u64, &str) -> f64,
) -> Vec<Reading> {
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
    (0..count)
        .map(|index| {
            let machine = (0.1 * noise(&mut generator)).exp();
            let cases = ["Put/a/1", "Put/b/4", "Get/a/1", "Get/b/4"].map(|id| {
                let own = (own_noise * noise(&mut generator)).exp();
                (id.to_owned(), 1e6 * machine * own * slower(index, id))
            });
            let control_ns = Some(5e5 * machine * (0.01 * noise(&mut generator)).exp());
            let snapshot = Snapshot { cases: cases.into(), control_ns };
            Reading { cycle: index + 1, machine: 1, snapshot }
        })
        .collect()
}

fn paced(snapshots: &[Reading]) -> Judgement {
    pace(snapshots, &Pace::default())
}

#[test]
fn a_step_of_a_fifth_is_found_within_twelve_snapshots() {
    for (seed, at) in (0..20).flat_map(|seed| [5, 6, 7, 8].map(|at| (seed, at))) {
        let step = |index, _: &str| if index >= at { 1.2 } else { 1.0 };
        let judgement = paced(&snapshots(12, seed, 0.04, step));
        assert_eq!(judgement.trend, Trend::Found, "seed {seed}, step at {at}: {judgement}");
    }
    let step = |index, _: &str| if index >= 6 { 1.2 } else { 1.0 };
    let judgement = paced(&snapshots(12, 1, 0.02, step));
    assert!((judgement.figures["step_pct"] - 20.0).abs() < 5.0, "{judgement}");
    assert!((judgement.figures["step_cycle"] - 7.0).abs() < 0.1, "{judgement}");
}

#[test]
fn a_step_in_one_kind_of_work_and_a_drift_are_found() {
    let puts = |index, id: &str| if index >= 6 && id.starts_with("Put") { 1.25 } else { 1.0 };
    let judgement = paced(&snapshots(12, 2, 0.03, puts));
    assert_eq!(judgement.trend, Trend::Found, "{judgement}");
    let drift = |index: u64, _: &str| 1.0 + 0.02 * index as f64;
    let judgement = paced(&snapshots(12, 3, 0.03, drift));
    assert_eq!(judgement.trend, Trend::Found, "{judgement}");
}

#[test]
fn honest_and_faster_paces_raise_nothing() {
    let same = |_, _: &str| 1.0;
    let raised: Vec<_> = (0..200)
        .map(|seed| paced(&snapshots(12, seed, 0.04, same)))
        .filter(|judgement| judgement.trend != Trend::Steady)
        .collect();
    assert!(raised.is_empty(), "{} of 200, such as {}", raised.len(), raised[0]);
    let faster = |index, _: &str| if index >= 6 { 0.7 } else { 1.0 };
    assert_eq!(paced(&snapshots(12, 1, 0.04, faster)).trend, Trend::Steady);
}

#[test]
fn a_step_of_the_whole_machine_is_the_machines() {
    let mut snapshots = snapshots(12, 7, 0.02, |_, _: &str| 1.0);
    for Reading { snapshot, .. } in &mut snapshots[6..] {
        snapshot.cases.values_mut().for_each(|ns| *ns *= 1.5);
        snapshot.control_ns = snapshot.control_ns.map(|ns| ns * 1.5);
    }
    assert_eq!(paced(&snapshots).trend, Trend::Steady);
}

/// A run that goes on on another machine, where each case takes another time than the control case says.
fn moved(seed: u64, own_noise: f64, slower: impl Fn(u64, &str) -> f64) -> Vec<Reading> {
    let mut readings = snapshots(24, seed, own_noise, slower);
    for reading in &mut readings[12..] {
        reading.machine = 2;
        reading.snapshot.cases.values_mut().for_each(|ns| *ns *= 1.3);
    }
    readings
}

#[test]
fn another_machine_is_no_step_and_hides_none() {
    let same = |_, _: &str| 1.0;
    let raised: Vec<_> = (0..100)
        .map(|seed| paced(&moved(seed, 0.04, same)))
        .filter(|judgement| judgement.trend != Trend::Steady)
        .collect();
    assert!(raised.is_empty(), "{} of 100, such as {}", raised.len(), raised[0]);
    assert!(paced(&moved(1, 0.04, same)).because.contains("24 snapshots of 2 machines"));
    let as_one = |mut readings: Vec<Reading>| {
        for reading in &mut readings {
            reading.machine = 1;
        }
        paced(&readings).trend
    };
    assert_eq!(as_one(moved(1, 0.04, same)), Trend::Found, "judged as one series");
    for (seed, at) in (0..10).flat_map(|seed| [6, 18].map(|at| (seed, at))) {
        let step = move |index, _: &str| {
            if index >= at && (index < 12) == (at < 12) { 1.2 } else { 1.0 }
        };
        let judgement = paced(&moved(seed, 0.03, step));
        assert_eq!(judgement.trend, Trend::Found, "seed {seed}, step at {at}: {judgement}");
    }
    // A drift that amounts to something over both together.
    let drift = |index: u64, _: &str| 1.0 + 0.008 * index as f64;
    assert_eq!(paced(&moved(3, 0.02, drift)).trend, Trend::Found);
    let few = paced(&moved(1, 0.04, same)[6..18]);
    assert!(few.because.contains("6 snapshots on one machine of at least 12"), "{few}");
}

#[test]
fn what_cannot_be_told_is_said_to_be_so() {
    let same = |_, _: &str| 1.0;
    let mut few = snapshots(12, 8, 0.02, same);
    for (snapshots, says) in [
        (few[..11].to_vec(), "11 snapshots of at least 12"),
        (snapshots(12, 9, 0.6, same), "too noisy"),
    ] {
        let judgement = paced(&snapshots);
        assert_eq!(judgement.trend, Trend::Inconclusive, "{judgement}");
        assert!(judgement.because.contains(says), "{judgement}");
        assert_eq!(judgement.outcome().code(), 3);
    }
    few[4].snapshot.control_ns = None;
    assert!(paced(&few).because.contains("cycle 5 has no frozen control case"));
    let mut strangers = snapshots(12, 8, 0.02, same);
    strangers[2].snapshot.cases = [("Other/x/1".to_owned(), 1.0)].into();
    assert!(paced(&strangers).because.contains("no case is in every snapshot"));
}
