//! The verdict on the engine, which opens the page: each promise, how it stands, and how much was tried.

use crate::report::standing::tried;
use maud::{Markup, html};
use results::standing::{Standing, Word, headline};

/// The verdict in one line, which stands beside the one on changes.
pub(super) fn verdict(promises: &[Standing]) -> Markup {
    let word = worst(promises);
    html! {
        div.verdict {
            h1 class=(class(word)) { span.badge { (sign(word)) } " The engine: " (headline(promises)) }
            p.note { "May it be trusted, and with what? By promise below. This does not change the exit code." }
        }
    }
}

/// Each promise, how it stands, by how much it was tried, and the findings that break it.
pub(super) fn promises(promises: &[Standing]) -> Markup {
    html! {
        table.figures.promises {
            thead { tr { th { "promise" } th { "verdict" } th { "tried by" } th { "broken by" } } }
            tbody {
                @for standing in promises {
                    tr {
                        th scope="row" { (standing.promise.title()) }
                        td { span class=(format!("tag {}", class(standing.verdict))) { (standing.said()) } }
                        td.names { @for amount in tried(standing).split(", ") { span { (amount) } } }
                        td.names { @for id in &standing.findings { a href=(format!("#known-{id}")) { (id) } } }
                    }
                }
            }
        }
    }
}

/// What a reader has to know first.
fn worst(promises: &[Standing]) -> Word {
    let order = [Word::Broken, Word::InDoubt, Word::Kept];
    let is = |word: &Word| promises.iter().any(|standing| standing.verdict == *word);
    order.into_iter().find(is).unwrap_or(Word::NotTried)
}

fn sign(verdict: Word) -> &'static str {
    match verdict {
        Word::Kept => "✓",
        Word::Broken => "✗",
        Word::InDoubt | Word::NotTried => "?",
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
