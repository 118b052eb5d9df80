//! What the process was started in: the variables that nextest, cargo and CI set, which no user
//! turns and which therefore are no knobs. With `env`, the only reader of the environment.

use crate::{env::INTERNAL_PREFIX, home};
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

#[expect(clippy::disallowed_methods, reason = "this module is the one place that may read it")]
fn os(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

fn text(name: &str) -> Option<String> {
    os(name).map(|value| value.to_string_lossy().into_owned())
}

/// nextest's id of the whole run, the same for each of its cases.
pub fn run_id() -> Option<String> {
    text("NEXTEST_RUN_ID")
}

/// The workspace root as nextest states it; after `--workspace-remap` that is the new place.
pub fn workspace_root() -> Option<PathBuf> {
    os("NEXTEST_WORKSPACE_ROOT").map(PathBuf::from)
}

/// The executable of the workspace's binary `name`, as nextest built or unpacked it.
pub fn bin_exe(name: &str) -> Option<PathBuf> {
    // A shell cannot export a name with a hyphen, so nextest sets a second spelling without.
    let spellings = [name.to_owned(), name.replace('-', "_")];
    spellings.iter().find_map(|name| os(&format!("NEXTEST_BIN_EXE_{name}"))).map(PathBuf::from)
}

/// Whether a CI system runs this process, where nobody watches a progress bar.
pub fn in_ci() -> bool {
    os("CI").is_some()
}

/// Where the CI system takes a job's summary from, in Markdown.
pub fn step_summary() -> Option<PathBuf> {
    os("GITHUB_STEP_SUMMARY").map(PathBuf::from)
}

/// The names of all variables that nextest sets or reads. A nested nextest must not see them: they
/// would choose its profile and its retries.
pub fn nextest_variables() -> Vec<OsString> {
    let names = env::vars_os().map(|(name, _)| name);
    names.filter(|name| name.as_encoded_bytes().starts_with(b"NEXTEST")).collect()
}

/// The faults that the engine itself would arm in this process and its children.
pub fn armed_failpoints() -> Option<String> {
    text("MACE_FAILPOINT")
}

/// Where cargo puts the programs that it installs.
pub fn cargo_bin() -> Option<PathBuf> {
    let home = os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| env::home_dir().map(|home| home.join(".cargo"))).map(|home| home.join("bin"))
}

/// A variable that the suite hands to its own children.
///
/// Panics when `name` does not start with `MACE_PROD_INTERNAL_`: a user could set it.
pub fn internal(name: &str) -> Option<OsString> {
    assert!(name.starts_with(INTERNAL_PREFIX), "bug: `{name}` is not internal");
    os(name)
}

/// The workspace root: nextest's word, else the workspace around the package that cargo runs,
/// else the one around the current folder, else the current folder.
pub fn root() -> PathBuf {
    let manifest = os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let here = env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    choose_root(workspace_root(), manifest.as_deref(), &here)
}

fn choose_root(stated: Option<PathBuf>, manifest: Option<&Path>, here: &Path) -> PathBuf {
    stated
        .or_else(|| manifest.and_then(home::find_root))
        .or_else(|| home::find_root(here))
        .unwrap_or_else(|| here.to_owned())
}

#[cfg(test)]
mod tests {
    use super::choose_root;
    use std::{fs, path::PathBuf};

    #[test]
    fn nearest_workspace_is_the_root_unless_stated() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("outer");
        let package = root.join("package/src");
        fs::create_dir_all(&package).unwrap();
        fs::write(root.join("Cargo.toml"), "[package]\n[workspace]\n").unwrap();
        fs::write(root.join("package/Cargo.toml"), "[package]\nversion.workspace = true\n")
            .unwrap();

        let stated = PathBuf::from("/stated");
        assert_eq!(choose_root(Some(stated.clone()), Some(&package), temp.path()), stated);
        assert_eq!(choose_root(None, Some(&package), temp.path()), root);
        assert_eq!(choose_root(None, None, &package), root);
        assert_eq!(choose_root(None, None, temp.path()), temp.path(), "no workspace at all");
    }
}
