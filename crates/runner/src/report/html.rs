//! The page: one HTML file that opens from disk, asks the network for nothing and runs no script.
//! Each section has a module and says nothing when there is nothing to say. Layout only; what is
//! shown was decided in the model.

mod coverage;
mod findings;
mod layers;
mod perf;
mod soak;
mod standing;
mod surroundings;

use crate::report::{
    model::{Model, Source},
    number,
};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use results::Outcome;

const STYLE: &str = include_str!("html/style.css");

/// Renders the page.
pub fn html(model: &Model) -> String {
    let sections = sections(model);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title(model)) }
                // A page without an icon makes browsers ask for one.
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { (head(model)) }
                nav { @for (id, name, _) in &sections { a href=(format!("#{id}")) { (name) } } }
                main {
                    @for (id, name, body) in &sections {
                        section id=(id) { h2 { (name) } (body) }
                    }
                }
                footer { "Made by " code { "just report" } " from the files of the run. Nothing on this page comes from elsewhere." }
            }
        }
    };
    page.into_string()
}

type Section = (&'static str, &'static str, Markup);

fn sections(model: &Model) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut add = |id, name, body: Option<Markup>| {
        sections.extend(body.map(|body| (id, name, body)));
    };
    add("problems", "Unreadable files", surroundings::problems(model));
    if let Some(results) = &model.results {
        add("failures", "Failures", Some(findings::failures(results)));
        add("layers", "Layers", Some(layers::layers(results)));
    }
    add("known", "Known findings", findings::known(model));
    if let Some(results) = &model.results {
        add("slowest", "Slowest cases", layers::slowest(results));
        add("faults", "Where faults were planted", coverage::faults(results));
        let figures = crate::report::coverage::figures(results);
        add("calls", "System calls", coverage::calls(&figures));
        add("crashes", "Crash states", coverage::crashes(&figures));
        add("holds", "Threads that were held", coverage::holds(&figures));
        add("figures", "What was exercised", coverage::figures(results));
        add("skipped", "Skipped", findings::skipped(results));
    }
    add("performance", "Performance", model.perf.as_ref().map(perf::perf));
    add("soak", "Long run", model.soak.as_ref().map(soak::soak));
    add("knobs", "Effective knobs", surroundings::knobs(model));
    add("absent", "Not there", surroundings::absent(model));
    sections
}

fn title(model: &Model) -> String {
    let outcome = model.results.as_ref().map_or("no run", |results| results.outcome().name());
    format!("{outcome} – production validation")
}

fn head(model: &Model) -> Markup {
    let Some(results) = &model.results else {
        return html! { h1 { "Production validation" } p.lead { "No validation run has left results here." } };
    };
    let cases = results.cases().count();
    let failures = results.failures().count() + results.notes().len();
    let outcome = results.outcome().name();
    html! {
        p.eyebrow { "Production validation" @if !results.engine().is_empty() { " of " strong { (results.engine()) } } }
        div.verdicts {
            @if !results.promises().is_empty() { (standing::verdict(results.promises())) }
            div.verdict {
                h1 class=(outcome) { span.badge { (sign(results.outcome())) } " Changes: " (outcome) }
                p.note { "Did anything get worse? " (exit(results)) }
                p.lead {
                    @if failures == 0 { "No failure" } @else { strong { (failures) @if failures == 1 { " failure" } @else { " failures" } } }
                    " in " (number::amount(cases as f64)) @if cases == 1 { " case." } @else { " cases." }
                }
            }
        }
        @if !results.promises().is_empty() { (standing::promises(results.promises())) }
        @if results.source == Source::Nextest {
            p.warning { "These are nextest's own reports. Nobody has checked that no case is missing from them, and they do not say how "
                "it stands with the engine: " code { "just prod" } " does both." }
        }
        dl.facts {
            @if !results.root_seed().is_empty() { div { dt { "root seed" } dd { code { (results.root_seed()) } } } }
            @if let Some(record) = &results.record {
                div { dt { "started" } dd { (moment(record.started_unix_s)) } }
                div { dt { "took" } dd { (number::time(std::time::Duration::from_secs_f64(record.wall_s.clamp(0.0, 1e9)))) } }
                div { dt { "machine" } dd { (record.machine.os) " " (record.machine.arch) ", " (record.machine.cores) " cores" } }
                @if record.shards > 0 { div { dt { "shards" } dd { (record.shards) } } }
                div { dt { "exit code" } dd { (record.exit_code) } }
            }
        }
    }
}

/// What decides the exit code.
fn exit(results: &super::model::Results) -> &'static str {
    if results.counted().is_empty() {
        "The exit code says the same. Known findings are counted apart."
    } else {
        "Known findings fail this run (MACE_PROD_KNOWN = fail), whatever this says."
    }
}

fn sign(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "✓",
        Outcome::Interrupted(_) => "■",
        _ => "✗",
    }
}

/// A moment in UTC.
fn moment(unix_s: u64) -> String {
    let moment = i64::try_from(unix_s).ok().and_then(|s| chrono::DateTime::from_timestamp(s, 0));
    moment.map_or_else(|| "–".to_owned(), |moment| moment.format("%Y-%m-%d %H:%M UTC").to_string())
}
