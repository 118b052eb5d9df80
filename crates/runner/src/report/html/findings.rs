//! What a reader came for: failures with their story and the command that repeats them; then what
//! is known, and what was skipped with its reason.

use crate::report::{
    absorbed::said,
    model::{Known, Model, Results},
};
use maud::{Markup, html};
use results::{Case, CaseOutcome, Layer};

/// Failures shown open; a run in which everything fails is still a page that can be read.
const OPEN: usize = 3;

/// Lines of a story that is shown open; a longer one is mostly stack traces.
const SHORT: usize = 30;

pub(super) fn failures(results: &Results) -> Markup {
    let failures: Vec<_> = results.failures().collect();
    html! {
        @if failures.is_empty() && results.notes().is_empty() {
            p.good { "None. Every case that was to run has run, and kept its promise." }
        }
        @for note in results.notes() {
            article.finding.failed { p.message { (note) } }
        }
        @for (index, (layer, case)) in failures.into_iter().enumerate() {
            (failure(layer, case, index < OPEN))
        }
    }
}

fn failure(layer: &Layer, case: &Case, open: bool) -> Markup {
    html! {
        article class=(format!("finding {}", class(case.outcome))) {
            h3 { (breakable(&case.id.name)) }
            p.tags {
                span class=(format!("tag {}", class(case.outcome))) { (case.outcome.name()) }
                span.tag { (layer.label) }
                span.tag { (case.id.binary) }
                @if case.attempts > 1 { span.tag { (case.attempts) " attempts" } }
            }
            @if let Some(message) = &case.message { p.message { (message) } }
            @if let Some(seed) = &case.seed { p.seed { "seed of the case " code { (seed) } ", root seed " code { (layer.root_seed) } } }
            @if let Some(repro) = &case.repro { pre.repro { (repro) } }
            @if !case.story.is_empty() {
                details open[open && case.story.lines().count() <= SHORT] { summary { "what it said" } pre.story { (case.story) } }
            }
        }
    }
}

pub(super) fn known(model: &Model) -> Option<Markup> {
    let mut known: Vec<_> = model.known.iter().collect();
    known.sort_by_key(|known| (known.seen.is_empty(), known.severity));
    (!known.is_empty()).then(|| {
        html! {
            p.note { "Confirmed defects of the engine, the worst first. They count in the verdict on the engine and do not fail a run (unless MACE_PROD_KNOWN = fail); one that no longer shows does." }
            @for known in known { (entry(known)) }
        }
    })
}

fn entry(known: &Known) -> Markup {
    html! {
        details.known id=(format!("known-{}", known.id)) {
            summary {
                @if known.seen.is_empty() { span.tag { "not met" } } @else { span.tag.known { "met" } }
                " " strong { (breakable(&known.id)) } " " span { (known.summary) }
            }
            dl.facts {
                div { dt { "promise" } dd { (known.promise.title()) } }
                div { dt { "what it does" } dd { (known.severity.title()) } }
                div { dt { "what it takes" } dd { (known.takes) } }
                @if let Some(since) = &known.since { div { dt { "since" } dd { (since) } } }
                @if let Some(workaround) = &known.workaround { div { dt { "workaround" } dd { (workaround) } } }
                @if let Some(tracker) = &known.tracker { div { dt { "tracked at" } dd { a href=(tracker) { (tracker) } } } }
                @if let Some(fix) = &known.fix { div { dt { "our fix" } dd { code { (fix) } } } }
                div { dt { "case" } dd { (breakable(&known.case)) } }
                div { dt { "confirmed on" } dd { (known.confirmed) } }
                @if !known.seen.is_empty() {
                    div { dt { "met in" } dd { (known.seen.iter().cloned().collect::<Vec<_>>().join(", ")) } }
                }
                @for absorbed in &known.absorbed {
                    div { dt { "put down to it" } dd { (said(absorbed)) } }
                }
                @if let Some(class) = &known.excludes { div { dt { "excluded from random cases" } dd { (class) } } }
            }
            @if !known.story.is_empty() { pre.story { (known.story) } }
        }
    }
}

pub(super) fn skipped(results: &Results) -> Option<Markup> {
    let reasons = results.skips();
    (!reasons.is_empty()).then(|| {
        html! {
            @for ((layer, reason), names) in reasons {
                details.skipped {
                    summary { span.tag { (layer) } " " strong { (names.len()) } " × " (reason) }
                    ul { @for name in names { li { (breakable(name)) } } }
                }
            }
        }
    })
}

/// The class of an outcome in the style.
pub(super) fn class(outcome: CaseOutcome) -> &'static str {
    match outcome {
        CaseOutcome::Flaky | CaseOutcome::FlakyPassed => "flaky",
        CaseOutcome::TimedOut => "timed-out",
        outcome if outcome.fails() => "failed",
        outcome => outcome.name(),
    }
}

/// A name that may break after each of its segments, so that a phone can show it.
pub(super) fn breakable(name: &str) -> Markup {
    let parts: Vec<_> =
        name.split_inclusive("::").flat_map(|part| part.split_inclusive('_')).collect();
    html! { @for part in parts { (part) wbr; } }
}
