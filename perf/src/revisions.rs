//! Which two trees are compared: this one and its base, two commits of an engine's checkout, or two
//! engines. Prepares source trees; builds and measures nothing.

use crate::{
    build::Tree,
    git::{Repository, Worktree},
    machine,
    session::Session,
};
use knobs::knob;
use process::{
    Error, Result,
    engine::{self, Engine},
    fixes::Fix,
    wanted::Wanted,
    workspace,
};
use std::path::{Path, PathBuf};

/// Base and head.
#[derive(Debug)]
pub(crate) struct Revisions {
    pub(crate) base: Tree,
    pub(crate) head: Tree,
    pub(crate) reference: String,
    pub(crate) notes: Vec<String>,
    /// Where base's sources are until this is dropped.
    pub(crate) worktree: Option<Worktree>,
}

/// What is noted where base is no earlier commit of this suite.
const OUR_BENCHES: &str = "the benches are this suite's on both sides";

/// What the benches are made of: a difference here is not one of the engine.
const MADE_OF: [&str; 5] =
    ["benches", "src/engine*", "src/scenario/bench*", "src/testdir.rs", "src/workload/records.rs"];

/// Where a tree says which toolchain it is built with.
const TOOLCHAIN: [&str; 2] = ["rust-toolchain.toml", "rust-toolchain"];

impl Revisions {
    /// This tree, or the engine's checkout that was asked for, and its base.
    pub(crate) fn with_base(session: &Session, reference: Option<&str>) -> Result<Self> {
        if session.knobs.get(knob::MACE_PROD_FIXES) != "none" {
            return Err(Error::new(
                "compare measures the engine without our fixes",
                "MACE_PROD_FIXES",
                "unset it, or use `just perf engines 0.2.0 0.2.0+all`",
            ));
        }
        let reference = reference.unwrap_or_else(|| session.knobs.get(knob::MACE_PERF_BASE_REF));
        match Wanted::of(&session.knobs)? {
            Wanted::Locked => Self::of_this_tree(session, reference),
            Wanted::Path(path) => Self::of_engine(session, &path, reference),
            Wanted::Version(_) => Err(Error::new(
                "compare needs a tree with a history, and MACE_ENGINE names a version",
                "environment",
                "unset it, or use `just perf engines A B`",
            )),
        }
    }

    fn of_this_tree(session: &Session, reference: &str) -> Result<Self> {
        let root = session.knobs.root();
        let repository = Repository::at(root)?;
        let base = repository.base(reference)?;
        let worktree = repository.worktree(&base, &session.file("worktree"))?;
        required(&worktree, Path::new("benches/perf.rs"), &base)?;
        let manifest = worktree.folder.join("Cargo.toml");
        let checks = [
            (
                repository.differs(&base, &MADE_OF),
                "the benches themselves differ between base and head: a delta can be theirs",
            ),
            (
                repository.differs(&base, &TOOLCHAIN),
                "base names another toolchain: both sides are built with the one of head",
            ),
            (
                profiles(&manifest) != profiles(&root.join("Cargo.toml")),
                "[profile.bench] or [profile.release] is another in base: a delta can be theirs",
            ),
        ];
        let notes = checks.into_iter().filter(|(differs, _)| *differs).map(|(_, note)| note.into());
        Ok(Self {
            base: tree(session, "base", manifest, Some(&Wanted::Locked), base)?,
            head: with_engine(session, "head", &Asked { wanted: Wanted::Locked, fixes: "none" })?,
            reference: reference.to_owned(),
            notes: notes.collect(),
            worktree: Some(worktree),
        })
    }

    /// What the engine's maintainers gate on: their checkout against a commit of it, with our
    /// benches on both sides.
    fn of_engine(session: &Session, path: &Path, reference: &str) -> Result<Self> {
        let repository = Repository::at(path)?;
        let base = repository.base(reference)?;
        let (top, prefix) = repository.place().expect("it is a checkout");
        let worktree = repository.worktree(&base, &session.file("engine-worktree"))?;
        required(&worktree, &prefix.join("Cargo.toml"), &base)?;
        // Two workspaces that differ in the engine alone.
        let alike = |name, top: &Path, commit| {
            let workspace = workspace::generate_alike(session.knobs.root(), top, &prefix)?;
            let wanted = Wanted::checkout(&top.join(&prefix))?;
            tree(session, name, workspace.manifest, Some(&wanted), commit)
        };
        Ok(Self {
            base: alike("base", &worktree.folder, base)?,
            head: alike("head", &top, commit(path))?,
            reference: reference.to_owned(),
            notes: vec![OUR_BENCHES.into()],
            worktree: Some(worktree),
        })
    }

