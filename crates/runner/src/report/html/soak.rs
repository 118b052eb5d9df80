//! The long run: what its summary says, and a curve for each of its columns, with the cycles that
//! failed marked on every one of them.

use super::{coverage, findings::breakable};
use crate::report::{
    model::{Point, Soak},
    number, svg,
};
use maud::{Markup, html};

pub(super) fn soak(soak: &Soak) -> Markup {
    let failed: Vec<_> = soak
        .cycles
        .iter()
        .filter(|cycle| cycle.failed)
        .map(|cycle| cycle.number.to_string())
        .collect();
    html! {
        p.lead {
            (soak.cycles.len()) " cycles, "
            @if failed.is_empty() { "none failed." }
            @else { strong.bad { (failed.len()) " failed" } ": " (failed.join(", ")) "." }
        }
        @if !soak.verdicts.is_empty() {
            ul.verdicts { @for (what, verdict) in &soak.verdicts { li { strong { (what) } " " (verdict) } } }
        }
        @for failure in &soak.failures {
            article.finding.failed {
                h3 { "cycle " (failure.cycle) ": " (breakable(failure.case.as_deref().unwrap_or(&failure.part))) }
                p.tags { span.tag.failed { (failure.outcome) } span.tag { (failure.part) } }
                p.message { (failure.message) }
                p.seed { "root seed " code { (failure.seed) } }
                @if let Some(repro) = &failure.repro { pre.repro { (repro) } }
            }
        }
        div.cards {
            @for column in &soak.columns {
                @if let Some(curve) = svg::curve(&points(soak, column), text(column), column) {
                    figure.card { figcaption { (caption(column)) } (curve) }
                }
            }
        }
        @if let Some(crashes) = coverage::crashes(&soak.figures) { h3 { "crash states, over all cycles" } (crashes) }
        @if !soak.facts.is_empty() {
            details { summary { "the summary's figures" }
                dl.facts { @for (what, value) in &soak.facts { div { dt { (what) } dd { (value) } } } }
            }
        }
    }
}

fn points(soak: &Soak, column: &str) -> Vec<Point> {
    let point = |cycle: &crate::report::Cycle| Point {
        at: cycle.number as f64,
        value: cycle.values.get(column).copied(),
        failed: cycle.failed,
    };
    soak.cycles.iter().map(point).collect()
}

/// How a column's values are written: its name carries the unit.
fn text(column: &str) -> fn(f64) -> String {
    if column.contains("_ns") {
        number::nanos
    } else if column.contains("bytes") {
        number::bytes
    } else {
        number::amount
    }
}

/// A column's name without its unit, which stands at the axis.
fn caption(column: &str) -> String {
    column.replace("_bytes", "").replace("_ns", "").replace('_', " ")
}
