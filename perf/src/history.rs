//! `perf history`: the trend of a case over the snapshots and comparisons made here, and where it
//! changed. Reads the history and prints; measures nothing.

use crate::{files, render, session::Session};
use process::{Error, Outcome, Result, console};
use results::{
    gate::{CONTROL, Entry},
    stats,
};
use std::collections::{BTreeMap, BTreeSet};

/// A step is believed when chance makes it in fewer than one of so many series without any ...
const STEP_ALPHA: f64 = 0.001;
/// ... and it is at least so many per cent.
const STEP_PCT: f64 = 5.0;

/// Prints the trend of a case.
pub(crate) fn history(session: &Session, case: &str) -> Result<Outcome> {
    let file = session.file("history.jsonl");
    let entries: Vec<Entry> = files::records(&file)?;
    let text = trends(&entries, case).ok_or_else(|| {
        let known: BTreeSet<_> = entries.iter().flat_map(|entry| entry.median_ns.keys()).collect();
        let known: Vec<_> = known.into_iter().map(String::as_str).collect();
        let remedy = match known.join(", ").as_str() {
            "" => "`just perf snapshot` makes the first entry".to_owned(),
            known => format!("the history has {known}"),
        };
        Error::new(format_args!("no entry of case {case:?}"), file.display(), remedy)
    })?;
    console::page(&text);
    Ok(Outcome::Passed)
}

/// One series after the other; `None` when nothing was measured of this case.
fn trends(entries: &[Entry], case: &str) -> Option<String> {
    let is_measured = |entry: &Entry| entry.median_ns.contains_key(case);
    let mut all = BTreeMap::<_, Vec<&Entry>>::new();
    for entry in entries.iter().filter(|entry| is_measured(entry) || entry.is_identical()) {
        all.entry(entry.series()).or_default().push(entry);
    }
    all.retain(|_, entries| entries.iter().any(|entry| is_measured(entry)));
    let texts = all.iter().map(|(series, entries)| {
        let levels = if series.has_control {
            format!("the machine's drift divided out by {CONTROL}")
        } else {
            format!("as measured: the machine's drift is in them without {CONTROL}")
        };
        format!("{case}, {series}\nmedians, {levels}\n{}\n", trend(entries, case))
    });
    let texts: Vec<String> = texts.collect();
    (!texts.is_empty()).then(|| texts.join("\n"))
}

/// The trend of one series.
fn trend(entries: &[&Entry], case: &str) -> String {
    let first_control = entries.iter().find_map(|entry| entry.median_ns.get(CONTROL));
    // In units of the control's first figure.
    let level = |entry: &Entry| {
        let control = entry.median_ns.get(CONTROL).zip(first_control);
        let drift = control.map_or(1.0, |(now, first)| now / first);
        Some(entry.median_ns.get(case)? / drift)
    };
    let series: Vec<f64> = entries.iter().filter_map(|entry| level(entry)).collect();
    let first = series[0];
    let steps = stats::change_points(&series, STEP_ALPHA, STEP_PCT);
    let mut at = 0;
    let row = |entry: &&Entry| {
        let compared = entry.compared.as_ref();
        let compared = compared.map(|compared| format!("  {}", compared.describe(case)));
        let mut about = entry.origin.engine.clone() + &compared.unwrap_or_default();
        let mut time = "-".to_owned();
        let mut delta = String::new();
        if let Some(level) = level(entry) {
            time = render::time(level);
            delta = format!("{:+.1}%", stats::delta_pct(first, level));
            if steps.contains(&at) {
                about += "  <- change point";
            }
            at += 1;
        }
        let commit = entry.origin.short_commit().to_owned();
        [entry.origin.at_secs.to_string(), commit, time, delta, about]
    };
    let points: Vec<_> = (0_u32..).map(f64::from).zip(series.iter().copied()).collect();
    let pct = stats::theil_sen(&[points]).unwrap_or(0.0) / first * 100.0;
    let mut lines = render::table(entries.iter().map(row));
    lines.push(format!(
        "{} {}s, {pct:+.2} % each (Theil-Sen), {} steps",
        series.len(),
        entries[0].kind.name(),
        steps.len()
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests;
