//! `prod findings`: a page for each confirmed finding, and the index of them, made from its entry, the story
//! of its regression, its program and our fix; and a finding as the text of an issue for the engine's
//! tracker. No text of the engine is kept: its patch is made when an issue is printed.

mod story;

use crate::{
    cli::FindingsVerb,
    files,
    fixes::{self, read},
};
use knobs::{
    Knobs, engines,
    findings::{Finding, Findings, Severity},
};
use process::{
    Error, Outcome, Result, console,
    engine::{Engine, PACKAGE},
    fixes::{Fix, Fixes},
    wanted::Wanted,
    workspace,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};
use story::{Other, PROGRAMS, Program, Shown, Story, capitalised};
pub(crate) use story::{REGRESSIONS, head};

/// Where the pages are, relative to the root.
const FOLDER: &str = "docs/findings";

/// What writes them.
const COMMAND: &str = "just findings";

/// Runs the subcommand.
pub(crate) fn findings(flags: &[(&str, &str)], verb: Option<&FindingsVerb>) -> Result<Outcome> {
    let knobs = Knobs::load_with(flags)?;
    let sources = Sources::read(knobs.root())?;
    match verb {
        Some(FindingsVerb::Issue { id }) => console::page(sources.issue(id)?.trim_end()),
        None => {
            let folder = knobs.root().join(FOLDER);
            let pages = sources.pages()?;
            for path in sources.stale(&pages)? {
                files::remove(&path)?;
            }
            for (name, text) in &pages {
                files::write(&folder.join(name), text)?;
            }
            console::page(&format!("{} pages in {FOLDER}", pages.len()));
        }
    }
    Ok(Outcome::Passed)
}

/// All that the pages are made from: what the repository says of the engine in its lock file.
struct Sources {
    root: PathBuf,
    findings: Findings,
    fixes: Fixes,
    engine: Engine,
    others: Vec<Other>,
    /// The engines that these are found in.
    theirs: Vec<Engine>,
}

impl Sources {
    fn read(root: &Path) -> Result<Self> {
        let (_, engine) = workspace::resolved(root, &Wanted::Locked)?;
        let others = story::others(root)?;
        let packages: BTreeSet<_> =
            others.iter().map(|other| engines::of_finding(&other.id)).collect();
        let theirs = packages.into_iter().map(|package| {
            let (_, engine) = workspace::resolved_as(root, package, &Wanted::Locked)?;
            Ok(engine)
        });
        Ok(Self {
            root: root.to_owned(),
            findings: Findings::load(root)?,
            fixes: Fixes::load(root, &engine)?,
            theirs: theirs.collect::<Result<_>>()?,
            engine,
            others,
        })
    }

    /// The pages by their file names.
    fn pages(&self) -> Result<BTreeMap<String, String>> {
        let mut pages = BTreeMap::from([("README.md".to_owned(), self.index()?)]);
        for finding in self.findings.all() {
            pages.insert(format!("{}.md", finding.id), self.page(finding)?);
        }
        for other in &self.others {
            let mut text = marked(&title_of_other(other));
            let how = self.reproduction(&other.id, &story::program(&self.root, &other.id)?);
            push_other(&mut text, other, &how);
            pages.insert(format!("{}.md", other.id), text);
        }
        Ok(pages)
    }

