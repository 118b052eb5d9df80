//! What the files of the suite tell of a finding: the header of its regression and the header of its
//! program. Texts in, texts out; it writes nothing.

use crate::files;
use knobs::findings::Takes;
use process::{Error, Result};
use std::{ops::RangeInclusive, path::Path};

/// Where the regressions are, each with its story as the header of its file.
pub(crate) const REGRESSIONS: [&str; 2] =
    ["tests/prod_regressions", "tests/prod_power/regressions"];

/// Where the programs of one file are.
pub(super) const PROGRAMS: &str = "docs/findings/repro";

/// The parts of a story by the words that open them, in their order.
const PARTS: [&str; 5] = ["Cause", "Sequence", "Symptom", "Broken promise", "Ruled out"];

/// How many steps a sequence has.
const STEPS: RangeInclusive<usize> = 2..=5;

/// How a program's header says which features of the engine it needs, where it needs any.
const FEATURES: &str = "Features: ";

/// How a program's header opens the trace of a run, which it prints behind `trace: `.
const TRACE: &str = "Trace:\n\n";

/// How a program's header says how often it showed its finding.
const MEASURED: &str = "Measured: ";

/// The story of a finding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Story {
    /// The file that tells it, relative to the root.
    pub(super) file: String,
    pub(super) cause: String,
    /// A list, numbered from 1.
    pub(super) sequence: String,
    pub(super) symptom: String,
    pub(super) promise: String,
    pub(super) ruled_out: String,
}

/// A program that shows a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    /// What it does.
    pub(super) about: String,
    /// The calls that matter and what was durable, one a line; empty where no power is lost.
    pub(super) trace: String,
    /// The engine's features that it needs; empty for none.
    pub(super) features: String,
    /// How often it showed the finding: `20 of 20 runs.`
    pub(super) measured: String,
    /// The whole file.
    pub(super) text: String,
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
    if let Some(missing) = parts.iter().position(String::is_empty) {
        let what = format!("the story has no paragraph `{}: …`", PARTS[missing]);
        let remedy = format!("open the file with the paragraphs {}", PARTS.join(", "));
        return Err(Error::new(what, file, remedy));
    }
    let [cause, sequence, symptom, promise, ruled_out] = parts;
    if !steps(&sequence).is_some_and(|steps| STEPS.contains(&steps)) {
        let what = "`Sequence:` is no list of two to five steps";
        let remedy = "write under it `1. …`, `2. …` and so on, further lines of a step indented";
        return Err(Error::new(what, file, remedy));
    }
    Ok(Story { file: file.to_owned(), cause, sequence, symptom, promise, ruled_out })
}

/// How many steps a list has that is numbered from 1; nothing where a line is out of place.
fn steps(list: &str) -> Option<usize> {
    let mut steps = 0;
    for line in list.lines() {
        if line.starts_with(&format!("{}. ", steps + 1)) {
            steps += 1;
        } else if steps == 0 || !line.starts_with("   ") {
            return None;
        }
    }
    Some(steps)
}

/// What a paragraph says that opens this part.
fn opened<'p>(paragraph: &'p str, part: &str) -> Option<&'p str> {
    let rest = paragraph.strip_prefix(part)?;
    let rest = rest.strip_prefix('s').unwrap_or(rest).strip_prefix(':')?;
    rest.strip_prefix([' ', '\n'])
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
    let (about, trace) = about.split_once(&format!("\n\n{TRACE}")).unwrap_or((about, ""));
    let trace = trace.lines().map(str::trim_start).collect::<Vec<_>>().join("\n");
    let [about, features, measured] = [about, features, measured].map(str::to_owned);
    Ok(Program { about, trace, features, measured, text })
}

impl Program {
    /// The program of `id`, unless its finding takes a power loss and it lacks the trace that shows why the crash
    /// state is legal.
    pub(super) fn traced(self, id: &str, takes: &[Takes]) -> Result<Self> {
        let takes_power_loss = takes.iter().any(|takes| takes.is_power_loss());
        if takes_power_loss && self.trace.is_empty() {
            let what = "the header has no part `Trace:`, and the finding takes a power loss";
            let remedy = "print lines `trace: …` of what was durable, and put them there, indented";
            return Err(Error::new(what, format!("{PROGRAMS}/{id}.rs"), remedy));
        }
        Ok(self)
    }
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

    const TOLD: &str = "//! Cause: a.\n//! b\n//!\n//! also.\n//!\n//! Sequence:\n//! 1. Do c,\n//!    twice.\n\
        //! 2. Do d.\n//!\n//! Symptom: e.\n//!\n//! Broken promises: f.\n//!\n//! Ruled out: g.\n\nuse x;\n";

    #[test]
    fn a_story_is_told_part_by_part() {
        let story = told("f.rs", TOLD).unwrap();
        assert_eq!(story.cause, "A.\nb\n\nalso.");
        assert_eq!(story.sequence, "1. Do c,\n   twice.\n2. Do d.");
        assert_eq!((story.promise.as_str(), story.ruled_out.as_str()), ("F.", "G."));
    }

    #[test]
    fn a_story_without_a_part_or_its_steps_is_refused() {
        let third = "2. Do d.\n//! 3. e\n//! 4. f\n//! 5. g";
        assert!(told("f.rs", &TOLD.replace("2. Do d.", third)).is_ok());
        let list = "`1. …`";
        for (from, to, says) in [
            ("Broken promises", "Promises", "`Broken promise: …`"),
            ("Ruled out", "Also", "`Ruled out: …`"),
            ("Sequence:\n", "Steps:\n", "`Sequence: …`"),
            ("Sequence:\n", "Sequence: this.\n", list),
            ("1. Do c", "Do c", list),
            ("1. Do c", "2. Do c", list),
            ("2. Do d", "3. Do d", list),
            ("2. Do d", "1. Do d", list),
            ("//! 2. Do d.\n", "", list),
            ("   twice", "twice", list),
            ("2. Do d.", "2. Do d.\n//!\n//! And more.", list),
            ("2. Do d.", &format!("{third}\n//! 6. h"), list),
        ] {
            let sin = TOLD.replace(from, to);
            assert_ne!(sin, TOLD, "the sin was not planted");
            let error = told("f.rs", &sin).unwrap_err().to_string();
            assert!(error.contains("f.rs") && error.contains(says), "{sin}{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_finding_without_a_program_is_refused() {
        let root = knobs::runtime::root();
        assert!(program(&root, "empty-bucket-name").is_ok());
        let error = program(&root, "no-such-finding").unwrap_err().to_string();
        assert!(error.contains("docs/findings/repro/no-such-finding.rs"), "{error}");
    }

    #[test]
    fn a_power_loss_without_its_trace_is_refused() {
        let root = knobs::runtime::root();
        let traced = program(&root, "unsynced-log-name").unwrap();
        assert!(traced.trace.starts_with("fsync "), "{}", traced.trace);
        assert!(!traced.about.contains("Trace"), "{}", traced.about);
        let takes = [Takes::Option, Takes::StrictLoss];
        assert!(traced.clone().traced("x", &takes).is_ok());
        let bare = Program { trace: String::new(), ..traced };
        assert!(bare.clone().traced("x", &takes[..1]).is_ok());
        let error = bare.traced("x", &takes).unwrap_err().to_string();
        assert!(error.contains("`Trace:`") && error.contains("repro/x.rs"), "{error}");
    }

    #[test]
    fn the_story_is_the_comment_at_the_head() {
        assert_eq!(head("//! One.\n//!\n//!   two\n\nuse x;\n//! not this\n"), "One.\n\n  two");
    }
}
