//! What the files of the suite tell of a finding: the header of its regression, the header of its
//! program, and the notes on other engines. Texts in, texts out; it writes nothing.

use crate::files;
use process::{Error, Result};
use std::path::Path;

/// Where the regressions are, each with its story as the header of its file.
pub(crate) const REGRESSIONS: [&str; 2] =
    ["tests/prod_regressions", "tests/prod_power/regressions"];

/// Where the programs of one file are.
pub(super) const PROGRAMS: &str = "docs/findings/repro";

/// Where other engines are shown as they are, and what each of their findings is.
const OTHERS: [&str; 2] = ["tests/detects_power/others.rs", "src/scenario/power/other_engines.rs"];

/// The parts of a story by the words that open them, in their order.
const PARTS: [&str; 5] = ["Cause", "Sequence", "Symptom", "Broken promise", "Ruled out"];

/// How a program's header says which features of the engine it needs, where it needs any.
const FEATURES: &str = "Features: ";

/// How a program's header says how often it showed its finding.
const MEASURED: &str = "Measured: ";

/// How the comment on a finding in another engine says what would mend it.
const FIX: &str = "Fix: ";

/// The story of a finding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Story {
    /// The file that tells it, relative to the root.
    pub(super) file: String,
    pub(super) cause: String,
    pub(super) sequence: String,
    pub(super) symptom: String,
    pub(super) promise: String,
    /// Empty when it says nothing of that.
    pub(super) ruled_out: String,
}

/// A program that shows a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    /// What it does.
    pub(super) about: String,
    /// The engine's features that it needs; empty for none.
    pub(super) features: String,
    /// How often it showed the finding: `20 of 20 runs.`
    pub(super) measured: String,
    /// The whole file.
    pub(super) text: String,
}

/// A finding in another engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Other {
    pub(super) id: String,
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

/// The story of the regression called `case`.
pub(super) fn of_case(root: &Path, case: &str) -> Result<Story> {
    let module = case.split("::").next().unwrap_or_default();
    for folder in REGRESSIONS {
        let file = format!("{folder}/{module}.rs");
        if let Some(text) = files::text(&root.join(&file))? {
            return told(&file, &text);
        }
    }
    let what = format!("no regression is called `{case}`");
    Err(Error::new(what, REGRESSIONS.join(", "), "give the entry the case of its regression"))
}

/// The parts of the story that the header of `file` tells.
fn told(file: &str, text: &str) -> Result<Story> {
    let mut parts: [String; PARTS.len()] = Default::default();
    let mut at = None;
    for paragraph in head(text).split("\n\n") {
        at = PARTS.iter().position(|part| opened(paragraph, part).is_some()).or(at);
        let Some(at) = at else { continue };
        let told = opened(paragraph, PARTS[at]).map_or_else(|| paragraph.to_owned(), capitalised);
        let between = if parts[at].is_empty() { "" } else { "\n\n" };
        parts[at].push_str(between);
        parts[at].push_str(&told);
    }
    if let Some(missing) = parts[..4].iter().position(String::is_empty) {
        let what = format!("the story has no paragraph `{}: …`", PARTS[missing]);
        return Err(Error::new(what, file, "open the file with cause, sequence, symptom, promise"));
    }
    let [cause, sequence, symptom, promise, ruled_out] = parts;
    Ok(Story { file: file.to_owned(), cause, sequence, symptom, promise, ruled_out })
}

/// What a paragraph says that opens this part.
fn opened<'p>(paragraph: &'p str, part: &str) -> Option<&'p str> {
    let rest = paragraph.strip_prefix(part)?;
    rest.strip_prefix(": ").or_else(|| rest.strip_prefix("s: "))
}

