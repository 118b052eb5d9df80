//! Which two trees are compared: this one and its base, two commits of an engine's checkout, or two
//! engines. Prepares source trees; builds and measures nothing.

use crate::{
    build::Tree,
    git::{Repository, Worktree},
    machine,
    settings::Settings,
};
use knobs::knob;
use process::{Error, Result, engine::Engine, wanted::Wanted, workspace};
use results::gate::Origin;
use std::path::{Path, PathBuf};

/// One of the two, ready to be built.
#[derive(Debug)]
pub(crate) struct Revision {
    pub(crate) tree: Tree,
    pub(crate) origin: Origin,
}

/// Base and head.
#[derive(Debug)]
pub(crate) struct Revisions {
    pub(crate) base: Revision,
    pub(crate) head: Revision,
    pub(crate) reference: String,
    pub(crate) notes: Vec<String>,
    /// Where base's sources are until this is dropped.
    pub(crate) worktree: Option<Worktree>,
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

impl Revisions {
    /// This tree, or the engine's checkout that was asked for, and its base.
    pub(crate) fn with_base(settings: &Settings, reference: &str) -> Result<Self> {
        if settings.knobs.get(knob::MACE_PROD_FIXES) != "none" {
            return Err(Error::new(
                "compare measures the engine without our fixes",
                "MACE_PROD_FIXES",
                "unset it, or use `just perf engines 0.2.0 0.2.0+all`",
            ));
        }
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
        let checks = [
            (
                repository.differs(&base.commit, &MADE_OF),
                "the benches themselves differ between base and head: a delta can be theirs",
            ),
            (
                repository.differs(&base.commit, &TOOLCHAIN),
                "base names another toolchain: both sides are built with the one of head",
            ),
            (
                profiles(&manifest) != profiles(&settings.manifest()),
                "[profile.bench] or [profile.release] is another in base: a delta can be theirs",
            ),
        ];
        let notes = checks.into_iter().filter(|(differs, _)| *differs).map(|(_, note)| note.into());
        Ok(Self {
            base: own(settings, "base", &manifest, base.commit)?,
            head: own(settings, "head", &settings.manifest(), repository.head())?,
            reference: base.reference,
            notes: notes.collect(),
            worktree: Some(worktree),
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
            base: alike(settings, "base", &there, &prefix, base.commit)?,
            head: alike(settings, "head", &top, &prefix, repository.head())?,
            reference: base.reference,
            notes: vec!["the benches are this suite's on both sides".into()],
            worktree: Some(worktree),
        })
    }

    /// Two engines: published versions, or folders; with our fixes where a `+` and a choice of them follows.
    pub(crate) fn engines(settings: &Settings, base: &str, head: &str) -> Result<Self> {
        let from = Asked::parse(base)?;
        let to = Asked::parse(head)?;
        if from.wanted == to.wanted && from.fixes != "none" && to.fixes != "none" {
            let what = "the same engine with fixes on both sides has one workspace for both";
            return Err(Error::new(what, format!("{base} {head}"), "leave them out on one side"));
        }
        Ok(Self {
            base: generated(settings, "base", &from)?,
            head: generated(settings, "head", &to)?,
            reference: base.to_owned(),
            notes: vec!["the benches are this suite's on both sides".into()],
            worktree: None,
        })
    }
}

/// The profiles that the benches are built by.
fn profiles(manifest: &Path) -> Option<[Option<toml::Value>; 2]> {
    let manifest: toml::Table = std::fs::read_to_string(manifest).ok()?.parse().ok()?;
    let profile = |name| manifest.get("profile")?.get(name).cloned();
    Some([profile("bench"), profile("release")])
}

/// A revision that is built in the folder `place` of the builds. Trees of another kind have another:
/// cargo takes what it built from one tree for that of another at the same place in its workspace,
/// where the files are no newer.
fn revision(settings: &Settings, tree: Tree, place: &str, commit: String) -> Result<Revision> {
    let engine = Engine::resolved(&tree.manifest)?.to_string();
    let tree = Tree { target: settings.file("build").join(place), ..tree };
    Ok(Revision { tree, origin: machine::origin(engine, commit) })
}

/// A commit of this repository, with its own lock file.
fn own(
    settings: &Settings,
    name: &'static str,
    manifest: &Path,
    commit: String,
) -> Result<Revision> {
    let tree = Tree { name, manifest: manifest.to_owned(), target: PathBuf::new(), locked: true };
    revision(settings, tree, name, commit)
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
}

fn generated(settings: &Settings, name: &'static str, asked: &Asked<'_>) -> Result<Revision> {
    let Asked { wanted, fixes } = asked;
    let unfixed = match wanted {
        Wanted::Locked => settings.manifest(),
        wanted => workspace::generate(&settings.root, wanted)?.manifest,
    };
    let engine = Engine::resolved(&unfixed)?;
    wanted.check(&engine, &unfixed)?;
    match workspace::generate_chosen(&settings.root, wanted, &engine, fixes)? {
        Some((fixed, _)) => of_workspace(settings, name, &fixed.manifest, commit(settings)),
        None => of_workspace(settings, name, &unfixed, commit(settings)),
    }
}

/// An engine's checkout in a workspace that differs from the other side's in the engine alone.
fn alike(
    settings: &Settings,
    name: &'static str,
    top: &Path,
    prefix: &Path,
    commit: String,
) -> Result<Revision> {
    let workspace = workspace::generate_alike(&settings.root, top, prefix)?;
    let manifest = workspace.manifest;
    Wanted::Path(top.join(prefix)).check(&Engine::resolved(&manifest)?, &manifest)?;
    of_workspace(settings, name, &manifest, commit)
}

fn of_workspace(
    settings: &Settings,
    name: &'static str,
    manifest: &Path,
    commit: String,
) -> Result<Revision> {
    let manifest = manifest.to_owned();
    let folder = manifest.parent().and_then(Path::file_name).unwrap_or_default();
    let place = format!("{name}-{}", folder.to_string_lossy());
    let tree = Tree { name, manifest, target: PathBuf::new(), locked: false };
    revision(settings, tree, &place, commit)
}

/// The commit of this tree.
fn commit(settings: &Settings) -> String {
    Repository::at(&settings.root).map_or("no commit".into(), |git| git.head())
}

/// This tree alone, for what measures one revision.
pub(crate) fn this_tree(settings: &Settings) -> Result<Revision> {
    let asked = Asked {
        wanted: Wanted::of(&settings.knobs)?,
        fixes: settings.knobs.get(knob::MACE_PROD_FIXES),
    };
    match asked {
        Asked { wanted: Wanted::Locked, fixes: "none" } => {
            own(settings, "head", &settings.manifest(), commit(settings))
        }
        asked => generated(settings, "head", &asked),
    }
}
