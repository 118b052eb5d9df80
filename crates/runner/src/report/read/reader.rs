//! Where results are, and one way to read a file: an absent one is no error, and one that cannot be
//! used is remembered. Knows no kind of file.

use crate::report::model::Problem;
use process::store::if_there;
use serde::de::DeserializeOwned;
use std::{
    fmt::Display,
    fs,
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
        let text = if_there(fs::read_to_string(path));
        text.unwrap_or_else(|error| {
            self.problem(path, &format!("cannot be read: {error}"));
            None
        })
    }

    /// What `parse` makes of the file; one that it refuses is remembered.
    pub(super) fn parsed<T, E: Display>(
        &mut self,
        path: &Path,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(path)?;
        parse(&text).map_err(|error| self.problem(path, &error.to_string())).ok()
    }

    /// The file's value.
    pub(super) fn json<T: DeserializeOwned>(&mut self, path: &Path) -> Option<T> {
        let malformed = |error| format!("malformed: {error}");
        self.parsed(path, |text| serde_json::from_str(text).map_err(malformed))
    }

    pub(super) fn problem(&mut self, path: &Path, what: &str) {
        let file = path.strip_prefix(&self.places.root).unwrap_or(path).display().to_string();
        // A message from outside may hold line breaks; a problem is one line.
        let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
        self.problems.push(Problem { file, what });
    }
}