/// The program that shows the finding `id`.
pub(super) fn program(root: &Path, id: &str) -> Result<Program> {
    let file = format!("{PROGRAMS}/{id}.rs");
    let Some(text) = files::text(&root.join(&file))? else {
        let what = format!("no program of one file shows `{id}`");
        return Err(Error::new(what, file, "write it: CONTRIBUTING.md, \"Keeping a finding\""));
    };
    let header = head(&text);
    let Some((about, measured)) = header.split_once(&format!("\n\n{MEASURED}")) else {
        let what = format!("the header does not end in `{MEASURED}…`");
        return Err(Error::new(what, file, "say there in how many of how many runs it showed"));
    };
    let with_features = about.split_once(&format!("\n\n{FEATURES}"));
    let (about, features) = with_features.unwrap_or((about, ""));
    let [about, features, measured] = [about, features, measured].map(str::to_owned);
    Ok(Program { about, features, measured, text })
}

/// The findings in other engines, as the tests that show them tell of them.
pub(super) fn others(root: &Path) -> Result<Vec<Other>> {
    let [tests, names] = OTHERS;
    let read = |file: &str| -> Result<String> {
        let text = files::text(&root.join(file))?;
        text.ok_or_else(|| Error::new("no such file", file, "restore it"))
    };
    let mut found: Vec<Other> = Vec::new();
    for noted in notes(&read(names)?) {
        let of_id = |rest: &str| rest.strip_suffix(';').map(str::to_owned);
        let Some(name) = noted.item.split("FindingId::").nth(1).and_then(of_id) else { continue };
        let id = name.to_lowercase().replace('_', "-");
        let Some((summary, fix)) = noted.text.split_once(&format!("\n\n{FIX}")) else {
            let what = format!("the comment on `{name}` does not end in `{FIX}…`");
            return Err(Error::new(what, names, "say there what would mend it"));
        };
        let [summary, fix] = [summary.to_owned(), capitalised(fix)];
        found.push(Other { id, summary, fix, shown: Vec::new() });
    }
    for noted in notes(&read(tests)?) {
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

/// The comment at the head of a file, without its signs.
pub(crate) fn head(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n")
}

/// The text with a capital letter at its beginning, unless that is the name of a call.
pub(super) fn capitalised(text: &str) -> String {
    if text.split(' ').next().is_some_and(|word| word.ends_with("()")) {
        return text.to_owned();
    }
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_is_told_part_by_part() {
        let text = "//! Cause: a.\n//! b\n//!\n//! also.\n//!\n//! Sequence: c.\n//!\n//! Symptom: d.\n\
            //!\n//! Broken promises: e.\n\nuse x;\n";
        let story = told("f.rs", text).unwrap();
        assert_eq!(story.cause, "A.\nb\n\nalso.");
        assert_eq!((story.promise.as_str(), story.ruled_out.as_str()), ("E.", ""));
    }

    #[test]
    fn a_story_without_its_promise_is_refused() {
        let text = "//! Cause: a.\n//!\n//! Sequence: c.\n//!\n//! Symptom: d.\n";
        let error = told("f.rs", text).unwrap_err().to_string();
        assert!(error.contains("f.rs") && error.contains("Broken promise"), "{error}");
    }

    #[test]
    fn a_finding_without_a_program_is_refused() {
        let root = knobs::runtime::root();
        assert!(program(&root, "empty-bucket-name").is_ok());
        let error = program(&root, "no-such-finding").unwrap_err().to_string();
        assert!(error.contains("docs/findings/repro/no-such-finding.rs"), "{error}");
    }

    #[test]
    fn a_comment_on_a_finding_may_have_paragraphs() {
        let found = notes("/// One.\n///\n/// Fix: two.\n#[test]\npub const X: u8 = 1;\n");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].text, "One.\n\nFix: two.");
        assert_eq!(found[0].item, "const X: u8 = 1;");
    }

    #[test]
    fn the_story_is_the_comment_at_the_head() {
        assert_eq!(head("//! One.\n//!\n//!   two\n\nuse x;\n//! not this\n"), "One.\n\n  two");
    }
}
