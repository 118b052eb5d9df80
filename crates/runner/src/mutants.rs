//! `prod detection --mutants`: a sample of what cargo-mutants lists for the engine's source. Each mutant is
//! applied to a copy, and the layers run on it until one fails. Nobody chose these defects, so the share that
//! is caught is a measure. Nothing of the engine's text is stored: the list is made anew each time.

use crate::{
    bootstrap, fixes,
    trials::{self, Bench, LAYERS, Order, Plan, Subject, Trial},
};
use knobs::{Knobs, knob};
use process::{
    Error, Interrupts, Outcome, Result, console,
    engine::Engine,
    fixes::{Fix, Fixes, hash},
    workspace,
};
use results::{
    detection::{Detected, Entry},
    seeds::{self, Shard},
};
use serde::Deserialize;
use std::{
    fs,
    io::{self, Seek, Write},
    path::Path,
    process::{Command, Stdio},
};

/// How the run without a mutant is called in the ledger: what fails there shows nothing.
const CONTROL: &str = "unchanged";

/// What is not drawn from, because no case can tell it: how values are printed, programs, what the engine's own
/// tests use, and what is not built here. Tests are left out by cargo-mutants itself.
const NOT_LISTED: &[&str] =
    &["src/bin/**", "**/testing.rs", "**/failpoint*.rs", "**/observe.rs", "**/win.rs"];

/// The names of mutants that are not drawn from either.
const NOT_NAMED: &str = r"impl (\w+::)*(Debug|Display) for";

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) count: u32,
    /// Of the draw and of the runs.
    pub(crate) seed: u64,
    /// The part of the draw that is tried here.
    pub(crate) shard: Shard,
}

/// Tries a sample of the engine's mutants.
pub(crate) fn mutants(
    flags: &[(&str, &str)],
    asked: Asked,
    order: Order,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    let knobs = Knobs::load_with(flags)?;
    let engine = fixes::wanted_engine(&knobs)?;
    let all = Fixes::load(knobs.root(), &engine)?;
    let fixes = all.select(knobs.get(knob::MACE_PROD_FIXES))?;
    let ids = fixes.iter().map(|fix| fix.id.clone()).collect();
    let engine = Engine { fixes: ids, ..engine };
    let bench = Bench::open(flags, &engine, "mutants.jsonl", order, interrupts)?;
    // Not below the root: cargo would take it for a forgotten member of our workspace.
    let elsewhere = tempfile::tempdir().map_err(temporary)?;
    workspace::copy_fixed(&engine, elsewhere.path(), &fixes)?;
    let tool = knobs.root().join(bootstrap::MUTANTS);
    let listed = listed(&tool, elsewhere.path(), interrupts)?;
    let drawn = drawn(&listed, asked);
    let attempt = |mutant| Attempt { mutant: Some(mutant), fixes: &fixes, seed: asked.seed };
    let attempts: Vec<_> = drawn.iter().copied().map(attempt).collect();
    let entries = bench.go_through(&attempts)?;
    let newest = attempts.iter().filter_map(|attempt| attempt.trial().newest(&entries));
    let title = format!(
        "{} of {} mutants of {}, seed {}",
        attempts.len(),
        listed.len(),
        engine.name(),
        asked.seed
    );
    Ok(conclude(&title, &newest.collect::<Vec<_>>()))
}

/// A mutant, as cargo-mutants describes it.
#[derive(Debug, Deserialize)]
struct Mutant {
    /// Its place, what is replaced, and by what.
    name: String,
    file: String,
    /// A unified diff whose second line says what is replaced, where a file would be named.
    diff: String,
}

/// The mutants of the engine in this folder, in the order of its source.
fn listed(tool: &Path, engine: &Path, interrupts: &Interrupts) -> Result<Vec<Mutant>> {
    let remedy = "`just bootstrap --all` fetches it";
    let mut command = Command::new(tool);
    command.args(["mutants", "--list", "--json", "--colors", "never", "--dir"]).arg(engine);
    command.args(["--exclude-re", NOT_NAMED]);
    command.args(NOT_LISTED.iter().flat_map(|files| ["--exclude", files]));
    let captured = interrupts.capture(&mut command);
    interrupts.check()?;
    let (status, output) = captured.map_err(|error| {
        let what = format!("cannot run cargo-mutants ({error})");
        Error::new(what, tool.display(), remedy).because(error)
    })?;
    if !status.success() {
        let what = format!("cargo-mutants cannot list the mutants ({status})");
        return Err(Error::new(what, engine.display(), "see its messages above"));
    }
    let listed: Vec<Mutant> = serde_json::from_slice(&output).map_err(|error| {
        let what = format!("the list of cargo-mutants cannot be read ({error})");
        Error::new(what, tool.display(), remedy).because(error)
    })?;
    if listed.is_empty() {
        let what = "cargo-mutants lists no mutant";
        return Err(Error::new(what, engine.display(), "give it an engine that has a source"));
    }
    Ok(listed)
}

