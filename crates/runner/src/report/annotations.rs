//! Failures as annotations of a change, in the form of GitHub's workflow commands: a line each.

use crate::report::model::Model;
use results::Case;

/// A line for each failure of the last run.
pub fn annotations(model: &Model) -> Vec<String> {
    let Some(results) = &model.results else { return Vec::new() };
    let cases = results.failures().map(|(layer, case)| {
        let Case { id, outcome, message, repro, .. } = case;
        let title = format!("{} [{}: {outcome}]", id.name, layer.label);
        let message = message.as_deref().unwrap_or_default();
        let text = format!("{message}\nrepeat: {}", repro.as_deref().unwrap_or_default());
        annotation(&title, &text)
    });
    let notes = results.notes().iter().map(|note| annotation("mace-prod", note));
    cases.chain(notes).collect()
}

/// Characters that end a command, or a property of it, are written by their numbers.
fn annotation(title: &str, text: &str) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let title = title.replace('%', "%25").replace(':', "%3A").replace(',', "%2C");
    format!("::error title={title}::{text}")
}

#[cfg(test)]
mod tests {
    use super::annotation;

    #[test]
    fn what_ends_a_command_is_encoded() {
        let line = annotation("a::b [fast: failed, b]", "50 % lost\nrepeat: x");
        assert_eq!(line, "::error title=a%3A%3Ab [fast%3A failed%2C b]::50 %25 lost%0Arepeat: x");
    }
}
