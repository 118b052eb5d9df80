//! Where faults were planted and how far crashes were explored, from the names of the chaos cases
//! and the figures that cases told. Pure; it judges nothing.

use crate::report::model::Results;
use results::{
    Case, CaseOutcome, Layer,
    marker::{self, Figures},
    standing, waits,
};
use std::collections::{BTreeMap, BTreeSet};

/// Where and how: one map of faults.
pub(crate) struct Grid<'r> {
    /// The first segment of the cases' names, such as `chaos_point`.
    pub(crate) name: &'r str,
    /// What was done, in reading order.
    pub(crate) columns: Vec<&'r str>,
    /// Where it was done, with a case for each column that there is.
    pub(crate) rows: BTreeMap<&'r str, BTreeMap<&'r str, &'r Case>>,
}

impl Grid<'_> {
    /// How many of its cases reached and judged their fault.
    pub(crate) fn covered(&self) -> usize {
        let cases = self.rows.values().flat_map(BTreeMap::values);
        cases.filter(|case| reached(case.outcome)).count()
    }

    /// How many faults struck in the cases of `place`: those that a case armed by name, and those
    /// that system calls were given.
    pub(crate) fn hits(&self, place: &str) -> f64 {
        let figures = self.rows[place].values().flat_map(|case| &case.figures);
        figures
            .filter(|(name, _)| *name == "faults_hit" || injected(name).is_some())
            .map(|(_, amount)| amount)
            .sum()
    }

    /// How many cases it has.
    pub(crate) fn total(&self) -> usize {
        self.rows.values().map(BTreeMap::len).sum()
    }
}

/// Whether a case with this outcome did what it is there for, or found that it fails.
fn reached(outcome: CaseOutcome) -> bool {
    use CaseOutcome::{Flaky, FlakyPassed, Known, Passed};
    matches!(outcome, Passed | Known | FlakyPassed | Flaky)
}

/// The order of the actions that the suite has names for; others follow by name.
const ORDER: [&str; 7] = [
    "abort_first",
    "abort_middle",
    "abort_last",
    "panic_first",
    "io_first",
    "io_early",
    "io_middle",
];

/// The maps: one for each group of chaos cases called `group::place::action`.
pub(crate) fn grids(results: &Results) -> Vec<Grid<'_>> {
    let mut groups: BTreeMap<&str, BTreeMap<&str, BTreeMap<&str, &Case>>> = BTreeMap::new();
    for (_, case) in results.cases().filter(|(_, case)| case.id.name.starts_with("chaos_")) {
        let segments: Vec<_> = case.id.name.split("::").collect();
        let [group, place, action] = segments.as_slice() else { continue };
        groups.entry(group).or_default().entry(place).or_default().insert(action, case);
    }
    groups.into_iter().map(|(name, rows)| grid(name, rows)).collect()
}

fn grid<'r>(name: &'r str, rows: BTreeMap<&'r str, BTreeMap<&'r str, &'r Case>>) -> Grid<'r> {
    let columns: BTreeSet<&str> = rows.values().flat_map(BTreeMap::keys).copied().collect();
    let mut columns: Vec<_> = columns.into_iter().collect();
    let place = |action: &&str| ORDER.iter().position(|known| known == action);
    columns.sort_by_key(|action| place(action).unwrap_or(ORDER.len()));
    Grid { name, columns, rows }
}

/// Calls of the operating system: how often each was seen, and which errors it was given.
#[derive(Default)]
pub(crate) struct Calls<'r> {
    pub(crate) errors: BTreeSet<&'r str>,
    pub(crate) rows: BTreeMap<&'r str, Call<'r>>,
}

/// One call.
#[derive(Default)]
pub(crate) struct Call<'r> {
    pub(crate) seen: f64,
    pub(crate) faults: BTreeMap<&'r str, f64>,
}

