//! A workspace for another engine: `target/engine/<id>` mirrors the repository with links to its
//! sources and copies of its manifests in which the engine is another one. The repository's own
//! manifests and lock file stay untouched; cargo's `--config patch` would rewrite the lock file,
//! and ignores a patch whose version does not fit.

use crate::{
    Error, Result,
    engine::{Engine, PACKAGE},
    fixes::{self, Fix, Fixes},
    manifest,
    store::if_there,
    wanted::Wanted,
};
use cargo_metadata::MetadataCommand;
use std::{
    collections::{BTreeMap, BTreeSet, hash_map::DefaultHasher},
    ffi::{OsStr, OsString},
    fs,
    hash::{Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

/// What is not mirrored: the workspace gets a lock file of its own, and builds where we do.
const LEFT_OUT: [&str; 4] = ["Cargo.toml", "Cargo.lock", "target", ".git"];

/// A generated workspace.
#[derive(Debug)]
pub struct Generated {
    /// The manifest to point cargo at.
    pub manifest: PathBuf,
    /// The repository's own build folder: the dependencies are the same there.
    pub target: PathBuf,
}

/// What the engine is called inside a workspace of [`generate_alike`]; with its id behind it, inside one of
/// [`generate_chosen`].
const INSIDE: &str = "engine-under-test";

/// Generates, or brings up to date, the workspace for `wanted`. What has not changed is not
/// written, so that cargo rebuilds nothing because of it.
pub fn generate(root: &Path, wanted: &Wanted) -> Result<Generated> {
    generate_as(root, PACKAGE, wanted)
}

/// The same for another engine's package.
fn generate_as(root: &Path, package: &str, wanted: &Wanted) -> Result<Generated> {
    let id = id(wanted);
    let id = if package == PACKAGE { id } else { format!("{package}-{id}") };
    let folder = root.join("target/engine").join(id);
    mirrored(root, &folder, Asked { package, wanted, inside: None })
}

/// The engine that is wanted, proved to be the one that cargo resolves, and the workspace for it; none
/// for the locked engine, which the repository itself resolves to.
pub fn resolved(root: &Path, wanted: &Wanted) -> Result<(Option<Generated>, Engine)> {
    resolved_as(root, PACKAGE, wanted)
}

/// The same for another engine's package, which is behind a cargo feature of the suite.
pub fn resolved_as(
    root: &Path,
    package: &str,
    wanted: &Wanted,
) -> Result<(Option<Generated>, Engine)> {
    let generated = match wanted {
        Wanted::Locked => None,
        wanted => Some(generate_as(root, package, wanted)?),
    };
    let own = root.join("Cargo.toml");
    let manifest = generated.as_ref().map_or(&own, |generated| &generated.manifest);
    let engine = Engine::resolved_as(manifest, package)?;
    wanted.check(&engine, manifest)?;
    Ok((generated, engine))
}

/// The same for the engine in the folder `package` of the checkout `top`, which a link puts inside the
/// workspace. Cargo and the compiler then call it by a path that all such workspaces share, so that two
/// checkouts with the same code become the same program. For the same reason cargo cannot tell them
/// apart: each workspace needs a build folder of its own.
pub fn generate_alike(root: &Path, top: &Path, package: &Path) -> Result<Generated> {
    let checkout = id(&Wanted::Path(top.to_owned()));
    let folder = root.join("target/engine").join(format!("alike-{checkout}"));
    let inside = Wanted::Path(folder.join(INSIDE).join(package));
    let inside_it = Some(Inside { name: INSIDE, link: Some(top) });
    mirrored(root, &folder, Asked { package: PACKAGE, wanted: &inside, inside: inside_it })
}

/// The same with a copy of `engine`, the wanted one, inside the workspace, to whose sources `chosen`
/// are applied. There is one such workspace for an engine, whatever the choice: another choice changes
/// some files of the copy, and nothing is built twice. All of them build in one folder, where cargo tells
/// packages apart by their path in the workspace, so that the copy is called after its engine.
fn generate_fixed(
    root: &Path,
    wanted: &Wanted,
    engine: &Engine,
    chosen: &[&Fix],
) -> Result<Generated> {
    let id = id(wanted);
    let copied = Copied { folder: format!("{id}-fixed"), name: format!("{INSIDE}-{id}") };
    Ok(generate_copied(root, engine, chosen, &copied)?.0)
}

/// The workspace of a copy of an engine.
struct Copied {
    /// Its folder.
    folder: String,
    /// The folder of the copy in it, which tells what is built of it from all else in the build folder.
    name: String,
}

/// The workspace, and the folder of the copy.
fn generate_copied(
    root: &Path,
    engine: &Engine,
    chosen: &[&Fix],
    copied: &Copied,
) -> Result<(Generated, PathBuf)> {
    let folder = root.join("target/engine").join(&copied.folder);
    let copy = folder.join(&copied.name);
    copy_fixed(engine, &copy, chosen)?;
    let wanted = Wanted::Path(copy.clone());
    let inside = Some(Inside { name: &copied.name, link: None });
    let asked = Asked { package: PACKAGE, wanted: &wanted, inside };
    Ok((mirrored(root, &folder, asked)?, copy))
}

/// The workspace for `engine`, the wanted one, with the fixes that `choice` asks for or none, whose programs
/// are compiled in another way than all others; and the folder of the engine's copy. It shares the build
/// folder, and of what is in it the packages that do not depend on the engine.
pub fn generate_compiled_apart(
    root: &Path,
    wanted: &Wanted,
    engine: &Engine,
    choice: &str,
    way: &str,
) -> Result<(Generated, PathBuf)> {
    let fixes = Fixes::load(root, engine)?;
    let id = format!("{}-{way}", id(wanted));
    let copied = Copied { name: format!("{INSIDE}-{id}"), folder: id };
    generate_copied(root, engine, &fixes.select(choice)?, &copied)
}

/// Brings a copy of the sources of `engine` up to date to which `chosen` are applied. Its manifest says so.
pub fn copy_fixed(engine: &Engine, copy: &Path, chosen: &[&Fix]) -> Result<()> {
    let ids: Vec<_> = chosen.iter().map(|fix| fix.id.clone()).collect();
    copy_with(engine, copy, chosen, |manifest| manifest::note_fixes(manifest, &ids))
}

/// The same with a manifest that can be built where it is, for the engine's own tests.
pub fn copy_alone(engine: &Engine, copy: &Path, chosen: &[&Fix]) -> Result<()> {
    copy_with(engine, copy, chosen, manifest::stand_alone)
}

fn copy_with(
    engine: &Engine,
    copy: &Path,
    chosen: &[&Fix],
    rewrite: impl FnOnce(&str) -> std::result::Result<String, toml_edit::TomlError>,
) -> Result<()> {
    let read = |file: &str| source(engine, file);
    let mut changed = fixes::apply(chosen, read)?;
    let text = changed.remove("Cargo.toml").map_or_else(|| read("Cargo.toml"), Ok)?;
    let own = engine.source.join("Cargo.toml");
    let text = rewrite(&text).map_err(|error| malformed(&own, &error))?;
    changed.insert("Cargo.toml".to_owned(), text);
    let changed = changed.into_iter().map(|(file, text)| (engine.source.join(file), text));
    copied(&engine.source, copy, &changed.collect())
}

/// The workspace and the engine with the fixes that `choice` asks for, in the words of `MACE_PROD_FIXES`;
/// `None` for none. `engine` is the wanted one, without any.
pub fn generate_chosen(
    root: &Path,
    wanted: &Wanted,
    engine: &Engine,
    choice: &str,
) -> Result<Option<(Generated, Engine)>> {
    let fixes = Fixes::load(root, engine)?;
    let chosen = fixes.select(choice)?;
    if chosen.is_empty() {
        return Ok(None);
    }
    let generated = generate_fixed(root, wanted, engine, &chosen)?;
    let resolved = Engine::resolved(&generated.manifest)?;
    let asked: Vec<_> = chosen.iter().map(|fix| fix.id.as_str()).collect();
    if resolved.fixes != asked || resolved.version != engine.version {
        let what = format!("cargo resolved {resolved} instead of the fixed {engine}");
        let remedy = "remove that generated folder and try again";
        return Err(Error::new(what, generated.manifest.display(), remedy));
    }
    Ok(Some((generated, Engine { fixes: resolved.fixes, ..engine.clone() })))
}

/// Brings a copy of the sources of `engine` up to date in which `planted` are applied. It is a checkout
/// like any other: nothing in it says that it was changed.
pub fn copy_planted(engine: &Engine, copy: &Path, planted: &[&Fix]) -> Result<()> {
    let changed = fixes::apply(planted, |file| source(engine, file))?;
    let changed = changed.into_iter().map(|(file, text)| (engine.source.join(file), text));
    copied(&engine.source, copy, &changed.collect())
}

/// The text of a file of the engine.
pub fn source(engine: &Engine, file: &str) -> Result<String> {
    let path = engine.source.join(file);
    let remedy = "leave out what changes it, or fit it to this engine";
    fs::read_to_string(&path).map_err(|error| Error::io("read the source", &path, remedy, error))
}

/// Brings the copy of a folder up to date, with `changed` texts in place of those of some files.
fn copied(source: &Path, copy: &Path, changed: &BTreeMap<PathBuf, String>) -> Result<()> {
    fs::create_dir_all(copy).map_err(|error| cannot("create the folder", copy, error))?;
    let mut kept = BTreeSet::new();
    for name in names(source)? {
        let from = source.join(&name);
        let to = copy.join(&name);
        if from.is_dir() {
            if [OsStr::new("target"), OsStr::new(".git")].contains(&name.as_os_str()) {
                continue;
            }
            copied(&from, &to, changed)?;
        } else {
            let bytes = match changed.get(&from) {
                Some(text) => text.clone().into_bytes(),
                None => fs::read(&from).map_err(|error| cannot("read the source", &from, error))?,
            };
            write_if_changed(&to, &bytes)?;
        }
        kept.insert(name);
    }
    for name in names(copy)?.into_iter().filter(|name| !kept.contains(name)) {
        let path = copy.join(name);
        let remove = if path.is_dir() { fs::remove_dir_all } else { remove_file };
        remove(&path).map_err(|error| cannot("remove the source", &path, error))?;
    }
    Ok(())
}

/// The engine inside a workspace.
#[derive(Debug, Clone, Copy)]
struct Inside<'p> {
    /// Its folder.
    name: &'p str,
    /// The checkout that the folder is a link to; without one it has been put there.
    link: Option<&'p Path>,
}

/// What a workspace is to hold.
#[derive(Debug, Clone, Copy)]
struct Asked<'a> {
    /// The engine's package.
    package: &'a str,
    wanted: &'a Wanted,
    /// The engine that is to stand inside the workspace.
    inside: Option<Inside<'a>>,
}

