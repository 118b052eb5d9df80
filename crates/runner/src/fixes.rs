//! `prod fixes`: what our fixes for confirmed defects change, and whether they apply to the engine. How a fix is read and applied is in
//! `process::fixes`.

use knobs::Knobs;
use process::{
    Error, Outcome, Result, console,
    engine::Engine,
    fixes::{self, Fix, Fixes},
    folder,
    wanted::Wanted,
    workspace,
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

pub(crate) use process::workspace::source as read;

/// The engine that the knobs ask for, without any fix.
pub(crate) fn wanted_engine(knobs: &Knobs) -> Result<Engine> {
    workspace::resolved(knobs.root(), &Wanted::of(knobs)?).map(|(_, engine)| engine)
}

/// The engine that the knobs ask for, and our fixes for it.
pub(crate) struct Known {
    pub(crate) knobs: Knobs,
    pub(crate) engine: Engine,
    pub(crate) fixes: Fixes,
}

impl Known {
    pub(crate) fn of(flags: &[(&str, &str)]) -> Result<Self> {
        let knobs = Knobs::load_with(flags)?;
        let engine = wanted_engine(&knobs)?;
        let fixes = Fixes::load(knobs.root(), &engine)?;
        Ok(Self { knobs, engine, fixes })
    }
}

/// Prints what a fix changes.
pub(crate) fn show(flags: &[(&str, &str)], id: &str) -> Result<Outcome> {
    let Known { engine, fixes, .. } = Known::of(flags)?;
    let fix = fixes.named(id, "command line")?;
    console::page(patch(&fixes, fix, &engine)?.trim_end());
    Ok(Outcome::Passed)
}

/// Says of each fix whether it applies. One that does not makes the command fail.
pub(crate) fn list(flags: &[(&str, &str)]) -> Result<Outcome> {
    let Known { engine, fixes, .. } = Known::of(flags)?;
    let mut applying = 0;
    for fix in fixes.all() {
        let state = match sources(&fixes.basis(fix), &engine) {
            Ok(_) => {
                applying += 1;
                "applies".to_owned()
            }
            Err(error) => error.to_string(),
        };
        let after = fix.after.join(", ");
        let after = if after.is_empty() { after } else { format!(" (with {after})") };
        console::page(&format!("{}{after}: {state}", fix.id));
        console::page(&format!("    {}", one_line(&fix.reason)));
        console::page(&format!("    cost: {}", one_line(&fix.cost)));
        if !fix.gap.is_empty() {
            console::page(&format!("    not covered: {}", one_line(&fix.gap)));
        }
    }
    let count = fixes.all().len();
    console::page(&format!("{applying} of {count} apply to {engine}"));
    Ok(if applying == count { Outcome::Passed } else { Outcome::Failed })
}

/// Writes a patch for each fix that changes something, and says of the others which one has theirs.
pub(crate) fn export(flags: &[(&str, &str)], folder: &Path) -> Result<Outcome> {
    let Known { engine, fixes, .. } = Known::of(flags)?;
    let folder = folder::writable(folder)?;
    for fix in fixes.all() {
        if fix.edits.is_empty() {
            console::page(&format!("{}: what mends {} mends it too", fix.id, fix.after.join(", ")));
            continue;
        }
        let path = folder.join(format!("{}.patch", fix.id));
        fs::write(&path, patch(&fixes, fix, &engine)?).map_err(|error| {
            Error::io("write the patch", &path, "make the folder writable", error)
        })?;
        console::page(&format!("{}", path.display()));
    }
    console::page(
        "All apply in this order; one alone needs those that its text names under `Apply first`.",
    );
    Ok(Outcome::Passed)
}

/// A fix as a patch that `git apply` takes: what it is, then the diff against the sources with the fixes
/// that it is made on top of. One that changes nothing itself is the patch of those.
pub(crate) fn patch(fixes: &Fixes, fix: &Fix, engine: &Engine) -> Result<String> {
    let changes_itself = !fix.edits.is_empty();
    let is_below = |other: &&Fix| changes_itself && other.id != fix.id;
    let below: Vec<_> = fixes.basis(fix).into_iter().filter(is_below).collect();
    let mut text = format!("{}: {}\n\n{}\n", engine.name(), fix.id, fix.reason.trim());
    text.push_str(&format_section("Cost", &fix.cost));
    text.push_str(&format_section("Not covered", &fix.gap));
    if changes_itself {
        text.push_str(&format_section("Apply first", &fix.after.join(", ")));
    }
    text.push('\n');
    text.push_str(&changed(fixes, fix, engine, &below)?);
    Ok(text)
}

/// A fix as a diff of the engine as it is: what it changes, and all that it is made on top of.
pub(crate) fn whole_patch(fixes: &Fixes, fix: &Fix, engine: &Engine) -> Result<String> {
    changed(fixes, fix, engine, &[])
}

/// What differs with the fix and its basis from the engine with the fixes of `below` alone.
fn changed(fixes: &Fixes, fix: &Fix, engine: &Engine, below: &[&Fix]) -> Result<String> {
    let new = sources(&fixes.basis(fix), engine)?;
    let mut old = sources(below, engine)?;
    for file in new.keys().filter(|file| !below.iter().any(|fix| changes(fix, file))) {
        old.insert(file.clone(), read(engine, file)?);
    }
    diff(&old, &new)
}

fn changes(fix: &Fix, file: &str) -> bool {
    fix.edits.iter().any(|edit| edit.file == file)
}

fn format_section(title: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{title}: {}\n", text.trim()) }
}

fn sources(fixes: &[&Fix], engine: &Engine) -> Result<BTreeMap<String, String>> {
    fixes::apply(fixes, |file| read(engine, file))
}

/// The difference between two states of some files, made by git.
fn diff(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Result<String> {
    let remedy = "make room in the folder for temporary files";
    let failed =
        |error| Error::io("write the sources", Path::new("a temporary folder"), remedy, error);
    let scratch = tempfile::tempdir().map_err(failed)?;
    for (side, texts) in [("a", old), ("b", new)] {
        for (file, text) in texts {
            let path: PathBuf = scratch.path().join(side).join(file);
            let folder = path.parent().expect("a file is in a folder");
            fs::create_dir_all(folder).and_then(|()| fs::write(&path, text)).map_err(failed)?;
        }
    }
    let mut git = Command::new("git");
    git.args(["-c", "core.autocrlf=false", "diff", "--no-index", "--no-prefix", "--no-color"]);
    git.args(["--no-ext-diff", "--no-textconv", "--", "a", "b"]).current_dir(scratch.path());
    // Two folders that do not belong to any repository differ with exit code 1.
    let output = git.output().map_err(|error| {
        let what = format!("cannot run git ({error})");
        Error::new(what, "PATH", "install git").because(error)
    })?;
    if !matches!(output.status.code(), Some(0 | 1)) {
        let what =
            format!("git cannot compare: {}", String::from_utf8_lossy(&output.stderr).trim());
        return Err(Error::new(what, scratch.path().display(), "use a newer git"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
