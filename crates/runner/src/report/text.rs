//! The end of a run as text: a table of layers, their figures, what was skipped and is known, then
//! the failures with the command that repeats each, then the verdict.

use crate::report::{
    absorbed::said,
    model::{Model, Results},
    standing::tried,
    waits::waited,
};
use results::{
    Case, CaseOutcome, Outcome,
    standing::{self, headline},
    waits,
};
use std::fmt::{self, Write};

/// Renders the end of a run.
pub(crate) fn summary(model: &Model) -> String {
    let mut text = String::new();
    write(model, &mut text).expect("a string takes every write");
    text
}

/// `N passed, N failed, N skipped`: known findings passed, flaky ones let pass too.
pub(crate) fn counts(model: &Model) -> String {
    let Some(results) = &model.results else { return String::new() };
    let failed = results.failures().count();
    let skipped = results.count(&[CaseOutcome::Skipped]);
    let passed = results.cases().count() - failed - skipped;
    let failed = failed + results.notes().len() + results.counted().len();
    format!("{passed} passed, {failed} failed, {skipped} skipped")
}

fn write(model: &Model, text: &mut String) -> fmt::Result {
    let Some(results) = &model.results else { return Ok(()) };
    table(results, text)?;
    known(model, text)?;
    flaky(results, text)?;
    skips(results, text)?;
    failures(results, text)?;
    engine(results, text)?;
    write!(text, "\nchanges: {}", results.verdict())
}

fn table(results: &Results, text: &mut String) -> fmt::Result {
    writeln!(text, "engine {}, root seed {}", results.engine(), results.root_seed())?;
    write!(text, "{:20} {:>6}", "layer", "cases")?;
    for (name, _) in CaseOutcome::COLUMNS {
        write!(text, " {name:>9}")?;
    }
    writeln!(text, " {:>9}", "seconds")?;
    for layer in &results.layers {
        write!(text, "{:20} {:>6}", layer.label, layer.cases.len())?;
        for (_, outcomes) in CaseOutcome::COLUMNS {
            write!(text, " {:>9}", layer.count(outcomes))?;
        }
        writeln!(text, " {:>9.1}", layer.wall.as_secs_f64())?;
    }
    for layer in &results.layers {
        let figure = |(name, amount): (String, f64)| {
            let digits = usize::from(amount.fract() != 0.0);
            format!("{} {amount:.digits$}", name.replace('_', " "))
        };
        let is_told = |name: &str| !standing::is_figure(name) && !waits::is_figure(name);
        let figures = layer.figures().into_iter().filter(|(name, _)| is_told(name));
        let figures: Vec<_> = figures.map(figure).collect();
        if !figures.is_empty() {
            writeln!(text, "{:20} {}", format!("{}:", layer.label), figures.join(", "))?;
        }
    }
    for (label, line) in waited(results) {
        writeln!(text, "{:20} {line}", format!("{label}, waits:"))?;
    }
    Ok(())
}

/// How it stands with each promise of the engine, before the last line says whether anything got worse.
fn engine(results: &Results, text: &mut String) -> fmt::Result {
    let promises = results.promises();
    writeln!(text, "\nthe engine: {}", headline(promises))?;
    for standing in promises {
        let promise = standing.promise.title();
        writeln!(text, "  {promise:29} {:30} {}", standing.said(), tried(standing))?;
    }
    for line in results.counted() {
        writeln!(text, "  {line}")?;
    }
    if !results.counted().is_empty() {
        writeln!(text, "  The run fails by these: MACE_PROD_KNOWN = fail.")?;
    }
    Ok(())
}

/// Each known finding once, whatever number of layers and builds it showed in.
fn known(model: &Model, text: &mut String) -> fmt::Result {
    if model.known_met().next().is_some() {
        writeln!(text, "\nknown findings")?;
    }
    for known in model.known_met() {
        let labels: Vec<&str> = known.seen.iter().map(String::as_str).collect();
        let labels = match labels.as_slice() {
            [] => "not met".to_owned(),
            labels => labels.join(", "),
        };
        writeln!(text, "  {}: {} [{labels}]", known.id, known.summary)?;
        for absorbed in &known.absorbed {
            writeln!(text, "      put down to it: {}", said(absorbed))?;
        }
        if let Some(class) = &known.excludes {
            writeln!(text, "      excluded from random cases: {class}")?;
        }
    }
    Ok(())
}

fn flaky(results: &Results, text: &mut String) -> fmt::Result {
    if results.count(&[CaseOutcome::FlakyPassed]) > 0 {
        writeln!(text, "\nflaky, and let pass by CHAOS_FLAKY")?;
    }
    let flaky = results.cases().filter(|(_, case)| case.outcome == CaseOutcome::FlakyPassed);
    for (layer, Case { id, attempts, .. }) in flaky {
        writeln!(text, "  {}  {}: passed on attempt {attempts}", layer.label, id.name)?;
    }
    Ok(())
}

fn skips(results: &Results, text: &mut String) -> fmt::Result {
    let skips = results.skips();
    if !skips.is_empty() {
        writeln!(text, "\nskipped")?;
    }
    for ((label, reason), names) in skips {
        writeln!(text, "  {label}  {} cases: {reason}", names.len())?;
    }
    Ok(())
}

/// The heading stands in every run, so that a script can look for what is below it.
fn failures(results: &Results, text: &mut String) -> fmt::Result {
    let interrupted = matches!(results.outcome(), Outcome::Interrupted(_));
    // After Ctrl-C the cases that did not run are a number, not failures to look at.
    let shown = |case: &Case| !(interrupted && case.outcome == CaseOutcome::Missing);
    let mut none = results.notes().is_empty();
    writeln!(text, "\nfailures")?;
    for (layer, case) in results.failures().filter(|(_, case)| shown(case)) {
        none = false;
        let Case { id, outcome, message, seed, repro, .. } = case;
        writeln!(text, "  {}  [{}: {outcome}, {}]", id.name, layer.label, id.binary)?;
        let message = message.as_deref().unwrap_or_default();
        writeln!(text, "      {}", message.lines().next().unwrap_or_default())?;
        write!(text, "      seed {}", layer.root_seed)?;
        if let Some(own) = seed.map(|own| own.to_string()).filter(|own| *own != layer.root_seed) {
            write!(text, " (the case's own, derived from it: {own})")?;
        }
        writeln!(text, "\n      {}", repro.as_deref().unwrap_or_default())?;
    }
    for note in results.notes() {
        writeln!(text, "  {note}")?;
    }
    if none { writeln!(text, "  none") } else { Ok(()) }
}
