//! From files to the model. The only reader of files; each kind has a module. Absence is no error,
//! and one file that cannot be used never keeps the others from being shown.

mod known;
mod perf;
mod soak;

use crate::{
    junit,
    report::model::{Model, Problem, Results, Source},
};
use knobs::findings::Findings;
use results::{
    Document, Layer, document,
    run::{Run, Setting},
};
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

/// Reads whatever is there. `knobs` are the effective ones of this moment, for results without a
/// record of theirs; `findings` are the accepted ones.
pub fn read(places: &Places, knobs: Vec<Setting>, findings: &Findings) -> Model {
    let mut reader = Reader { places, problems: Vec::new() };
    let mut model = Model { results: reader.results(), ..Model::default() };
    let recorded = model.results.as_ref().and_then(|results| results.record.as_ref());
    model.knobs = recorded.map_or(knobs, |record| record.knobs.clone());
    model.known = known::read(&mut reader, findings, model.results.as_ref());
    model.perf = perf::read(&mut reader);
    model.soak = soak::read(&mut reader);
    model.problems = reader.problems;
    for (there, what, command) in [
        (model.results.is_some(), "a validation run", "just prod all"),
        (model.perf.is_some(), "performance", "just perf snapshot"),
        (model.soak.is_some(), "a long run", "just soak"),
    ] {
        if !there {
            model.absent.push((what, command));
        }
    }
    model
}

/// Reads files and remembers which of them cannot be used.
struct Reader<'p> {
    places: &'p Places,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// The file's text; `None` when it is absent or unreadable, and the latter is remembered.
    fn text(&mut self, path: &Path) -> Option<String> {
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
    fn json<T: DeserializeOwned>(&mut self, path: &Path) -> Option<T> {
        let text = self.text(path)?;
        match serde_json::from_str(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(path, &format!("malformed: {error}"));
                None
            }
        }
    }

    fn problem(&mut self, path: &Path, what: &str) {
        let file = path.strip_prefix(&self.places.root).unwrap_or(path).display().to_string();
        // A message from outside may hold line breaks; a problem is one line.
        let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
        self.problems.push(Problem { file, what });
    }

    fn results(&mut self) -> Option<Results> {
        let merged = self.places.prod.join("junit.xml");
        let record = self.document::<Run>(&self.places.prod.join("run.json"));
        if let Some(layers) = self.junit(&merged, None) {
            let mut results = Results { source: Source::Prod, record, layers };
            results.take_wall_times();
            return Some(results);
        }
        let mut layers = Vec::new();
        for profile in ["fast", "stress", "chaos", "all", "default"] {
            let path = self.places.nextest.join(profile).join("junit.xml");
            layers.extend(self.junit(&path, Some(profile)).unwrap_or_default());
        }
        (!layers.is_empty()).then_some(Results { source: Source::Nextest, record: None, layers })
    }

    fn junit(&mut self, path: &Path, profile: Option<&str>) -> Option<Vec<Layer>> {
        let text = self.text(path)?;
        match junit::layers(&text, profile) {
            Ok(layers) => Some(layers),
            Err(what) => {
                self.problem(path, &format!("malformed: {what}"));
                None
            }
        }
    }

    /// A document of one of our formats; one that cannot be used is remembered.
    fn document<D: Document>(&mut self, path: &Path) -> Option<D> {
        let text = self.text(path)?;
        document::decode(&text).map_err(|error| self.problem(path, &error.to_string())).ok()
    }
}

impl Results {
    /// The record knows how long a layer took; the report only what its cases took.
    fn take_wall_times(&mut self) {
        let Some(record) = &self.record else { return };
        for layer in &mut self.layers {
            let known = record.layers.iter().find(|known| known.label == layer.label);
            let wall =
                known.and_then(|known| std::time::Duration::try_from_secs_f64(known.wall_s).ok());
            layer.wall = wall.unwrap_or(layer.wall);
        }
    }
}
