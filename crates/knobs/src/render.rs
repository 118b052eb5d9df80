//! The page of `just knobs`: each knob, its effective value and where the value came from.
//! Text only: it prints nothing and knows no terminal.

use crate::{Home, Knob, Knobs, Setting, Source};
use std::{fmt::Write, path::Path};

impl Knobs {
    /// Every effective knob, its value and its source, one a line: the page of `just knobs`.
    pub fn render(&self) -> String {
        page(self, |_| true)
    }

    /// The same, but only the knobs that live in one of `homes`.
    pub fn render_of(&self, homes: &[Home]) -> String {
        page(self, |knob| homes.contains(&knob.home))
    }
}

fn page(knobs: &Knobs, chosen: impl Fn(&Knob) -> bool) -> String {
    let settings = knobs.settings().iter().filter(|setting| chosen(setting.knob));
    let settings: Vec<_> = settings.collect();
    let width = |of: fn(&Setting) -> usize| settings.iter().map(|s| of(s)).max().unwrap_or(0);
    let names = width(|setting| setting.knob.name.len());
    // One long value must not push the sources of all others off the screen.
    let values = width(|setting| shown(setting).len()).min(30);
    let mut page = String::new();
    for setting in settings {
        let name = setting.knob.name;
        let value = shown(setting);
        let source = source(&setting.source, knobs.root());
        let meaning = setting.knob.meaning;
        writeln!(page, "{name:names$}  {value:values$}  {source:20}  {meaning}")
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
