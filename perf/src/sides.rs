//! Which two trees are compared: this one and its base, two commits of an engine's checkout, or two
//! engines. Prepares source trees; builds and measures nothing.

use crate::{
    build::Tree,
    files::Origin,
    git::{Repository, Worktree},
    settings::Settings,
};
use launch::{Error, Result, engine::Engine, wanted::Wanted, workspace};
use std::path::Path;

/// Base and head, ready to be built.
#[derive(Debug)]
pub(crate) struct Sides {
    pub(crate) base: (Tree, Origin),
    pub(crate) head: (Tree, Origin),
    pub(crate) reference: String,
    pub(crate) notes: Vec<String>,
    /// Where base's sources are until this is dropped.
    _worktree: Option<Worktree>,
}

const BENCHES: &str = "benches/perf.rs";

/// What the benches are made of: a difference here is not one of the engine.
const MADE_OF: [&str; 4] =
    ["benches", "src/scenario/bench", "src/scenario/bench.rs", "src/workload/records.rs"];

impl Sides {
    /// This tree, or the engine's checkout that was asked for, and its base.
    pub(crate) fn with_base(settings: &Settings, reference: &str) -> Result<Self> {
        match Wanted::of(&settings.knobs)? {
            Wanted::Locked => Self::of_this_tree(settings, reference),
            Wanted::Path(path) => Self::of_engine(settings, &path, reference),
            Wanted::Version(_) => Err(Error::new(
                "compare needs a tree with a history, and MACE_ENGINE names a version",
                "environment",
                "unset it, or use `just perf engines A B`",
            )),
        }
    }

    fn of_this_tree(settings: &Settings, reference: &str) -> Result<Self> {
        let repository = Repository::at(&settings.root)?;
        let base = repository.base(reference)?;
        if !repository.has(&base.commit, BENCHES) {
            let what = format!("base {} has no {BENCHES}", base.commit);
            let remedy = "name a base that has the benches (`just perf compare BASE`)";
            return Err(Error::new(what, reference, remedy));
        }
        let worktree = repository.worktree(&base.commit, &settings.file("worktree"))?;
        let manifest = worktree.folder.join("Cargo.toml");
        let mut notes = Vec::new();
        if repository.differs(&base.commit, &MADE_OF) {
            notes.push(
                "the benches themselves differ between base and head: a delta can be theirs".into(),
            );
        }
        Ok(Self {
            base: side(settings, "base", &manifest, base.commit, true)?,
            head: side(settings, "head", &settings.manifest(), repository.head(), true)?,
            reference: base.reference,
            notes,
            _worktree: Some(worktree),
        })
    }

    /// What the engine's maintainers gate on: their checkout against a commit of it, with our
    /// benches on both sides.
    fn of_engine(settings: &Settings, path: &Path, reference: &str) -> Result<Self> {
        let repository = Repository::at(path)?;
        let base = repository.base(reference)?;
        let worktree = repository.worktree(&base.commit, &settings.file("engine-worktree"))?;
        let folder = worktree.folder.join(repository.prefix());
        let folder = std::fs::canonicalize(&folder).map_err(|error| {
            let remedy = "name a base that has the engine in the same folder";
            Error::io("find the engine in the base", &folder, remedy, error)
        })?;
        let head = Wanted::Path(path.to_owned());
        Ok(Self {
            base: generated(settings, "base", &Wanted::Path(folder), &base.commit)?,
            head: generated(settings, "head", &head, &repository.head())?,
            reference: base.reference,
            notes: vec!["the benches are this suite's on both sides".into()],
            _worktree: Some(worktree),
        })
    }

    /// Two engines: published versions, or folders.
    pub(crate) fn engines(settings: &Settings, base: &str, head: &str) -> Result<Self> {
        let (from, to) = (Wanted::parse(base)?, Wanted::parse(head)?);
        let commit = Repository::at(&settings.root).map_or("no commit".into(), |git| git.head());
        Ok(Self {
            base: generated(settings, "base", &from, &commit)?,
            head: generated(settings, "head", &to, &commit)?,
            reference: base.to_owned(),
            notes: vec!["the benches are this suite's on both sides".into()],
            _worktree: None,
        })
    }
}

fn side(
    settings: &Settings,
    name: &'static str,
    manifest: &Path,
    commit: String,
    locked: bool,
) -> Result<(Tree, Origin)> {
    let engine = Engine::resolved(manifest)?.to_string();
    let target = settings.file("build").join(name);
    let tree = Tree { name, manifest: manifest.to_owned(), target, locked };
    Ok((tree, Origin::now(engine, commit)))
}

fn generated(
    settings: &Settings,
    name: &'static str,
    wanted: &Wanted,
    commit: &str,
) -> Result<(Tree, Origin)> {
    let generated = workspace::generate(&settings.root, wanted)?;
    wanted.check(&Engine::resolved(&generated.manifest)?, &generated.manifest)?;
    side(settings, name, &generated.manifest, commit.to_owned(), false)
}

/// This tree alone, for what measures one side.
pub(crate) fn this_tree(settings: &Settings) -> Result<(Tree, Origin)> {
    let commit = Repository::at(&settings.root).map_or("no commit".into(), |git| git.head());
    match Wanted::of(&settings.knobs)? {
        Wanted::Locked => side(settings, "head", &settings.manifest(), commit, true),
        wanted => generated(settings, "head", &wanted, &commit),
    }
}
