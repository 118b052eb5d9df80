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
            base: tree(session, "base", manifest, &Wanted::Locked, base)?,
            head: with_engine(session, "head", &Wanted::Locked)?,
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
            tree(session, name, workspace.manifest, &wanted, commit)
        };
        Ok(Self {
            base: alike("base", &worktree.folder, base)?,
            head: alike("head", &top, commit(path))?,
            reference: reference.to_owned(),
            notes: vec![OUR_BENCHES.into()],
            worktree: Some(worktree),
        })
    }

    /// Two engines: published versions, or folders.
    pub(crate) fn engines(session: &Session, base: &str, head: &str) -> Result<Self> {
        let from = Wanted::parse(base)?;
        let to = Wanted::parse(head)?;
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

/// The tree of this manifest as one side, which has to have the wanted engine.
fn tree(
    session: &Session,
    name: &'static str,
    manifest: PathBuf,
    wanted: &Wanted,
    commit: String,
) -> Result<Tree> {
    let engine = Engine::resolved(&manifest)?;
    wanted.check(&engine, &manifest)?;
    // The suite's own trees have their own lock file, a generated workspace has none of its own. Each kind
    // of tree is built in another folder: cargo takes what it built from one tree for that of another at
    // the same place in its workspace, where the files are no newer.
    let locked = matches!(wanted, Wanted::Locked);
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

/// This tree, with the wanted engine in place of the locked one.
fn with_engine(session: &Session, name: &'static str, wanted: &Wanted) -> Result<Tree> {
    let root = session.knobs.root();
    let manifest = match wanted {
        Wanted::Locked => root.join("Cargo.toml"),
        wanted => workspace::generate(root, wanted)?.manifest,
    };
    tree(session, name, manifest, wanted, commit(root))
}

/// This tree alone, for what measures one revision.
pub(crate) fn this_tree(session: &Session) -> Result<Tree> {
    with_engine(session, "head", &Wanted::of(&session.knobs)?)
}