    /// Pages that are there and of no finding.
    fn stale(&self, pages: &BTreeMap<String, String>) -> Result<Vec<PathBuf>> {
        let folder = self.root.join(FOLDER);
        let unreadable = |error| Error::io("read the folder", &folder, "make it readable", error);
        let mut stale = Vec::new();
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.ends_with(".md") && !pages.contains_key(name.as_ref()) {
                stale.push(path);
            }
        }
        Ok(stale)
    }

    fn index(&self) -> Result<String> {
        let mut text = marked("Findings");
        let engine = self.engine.name();
        let count = self.findings.all().len();
        let _ = writeln!(
            text,
            "Confirmed defects of {engine}, {count} of them, and what turned up in the engines it is\n\
             compared with. Each has a page: the promise that is broken, how it comes about, how to see it, its\n\
             cause, and our fix. Its program of one file needs nothing but std and the engine.\n\n\
             ```sh\njust findings                            # write these pages anew\n\
             just findings issue {example}    # one of them as the text of an issue, with its patch\n\
             just fixes show {example}        # the patch alone\n```",
            example = "empty-bucket-name",
        );
        for severity in Severity::ALL {
            let rows: Vec<_> =
                self.findings.all().iter().filter(|finding| finding.severity == severity).collect();
            if rows.is_empty() {
                continue;
            }
            let _ = writeln!(text, "\n## {}\n", capitalised(severity.title()));
            text.push_str("| finding | promise | takes | since | program |\n");
            text.push_str("| --- | --- | --- | --- | --- |\n");
            for finding in rows {
                let Finding { id, summary, promise, .. } = finding;
                let _ = writeln!(
                    text,
                    "| [{}]({id}.md) | {} | {} | {} | {} |",
                    capitalised(summary),
                    promise.title(),
                    finding.takes(),
                    finding.since.as_deref().unwrap_or_default(),
                    self.rate(id)?,
                );
            }
        }
        text.push_str("\n## In other engines\n\n");
        text.push_str("| finding | what it is | program |\n| --- | --- | --- |\n");
        for Other { id, summary, .. } in &self.others {
            let [title, summary] = [capitalised(&plain(id)), one_line(summary)];
            let _ = writeln!(text, "| [{title}]({id}.md) | {summary} | {} |", self.rate(id)?);
        }
        Ok(text)
    }

    /// How often the program of a finding shows it, as a link to it.
    fn rate(&self, id: &str) -> Result<String> {
        let program = story::program(&self.root, id)?;
        let rate = program.measured.split('.').next().unwrap_or_default();
        Ok(format!("[{rate}](repro/{id}.rs)"))
    }

    fn page(&self, finding: &Finding) -> Result<String> {
        let mut text = marked(&capitalised(&finding.summary));
        text.push_str(&Self::facts(finding));
        let story = story::of_case(&self.root, &finding.case)?;
        let program = story::program(&self.root, &finding.id)?;
        push_told(&mut text, &story);
        push(&mut text, "Reproduction", &self.reproduction(&finding.id, &program));
        push(&mut text, "Cause", &story.cause);
        let Finding { id, case, .. } = finding;
        let mut mended = self.mended(finding)?;
        let _ = write!(
            mended,
            "\n\n`just fixes show {id}` prints the patch. The test is `{case}` in\n\
             [{file}](../../{file}); `MACE_PROD_FIXES={id} just repro {case} 1` runs it with the fix.",
            file = story.file,
        );
        push(&mut text, "Fix and test", &mended);
        push(&mut text, "Ruled out", &story.ruled_out);
        Ok(text)
    }

    /// The finding, or that in another engine, as the text of an issue.
    fn issue(&self, id: &str) -> Result<String> {
        if let Some(other) = self.others.iter().find(|other| other.id == id) {
            let mut text = format!("{}\n\n", title_of_other(other));
            push_other(&mut text, other, &self.whole_program(id)?);
            return Ok(text);
        }
        let Some(finding) = self.findings.find(id) else {
            let remedy = format!("{FOLDER}/README.md lists them");
            return Err(Error::new(format!("no finding is called `{id}`"), "command line", remedy));
        };
        let story = story::of_case(&self.root, &finding.case)?;
        let mut text = format!("{}\n\n{}", capitalised(&finding.summary), Self::facts(finding));
        push_told(&mut text, &story);
        push(&mut text, "Reproduction", &self.whole_program(id)?);
        push(&mut text, "Cause", &story.cause);
        push(&mut text, "Ruled out", &story.ruled_out);
        if let Some(fix) = self.fixes.find(id) {
            let patch = fixes::whole_patch(&self.fixes, fix, &self.engine)?;
            let mended = format!(
                "{}\n\nTest: with this patch of {} the program above ends with `kept:`.\n\n```diff\n{}\n```",
                self.mended(finding)?,
                self.engine.name(),
                patch.trim_end_matches('\n'),
            );
            push(&mut text, "A fix", &mended);
        }
        Ok(text)
    }

    /// What the entry says, as a list.
    fn facts(finding: &Finding) -> String {
        let mut text = format!("- Engine: {PACKAGE} {}\n", finding.engine.join(", "));
        let mut say = |what: &str, said: Option<&str>| {
            if let Some(said) = said {
                let _ = writeln!(text, "- {what}: {said}");
            }
        };
        say("Severity", Some(finding.severity.title()));
        say("Breaks", Some(finding.promise.title()));
        say("Takes", Some(&finding.takes()));
        say("Since", finding.since.as_deref());
        say("Workaround", finding.workaround.as_deref());
        say("Tracker", finding.tracker.as_deref());
        text
    }

    /// The engine that a finding is in.
    fn engine_of(&self, id: &str) -> &Engine {
        let package = engines::of_finding(id);
        self.theirs.iter().find(|engine| engine.package == package).unwrap_or(&self.engine)
    }

    /// How a page says how to see a finding: by the file of its program.
    fn reproduction(&self, id: &str, program: &Program) -> String {
        let Program { about, features, measured, .. } = program;
        format!(
            "[repro/{id}.rs](repro/{id}.rs) needs std and the engine, not this suite.\n{about}\n\n\
             ```sh\n{}cp SUITE/{PROGRAMS}/{id}.rs src/main.rs    # SUITE: this repository\n\
             cargo run --release\n```\n\nMeasured: {measured} When the promise is broken its last line\n\
             begins with `broken:` and it ends with 1, otherwise with `kept:` and 0.",
            new_package(self.engine_of(id), features),
        )
    }

    /// How an issue says it: with the program in it.
    fn whole_program(&self, id: &str) -> Result<String> {
        let Program { about, features, measured, text } = story::program(&self.root, id)?;
        Ok(format!(
            "{about}\n\n```sh\n{}cargo run --release    # the program below as src/main.rs\n```\n\n\
             Measured: {measured}\n\n```rust\n{text}```",
            new_package(self.engine_of(id), &features),
        ))
    }

    /// What our fix changes, where, and what it costs.
    fn mended(&self, finding: &Finding) -> Result<String> {
        let Some(fix) = self.fixes.find(&finding.id) else {
            return Ok("There is no fix of ours yet.".to_owned());
        };
        let mut text = fix.reason.trim().to_owned();
        let mut say = |what: &str, said: &str| {
            if !said.trim().is_empty() {
                let _ = write!(text, "\n\n{what}: {}", said.trim());
            }
        };
        say("Cost", &fix.cost);
        say("Not covered", &fix.gap);
        say(
            "On top of",
            &fix.after.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", "),
        );
        say(&format!("Changes in {}", self.engine.name()), &self.places(fix)?);
        Ok(text)
    }

    /// The places that a fix changes, by file and line of the engine.
    fn places(&self, fix: &Fix) -> Result<String> {
        let mut places = Vec::new();
        for edit in &fix.edits {
            let source = read(&self.engine, &edit.file)?;
            let line = edit.line_in(&source).map_or_else(String::new, |line| format!(":{line}"));
            places.push(format!("`{}{line}`", edit.file));
        }
        Ok(places.join(", "))
    }
}

