//! The notes on findings in other engines: what the comments on their constants and on the tests that show them
//! say, part by part. Texts in, values out; it writes nothing.

use super::story::capitalised;
use crate::files;
use knobs::{
    engines,
    findings::{Promise, Severity, Takes},
};
use process::{Error, Result};
use serde::de::{
    DeserializeOwned, IntoDeserializer,
    value::{self, StrDeserializer},
};
use std::{collections::BTreeMap, path::Path};

/// Where the tests that show them are.
const TESTS: &str = "tests/detects_power/others.rs";

/// Where the constants are.
const NAMES: &str = "src/scenario/power/other_engines.rs";

/// How a note says what would mend its finding.
const FIX: &str = "Fix: ";

/// What the lines below a note's title are called. The first three are in every note.
const FACTS: [&str; 6] = ["Breaks", "Severity", "Takes", "Since", "Workaround", "Tracker"];

/// A finding in another engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Other {
    pub(super) id: String,
    /// The broken promise, in one line.
    pub(super) title: String,
    pub(super) promise: Promise,
    pub(super) severity: Severity,
    pub(super) takes: Vec<Takes>,
    /// The oldest version of the engine that is known to have it.
    pub(super) since: Option<String>,
    pub(super) workaround: Option<String>,
    /// Where the engine's maintainers track it.
    pub(super) tracker: Option<String>,
    pub(super) summary: String,
    /// What would mend it, in words.
    pub(super) fix: String,
    /// What was seen, and the test that shows it.
    pub(super) shown: Vec<Shown>,
}

/// A test that shows a finding in another engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) said: String,
    pub(super) test: String,
}

impl Other {
    /// What the comment on the constant called `name` says of its finding.
    fn noted(name: &str, text: &str) -> Result<Self> {
        let Some((text, fix)) = text.split_once(&format!("\n\n{FIX}")) else {
            let remedy = "say there what would mend it";
            return Err(refused(name, "does not end in `Fix: …`", remedy));
        };
        let mut parts = text.splitn(3, "\n\n");
        let mut part = || parts.next().unwrap_or_default();
        let [title, facts, summary] = [part(), part(), part()];
        if title.is_empty() || title.contains('\n') || title.ends_with('.') {
            let remedy = "name there the broken promise, in one line without a full stop";
            return Err(refused(name, "does not open with a title", remedy));
        }
        let facts = Facts::read(name, facts)?;
        let takes = facts.said("Takes").split(", ");
        let takes = takes.map(|said| facts.word("Takes", said)).collect::<Result<_>>()?;
        let since = facts.text("Since");
        if since.as_deref().is_some_and(|since| semver::Version::parse(since).is_err()) {
            let remedy = "write it as a version, such as 0.2.0";
            return Err(refused(name, "says `Since: ` of no version", remedy));
        }
        Ok(Self {
            id: name.to_lowercase().replace('_', "-"),
            title: capitalised(title),
            promise: facts.word("Breaks", facts.said("Breaks"))?,
            severity: facts.word("Severity", facts.said("Severity"))?,
            takes,
            since,
            workaround: facts.text("Workaround"),
            tracker: facts.text("Tracker"),
            summary: summary.to_owned(),
            fix: capitalised(fix),
            shown: Vec::new(),
        })
    }

    /// What it takes, for people.
    pub(super) fn takes(&self) -> String {
        Takes::titles(&self.takes)
    }

    /// Which tests show it, and what runs them.
    pub(super) fn tests(&self) -> String {
        let tests: Vec<_> = self.shown.iter().map(|shown| format!("`{}`", shown.test)).collect();
        format!(
            "`just engines {}` runs {}, in [{TESTS}](../../{TESTS}).",
            engines::of_finding(&self.id),
            tests.join(" and "),
        )
    }
}

/// The error of a note that something is wrong with.
fn refused(name: &str, what: &str, remedy: &str) -> Error {
    Error::new(format!("the comment on `{name}` {what}"), NAMES, remedy)
}

/// The lines below a note's title.
struct Facts<'n> {
    /// The constant that the note is on.
    name: &'n str,
    lines: BTreeMap<&'n str, &'n str>,
}

impl<'n> Facts<'n> {
    fn read(name: &'n str, paragraph: &'n str) -> Result<Self> {
        let remedy = "write below its title `Breaks: …`, `Severity: …` and `Takes: …`, one a line";
        let mut lines = BTreeMap::new();
        for line in paragraph.lines() {
            let fact = line.split_once(": ").filter(|(what, _)| FACTS.contains(what));
            let Some((what, said)) = fact else {
                return Err(refused(name, &format!("has `{line}` where its facts are"), remedy));
            };
            if lines.insert(what, said).is_some() {
                return Err(refused(name, &format!("has two lines `{what}: …`"), remedy));
            }
        }
        if let Some(what) = FACTS[..3].iter().find(|what| !lines.contains_key(*what)) {
            return Err(refused(name, &format!("has no line `{what}: …`"), remedy));
        }
        Ok(Self { name, lines })
    }

