//! The page of `just knobs`: each knob, its effective value and where the value came from.
//! Text only: it prints nothing and knows no terminal.

use crate::{Knobs, Setting, Source};
use std::{fmt::Write, path::Path};

pub(crate) fn page(knobs: &Knobs) -> String {
    let width = |of: fn(&Setting) -> usize| knobs.settings().iter().map(of).max().unwrap_or(0);
    let names = width(|setting| setting.knob.name.len());
    // One long value must not push the sources of all others off the screen.
    let values = width(|setting| shown(setting).len()).min(24);
    let mut page = String::new();
    for setting in knobs.settings() {
        let source = source(&setting.source, knobs.root());
        writeln!(
            page,
            "{:names$}  {:values$}  {source:20}  {}",
            setting.knob.name,
            shown(setting),
            setting.knob.meaning
        )
        .expect("writing to a string cannot fail");
    }
    page
}

fn shown(setting: &Setting) -> String {
    match setting.value.as_deref() {
        Some("") => "(empty)".to_owned(),
        Some(text) => text.to_owned(),
        None => format!("({})", setting.knob.unset),
    }
}

fn source(source: &Source, root: &Path) -> String {
    match source {
        Source::File(file) => file.strip_prefix(root).unwrap_or(file).display().to_string(),
        other => other.to_string(),
    }
}
