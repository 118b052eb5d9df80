//! The performance table: estimates, the change with its interval, the history of each case.

use super::findings::breakable;
use crate::report::{
    model::{Perf, PerfCase},
    number, svg,
};
use maud::{Markup, html};

pub(super) fn perf(perf: &Perf) -> Markup {
    let compared = perf.cases.iter().any(|case| case.delta_pct.is_some());
    let reach = perf.cases.iter().filter_map(|case| {
        let (low, high) = case.delta_interval_pct.unwrap_or_default();
        Some(case.delta_pct?.abs().max(low.abs()).max(high.abs()))
    });
    let reach = reach.filter(|reach| reach.is_finite()).fold(5.0, f64::max);
    let judged = perf.cases.iter().any(|case| case.verdict.is_some());
    html! {
        p.note { (perf.title) }
        @if !perf.facts.is_empty() {
            dl.facts { @for (what, value) in &perf.facts { div { dt { (what) } dd { (value) } } } }
        }
        div.wide {
            table.figures {
                thead { tr {
                    th { "case" }
                    @if compared { th.number { "base" } th.number { "head" } th.number { "change" } th { "interval" } }
                    @else { th.number { "median" } th.number { "interval" } }
                    @if judged { th { "verdict" } }
                    @if !perf.history.is_empty() { th { "history" } }
                } }
                tbody { @for case in &perf.cases { (row(case, perf, compared, judged, reach)) } }
            }
        }
        @if compared { p.note { "Positive is slower. The interval's scale ends at ±" (number::amount(reach)) " %." } }
    }
}

fn row(case: &PerfCase, perf: &Perf, compared: bool, judged: bool, reach: f64) -> Markup {
    let ns = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), number::nanos);
    let delta = case.delta_pct.unwrap_or_default();
    let word = case.verdict.as_deref().unwrap_or_default();
    let class = match word {
        "regressed" => "failed",
        "inconclusive" => "flaky",
        _ => "passed",
    };
    html! {
        tr {
            td { (breakable(&case.id)) }
            @if compared {
                td.number { (ns(case.base_ns)) }
                td.number { (ns(case.head_ns)) }
                td.number { (case.delta_pct.map_or_else(|| "–".to_owned(), number::percent)) }
                td.chart-cell {
                    @if case.delta_pct.is_some() {
                        @let (low, high) = case.delta_interval_pct.unwrap_or((delta, delta));
                        (svg::interval(low, delta, high, reach, class))
                    }
                }
            } @else {
                td.number { (ns(case.head_ns)) }
                td.number {
                    @if let Some((low, high)) = case.head_interval_ns { (number::nanos(low)) " – " (number::nanos(high)) }
                }
            }
            @if judged { td { @if !word.is_empty() { span class=(format!("tag {class}")) { (word) } } } }
            @if !perf.history.is_empty() {
                td.chart-cell {
                    @if let Some(spark) = perf.history.get(&case.id).and_then(|values| svg::sparkline(values, &case.id)) { (spark) }
                }
            }
        }
    }
}