    /// What a line says that is in every note.
    fn said(&self, what: &str) -> &'n str {
        self.lines.get(what).copied().unwrap_or_default()
    }

    fn text(&self, what: &str) -> Option<String> {
        self.lines.get(what).map(|said| (*said).to_owned())
    }

    /// The value that files call so.
    fn word<T: DeserializeOwned>(&self, what: &str, said: &str) -> Result<T> {
        let text: StrDeserializer<'_, value::Error> = said.into_deserializer();
        T::deserialize(text).map_err(|error| {
            let what = format!("says `{what}: ` in a word that is not known");
            refused(self.name, &what, &error.to_string())
        })
    }
}

/// The findings in other engines, as their notes tell of them.
pub(super) fn others(root: &Path) -> Result<Vec<Other>> {
    let read = |file: &str| -> Result<String> {
        let text = files::text(&root.join(file))?;
        text.ok_or_else(|| Error::new("no such file", file, "restore it"))
    };
    let mut found: Vec<Other> = Vec::new();
    for noted in notes(&read(NAMES)?) {
        let name = noted.item.split("FindingId::").nth(1);
        let Some(name) = name.and_then(|rest| rest.strip_suffix(';')) else { continue };
        found.push(Other::noted(name, &noted.text)?);
    }
    for noted in notes(&read(TESTS)?) {
        for other in &mut found {
            let opening = format!("`{}`", other.id);
            let Some(said) = noted.text.strip_prefix(&opening) else { continue };
            let said = capitalised(said.trim_start_matches([',', '.', ' ']));
            let test = noted.item.trim_start_matches("fn ").trim_end_matches("() {");
            other.shown.push(Shown { said, test: test.to_owned() });
        }
    }
    Ok(found)
}

/// A comment on an item of a source.
struct Noted {
    text: String,
    /// The line that follows, without attributes and visibility.
    item: String,
}

fn notes(source: &str) -> Vec<Noted> {
    let mut found = Vec::new();
    let mut text: Vec<&str> = Vec::new();
    for line in source.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("///") {
            text.push(comment.strip_prefix(' ').unwrap_or(comment));
        } else if !line.starts_with("#[") && !text.is_empty() {
            let item = line.trim_start_matches("pub ").to_owned();
            found.push(Noted { text: text.join("\n"), item });
            text.clear();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = "a pair is lost\n\nBreaks: atomicity\nSeverity: data\nTakes: race, kill\n\nIt \
        is.\n\nAlso so.\n\nFix: one line.";

    #[test]
    fn a_comment_on_a_finding_may_have_paragraphs() {
        let found = notes("/// One.\n///\n/// Fix: two.\n#[test]\npub const X: u8 = 1;\n");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].text, "One.\n\nFix: two.");
        assert_eq!(found[0].item, "const X: u8 = 1;");
    }

    #[test]
    fn a_note_is_told_part_by_part() {
        let other = Other::noted("REDB_A_PAIR", NOTE).unwrap();
        assert_eq!((other.id.as_str(), other.title.as_str()), ("redb-a-pair", "A pair is lost"));
        assert_eq!((other.promise, other.severity), (Promise::Atomicity, Severity::Data));
        assert_eq!(other.takes, [Takes::Race, Takes::Kill]);
        assert_eq!((other.summary.as_str(), other.since), ("It is.\n\nAlso so.", None));
        assert_eq!(other.fix, "One line.");
        let older = NOTE.replace("race, kill", "kill\nSince: 1.0.0");
        assert_eq!(Other::noted("X", &older).unwrap().since.as_deref(), Some("1.0.0"));
    }

    #[test]
    fn a_note_without_its_facts_is_refused() {
        for (from, to, wanted) in [
            ("a pair is lost\n\n", "", "does not open with a title"),
            ("a pair is lost", "A pair is lost.", "does not open with a title"),
            ("Breaks: atomicity\n", "", "has no line `Breaks: …`"),
            ("Severity: data\n", "", "has no line `Severity: …`"),
            ("\nTakes: race, kill", "", "has no line `Takes: …`"),
            ("Severity", "Costs", "has `Costs: data` where its facts are"),
            ("Takes: race, kill", "Severity: data\nTakes: kill", "has two lines `Severity: …`"),
            ("Breaks: atomicity", "Breaks: atomocity", "unknown variant `atomocity`"),
            ("Severity: data", "Severity: bad", "expected one of `data`"),
            ("race, kill", "race,kill", "unknown variant `race,kill`"),
            ("race, kill", "kill\nSince: 3.1", "such as 0.2.0"),
            ("\n\nFix: one line.", "", "does not end in `Fix: …`"),
        ] {
            let note = NOTE.replacen(from, to, 1);
            let error = Other::noted("X", &note).unwrap_err().to_string();
            assert!(error.contains(wanted) && error.contains(NAMES), "{note}\n{error}");
        }
    }
}
