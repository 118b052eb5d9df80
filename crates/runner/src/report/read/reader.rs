//! Where results are, and one way to read a file: an absent one is no error, and one that cannot be
//! used is remembered. Knows no kind of file.

use crate::report::model::Problem;
use results::{Document, document};
use serde::de::DeserializeOwned;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Where results may be.
#[derive(Debug, Clone)]
pub struct Places {
    /// The workspace: `.config/` and `tests/prod_regressions/` are below it.
    pub root: PathBuf,
    /// What `prod` writes to, `target/prod`.
    pub prod: PathBuf,
    /// What nextest writes to, `target/nextest`.
    pub nextest: PathBuf,
    /// What the performance gate writes to.
    pub perf: PathBuf,
    /// The file that its snapshot is written to.
    pub snapshot: PathBuf,
    /// What the long run writes to.
    pub soak: PathBuf,
}

/// Reads files and remembers which of them cannot be used.
pub(super) struct Reader<'p> {
    pub(super) places: &'p Places,
    pub(super) problems: Vec<Problem>,
}

impl<'p> Reader<'p> {
    pub(super) fn new(places: &'p Places) -> Self {
        Self { places, problems: Vec::new() }
    }

    /// The file's text; `None` when it is absent or unreadable, and the latter is remembered.
    pub(super) fn text(&mut self, path: &Path) -> Option<String> {
        match fs::read_to_string(path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.problem(path, &format!("cannot be read: {error}"));
                None
            }
        }
    }

    /// The file's value; a malformed one is remembered.
    pub(super) fn json<T: DeserializeOwned>(&mut self, path: &Path) -> Option<T> {
        let text = self.text(path)?;
        match serde_json::from_str(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(path, &format!("malformed: {error}"));
                None
            }
        }
    }

    pub(super) fn problem(&mut self, path: &Path, what: &str) {
        let file = path.strip_prefix(&self.places.root).unwrap_or(path).display().to_string();
        // A message from outside may hold line breaks; a problem is one line.
        let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
        self.problems.push(Problem { file, what });
    }

    /// A document of one of our formats; one that cannot be used is remembered.
    pub(super) fn document<D: Document>(&mut self, path: &Path) -> Option<D> {
        let text = self.text(path)?;
        document::decode(&text).map_err(|error| self.problem(path, &error.to_string())).ok()
    }
}
