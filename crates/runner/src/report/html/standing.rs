//! The verdict on the engine, which opens the page: each promise, how it stands, and how much was tried.

use crate::report::standing::tried;
use maud::{Markup, html};
use results::standing::{Standing, Word, headline};

pub(super) fn engine(promises: &[Standing]) -> Markup {
    html! {
        @if !promises.is_empty() {
            h1 { "The engine: " (headline(promises)) }
            p.note { "May it be trusted, and with what? This does not change the exit code." }
            div.wide {
                table.figures.promises {
                    @for standing in promises {
                        tr {
                            th scope="row" { (standing.promise.title()) }
                            td { span class=(format!("tag {}", class(standing.verdict))) { (standing.said()) } }
                            td { (tried(standing)) }
                            td { @for id in &standing.findings { a href=(format!("#known-{id}")) { (id) } " " } }
                        }
                    }
                }
            }
        }
    }
}

/// The class of a verdict in the style.
fn class(verdict: Word) -> &'static str {
    match verdict {
        Word::Kept => "passed",
        Word::Broken => "failed",
        Word::InDoubt => "flaky",
        Word::NotTried => "skipped",
    }
}
