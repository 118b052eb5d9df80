//! The outcome of each layer, and the cases that took longest.

use super::findings::{breakable, class};
use crate::report::{model::Results, number, svg, waits};
use maud::{Markup, html};
use results::{CaseOutcome, Layer};

/// As many as fit on a screen.
const SLOWEST: usize = 12;

pub(super) fn layers(results: &Results) -> Markup {
    html! {
        div.cards {
            @for layer in &results.layers { (card(layer, results)) }
        }
    }
}

fn card(layer: &Layer, results: &Results) -> Markup {
    let outcome = results.outcome_of(layer).name();
    let part = |outcome: CaseOutcome| {
        let count = layer.count(&[outcome]);
        (class(outcome), count, format!("{count} {outcome}"))
    };
    let parts = CaseOutcome::ALL.map(part);
    html! {
        article.card {
            h3 { (layer.label) " " span class=(format!("tag {outcome}")) { (outcome) } }
            p.big { (number::amount(layer.cases.len() as f64)) @if layer.cases.len() == 1 { " case" } @else { " cases" } small { " in " (number::time(layer.wall)) } }
            (svg::stack(&parts, &format!("outcomes of {}", layer.label)))
            ul.legend {
                @for (outcome, (class, count, _)) in CaseOutcome::ALL.iter().zip(&parts) {
                    @if *count > 0 { li { span class=(format!("swatch {class}")) {} (number::amount(*count as f64)) " " (outcome.name()) } }
                }
            }
            @if !layer.build.is_empty() { p.note { (layer.build) " build" } }
            @if let Some(line) = waits::of_layer(results, layer) { p.note { "waits: " (line) } }
        }
    }
}

pub(super) fn slowest(results: &Results) -> Option<Markup> {
    let cases = results.slowest(SLOWEST);
    let longest =
        cases.first().map(|(_, case)| case.time.as_secs_f64()).filter(|longest| *longest > 0.0)?;
    Some(html! {
        table.bars {
            @for (layer, case) in cases {
                tr {
                    td { (breakable(&case.id.name)) " " small { (layer.label) } }
                    td.chart-cell { (svg::bar(case.time.as_secs_f64() / longest, class(case.outcome))) }
                    td.number { (number::time(case.time)) }
                }
            }
        }
    })
}
