//! `perf history`: the trend of a case over the snapshots made here, and where it changed. Reads the
//! history and prints; measures nothing.

use crate::{
    files::{self, Past},
    page,
    settings::Settings,
    stats,
};
use launch::{Error, Outcome, Result, console};
use std::fmt::Write;

/// The case that never changes: what a slow hour of the machine does to it is divided out.
const CONTROL: &str = "Control/spin";

/// A step counts when Welch's t is beyond this (p below 0.001 for a few points a side) ...
const STEP_T: f64 = 6.0;
/// ... and it is at least so many per cent.
const STEP_PCT: f64 = 5.0;

/// Prints the trend of a case.
pub(crate) fn history(settings: &Settings, case: &str) -> Result<Outcome> {
    let file = settings.file("history.jsonl");
    let past: Vec<Past> = files::lines(&file);
    let text = trend(&past, case).ok_or_else(|| {
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

fn trend(past: &[Past], case: &str) -> Option<String> {
    let past: Vec<&Past> = past
        .iter()
        .filter(|past| past.kind == "snapshot" && past.median_ns.contains_key(case))
        .collect();
    let first_control = past.iter().find_map(|past| past.median_ns.get(CONTROL));
    // In units of the control's first figure; without a control, as it was measured.
    let level = |past: &Past| {
        let drift = match (past.median_ns.get(CONTROL), first_control) {
            (Some(now), Some(first)) => now / first,
            _ => 1.0,
        };
        past.median_ns[case] / drift
    };
    let series: Vec<f64> = past.iter().map(|past| level(past)).collect();
    let first = *series.first()?;
    let steps = stats::change_points(&series, STEP_T, STEP_PCT);
    let mut page = String::new();
    let mut put = |line: std::fmt::Arguments<'_>| {
        writeln!(page, "{line}").expect("writing to a string cannot fail");
    };
    put(format_args!("{case}, medians, the machine's drift divided out by {CONTROL}"));
    for (at, (past, level)) in past.iter().zip(&series).enumerate() {
        let mark = if steps.contains(&at) { "  <- change point" } else { "" };
        let (time, delta) = (page::time(*level), stats::delta_pct(first, *level));
        let Past { origin, .. } = past;
        let commit: String = origin.commit.chars().take(12).collect();
        put(format_args!(
            "{:>12}  {commit:12}  {:>11}  {delta:>+6.1}%  {}{mark}",
            origin.at_secs, time, origin.engine
        ));
    }
    let pct = stats::theil_sen(&series).unwrap_or(0.0) / first * 100.0;
    let count = series.len();
    put(format_args!("{count} snapshots, {pct:+.2} % each (Theil-Sen), {} steps", steps.len()));
    Some(page)
}

#[cfg(test)]
mod tests {
    use super::{CONTROL, trend};
    use crate::files::{Origin, Past};

    fn past(case_ns: f64, control_ns: f64) -> Past {
        let origin = Origin::now("mace-kv 0.2.0".into(), "abcdef".into());
        let median_ns = [("Put/a", case_ns), (CONTROL, control_ns)];
        let median_ns = median_ns.map(|(name, ns)| (name.to_owned(), ns)).into();
        Past { format: 1, kind: "snapshot".into(), origin, median_ns }
    }

    #[test]
    fn a_slower_engine_is_a_step_and_a_slower_machine_is_none() {
        let wobble = |i: usize| 1.0 + 0.001 * (i % 3) as f64;
        let machine: Vec<_> = (0..16)
            .map(|i| {
                past(
                    100.0 * wobble(i) * if i < 8 { 1.0 } else { 1.5 },
                    if i < 8 { 10.0 } else { 15.0 },
                )
            })
            .collect();
        let text = trend(&machine, "Put/a").unwrap();
        assert!(text.contains("16 snapshots") && text.contains(" 0 steps"), "{text}");
        let engine: Vec<_> = (0..16)
            .map(|i| past(100.0 * wobble(i) * if i < 8 { 1.0 } else { 1.2 }, 10.0))
            .collect();
        let text = trend(&engine, "Put/a").unwrap();
        let step = text.lines().position(|line| line.ends_with("<- change point"));
        assert_eq!(step, Some(9), "{text}");
        assert!(trend(&engine, "Put/b").is_none());
    }
}
