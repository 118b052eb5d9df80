//! The same in Markdown, for a job's summary: short, and whole even when everything failed, because
//! a summary over one mebibyte is not shown at all.

use crate::report::{
    absorbed::said,
    model::{Known, Model, Perf, Results, Soak},
    number,
    standing::tried,
    waits::waited,
};
use results::{
    CaseOutcome, Outcome,
    standing::{Word, headline},
};
use std::fmt::Write;

/// Failures written out; the rest is counted.
const SHOWN: usize = 25;

/// Renders the summary.
pub fn markdown(model: &Model) -> String {
    let mut page = String::new();
    write(model, &mut page).expect("a string takes every write");
    page
}

fn write(model: &Model, page: &mut String) -> std::fmt::Result {
    if let Some(found) = &model.results {
        results(found, page)?;
    } else {
        writeln!(page, "## Production validation: no results\n")?;
    }
    for problem in &model.problems {
        writeln!(page, "> **unreadable** {}: {}\n", code(&problem.file), text(&problem.what))?;
    }
    known(model, page)?;
    if let Some(found) = &model.perf {
        perf(found, page)?;
    }
    if let Some(found) = &model.soak {
        soak(found, page)?;
    }
    Ok(())
}

fn results(results: &Results, page: &mut String) -> std::fmt::Result {
    let outcome = results.outcome();
    let sign = if outcome == Outcome::Passed { "✅" } else { "❌" };
    writeln!(page, "## {sign} Changes: {}\n", outcome.name())?;
    writeln!(page, "{}\n", text(&results.verdict()))?;
    engine(results, page)?;
    if !results.engine().is_empty() {
        writeln!(page, "{}, root seed {}\n", text(results.engine()), code(results.root_seed()))?;
    }
    let names = CaseOutcome::COLUMNS.map(|(name, _)| name).join(" | ");
    writeln!(page, "| layer | cases | {names} | time |")?;
    writeln!(page, "| --- |{}", " ---: |".repeat(CaseOutcome::COLUMNS.len() + 2))?;
    for layer in &results.layers {
        write!(page, "| {} | {} |", text(&layer.label), layer.cases.len())?;
        for (_, outcomes) in CaseOutcome::COLUMNS {
            write!(page, " {} |", layer.count(outcomes))?;
        }
        writeln!(page, " {} |", number::time(layer.wall))?;
    }
    writeln!(page)?;
    for (label, line) in waited(results) {
        writeln!(page, "Waits, {}: {}\n", text(label), text(&line))?;
    }
    let failures = results.failures().count();
    if failures + results.notes().len() > 0 {
        writeln!(page, "### Failures\n")?;
    }
    for note in results.notes() {
        writeln!(page, "- {}", text(note))?;
    }
    for (layer, case) in results.failures().take(SHOWN) {
        let name = code(&case.id.name);
        writeln!(page, "- **{}** {name} ({})", case.outcome, text(&layer.label))?;
        if let Some(message) = &case.message {
            writeln!(page, "  {}", text(message))?;
        }
        if let Some(repro) = &case.repro {
            writeln!(page, "  {}", code(repro))?;
        }
    }
    if failures > SHOWN {
        writeln!(page, "- … and {} more, in the report", failures - SHOWN)?;
    }
    writeln!(page)
}

fn engine(results: &Results, page: &mut String) -> std::fmt::Result {
    let promises = results.promises();
    if promises.is_empty() {
        return Ok(());
    }
    let is = |word| promises.iter().any(|standing| standing.verdict == word);
    let sign = if is(Word::Broken) {
        "❌"
    } else if is(Word::InDoubt) || !is(Word::Kept) {
        "❔"
    } else {
        "✅"
    };
    writeln!(page, "## {sign} The engine: {}\n", text(&headline(promises)))?;
    writeln!(page, "| promise | verdict | tried by |\n| --- | --- | --- |")?;
    for standing in promises {
        let promise = standing.promise.title();
        writeln!(page, "| {promise} | {} | {} |", text(&standing.said()), text(&tried(standing)))?;
    }
    if !results.counted().is_empty() {
        writeln!(page, "\nThe run fails by these, since MACE_PROD_KNOWN = fail:\n")?;
    }
    for line in results.counted() {
        writeln!(page, "- {}", text(line))?;
    }
    writeln!(page)
}

