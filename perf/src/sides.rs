//! Which two trees are compared: this one and its base, two commits of an engine's checkout, or two
//! engines. Prepares source trees; builds and measures nothing.

use crate::{
    build::Tree,
    files::Origin,
    git::{Repository, Worktree},
    settings::Settings,
};
use process::{
    Error, Result,
    engine::Engine,
    wanted::Wanted,
    workspace::{self, Generated},
};
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
const MADE_OF: [&str; 7] = [
    "benches",
    "src/engine",
    "src/engine.rs",
    "src/scenario/bench",
    "src/scenario/bench.rs",
    "src/testdir.rs",
    "src/workload/records.rs",
];

/// Where a tree says which toolchain it is built with.
const TOOLCHAIN: [&str; 2] = ["rust-toolchain.toml", "rust-toolchain"];

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
        if repository.differs(&base.commit, &TOOLCHAIN) {
            let note = "base names another toolchain: both sides are built with the one of head";
            notes.push(note.into());
        }
        if profiles(&manifest) != profiles(&settings.manifest()) {
            let note =
                "[profile.bench] or [profile.release] is another in base: a delta can be theirs";
            notes.push(note.into());
        }
        Ok(Self {
            base: side(settings, "base", "base", (&manifest, true), base.commit)?,
            head: side(settings, "head", "head", (&settings.manifest(), true), repository.head())?,
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
        let (top, prefix) = repository.place().expect("it is a checkout");
        let worktree = repository.worktree(&base.commit, &settings.file("engine-worktree"))?;
        let there = std::fs::canonicalize(&worktree.folder).map_err(|error| {
            let remedy = "`git worktree add` there shows why";
            Error::io("find the base", &worktree.folder, remedy, error)
        })?;
        if !there.join(&prefix).join("Cargo.toml").is_file() {
            let remedy = "name a base that has the engine in the same folder";
            let what = format!("base {} has no engine", base.commit);
            return Err(Error::new(what, there.join(&prefix).display(), remedy));
        }
        Ok(Self {
            base: alike(settings, "base", (&there, &prefix), &base.commit)?,
            head: alike(settings, "head", (&top, &prefix), &repository.head())?,
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

/// The profiles that the benches are built by.
fn profiles(manifest: &Path) -> Option<[Option<toml::Value>; 2]> {
    let manifest: toml::Table = std::fs::read_to_string(manifest).ok()?.parse().ok()?;
    let profile = |name| manifest.get("profile")?.get(name).cloned();
    Some([profile("bench"), profile("release")])
}

/// A side that is built in the folder `place` of the builds. Trees of another kind have another: cargo
/// takes what it built from one tree for that of another at the same place in its workspace, where the
/// files are no newer.
fn side(
    settings: &Settings,
    name: &'static str,
    place: &str,
    (manifest, locked): (&Path, bool),
    commit: String,
) -> Result<(Tree, Origin)> {
    let engine = Engine::resolved(manifest)?.to_string();
    let target = settings.file("build").join(place);
    let tree = Tree { name, manifest: manifest.to_owned(), target, locked };
    Ok((tree, Origin::now(engine, commit)))
}

fn generated(
    settings: &Settings,
    name: &'static str,
    wanted: &Wanted,
    commit: &str,
) -> Result<(Tree, Origin)> {
    of_workspace(settings, name, &workspace::generate(&settings.root, wanted)?, wanted, commit)
}

/// An engine's checkout in a workspace that differs from the other side's in the engine alone.
fn alike(
    settings: &Settings,
    name: &'static str,
    (top, prefix): (&Path, &Path),
    commit: &str,
) -> Result<(Tree, Origin)> {
    let generated = workspace::generate_alike(&settings.root, top, prefix)?;
    of_workspace(settings, name, &generated, &Wanted::Path(top.join(prefix)), commit)
}

fn of_workspace(
    settings: &Settings,
    name: &'static str,
    generated: &Generated,
    wanted: &Wanted,
    commit: &str,
) -> Result<(Tree, Origin)> {
    let manifest = &generated.manifest;
    wanted.check(&Engine::resolved(manifest)?, manifest)?;
    let folder = manifest.parent().and_then(Path::file_name).unwrap_or_default();
    let place = format!("{name}-{}", folder.to_string_lossy());
    side(settings, name, &place, (manifest, false), commit.to_owned())
}

/// This tree alone, for what measures one side.
pub(crate) fn this_tree(settings: &Settings) -> Result<(Tree, Origin)> {
    let commit = Repository::at(&settings.root).map_or("no commit".into(), |git| git.head());
    match Wanted::of(&settings.knobs)? {
        Wanted::Locked => side(settings, "head", "head", (&settings.manifest(), true), commit),
        wanted => generated(settings, "head", &wanted, &commit),
    }
}