fn mirrored(root: &Path, folder: &Path, asked: Asked<'_>) -> Result<Generated> {
    let own = root.join("Cargo.toml");
    let metadata =
        MetadataCommand::new().manifest_path(&own).no_deps().exec().map_err(|error| {
            let remedy = "`cargo metadata` there shows why";
            Error::new("cargo cannot read the workspace", own.display(), remedy).because(error)
        })?;
    let members: BTreeSet<PathBuf> = metadata
        .workspace_packages()
        .iter()
        .filter_map(|package| Some(package.manifest_path.parent()?.as_std_path().to_owned()))
        .collect();
    let mut mirror = Mirror { members, asked, repointed: 0 };
    mirror.folder(root, folder)?;
    if mirror.repointed == 0 {
        let what = format!("no dependency on {} to replace", asked.package);
        return Err(Error::new(what, own.display(), "run this in a checkout of the suite"));
    }
    if let Some(Inside { name, link: Some(checkout) }) = asked.inside {
        link(checkout, &folder.join(name))?;
    }
    seed_lock(root, folder)?;
    Ok(Generated {
        manifest: folder.join("Cargo.toml"),
        target: metadata.target_directory.into_std_path_buf(),
    })
}

/// A folder name for the engine, the same for the same engine.
fn id(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Locked => "locked".to_owned(),
        Wanted::Version(version) => format!("version-{version}"),
        Wanted::Path(path) => {
            let mut hasher = DefaultHasher::new();
            path.hash(&mut hasher);
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            format!("path-{name}-{:016x}", hasher.finish())
        }
    }
}