/// The sample, or this machine's part of it.
fn drawn(listed: &[Mutant], asked: Asked) -> Vec<&Mutant> {
    let Shard { number, of } = asked.shard;
    let drawn = seeds::draw(asked.seed, listed.len(), asked.count as usize).into_iter();
    let part = drawn.skip(number as usize - 1).step_by(of as usize);
    part.map(|index| &listed[index]).collect()
}

/// A mutant, or the engine without one.
#[derive(Clone, Copy)]
struct Attempt<'m> {
    mutant: Option<&'m Mutant>,
    fixes: &'m [&'m Fix],
    seed: u64,
}

impl Subject for Attempt<'_> {
    fn trial(&self) -> Trial {
        let name = self.mutant.map_or(CONTROL, |mutant| &mutant.name).to_owned();
        let diff = self.mutant.map_or("", |mutant| &mutant.diff);
        let hash = hash(&[diff, &format!("{:?}", self.fixes)]);
        Trial { name, hash, seed: self.seed }
    }

    fn control(&self) -> Option<Self> {
        self.mutant.is_some().then_some(Self { mutant: None, ..*self })
    }

    fn prepare(&self, bench: &Bench<'_>) -> Result<Plan> {
        workspace::copy_fixed(bench.engine, &bench.copy, self.fixes)?;
        if let Some(mutant) = self.mutant {
            mutant.apply(&bench.copy)?;
        }
        Ok(Plan {
            // They are in the copy, whose manifest says so.
            flags: vec![(knob::MACE_PROD_FIXES.name(), "none".to_owned())],
            checkout: Some(bench.copy.clone()),
            layers: &LAYERS,
            cases: None,
            fail_fast: true,
            may_not_build: self.mutant.is_some(),
        })
    }
}

impl Mutant {
    /// Applies it to the engine in this folder.
    fn apply(&self, copy: &Path) -> Result<()> {
        let path = copy.join(&self.file);
        let before = source(&path)?;
        let diff = self.patch();
        let stored = tempfile::tempfile().and_then(|mut file| {
            file.write_all(diff.as_bytes())?;
            file.rewind()?;
            Ok(file)
        });
        let stored = stored.map_err(temporary)?;
        let mut git = Command::new("git");
        git.args(["-c", "core.autocrlf=false", "apply", "-p0", "--whitespace=nowarn"]);
        // The copy is a folder like any other, whatever repository it may lie in.
        git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE");
        git.env("GIT_CEILING_DIRECTORIES", copy.parent().unwrap_or(copy));
        git.current_dir(copy).stdin(Stdio::from(stored));
        let output = git.output().map_err(|error| {
            let what = format!("cannot run git ({error})");
            Error::new(what, "PATH", "install git").because(error)
        })?;
        if !output.status.success() || source(&path)? == before {
            let said = String::from_utf8_lossy(&output.stderr);
            let what = format!("git cannot apply `{}`: {}", self.name, said.trim());
            return Err(Error::new(what, path.display(), "remove target/detection and try again"));
        }
        Ok(())
    }

    /// Its diff in the form that git takes.
    fn patch(&self) -> String {
        let mut lines = self.diff.split_inclusive('\n');
        let first = lines.next().unwrap_or_default();
        let rest: String = lines.skip(1).collect();
        format!("{first}+++ {}\n{rest}", self.file)
    }
}

fn temporary(error: io::Error) -> Error {
    Error::io("write to", Path::new("a temporary folder"), "make room in it", error)
}

fn source(path: &Path) -> Result<String> {
    let remedy = "remove target/detection and try again";
    fs::read_to_string(path).map_err(|error| Error::io("read the source", path, remedy, error))
}

/// Prints what became of each and the shares. Survivors are what is asked for, and no failure; a control that
/// fails is one.
fn conclude(title: &str, entries: &[&Entry]) -> Outcome {
    let count = |detected: Detected| entries.iter().filter(|e| e.detected == detected).count();
    console::page("");
    for entry in entries {
        let Entry { name, layer, detected, .. } = entry;
        let layer = if detected.catches() { format!("{layer}, ") } else { String::new() };
        trials::print(&format!("{name}: {layer}{}", detected.name()), entry);
    }
    console::page(&format!("\n{title}"));
    let built = entries.len() - count(Detected::Unviable) - count(Detected::NoControl);
    let row = |name: &str, count: usize| {
        let share = if built == 0 { 0.0 } else { 100.0 * count as f64 / built as f64 };
        console::page(&format!("{name:<32} {count:>4} {share:>5.1} %"));
    };
    for layer in LAYERS {
        let of_it = |entry: &&&Entry| entry.layer == layer && entry.detected == Detected::Caught;
        row(&format!("caught by {layer}"), entries.iter().filter(of_it).count());
    }
    for detected in [Detected::TimedOut, Detected::NoLongerShows, Detected::NotCaught] {
        row(detected.name(), count(detected));
    }
    for detected in [Detected::Unviable, Detected::NoControl] {
        let text = format!("{:<32} {:>4} not counted", detected.name(), count(detected));
        console::page(&text);
    }
    if count(Detected::NoControl) == 0 { Outcome::Passed } else { Outcome::Failed }
}
