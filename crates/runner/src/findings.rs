//! `prod findings`: a page for each confirmed finding, and the index of them, made from its entry, the story
//! of its regression, its program and our fix; and a finding as the text of an issue for the engine's
//! tracker. No text of the engine is kept: its patch is made when an issue is printed.

mod others;
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
use others::Other;
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
use story::{PROGRAMS, Program, Story, capitalised};
pub(crate) use story::{REGRESSIONS, head};

/// Where the pages are, relative to the root.
const FOLDER: &str = "docs/findings";

/// What writes them.
const COMMAND: &str = "just findings";

/// The head of each table of the index.
const COLUMNS: &str =
    "| finding | promise | takes | since | program |\n| --- | --- | --- | --- | --- |";

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
        let others = others::others(root)?;
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
            let mut text = marked(&other.title);
            let how = self.reproduction(&other.id, &self.program(&other.id)?);
            self.push_other(&mut text, other, &how);
            push(&mut text, "Test", &other.tests());
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
            let rows = self.findings.of(severity);
            if rows.is_empty() {
                continue;
            }
            let _ = writeln!(text, "\n## {}\n", capitalised(severity.title()));
            let _ = writeln!(text, "{COLUMNS}");
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
        self.push_others(&mut text)?;
        Ok(text)
    }

    /// The index of what is found in other engines, by engine and severity.
    fn push_others(&self, text: &mut String) -> Result<()> {
        text.push_str("\n## In other engines\n");
        for engine in &self.theirs {
            let _ = writeln!(text, "\n### {}\n\n{COLUMNS}", engine.name());
            let is_its = |other: &&Other| engines::of_finding(&other.id) == engine.package;
            let mut rows: Vec<&Other> = self.others.iter().filter(is_its).collect();
            rows.sort_by_key(|other| other.severity);
            for other in rows {
                let Other { id, title, promise, since, .. } = other;
                let [promise, takes] = [promise.title(), &other.takes()];
                let [since, rate] = [since.clone().unwrap_or_default(), self.rate(id)?];
                let _ = writeln!(
                    text,
                    "| [{title}]({id}.md) | {promise} | {takes} | {since} | {rate} |",
                );
            }
        }
        Ok(())
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
        let program = self.program(&finding.id)?;
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
            let mut text = format!("{}\n\n", other.title);
            self.push_other(&mut text, other, &self.whole_program(id)?);
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
        let invariant = finding.invariant.as_ref();
        let invariant = invariant.map(|id| format!("`{id}` of the engine's registry"));
        listed(&[
            ("Engine", Some(&format!("{PACKAGE} {}", finding.engine.join(", ")))),
            ("Severity", Some(finding.severity.title())),
            ("Breaks", Some(finding.promise.title())),
            ("Invariant", invariant.as_deref()),
            ("Takes", Some(&finding.takes())),
            ("Since", finding.since.as_deref()),
            ("Workaround", finding.workaround.as_deref()),
            ("Tracker", finding.tracker.as_deref()),
        ])
    }

    /// What is known of a finding in another engine; `how` is how to see it.
    fn push_other(&self, text: &mut String, other: &Other, how: &str) {
        let Other { id, summary, fix, shown, .. } = other;
        text.push_str(&listed(&[
            ("Engine", Some(&self.engine_of(id).name())),
            ("Severity", Some(other.severity.title())),
            ("Breaks", Some(other.promise.title())),
            ("Takes", Some(&other.takes())),
            ("Since", other.since.as_deref()),
            ("Workaround", other.workaround.as_deref()),
            ("Tracker", other.tracker.as_deref()),
        ]));
        let said: Vec<&str> = shown.iter().map(|shown| shown.said.as_str()).collect();
        push(text, "What happens", &said.join("\n\n"));
        push(text, "Reproduction", how);
        push(text, "Cause", summary);
        push(text, "A fix", fix);
    }

    /// The engine that a finding is in.
    fn engine_of(&self, id: &str) -> &Engine {
        let package = engines::of_finding(id);
        self.theirs.iter().find(|engine| engine.package == package).unwrap_or(&self.engine)
    }

    /// The program of a finding.
    fn program(&self, id: &str) -> Result<Program> {
        let ours = self.findings.find(id).map(|finding| finding.takes.as_slice());
        let theirs = self.others.iter().find(|other| other.id == id);
        let takes = ours.or_else(|| theirs.map(|other| other.takes.as_slice()));
        story::program(&self.root, id)?.traced(id, takes.unwrap_or_default())
    }

    /// How a page says how to see a finding: by the file of its program.
    fn reproduction(&self, id: &str, program: &Program) -> String {
        let Program { about, trace, features, measured, .. } = program;
        format!(
            "[repro/{id}.rs](repro/{id}.rs) needs std and the engine, not this suite.\n{about}\n\n\
             ```sh\n{}cp SUITE/{PROGRAMS}/{id}.rs src/main.rs    # SUITE: this repository\n\
             cargo run --release\n```\n\nMeasured: {measured} If the promise is broken, the program's last\n\
             line starts with `broken:` and it exits with 1; otherwise with `kept:` and 0.{}",
            new_package(self.engine_of(id), features),
            trace_of_a_run(trace),
        )
    }

    /// How an issue says it: with the program in it.
    fn whole_program(&self, id: &str) -> Result<String> {
        let Program { about, trace, features, measured, text } = self.program(id)?;
        Ok(format!(
            "{about}\n\n```sh\n{}cargo run --release    # the program below as src/main.rs\n```\n\n\
             Measured: {measured}{}\n\n```rust\n{text}```",
            new_package(self.engine_of(id), &features),
            trace_of_a_run(&trace),
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

/// Facts as a list, without those that nobody knows.
fn listed(facts: &[(&str, Option<&str>)]) -> String {
    let mut text = String::new();
    for (what, said) in facts {
        if let Some(said) = said {
            let _ = writeln!(text, "- {what}: {said}");
        }
    }
    text
}

/// The trace of a run of a program, where it prints one.
fn trace_of_a_run(trace: &str) -> String {
    if trace.is_empty() {
        return String::new();
    }
    format!("\n\nTrace of a run, with what was durable:\n\n```text\n{trace}\n```")
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

#[cfg(test)]
mod tests {
    use super::{COMMAND, FOLDER, Finding, Sources, others};
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
        let others = others::others(&knobs::runtime::root()).unwrap();
        assert!(
            !others.is_empty() && others.iter().all(|other| !other.shown.is_empty()),
            "{others:?}"
        );
    }

    #[test]
    fn every_finding_has_its_age_and_its_fix() {
        let sources = sources();
        for Finding { id, since, .. } in sources.findings.all() {
            assert!(since.is_some(), "{id}: which version has it already?");
            assert!(sources.fixes.find(id).is_some(), "{id} has no fix");
        }
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
            let (done, said) = applies(patch.strip_suffix("```\n").unwrap());
            assert!(done, "{}: {said}", finding.id);
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
        let title =
            "A power loss during a commit leaves a database that can never be opened again\n";
        assert!(other.starts_with(title), "an issue is no page:\n{other}");
        let [facts, trace] = ["- Breaks: availability", "\npower     0.jnl: "];
        for part in [facts, trace, "fn main() {", "## A fix", "cargo add fjall@="] {
            assert!(other.contains(part), "`{part}` is missing in:\n{other}");
        }
        assert!(sources().issue("typo").unwrap_err().to_string().contains("`typo`"));
    }
}