fn title_of_other(other: &Other) -> String {
    capitalised(&plain(&other.id))
}

/// What is known of a finding in another engine; `how` is how to see it.
fn push_other(text: &mut String, other: &Other, how: &str) {
    let Other { summary, fix, shown, .. } = other;
    let _ = writeln!(text, "{summary}");
    for Shown { said, test } in shown {
        push(text, "Seen", &format!("{said}\n\nTest: `{test}`."));
    }
    push(text, "Reproduction", how);
    push(text, "A fix", fix);
}

/// The commands that make a package which depends on the engine with these features.
fn new_package(engine: &Engine, features: &str) -> String {
    let Engine { package, version, .. } = engine;
    let with = if features.is_empty() { "" } else { " --features " };
    format!("cargo new repro && cd repro && cargo add {package}@={version}{with}{features}\n")
}

/// The beginning of a page.
fn marked(title: &str) -> String {
    format!(
        "<!-- Written by `{COMMAND}`: change what it is made from, and run that. -->\n\n# {title}\n\n"
    )
}

fn push_told(text: &mut String, story: &Story) {
    push(text, "Broken promise", &story.promise);
    push(text, "What happens", &format!("{}\n\n{}", story.sequence, story.symptom));
}

/// A section, unless there is nothing to say in it.
fn push(text: &mut String, title: &str, said: &str) {
    if !said.is_empty() {
        let _ = writeln!(text, "\n## {title}\n\n{said}");
    }
}

