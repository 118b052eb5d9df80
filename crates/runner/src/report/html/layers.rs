//! A verdict for each layer, and the cases that took longest.

use super::findings::{breakable, class};
use crate::report::{
    Verdict,
    model::{Layer, Results},
    number, svg,
};
use maud::{Markup, html};

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
    let recorded = results
        .record
        .as_ref()
        .and_then(|record| record.layers.iter().find(|known| known.label == layer.label));
    let fails = layer.failures() > 0;
    let from_cases = if fails { "failed" } else { "passed" };
    let outcome = recorded.map_or(from_cases, |recorded| recorded.outcome.as_str());
    let parts: Vec<_> = Verdict::ALL
        .into_iter()
        .map(|verdict| {
            (
                class(verdict),
                layer.count(verdict),
                format!("{} {}", layer.count(verdict), verdict.name()),
            )
        })
        .collect();
    html! {
        article.card {
            h3 { (layer.label) " " span class=(format!("tag {outcome}")) { (outcome) } }
            p.big { (number::amount(layer.cases.len() as f64)) " cases" small { " in " (number::time(layer.wall)) } }
            (svg::stack(&parts, &format!("verdicts of {}", layer.label)))
            ul.legend {
                @for (verdict, (class, count, _)) in Verdict::ALL.iter().zip(&parts) {
                    @if *count > 0 { li { span class=(format!("swatch {class}")) {} (number::amount(*count as f64)) " " (verdict.name()) } }
                }
            }
            @if !layer.build.is_empty() { p.note { (layer.build) " build" } }
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
                    td { (breakable(&case.name)) " " small { (layer.label) } }
                    td.chart-cell { (svg::bar(case.time.as_secs_f64() / longest, class(case.verdict))) }
                    td.number { (number::time(case.time)) }
                }
            }
        }
    })
}
