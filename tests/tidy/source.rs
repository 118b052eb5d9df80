//! The text files of this checkout, as git lists them. Reads them and judges nothing.

use crate::modules::Texts;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A tracked text file.
pub(crate) struct Source {
    /// Relative to the workspace, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    pub(crate) fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }
}

pub(crate) fn root() -> PathBuf {
    // Under an archive run the sources stand where nextest says they do.
    knobs::runtime::root()
}

/// What git knows of, or would add.
pub(crate) fn listed() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files of a checkout");
    assert!(listed.status.success(), "the house rules are for a git checkout");
    let names = String::from_utf8(listed.stdout).expect("file names are UTF-8");
    names.split_terminator('\0').map(str::to_owned).collect()
}

pub(crate) fn sources() -> Vec<Source> {
    let read = |path: String| {
        let text = fs::read_to_string(root().join(&path)).ok()?;
        Some(Source { path, text })
    };
    listed().into_iter().filter_map(read).collect()
}

impl Texts for &[Source] {
    fn text(&self, path: &str) -> Option<&str> {
        self.iter().find(|source| source.path == path).map(|source| source.text.as_str())
    }
}
