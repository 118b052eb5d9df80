//! The threshold file in the form of shell assignments: `NAME=value`, `: "${NAME:=value}"`, comments and
//! blank lines. Values are literal: nothing is expanded and nothing is run. Text only; which names are
//! knobs is for the caller.

use crate::KnobError;
use std::path::Path;

/// One assignment.
pub(crate) struct Assignment<'t> {
    pub(crate) name: &'t str,
    pub(crate) value: &'t str,
    /// Whether it is of the form `: "${NAME:=value}"`.
    pub(crate) is_default: bool,
    /// The file and the line, for an error about it.
    pub(crate) place: String,
}

/// Whether a threshold file is in this form: all are but those named `*.toml`.
pub(crate) fn is_shell(file: &Path) -> bool {
    file.extension().is_none_or(|extension| extension != "toml")
}

/// The assignments of a file. A line of another form is an error.
pub(crate) fn read<'t>(text: &'t str, file: &Path) -> Result<Vec<Assignment<'t>>, KnobError> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let assignments = lines.map(|(number, line)| {
        let place = format!("{}:{number}", file.display());
        let Some((name, value)) = assignment(line) else {
            let remedy =
                "write NAME=value or : \"${NAME:=value}\", without `$`, or name the file *.toml";
            return Err(KnobError::new("line is no assignment", place, remedy));
        };
        Ok(Assignment { name, value, is_default: line.starts_with(':'), place })
    });
    assignments.collect()
}

fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = if let Some(rest) = line.strip_prefix(':') {
        let word = word(rest.strip_prefix([' ', '\t'])?.trim_start())?;
        word.strip_prefix("${")?.strip_suffix('}')?.split_once(":=")?
    } else {
        let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
        let (name, rest) = line.split_once('=')?;
        (name, word(rest)?)
    };
    let is_literal = !value.contains(['$', '`', '\\', '"', '\'']);
    (is_name(name) && is_literal).then_some((name, value))
}

/// The first word of the text, without its quotes; nothing but a comment may follow it.
fn word(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|first| matches!(first, '"' | '\''));
    let (word, rest) = match quote {
        Some(quote) => text[1..].split_once(quote)?,
        None => text.split_at(text.find(char::is_whitespace).unwrap_or(text.len())),
    };
    let is_end = rest.is_empty() || rest.starts_with(char::is_whitespace);
    let rest = rest.trim_start();
    (is_end && (rest.is_empty() || rest.starts_with('#'))).then_some(word)
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}
