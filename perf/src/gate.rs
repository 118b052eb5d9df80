//! The algorithm of the gate: which case is run when, who is a suspect, and what the runs prove.
//! It asks for runs through a [`Measure`] and knows no program, file or clock, so that it can be
//! tried on simulated machines.
//!
//! Screening: a few rounds of every case. Confirming: fresh rounds for suspects alone, decided on
//! those rounds alone, so that the two false-alarm rates multiply. A round is ABBA or BAAB, by the
//! toss of a coin, over one link layout; cases are shuffled in every round.

use crate::estimate::{any_round_beyond, estimate};
use process::{Outcome, Result, console};
use results::{
    gate::{Estimate, Gate, Judged, Place, Run, Side, Verdict},
    stats,
};
use std::ops::Range;

/// Runs a case once at a place in the order. `None`: measuring is over (the budget is used up, or a
/// signal came).
pub(crate) type Measure<'m> = dyn FnMut(&str, Place) -> Result<Option<Run>> + 'm;

/// What the gate is told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Limits {
    /// A confirmed slowdown beyond this fails.
    pub(crate) regress_pct: f64,
    /// A case with a smaller base is listed and not gated.
    pub(crate) min_base_ns: f64,
    pub(crate) max_regress_cases: usize,
    pub(crate) min_compare_cases: usize,
    pub(crate) screen_rounds: usize,
    pub(crate) confirm_rounds: usize,
    pub(crate) layouts: usize,
}

/// A case whose screening shows more than this is a suspect, in per cent.
const SCREEN_PCT: f64 = 2.0;

/// A single round that shows more than this makes a suspect, in per cent.
const ROUND_PCT: f64 = 50.0;

/// The chance that is left to one false alarm among all suspects.
const ALPHA: f64 = 0.05;

impl Limits {
    /// The lower bound has to lie above this for a slowdown to count.
    pub(crate) fn bound_pct(&self) -> f64 {
        self.regress_pct / 3.0
    }
}

/// By how much at least head is slower in the default layout, in per cent, where that is the bias of
/// this layout: beyond the limit in each of its runs, while the verdict over all layouts is that
/// nothing became slower. One layout has few runs, so that only runs that do not overlap say anything.
pub(crate) fn layout_bias(case: &Judged, limits: &Limits) -> Option<f64> {
    let runs = || case.screening.iter().chain(&case.confirming);
    let passed = matches!(case.verdict, Verdict::Unchanged | Verdict::Faster);
    if !passed || runs().all(|run| run.place.layout == 0) {
        return None;
    }
    let lows = |side| {
        let default = runs().filter(move |run| run.place.layout == 0 && run.place.side == side);
        default.map(|run| run.low_ns)
    };
    let base = lows(Side::Base).max_by(f64::total_cmp)?;
    let head = lows(Side::Head).min_by(f64::total_cmp)?;
    Some(stats::delta_pct(base, head)).filter(|delta| *delta > limits.regress_pct)
}

/// Runs these rounds of the cases; the runs of each, and whether measuring goes on.
fn rounds(
    measure: &mut Measure<'_>,
    cases: &[String],
    rounds: Range<usize>,
    layouts: usize,
    rng: &mut fastrand::Rng,
) -> Result<(Vec<Vec<Run>>, bool)> {
    use Side::{Base, Head};
    let mut runs = vec![Vec::new(); cases.len()];
    let mut order: Vec<usize> = (0..cases.len()).collect();
    for round in rounds {
        rng.shuffle(&mut order);
        for &case in &order {
            let sides =
                if rng.bool() { [Base, Head, Head, Base] } else { [Head, Base, Base, Head] };
            let mut whole = Vec::with_capacity(4);
            for (slot, side) in sides.into_iter().enumerate() {
                let place = Place { side, round, slot, layout: round % layouts.max(1) };
                match measure(&cases[case], place)? {
                    Some(run) => whole.push(run),
                    None => return Ok((runs, false)),
                }
            }
            // Half a round would give one side more chances than the other.
            runs[case].append(&mut whole);
        }
    }
    Ok((runs, true))
}