fn known(model: &Model, page: &mut String) -> std::fmt::Result {
    let met: Vec<_> = model.known_met().collect();
    if met.is_empty() {
        return Ok(());
    }
    writeln!(page, "<details><summary>{} known findings met</summary>\n", met.len())?;
    for known in met {
        let Known { id, summary, promise, severity, takes, .. } = known;
        writeln!(page, "- {}: {}", code(id), text(summary))?;
        writeln!(page, "  ({}; {}; takes {takes})", promise.title(), severity.title())?;
        for absorbed in &known.absorbed {
            writeln!(page, "  - {}", text(&said(absorbed)))?;
        }
    }
    writeln!(page, "\n</details>\n")
}

fn perf(perf: &Perf, page: &mut String) -> std::fmt::Result {
    writeln!(page, "### Performance: {}\n", text(&perf.title))?;
    for (what, value) in &perf.facts {
        writeln!(page, "- {}: {}", text(what), text(value))?;
    }
    writeln!(
        page,
        "\n| case | base | head | change | verdict |\n| --- | ---: | ---: | ---: | --- |"
    )?;
    for case in &perf.cases {
        let ns = |value: Option<f64>| value.map_or_else(String::new, number::nanos);
        let change = case.delta_pct.map_or_else(String::new, number::percent);
        let verdict = case.verdict.as_deref().unwrap_or_default();
        let base = ns(case.base_ns);
        let head = ns(case.head_ns);
        writeln!(page, "| {} | {base} | {head} | {change} | {} |", text(&case.id), text(verdict))?;
    }
    writeln!(page)
}

fn soak(soak: &Soak, page: &mut String) -> std::fmt::Result {
    let failed = soak.cycles.iter().filter(|cycle| cycle.failed).count();
    writeln!(page, "### Long run: {} cycles, {failed} failed\n", soak.cycles.len())?;
    for (what, verdict) in &soak.verdicts {
        writeln!(page, "- {}: {}", text(what), text(verdict))?;
    }
    let columns: Vec<_> =
        soak.columns.iter().filter(|name| SHOWN_OF_A_CYCLE.contains(&name.as_str())).collect();
    if soak.cycles.is_empty() || columns.is_empty() {
        return writeln!(page);
    }
    let names: Vec<_> = columns.iter().map(|name| text(name)).collect();
    writeln!(
        page,
        "\n| cycle | {} |\n| ---: |{}",
        names.join(" | "),
        " ---: |".repeat(names.len())
    )?;
    let left_out = soak.cycles.len().saturating_sub(CYCLES);
    for cycle in &soak.cycles[left_out..] {
        write!(page, "| {}{} |", cycle.number, if cycle.failed { " ❌" } else { "" })?;
        for column in &columns {
            let shown = if column.contains("_ns") { number::nanos } else { number::amount };
            let value = cycle.values.get(*column).map(|value| shown(*value));
            write!(page, " {} |", value.unwrap_or_default())?;
        }
        writeln!(page)?;
    }
    if left_out > 0 {
        writeln!(page, "\n{left_out} earlier cycles are in perf\\_cycles.csv.")?;
    }
    writeln!(page)
}

/// Cycles of a long run that the page has, the last ones.
const CYCLES: usize = 20;

/// Columns of its rows that the page has; all are in the file.
const SHOWN_OF_A_CYCLE: [&str; 6] =
    ["cases", "median_ns_p50", "median_ns_p95", "failed", "timed_out", "known"];

/// Text in which nothing is a sign of Markdown or HTML, on one line.
fn text(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' => escaped.push(' '),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' => escaped.extend(['\\', c]),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A code span that holds any text on one line.
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ").replace('|', "\u{2223}");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

#[cfg(test)]
mod tests {
    use super::{code, text};

    #[test]
    fn text_from_outside_stays_text() {
        assert_eq!(text("a_b <b>\n| x"), "a\\_b &lt;b&gt; \\| x");
        assert_eq!(code("just repro 'a::b' 7"), "`just repro 'a::b' 7`");
        assert_eq!(code("`x``"), "``` `x`` ```");
    }
}