/// An id as words.
fn plain(id: &str) -> String {
    id.replace('-', " ")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{COMMAND, FOLDER, Sources, story};
    use crate::{files, fixes};
    use std::{
        io::Write,
        process::{Command, Stdio},
    };

    fn sources() -> Sources {
        Sources::read(&knobs::runtime::root()).unwrap()
    }

    #[test]
    fn the_pages_are_what_the_command_writes() {
        let sources = sources();
        let pages = sources.pages().unwrap();
        let is_other = |page: &(&String, &String)| {
            let path = sources.root.join(FOLDER).join(page.0);
            files::text(&path).unwrap().as_ref() != Some(page.1)
        };
        let other: Vec<_> = pages.iter().filter(is_other).map(|page| page.0).collect();
        let stale = sources.stale(&pages).unwrap();
        assert!(other.is_empty() && stale.is_empty(), "run `{COMMAND}`: {other:?} {stale:?}");
    }

    #[test]
    fn a_page_changes_with_what_it_is_made_from() {
        let sources = sources();
        let mut finding = sources.findings.find("empty-bucket-name").unwrap().clone();
        let before = sources.page(&finding).unwrap();
        assert!(
            before.contains("repro/empty-bucket-name.rs") && before.contains("src/store/store.rs:")
        );
        finding.summary.push('!');
        assert_ne!(sources.page(&finding).unwrap(), before);
        finding.case = "no_such_case::at_all".to_owned();
        assert!(sources.page(&finding).unwrap_err().to_string().contains("no_such_case"));
    }

    #[test]
    fn every_finding_of_another_engine_is_shown() {
        let others = story::others(&knobs::runtime::root()).unwrap();
        assert!(
            !others.is_empty() && others.iter().all(|other| !other.shown.is_empty()),
            "{others:?}"
        );
    }

    #[test]
    fn an_issues_patch_applies_to_the_engine_as_it_is() {
        let sources = sources();
        let applies = |patch: &str| {
            let mut git = Command::new("git");
            git.args(["apply", "--check", "-"]).current_dir(&sources.engine.source);
            // The folder is of no repository: git applies to the files as they are there.
            git.env("GIT_CEILING_DIRECTORIES", sources.engine.source.parent().unwrap());
            let mut git = git.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            git.stdin.take().unwrap().write_all(patch.as_bytes()).unwrap();
            let ended = git.wait_with_output().unwrap();
            (ended.status.success(), String::from_utf8_lossy(&ended.stderr).into_owned())
        };
        for finding in sources.findings.all() {
            let issue = sources.issue(&finding.id).unwrap();
            let (_, patch) = issue.split_once("```diff\n").expect(&finding.id);
            let (applied, said) = applies(patch.strip_suffix("```\n").unwrap());
            assert!(applied, "{}: {said}", finding.id);
        }
        // One that needs another fix below it does not apply without that.
        let above = sources.fixes.all().iter().find(|fix| {
            !fix.edits.is_empty() && {
                let patch = fixes::patch(&sources.fixes, fix, &sources.engine).unwrap();
                !applies(&patch).0
            }
        });
        assert!(above.is_some(), "no patch is on top of another: this test sees nothing");
    }

    #[test]
    fn an_issue_has_program_and_patch() {
        let issue = sources().issue("empty-bucket-name").unwrap();
        for part in ["fn main() {", "```diff", "+++ b/src/store/store.rs", "cargo add mace-kv@="] {
            assert!(issue.contains(part), "`{part}` is missing in:\n{issue}");
        }
        let other = sources().issue("fjall-torn-batch").unwrap();
        assert!(other.starts_with("Fjall torn batch\n"), "an issue is no page:\n{other}");
        for part in ["fn main() {", "## A fix", "cargo add fjall@="] {
            assert!(other.contains(part), "`{part}` is missing in:\n{other}");
        }
        assert!(sources().issue("typo").unwrap_err().to_string().contains("`typo`"));
    }
}
