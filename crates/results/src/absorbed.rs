//! What a run puts down to known findings, held against their budgets. The figures by which a case says
//! how many of a unit it judged and how many of those it put down to which finding; their sums over a run;
//! the greatest count that a budget allows a run of these cases. Pure: no file, no printing.
//!
//! A run need not be one of those that the budget was measured in: it may be of one case. So the count is
//! held against what its own cases are expected to put down, each at its own rate. That expectation is a
//! weighted sum of counts, and its bound is the one that Fay and Feuer give for directly standardised
//! rates (Statistics in Medicine 16, 1997), which holds for few cases and for none. The bound of the count
//! is the upper quantile of a Poisson distribution with that mean.
//!
//! Counts of one run go together: its crash states share a recording. So both are taken of counts
//! divided by the budget's `spread`, as Rao and Scott do with the design effect of clustered counts
//! (Biometrics 48, 1992). Each of the two bounds is wrong in one of ten thousand; both must be.

use crate::{marker::Figures, stats};
use knobs::{
    budget::{Budget, Share, Unit},
    findings::Finding,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How often a bound may be wrong.
const LUCK: f64 = 1e-4;

/// How a figure begins that says what was put down to a finding.
const ABSORBED: &str = "absorbed.";

/// The figure that counts all of a unit, whatever was found.
pub const fn judged(unit: Unit) -> &'static str {
    match unit {
        Unit::CrashStates => "crash_states.distinct",
        Unit::FaultRuns => "faults.runs",
        Unit::Crashes => "crashes",
        Unit::Operations => "operations",
        Unit::Damages => "rot.damages",
    }
}

/// A unit's word in the name of a figure.
const fn word(unit: Unit) -> &'static str {
    match unit {
        Unit::CrashStates => "crash_states",
        Unit::FaultRuns => "fault_runs",
        Unit::Crashes => "crashes",
        Unit::Operations => "operations",
        Unit::Damages => "damages",
    }
}

/// The figure that counts what was put down to the finding `id`.
pub fn figure(id: &str, unit: Unit) -> String {
    format!("{ABSORBED}{id}.{}", word(unit))
}

/// The finding and the unit of such a figure; `None` of any other one.
fn of_figure(name: &str) -> Option<(&str, Unit)> {
    let (id, unit) = name.strip_prefix(ABSORBED)?.rsplit_once('.')?;
    let unit = Unit::ALL.into_iter().find(|known| word(*known) == unit)?;
    (!id.is_empty()).then_some((id, unit))
}

/// What a run put down to one finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absorbed {
    /// The finding.
    pub finding: String,
    /// What is counted.
    pub unit: Unit,
    /// How many were put down to it.
    pub seen: u64,
    /// How many were judged.
    pub of: u64,
    /// How many its budget allows a run of these cases; `None` without a budget.
    pub at_most: Option<u64>,
    /// Whether that was measured in enough runs to fail this one ([`Budget::is_settled`]).
    pub settled: bool,
}

impl Absorbed {
    /// Whether it fails the run.
    pub fn fails(&self) -> bool {
        self.at_most.map_or(self.seen > 0, |at_most| self.settled && self.seen > at_most)
    }

    /// A number of these as a share of all.
    pub fn share(&self, count: u64) -> f64 {
        count as f64 / self.of.max(1) as f64
    }
}

/// What a case judged and put down, by the unit and by the finding.
type Counts = BTreeMap<String, u64>;

/// What a run put down to findings, as its cases say it by their figures. A finding that has a budget of
/// something that was judged is listed with 0 as well.
pub fn held(findings: &[&Finding], cases: &[(&str, &Figures)]) -> Vec<Absorbed> {
    let mut pairs = BTreeSet::new();
    for finding in findings {
        pairs.extend(finding.absorbs.iter().map(|budget| (finding.id.as_str(), budget.unit)));
    }
    let named = cases.iter().flat_map(|(_, figures)| figures.keys());
    pairs.extend(named.filter_map(|name| of_figure(name)));
    let held = pairs.into_iter().map(|(id, unit)| {
        let of = by_case(cases, judged(unit));
        let seen = by_case(cases, &figure(id, unit)).values().sum();
        let finding = findings.iter().find(|finding| finding.id == id);
        let budget = finding.and_then(|finding| finding.budget(unit));
        Absorbed {
            finding: id.to_owned(),
            unit,
            seen,
            of: of.values().sum(),
            at_most: budget.map(|budget| at_most(budget, &of)),
            settled: budget.is_some_and(Budget::is_settled),
        }
    });
    held.filter(|absorbed| absorbed.of > 0 || absorbed.seen > 0).collect()
}

/// What cases say in the figure of this name, those of one name together.
fn by_case(cases: &[(&str, &Figures)], name: &str) -> Counts {
    let mut counts = Counts::new();
    for (case, figures) in cases {
        if let Some(amount) = figures.get(name) {
            *counts.entry((*case).to_owned()).or_default() += stats::whole(*amount);
        }
    }
    counts
}

/// The greatest count that a budget allows where each case judged so many.
fn at_most(budget: &Budget, judged: &Counts) -> u64 {
    let mut others = 0;
    let mut measured = Vec::new();
    for (case, now) in judged {
        match budget.cases.get(case) {
            Some(share) => measured.push((*share, *now)),
            None => others += now,
        }
    }
    if others > 0 {
        measured.push((budget.others(), others));
    }
    let mean = expected_at_most(budget.spread, &measured);
    count_at_most(mean / budget.spread, budget.spread).min(judged.values().sum())
}

/// The bound of the rate of all cases together: what a measurement like this one says at the most.
pub fn rate_at_most(budget: &Budget) -> f64 {
    let all = Share { seen: budget.seen(), of: budget.of };
    expected_at_most(budget.spread, &[(all, budget.of)]) / budget.of.max(1) as f64
}

/// The bound of the number that is expected of cases with these measured shares, each of which judged so
/// many now.
fn expected_at_most(spread: f64, measured: &[(Share, u64)]) -> f64 {
    let mut mean = 0.0;
    let mut variance = 0.0;
    let mut heaviest: f64 = 0.0;
    for (Share { seen, of }, now) in measured {
        // A case that was never measured weighs as one that was measured as often as it is met now.
        let weight = *now as f64 / if *of == 0 { *now } else { *of }.max(1) as f64;
        mean += weight * *seen as f64;
        variance += spread * weight * weight * *seen as f64;
        heaviest = heaviest.max(spread * weight);
    }
    if heaviest <= 0.0 {
        return 0.0;
    }
    let mean = mean + heaviest;
    let variance = variance + heaviest * heaviest;
    let scale = variance / mean;
    scale * stats::gamma_at_most(mean / scale, LUCK)
}

/// The least number of bundles of `spread` that a Poisson distribution with this mean exceeds in one of ten
/// thousand runs, as a count.
fn count_at_most(mean: f64, spread: f64) -> u64 {
    let mut count = stats::whole(mean * spread);
    while stats::poisson_beyond(count as f64 / spread, mean) > LUCK {
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests;