/// Compares the cases, of which `more` are known to do more work in head.
pub(crate) fn compare(
    measure: &mut Measure<'_>,
    cases: &[String],
    more: &[&str],
    limits: &Limits,
    rng: &mut fastrand::Rng,
) -> Result<Vec<Judged>> {
    let (screening, mut going) =
        rounds(measure, cases, 0..limits.screen_rounds, limits.layouts, rng)?;
    let mut judged: Vec<Judged> = Vec::new();
    for (case, screening) in cases.iter().zip(screening) {
        let does_more = more.contains(&case.as_str());
        judged.push(screened(case, does_more, screening, limits, rng));
    }
    let suspects: Vec<usize> = (0..judged.len()).filter(|at| judged[*at].suspect).collect();
    // Of the confirming rounds alone.
    let mut estimates: Vec<Option<Estimate>> = vec![None; judged.len()];
    let mut open = suspects.clone();
    let mut done = 0;
    // Twice as many rounds for those that the first lot leaves open, decided on all of them, and
    // no third look: a side that met its best layout undisturbed only now was never slower.
    for upto in [limits.confirm_rounds, 2 * limits.confirm_rounds] {
        if !going || open.is_empty() {
            break;
        }
        let names: Vec<String> = open.iter().map(|at| judged[*at].case.clone()).collect();
        let fresh;
        (fresh, going) = rounds(measure, &names, done..upto, limits.layouts, rng)?;
        done = upto;
        // Taken once for each lot: what is not open any more is judged by what closed it.
        for (at, runs) in open.iter().zip(fresh) {
            let confirming = &mut judged[*at].confirming;
            confirming.extend(runs);
            estimates[*at] = estimate(confirming, limits.bound_pct(), rng);
        }
        open.retain(|at| is_open(estimates[*at].as_ref(), suspects.len(), limits));
    }
    let p_value = |at: &usize| estimates[*at].as_ref().map_or(1.0, |e| e.p_value);
    let holds = stats::holm(&suspects.iter().map(p_value).collect::<Vec<_>>(), ALPHA);
    for (at, holds) in suspects.into_iter().zip(holds) {
        let case = &mut judged[at];
        // A case still open when time runs out is inconclusive.
        let lots = if open.contains(&at) { 2 } else { 1 };
        let enough = case.confirming.len() >= 4 * lots * limits.confirm_rounds;
        case.verdict = confirmed(estimates[at].as_ref(), enough, holds, limits);
        case.estimate = estimates[at].take().or(case.estimate.take());
    }
    Ok(judged)
}

fn screened(
    case: &str,
    does_more: bool,
    runs: Vec<Run>,
    limits: &Limits,
    rng: &mut fastrand::Rng,
) -> Judged {
    let estimate = estimate(&runs, limits.bound_pct(), rng);
    let whole = runs.len() >= 4 * limits.screen_rounds;
    let limit = limits.regress_pct;
    let mut suspect = false;
    let verdict = match &estimate {
        Some(e) if e.base_ns < limits.min_base_ns => Verdict::TooSmall,
        Some(e) if whole => {
            suspect = does_more
                || e.delta_pct > SCREEN_PCT.min(limit)
                || e.noise_floor_pct.max(e.high_pct) > limit
                || any_round_beyond(&runs, ROUND_PCT);
            if e.delta_pct < -limit { Verdict::Faster } else { Verdict::Unchanged }
        }
        _ => Verdict::Inconclusive,
    };
    let case = case.to_owned();
    Judged { case, verdict, estimate, suspect, screening: runs, confirming: Vec::new() }
}

/// Whether more rounds could tell more: the limit lies within the bounds, base differs from itself by
/// more than the limit, or a slowdown is not proved among so many suspects.
fn is_open(estimate: Option<&Estimate>, suspects: usize, limits: &Limits) -> bool {
    let limit = limits.regress_pct;
    estimate.is_none_or(|e| {
        (e.low_pct <= limit && e.high_pct > limit)
            || e.noise_floor_pct > limit
            || (e.delta_pct > limit && e.p_value > ALPHA / suspects as f64)
    })
}

fn confirmed(estimate: Option<&Estimate>, enough: bool, holds: bool, limits: &Limits) -> Verdict {
    let Some(e) = estimate.filter(|_| enough) else { return Verdict::Inconclusive };
    let slower = e.delta_pct > limits.regress_pct;
    let proved = holds && e.low_pct > limits.bound_pct();
    // A pass says that a slowdown of twice the limit would have been seen.
    let wide = !slower && e.high_pct > 2.0 * limits.regress_pct;
    match (slower, proved) {
        _ if wide || e.noise_floor_pct > limits.regress_pct => Verdict::Inconclusive,
        (true, true) => Verdict::Regressed,
        (true, false) => Verdict::Inconclusive,
        _ if e.delta_pct < -limits.regress_pct => Verdict::Faster,
        _ => Verdict::Unchanged,
    }
}

/// The gate's rule: the number of confirmed cases against the allowed number. A gate that looked
/// at too little, or could not tell, has not passed.
pub(crate) fn gate(cases: &[Judged], limits: &Limits) -> Gate {
    let count = |verdict| cases.iter().filter(|case| case.verdict == verdict).count();
    let comparable = cases.len() - count(Verdict::TooSmall);
    if count(Verdict::Regressed) > limits.max_regress_cases {
        Gate::Failed
    } else if comparable < limits.min_compare_cases {
        Gate::TooFewCases
    } else if count(Verdict::Inconclusive) > 0 {
        Gate::Inconclusive
    } else {
        Gate::Passed
    }
}

/// The gate's verdict as an exit code.
pub(crate) fn outcome(gate: Gate) -> Outcome {
    match gate {
        Gate::Passed => Outcome::Passed,
        Gate::Failed | Gate::TooFewCases => Outcome::Failed,
        Gate::Inconclusive => Outcome::Inconclusive,
    }
}

/// The same where an inconclusive comparison is shown and blocks nothing. Nothing else is let pass.
pub(crate) fn warned(outcome: Outcome) -> Outcome {
    if outcome != Outcome::Inconclusive {
        return outcome;
    }
    console::page(
        "::warning title=perf compare::inconclusive, which is not a pass: this machine is too noisy to tell",
    );
    Outcome::Passed
}

#[cfg(test)]
mod tests;
