//! Which engine cargo resolved: its version, and where its source is. Reads `cargo metadata` and
//! git; never builds, never opens the engine.

use crate::{Error, Result};
use cargo_metadata::{CargoOpt, MetadataCommand, Package};
use std::{
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The package that the suite is for.
pub const PACKAGE: &str = "mace-kv";

/// The package of the suite, whose features are the other engines.
const SUITE: &str = "mace-prod";

/// The table of ours in the manifest of a copy of it, below `package.metadata`.
pub(crate) const METADATA: &str = "mace-prod";

/// The engine under test.
#[derive(Debug, Clone)]
pub struct Engine {
    /// Its package.
    pub package: String,
    /// The version that its manifest says.
    pub version: String,
    /// The checkout, for an engine that is not from a registry.
    pub checkout: Option<Checkout>,
    /// The folder of its manifest.
    pub source: PathBuf,
    /// The findings whose fixes are applied to its sources.
    pub fixes: Vec<String>,
}

/// A folder that the engine is built from.
#[derive(Debug, Clone)]
pub struct Checkout {
    /// The folder of its manifest.
    pub path: PathBuf,
    /// The commit, marked when files differ from it; `None` outside git.
    pub commit: Option<String>,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name())?;
        match &self.checkout {
            None => write!(f, " (registry)"),
            Some(Checkout { path, commit: None }) => write!(f, " ({}, no git)", path.display()),
            Some(Checkout { path, commit: Some(commit) }) => {
                write!(f, " ({} at {commit})", path.display())
            }
        }
    }
}

impl Engine {
    /// What it is, without where it came from: `mace-kv 0.2.0`, `mace-kv 0.2.0 + 19 fixes`.
    pub fn name(&self) -> String {
        match self.fixes.len() {
            0 => format!("{} {}", self.package, self.version),
            1 => format!("{} {} + 1 fix", self.package, self.version),
            count => format!("{} {} + {count} fixes", self.package, self.version),
        }
    }

    /// The engine that the workspace of `manifest` resolves to.
    pub fn resolved(manifest: &Path) -> Result<Self> {
        Self::resolved_as(manifest, PACKAGE)
    }

    /// The same of another engine's package, which is behind a cargo feature of the suite.
    pub fn resolved_as(manifest: &Path, name: &str) -> Result<Self> {
        let mut command = MetadataCommand::new();
        if name != PACKAGE {
            command.features(CargoOpt::SomeFeatures(vec![format!("{SUITE}/{name}")]));
        }
        let metadata = command.manifest_path(manifest).exec().map_err(|error| {
            let what = format!("cargo cannot resolve the workspace ({})", gist(&error.to_string()));
            let remedy = "`cargo metadata` there shows why";
            Error::new(what, manifest.display(), remedy).because(error)
        })?;
        let engines: Vec<_> =
            metadata.packages.iter().filter(|package| package.name.as_str() == name).collect();
        match engines.as_slice() {
            [engine] => Ok(Self::of(engine)),
            found => Err(Error::new(
                format!("{} packages called {name} instead of one", found.len()),
                manifest.display(),
                "make the suite depend on exactly one",
            )),
        }
    }

    fn of(package: &Package) -> Self {
        let folder = package.manifest_path.parent().expect("a manifest is in a folder");
        // A generated workspace can hold a link to it; people know it by its own name.
        let folder = folder.as_std_path();
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let checkout = package
            .source
            .is_none()
            .then(|| Checkout { commit: commit(&folder), path: folder.clone() });
        let version = package.version.to_string();
        let package_name = package.name.to_string();
        let fixes = fixes(package);
        Self { package: package_name, version, checkout, source: folder, fixes }
    }
}

/// What the manifest of a copy says about the fixes in it; the build script of the suite reads the same.
fn fixes(package: &Package) -> Vec<String> {
    let ids = package.metadata.get(METADATA).and_then(|table| table.get("fixes")?.as_array());
    let ids = ids.into_iter().flatten();
    ids.filter_map(|id| Some(id.as_str()?.to_owned())).collect()
}

/// What cargo's own text comes to, in one line: its error, and the versions that there are when the
/// wanted one is not among them.
fn gist(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let versions = lines.clone().find(|line| line.starts_with("candidate versions"));
    let error = lines.clone().find_map(|line| line.strip_prefix("error: "));
    match (error, versions) {
        (Some(error), Some(versions)) => format!("{error}; {versions}"),
        (Some(error), None) => error.to_owned(),
        (None, _) => lines.next_back().unwrap_or_default().to_owned(),
    }
}

/// What git says in a folder; `None` when it fails.
pub fn git(folder: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(folder).args(args).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}

/// The commit of a package's folder, marked when files there differ from it; `None` outside git.
pub fn commit(folder: &Path) -> Option<String> {
    let commit = git(folder, &["rev-parse", "HEAD"])?;
    // An ignored folder inside another repository (`target/`) is not in git, whatever HEAD is.
    let tracked = git(folder, &["ls-files", "--error-unmatch", "Cargo.toml"]).is_some();
    let clean = git(folder, &["status", "--porcelain", "--", "."])?.is_empty();
    tracked.then(|| if clean { commit } else { format!("{commit} with local changes") })
}

#[cfg(test)]
mod tests {
    use super::{commit, gist, git};

    #[test]
    fn the_gist_names_cargos_error_and_the_versions() {
        let text = "    Updating crates.io index\n\
            error: failed to select a version for the requirement `mace-kv = \"=9.9.9\"`\n\
            candidate versions found which didn't match: 0.2.0, 0.1.2, ...\n\
            required by package `mace-prod v0.1.0`\n";
        let gist_of_text = gist(text);
        assert!(gist_of_text.starts_with("failed to select a version"), "{gist_of_text}");
        assert!(gist_of_text.ends_with("match: 0.2.0, 0.1.2, ..."), "{gist_of_text}");
        assert_eq!(gist("no error of cargo's\nat all\n"), "at all");
    }

    #[test]
    fn a_commit_says_when_files_differ_from_it() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path();
        let ask = |args: &[&str]| {
            let author = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
            git(folder, &[&author[..], args].concat()).unwrap()
        };
        assert_eq!(commit(folder), None, "outside git");
        let manifest = folder.join("Cargo.toml");
        std::fs::write(&manifest, "one").unwrap();
        ask(&["init", "--quiet"]);
        ask(&["commit", "--quiet", "--allow-empty", "-m", "none"]);
        assert_eq!(commit(folder), None, "the package is not in git");
        ask(&["add", "."]);
        ask(&["commit", "--quiet", "-m", "one"]);
        let head = ask(&["rev-parse", "HEAD"]);
        assert_eq!(commit(folder).as_ref(), Some(&head));
        std::fs::write(&manifest, "two").unwrap();
        assert_eq!(commit(folder), Some(format!("{head} with local changes")));
    }
}
