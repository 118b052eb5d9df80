//! The maps: failpoints by action, system calls by error, crash states by persistence profile, and
//! everything else that cases counted.

use super::findings::{breakable, class};
use crate::report::{
    coverage::{self, Grid},
    model::Results,
    number, svg,
};
use maud::{Markup, html};
use results::{Case, CaseOutcome, marker::Figures};

pub(super) fn faults(results: &Results) -> Option<Markup> {
    let grids = coverage::grids(results);
    (!grids.is_empty()).then(|| {
        html! {
            p.note {
                "✓ reached and kept its promises, ◆ met a known finding, ✗ failed, – skipped with a reason. An empty field: no such case. "
                "The number is how many faults really struck."
            }
            @for grid in &grids { (map(grid)) }
        }
    })
}

fn map(grid: &Grid<'_>) -> Markup {
    html! {
        h3 { (grid.name) " " small { (grid.covered()) " of " (grid.total()) " reached, " (grid.rows.len()) " places" } }
        div.wide {
            table.map {
                thead { tr { th {} @for column in &grid.columns { th.turned { span { (column.replace('_', " ")) } } } th.number { "hits" } } }
                tbody {
                    @for (place, cases) in &grid.rows {
                        tr {
                            th scope="row" { (breakable(place)) }
                            @for column in &grid.columns { (cell(cases.get(column).copied())) }
                            td.number { (number::amount(grid.hits(place))) }
                        }
                    }
                }
            }
        }
    }
}

fn cell(case: Option<&Case>) -> Markup {
    let Some(case) = case else { return html! { td.empty {} } };
    let sign = match case.outcome {
        CaseOutcome::Passed => "✓",
        CaseOutcome::Known => "◆",
        CaseOutcome::Skipped => "–",
        CaseOutcome::Flaky | CaseOutcome::FlakyPassed => "~",
        _ => "✗",
    };
    let why = case.message.as_deref().unwrap_or(case.outcome.name());
    html! { td class=(format!("mark {}", class(case.outcome))) title=(format!("{}: {why}", case.id.name)) { (sign) } }
}

pub(super) fn calls(figures: &Figures) -> Option<Markup> {
    let calls = coverage::calls(figures);
    (!calls.rows.is_empty()).then(|| {
        html! {
            p.note { "How often each call was seen, and how often it was given each error. A call without an error is one that nobody has made fail." }
            div.wide {
                table.map {
                    thead { tr { th { "call" } th.number { "seen" } @for error in &calls.errors { th.turned { span { (error) } } } } }
                    tbody {
                        @for (name, call) in &calls.rows {
                            tr {
                                th scope="row" { code { (name) } }
                                td.number { (number::amount(call.seen)) }
                                @for error in &calls.errors {
                                    @match call.faults.get(error) {
                                        Some(count) => { td.mark.passed { (number::amount(*count)) } }
                                        None => { td.empty {} }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    })
}

pub(super) fn crashes(figures: &Figures) -> Option<Markup> {
    let crashes = coverage::crash_states(figures)?;
    let most = crashes.states.iter().map(|(_, count)| *count).fold(0.0, f64::max);
    Some(html! {
        p.note { "States in which a power loss may leave the files, rebuilt, recovered and judged, by what the file system may lose." }
        table.bars {
            @for (profile, count) in crashes.states {
                tr { td { (profile) } td.chart-cell { (svg::bar(count / most.max(1.0), "plain")) } td.number { (number::amount(count)) } }
            }
        }
        (named(&crashes.facts))
        @if !crashes.findings.is_empty() {
            p.note { "What was found in them, known findings too, by the mildest file system on which it is legal: the first that loses so much." }
            (named(&crashes.findings))
        }
    })
}

pub(super) fn holds(figures: &Figures) -> Option<Markup> {
    let facts = coverage::holds(figures);
    (!facts.is_empty()).then(|| {
        html! {
            p.note { "Threads that were held at one place until others had done one thing, by what came of it." }
            (named(&facts))
        }
    })
}

fn named(facts: &[(&str, f64)]) -> Markup {
    html! {
        @if !facts.is_empty() {
            dl.facts { @for (name, count) in facts { div { dt { (name) } dd { (number::amount(*count)) } } } }
        }
    }
}

pub(super) fn figures(results: &Results) -> Option<Markup> {
    let layers = coverage::others(results);
    (!layers.is_empty()).then(|| {
        html! {
            @for (layer, figures) in layers {
                h3 { (layer) }
                dl.facts.counts {
                    @for (name, amount) in figures { div { dt { (breakable(&name)) } dd { (number::amount(amount)) } } }
                }
            }
        }
    })
}