/// From the figures `syscalls.<call>` and `faults.<call>.<errno>`.
pub(crate) fn calls(figures: &Figures) -> Calls<'_> {
    let mut calls = Calls::default();
    for (name, amount) in figures {
        if let Some(call) = name.strip_prefix("syscalls.") {
            calls.rows.entry(call).or_default().seen += amount;
        } else if let Some((call, error)) = injected(name) {
            calls.errors.insert(error);
            *calls.rows.entry(call).or_default().faults.entry(error).or_default() += amount;
        }
    }
    calls
}

/// The call and the error that a figure counts.
fn injected(figure: &str) -> Option<(&str, &str)> {
    figure.strip_prefix("faults.")?.rsplit_once('.')
}

/// Amounts with their names.
type Named<'r> = Vec<(&'r str, f64)>;

/// What was seen of crash states.
pub(crate) struct Crashes<'r> {
    /// By the profile under which they are legal.
    pub(crate) states: Named<'r>,
    /// Findings, known ones too, by the mildest profile under which they are legal.
    pub(crate) findings: Named<'r>,
    /// What else is known of them. Cases run beside one another, so their rate is that of one case
    /// among others.
    pub(crate) facts: Named<'r>,
}

/// From the figures `crash_states.…` and `findings.<profile>`; `None` where there are none.
pub(crate) fn crash_states<'r>(all: &'r Figures) -> Option<Crashes<'r>> {
    let of = |name: &str| all.get(name).copied().filter(|amount| *amount > 0.0);
    let below = |prefix| -> Named<'r> {
        let named = all.iter().filter_map(|(name, amount)| {
            Some((name.strip_prefix(prefix)?, *amount)).filter(|(_, amount)| *amount > 0.0)
        });
        named.collect()
    };
    let states = below("crash_states.under.");
    let findings = below("findings.");
    let distinct = of("crash_states.distinct");
    let left_out = of("crash_states.left_out");
    let seconds = of("crash_states.elapsed_ms").map(|elapsed| elapsed / 1000.0);
    let rate = distinct.zip(seconds).map(|(states, seconds)| (states / seconds).round());
    let facts = [("distinct", distinct), ("left out", left_out), ("a second, in each case", rate)];
    let facts: Named<'r> =
        facts.into_iter().filter_map(|(name, fact)| Some((name, fact?))).collect();
    (!states.is_empty() || !facts.is_empty()).then_some(Crashes { states, findings, facts })
}

/// What became of the threads that were to be held, from the figures `holds.…`; none where there are none.
pub(crate) fn holds(all: &Figures) -> Named<'static> {
    const NAMES: [(&str, &str); 6] = [
        ("holds.tried", "schedules tried"),
        ("holds.held", "held while others went on"),
        ("holds.blocked", "held, and others waited"),
        ("holds.missed", "never came by"),
        ("holds.places", "places"),
        ("holds.all", "schedules there are"),
    ];
    let named = NAMES.into_iter().filter_map(|(figure, name)| Some((name, *all.get(figure)?)));
    named.collect()
}

/// Figures that no chart shows, by layer.
pub(crate) fn others(results: &Results) -> Vec<(&str, Figures)> {
    let shown = ["syscalls.", "faults.", "crash_states.", "findings.", "holds."];
    let layer = |layer: &'_ Layer| {
        let mut figures = layer.figures();
        let elsewhere = |name: &str| shown.iter().any(|prefix| name.starts_with(prefix));
        figures.retain(|name, _| {
            !elsewhere(name) && !standing::is_figure(name) && !waits::is_figure(name)
        });
        figures
    };
    let layers = results.layers.iter().map(|found| (found.label.as_str(), layer(found)));
    layers.filter(|(_, figures)| !figures.is_empty()).collect()
}

/// Sums over all layers.
pub(crate) fn figures(results: &Results) -> Figures {
    let mut sums = Figures::new();
    results.layers.iter().for_each(|layer| marker::add(&mut sums, &layer.figures()));
    sums
}