struct Mirror<'w> {
    /// The folders that hold a package of the workspace.
    members: BTreeSet<PathBuf>,
    asked: Asked<'w>,
    repointed: usize,
}

impl Mirror<'_> {
    /// Mirrors one folder: folders on the way to a package are made, all others are linked.
    fn folder(&mut self, source: &Path, mirror: &Path) -> Result<()> {
        fs::create_dir_all(mirror).map_err(|error| cannot("create the folder", mirror, error))?;
        if source.join("Cargo.toml").is_file() {
            self.manifest(&source.join("Cargo.toml"), &mirror.join("Cargo.toml"))?;
        }
        let mut kept = BTreeSet::new();
        for name in names(source)? {
            let from = source.join(&name);
            let to = mirror.join(&name);
            if LEFT_OUT.iter().any(|left_out| name == *left_out) {
                continue;
            }
            if self.members.iter().any(|member| member.starts_with(&from)) {
                self.folder(&from, &to)?;
            } else {
                link(&from, &to)?;
            }
            kept.insert(name);
        }
        // A link to what is gone from the repository would be a case that is gone, and yet runs.
        kept.extend(self.asked.inside.map(|inside| inside.name.into()));
        for name in names(mirror)? {
            let path = mirror.join(&name);
            if path.is_symlink() && !kept.contains(&name) {
                fs::remove_file(&path).map_err(|error| cannot("remove the link", &path, error))?;
            }
        }
        Ok(())
    }

    fn manifest(&mut self, source: &Path, copy: &Path) -> Result<()> {
        let text = fs::read_to_string(source)
            .map_err(|error| cannot("read the manifest", source, error))?;
        let Asked { package, wanted, inside } = self.asked;
        let kept_out = inside.map(|inside| inside.name);
        let (text, count) = manifest::repoint(&text, package, wanted, kept_out)
            .map_err(|error| malformed(source, &error))?;
        self.repointed += count;
        write_if_changed(copy, text.as_bytes())
    }
}