    /// Two engines: published versions, or folders; with our fixes where a `+` and a choice of them follows.
    pub(crate) fn engines(session: &Session, base: &str, head: &str) -> Result<Self> {
        let from = Asked::parse(base)?;
        let to = Asked::parse(head)?;
        if from.wanted == to.wanted && from.fixes != "none" && to.fixes != "none" {
            let what = "the same engine with fixes on both sides has one workspace for both";
            return Err(Error::new(what, format!("{base} {head}"), "leave them out on one side"));
        }
        Ok(Self {
            base: with_engine(session, "base", &from)?,
            head: with_engine(session, "head", &to)?,
            reference: base.to_owned(),
            notes: vec![OUR_BENCHES.into()],
            worktree: None,
        })
    }
}

/// Refuses a base that has no such file.
fn required(worktree: &Worktree, file: &Path, base: &str) -> Result<()> {
    if worktree.folder.join(file).is_file() {
        return Ok(());
    }
    let what = format!("base {base} has no {}", file.display());
    let remedy = "name a base that has it (`just perf compare BASE`)";
    Err(Error::new(what, worktree.folder.display(), remedy))
}

/// The profiles that the benches are built by.
fn profiles(manifest: &Path) -> Option<[Option<toml::Value>; 2]> {
    let manifest: toml::Table = std::fs::read_to_string(manifest).ok()?.parse().ok()?;
    let profile = |name| manifest.get("profile")?.get(name).cloned();
    Some([profile("bench"), profile("release")])
}

/// The tree of this manifest as one side. It has to have the wanted engine, where that is not proved yet.
fn tree(
    session: &Session,
    name: &'static str,
    manifest: PathBuf,
    wanted: Option<&Wanted>,
    commit: String,
) -> Result<Tree> {
    let engine = Engine::resolved(&manifest)?;
    if let Some(wanted) = wanted {
        wanted.check(&engine, &manifest)?;
    }
    // The suite's own trees have their own lock file, a generated workspace has none of its own. Each kind
    // of tree is built in another folder: cargo takes what it built from one tree for that of another at
    // the same place in its workspace, where the files are no newer.
    let locked = matches!(wanted, Some(Wanted::Locked));
    let folder = manifest.parent().and_then(Path::file_name).unwrap_or_default();
    let generated = || format!("{name}-{}", folder.to_string_lossy());
    let place = if locked { name.to_owned() } else { generated() };
    let target = session.file("build").join(place);
    let origin = machine::origin(engine.to_string(), commit);
    Ok(Tree { name, manifest, target, locked, origin })
}

fn commit(folder: &Path) -> String {
    engine::commit(folder).unwrap_or_else(|| "no commit".to_owned())
}

/// An engine, and which of our fixes are applied to it, in the words of `MACE_PROD_FIXES`.
struct Asked<'t> {
    wanted: Wanted,
    fixes: &'t str,
}

impl<'t> Asked<'t> {
    /// `0.2.0`, `0.2.0+all`, the path of a checkout with or without such an end. A folder whose name has
    /// a `+` is that folder.
    fn parse(text: &'t str) -> Result<Self> {
        match text.rsplit_once('+') {
            Some((engine, fixes)) if !Path::new(text).is_dir() => {
                Ok(Self { wanted: Wanted::parse(engine)?, fixes })
            }
            _ => Ok(Self { wanted: Wanted::parse(text)?, fixes: "none" }),
        }
    }

    /// The engine that the knobs ask for.
    fn of(session: &'t Session) -> Result<Self> {
        let fixes = session.knobs.get(knob::MACE_PROD_FIXES);
        Ok(Self { wanted: Wanted::of(&session.knobs)?, fixes })
    }
}

/// This tree, with the engine that is asked for in place of the locked one.
fn with_engine(session: &Session, name: &'static str, asked: &Asked<'_>) -> Result<Tree> {
    let Asked { wanted, fixes } = asked;
    let root = session.knobs.root();
    let (generated, engine) = workspace::resolved(root, wanted)?;
    let fixed = workspace::generate_chosen(root, wanted, &engine, fixes)?.map(|(fixed, _)| fixed);
    match fixed.or(generated) {
        Some(generated) => tree(session, name, generated.manifest, None, commit(root)),
        None => tree(session, name, root.join("Cargo.toml"), Some(wanted), commit(root)),
    }
}

/// This tree with `change` planted in the engine that it has. All such trees have one place.
pub(crate) fn planted(session: &Session, engine: &Engine, change: &Fix) -> Result<Tree> {
    let copy = session.file("planted");
    workspace::copy_planted(engine, &copy, &[change])?;
    let generated = workspace::generate_alike(session.knobs.root(), &copy, Path::new(""))?;
    let wanted = Wanted::checkout(&copy)?;
    let commit = format!("with {}", change.id);
    tree(session, "planted", generated.manifest, Some(&wanted), commit)
}

/// The engine that the knobs ask for, and where its sources are.
pub(crate) fn engine(session: &Session) -> Result<Engine> {
    Ok(workspace::resolved(session.knobs.root(), &Wanted::of(&session.knobs)?)?.1)
}

/// This tree alone, for what measures one revision.
pub(crate) fn this_tree(session: &Session) -> Result<Tree> {
    with_engine(session, "head", &Asked::of(session)?)
}
