//! The pace of the benches: the logarithm of each case's median, divided by that of the frozen
//! control case of the same snapshot, relative to the first snapshots; over all cases, and over the
//! cases of each kind of work, because a change in one kind would drown among the others. A drift
//! is a trend that amounts to something, a step the most marked split of the series.

use super::{Judgement, Trend};
use crate::{
    limits::Pace,
    snapshot::Snapshot,
    stats::{Point, Step, median, rises, step_up, theil_sen},
};
use std::collections::BTreeSet;

const ASPECT: &str = "pace";

/// Makes the random orders that steps are compared with; any number does.
const ORDERS_SEED: u64 = 0x50AC;

/// Standard errors by which a step has to stand out to be found in four of five runs: 2.33 for a
/// p value of 0.01 and 0.84 for the power.
const STANDS_OUT: f64 = 3.17;

/// Judges the snapshots of a run, in the order in which they were taken; each comes with the number
/// of its cycle.
pub fn pace(snapshots: &[(u64, Snapshot)], limits: &Pace) -> Judgement {
    let unclear = |why: String| Judgement::new(ASPECT, Trend::Inconclusive, why);
    let count = snapshots.len();
    if count < limits.min_snapshots {
        let least = limits.min_snapshots;
        return unclear(format!("{count} snapshots of at least {least}: run longer"));
    }
    if let Some((cycle, _)) = snapshots.iter().find(|(_, snapshot)| snapshot.control_ns.is_none()) {
        return unclear(format!("the snapshot of cycle {cycle} has no frozen control case"));
    }
    let common = common(snapshots);
    if common.is_empty() {
        return unclear("no case is in every snapshot".to_owned());
    }
    let kinds: BTreeSet<&str> = common.iter().map(|id| kind(id)).collect();
    let mut series = vec![Series::of("all cases", &common, snapshots, limits)];
    if kinds.len() > 1 {
        series.extend(kinds.iter().map(|wanted| {
            let chosen: Vec<_> = common.iter().copied().filter(|id| kind(id) == *wanted).collect();
            Series::of(wanted, &chosen, snapshots, limits)
        }));
    }
    // One look at all cases, and the kinds share a second one of the same size.
    let share = limits.significance / kinds.len().max(1) as f64;
    let significance = |index: usize| if index == 0 { limits.significance } else { share };
    let found = series
        .iter()
        .enumerate()
        .find(|(index, series)| series.is_slower(limits.slower_pct, significance(*index)));
    match found {
        Some((_, series)) => series.judgement(Trend::Found, snapshots),
        None if series[0].resolution_pct() > limits.resolves_pct => {
            let blind = series[0].resolution_pct();
            let judgement = series[0].judgement(Trend::Inconclusive, snapshots);
            let because = format!(
                "too noisy: {count} snapshots show a step of {blind:.0} % at the least, {:.0} % is \
                 wanted; {}",
                limits.resolves_pct, judgement.because
            );
            Judgement { because, ..judgement }
        }
        None => series[0].judgement(Trend::Steady, snapshots),
    }
}

/// The cases that every snapshot has.
fn common(snapshots: &[(u64, Snapshot)]) -> Vec<&str> {
    let Some((_, first)) = snapshots.first() else { return Vec::new() };
    let everywhere =
        |id: &&String| snapshots.iter().all(|(_, snapshot)| snapshot.cases.contains_key(*id));
    first.cases.keys().filter(everywhere).map(String::as_str).collect()
}

/// The kind of work that a case does: `Put` of `Put/K16-V16/1`.
fn kind(id: &str) -> &str {
    id.split('/').next().unwrap_or(id)
}

/// One series of logarithms, 0 being the first snapshots' level.
struct Series<'s> {
    name: &'s str,
    points: Vec<f64>,
    /// How much the trend comes to over the run.
    drift: f64,
    drift_p: f64,
    step: Option<Step>,
}

impl<'s> Series<'s> {
    fn of(name: &'s str, cases: &[&str], all: &[(u64, Snapshot)], limits: &Pace) -> Self {
        let level = |snapshot: &Snapshot, id: &str| {
            let control = snapshot.control_ns.expect("every snapshot has its control case");
            (snapshot.cases[id] / control).ln()
        };
        let first = &all[..limits.first_snapshots.min(all.len())];
        let bases: Vec<f64> = cases
            .iter()
            .map(|id| {
                let levels = first.iter().map(|(_, snapshot)| level(snapshot, id));
                median(&levels.collect::<Vec<_>>()).expect("there is a first snapshot")
            })
            .collect();
        let points: Vec<f64> = all
            .iter()
            .map(|(_, snapshot)| {
                let levels = cases.iter().zip(&bases).map(|(id, base)| level(snapshot, id) - base);
                median(&levels.collect::<Vec<_>>()).expect("there is a case")
            })
            .collect();
        let piece: Vec<Point> =
            points.iter().enumerate().map(|(at, level)| (at as f64, *level)).collect();
        let piece = [piece];
        let slope = theil_sen(&piece).unwrap_or_default();
        let drift = slope * points.len().saturating_sub(1) as f64;
        let drift_p = rises(&piece);
        let step = step_up(&points, ORDERS_SEED);
        Self { name, points, drift, drift_p, step }
    }

    fn is_slower(&self, slower_pct: f64, significance: f64) -> bool {
        let enough = (1.0 + slower_pct / 100.0).ln();
        let drifts = self.drift >= enough && self.drift_p <= significance;
        drifts || self.step.is_some_and(|step| step.height >= enough && step.p <= significance)
    }

    /// The smallest step that would have been found in the middle of the run, in per cent.
    fn resolution_pct(&self) -> f64 {
        let noise = self.step.map_or(f64::INFINITY, |step| step.noise);
        per_cent(STANDS_OUT * noise * 2.0 / (self.points.len() as f64).sqrt())
    }

    fn judgement(&self, trend: Trend, snapshots: &[(u64, Snapshot)]) -> Judgement {
        let step = self.step.expect("as many snapshots as are needed have a step");
        let drift = per_cent(self.drift);
        let height = per_cent(step.height);
        let (cycle, _) = snapshots[step.at];
        let because = format!(
            "{}: drift {drift:+.1} % over {} snapshots (p = {:.4}); most marked step {height:+.1} % \
             at cycle {cycle} (p = {:.4}); noise {:.1} %",
            self.name,
            self.points.len(),
            self.drift_p,
            step.p,
            per_cent(step.noise),
        );
        Judgement::new(ASPECT, trend, because).with([
            ("snapshots", self.points.len() as f64),
            ("drift_pct", drift),
            ("drift_p", self.drift_p),
            ("step_pct", height),
            ("step_p", step.p),
            ("step_cycle", cycle as f64),
            ("noise_pct", per_cent(step.noise)),
            ("resolution_pct", self.resolution_pct()),
        ])
    }
}

fn per_cent(logarithm: f64) -> f64 {
    logarithm.exp_m1() * 100.0
}