/// Starts the generated lock file from ours, so that all other dependencies are the locked ones.
/// It is kept from then on: cargo has completed it for this engine.
fn seed_lock(root: &Path, folder: &Path) -> Result<()> {
    let ours = root.join("Cargo.lock");
    let seed = folder.join("seed.lock");
    let text = if_there(fs::read_to_string(&ours));
    let text = text.map_err(|error| cannot("read the lock file", &ours, error))?;
    let Some(text) = text else { return Ok(()) };
    let lock = folder.join("Cargo.lock");
    let seeded = fs::read_to_string(&seed).is_ok_and(|seed| seed == text) && lock.is_file();
    if !seeded {
        fs::write(&lock, &text).map_err(|error| cannot("write the lock file", &lock, error))?;
        fs::write(&seed, &text).map_err(|error| cannot("write the lock file", &seed, error))?;
    }
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<OsString>> {
    let unreadable = |error| cannot("read the folder", folder, error);
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    entries.map(|entry| Ok(entry.map_err(unreadable)?.file_name())).collect()
}

fn link(target: &Path, link: &Path) -> Result<()> {
    if fs::read_link(link).is_ok_and(|old| old == target) {
        return Ok(());
    }
    let remove = if link.is_dir() && !link.is_symlink() { fs::remove_dir_all } else { remove_file };
    remove(link)
        .and_then(|()| symlink(target, link))
        .map_err(|error| cannot("link the sources", link, error))
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

/// Needs the right to make links, which developers' machines and CI runners have.
#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    use std::os::windows::fs::{symlink_dir, symlink_file};
    if target.is_dir() { symlink_dir(target, link) } else { symlink_file(target, link) }
}

fn remove_file(path: &Path) -> io::Result<()> {
    if_there(fs::remove_file(path)).map(drop)
}

fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::write(path, bytes).map_err(|error| cannot("write the file", path, error))
}

fn malformed(manifest: &Path, error: &toml_edit::TomlError) -> Error {
    let what = format!("malformed manifest ({})", error.message());
    Error::new(what, manifest.display(), "correct the file").because(error.clone())
}

fn cannot(verb: &str, path: &Path, error: io::Error) -> Error {
    Error::io(verb, path, "make target/engine writable, or remove it", error)
}
