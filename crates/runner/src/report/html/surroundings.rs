//! What the results stand in: files that cannot be used, the effective knobs, and what is absent.

use crate::report::model::Model;
use maud::{Markup, html};
use results::run::Setting;

pub(super) fn problems(model: &Model) -> Option<Markup> {
    (!model.problems.is_empty()).then(|| {
        html! {
            @for problem in &model.problems {
                article.finding.flaky { h3 { code { (problem.file) } } p.message { (problem.what) } }
            }
            p.note { "Everything else on this page is from the files that could be read." }
        }
    })
}

pub(super) fn knobs(model: &Model) -> Option<Markup> {
    let (set, default): (Vec<_>, Vec<_>) =
        model.knobs.iter().partition(|setting| is_turned(setting));
    (!model.knobs.is_empty()).then(|| {
        html! {
            @if set.is_empty() { p.note { "No flag and no variable of the environment turned a knob." } }
            @else { p.note { "Turned by a flag or the environment:" } (table(&set)) }
            details { summary { (default.len()) " from files and built-in defaults" } (table(&default)) }
        }
    })
}

fn is_turned(setting: &Setting) -> bool {
    ["command-line flag", "environment"].contains(&setting.source.as_str())
}

fn table(settings: &[&Setting]) -> Markup {
    html! {
        div.wide {
            table.figures {
                tbody {
                    @for Setting { name, value, source } in settings {
                        tr {
                            td { code { (name) } }
                            td { @match value.as_deref() { Some("") => { em { "empty" } } Some(value) => { code { (value) } } None => { em { "none" } } } }
                            td { small { (source) } }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn absent(model: &Model) -> Option<Markup> {
    (!model.absent.is_empty()).then(|| {
        html! {
            ul { @for (what, command) in &model.absent { li { "No results of " (what) ": " code { (command) } " makes them." } } }
        }
    })
}
