//! `perf history`: the trend of a case over the snapshots and comparisons made here, and where it
//! changed. Reads the history and prints; measures nothing.

use crate::{
    files,
    gate::Gate,
    page,
    past::{CONTROL, Past},
    settings::Settings,
    stats,
};
use process::{Error, Outcome, Result, console};
use std::{
    collections::BTreeMap,
    fmt::{Arguments, Write},
};

/// A step is believed when chance makes it in fewer than one of so many series without any ...
const STEP_ALPHA: f64 = 0.001;
/// ... and it is at least so many per cent.
const STEP_PCT: f64 = 5.0;

/// Prints the trend of a case.
pub(crate) fn history(settings: &Settings, case: &str) -> Result<Outcome> {
    let file = settings.file("history.jsonl");
    let past: Vec<Past> = files::records(&file)?;
    let text = trends(&past, case).ok_or_else(|| {
        let mut known: Vec<_> = past.iter().flat_map(|past| past.median_ns.keys()).collect();
        known.sort_unstable();
        known.dedup();
        let known = known.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let remedy = match known.as_str() {
            "" => "`just perf snapshot` makes the first entry".to_owned(),
            known => format!("the history has {known}"),
        };
        Error::new(format_args!("no entry of case {case:?}"), file.display(), remedy)
    })?;
    console::page(&text);
    Ok(Outcome::Passed)
}

/// One series after the other; `None` when nothing was measured of this case.
fn trends(past: &[Past], case: &str) -> Option<String> {
    let mut all = BTreeMap::<_, Vec<&Past>>::new();
    for past in past.iter().filter(|past| past.median_ns.contains_key(case) || past.is_identical())
    {
        all.entry(past.series()).or_default().push(past);
    }
    all.retain(|_, past| past.iter().any(|past| past.median_ns.contains_key(case)));
    let pages = all.iter().map(|(series, past)| {
        let levels = if series.has_control {
            format!("the machine's drift divided out by {CONTROL}")
        } else {
            format!("as measured: the machine's drift is in them without {CONTROL}")
        };
        format!("{case}, {series}\nmedians, {levels}\n{}", trend(past, case))
    });
    let pages: Vec<String> = pages.collect();
    (!pages.is_empty()).then(|| pages.join("\n"))
}

/// The trend of one series.
fn trend(past: &[&Past], case: &str) -> String {
    let first_control = past.iter().find_map(|past| past.median_ns.get(CONTROL));
    // In units of the control's first figure.
    let level = |past: &Past| {
        let drift = match (past.median_ns.get(CONTROL), first_control) {
            (Some(now), Some(first)) => now / first,
            _ => 1.0,
        };
        Some(past.median_ns.get(case)? / drift)
    };
    let series: Vec<f64> = past.iter().filter_map(|past| level(past)).collect();
    let first = series[0];
    let steps = stats::change_points(&series, STEP_ALPHA, STEP_PCT);
    let mut page = String::new();
    let mut put = |line: Arguments<'_>| {
        writeln!(page, "{}", line.to_string().trim_end()).expect("writing to a string cannot fail");
    };
    let mut at = 0;
    for past in past {
        let commit = page::short(&past.origin.commit);
        let (when, engine, judged) = (past.origin.at_secs, &past.origin.engine, judged(past, case));
        let Some(level) = level(past) else {
            let gap = format!("{:>11}  {:>7}", "-", "");
            put(format_args!("{when:>12}  {commit:12}  {gap}  {engine}{judged}"));
            continue;
        };
        let mark = if steps.contains(&at) { "  <- change point" } else { "" };
        let (time, delta) = (page::time(level), stats::delta_pct(first, level));
        put(format_args!(
            "{when:>12}  {commit:12}  {time:>11}  {delta:>+6.1}%  {engine}{judged}{mark}"
        ));
        at += 1;
    }
    let pct = stats::theil_sen(&series).unwrap_or(0.0) / first * 100.0;
    let (count, steps, kind) = (series.len(), steps.len(), &past[0].kind);
    put(format_args!("{count} {kind}s, {pct:+.2} % each (Theil-Sen), {steps} steps"));
    page
}

/// What a comparison said, of the case and in all.
fn judged(past: &Past, case: &str) -> String {
    let Some(compared) = &past.compared else { return String::new() };
    let gate = word(compared.gate);
    let base = page::short(&compared.base_commit);
    match compared.delta_pct.get(case) {
        _ if compared.identical => format!("  {gate}: identical machine code as {base}"),
        Some(delta) => format!("  {gate}: {delta:+.1} % against {base}"),
        None => format!("  {gate}: against {base}"),
    }
}

fn word(gate: Gate) -> &'static str {
    match gate {
        Gate::Passed => "passed",
        Gate::Failed => "failed",
        Gate::TooFewCases => "too few cases",
        Gate::Inconclusive => "inconclusive",
    }
}

#[cfg(test)]
mod tests;
