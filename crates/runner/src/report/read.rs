//! From files to the model. The only reader of files; each kind has a module. Absence is no error,
//! and one file that cannot be used never keeps the others from being shown.

mod known;
mod perf;
mod reader;
mod soak;

pub use reader::Places;

use crate::{
    junit,
    report::model::{Model, Results, Source},
};
use knobs::findings::Findings;
use reader::Reader;
use results::{
    Layer, document,
    run::{Run, Setting},
};
use std::path::Path;

/// Reads whatever is there. `knobs` are the effective ones of this moment, for results without a
/// record of theirs; `findings` are the accepted ones.
pub fn read(places: &Places, knobs: Vec<Setting>, findings: &Findings) -> Model {
    let mut reader = Reader::new(places);
    let mut model = Model { results: results(&mut reader), ..Model::default() };
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

fn results(reader: &mut Reader<'_>) -> Option<Results> {
    let merged = reader.places.prod.join("junit.xml");
    let record = reader.parsed(&reader.places.prod.join("run.json"), document::decode::<Run>);
    if let Some(layers) = junit(reader, &merged, None) {
        let mut results = Results { source: Source::Prod, record, layers };
        results.take_wall_times();
        return Some(results);
    }
    let mut layers = Vec::new();
    for profile in ["fast", "plain", "stress", "chaos", "all", "default"] {
        let path = reader.places.nextest.join(profile).join("junit.xml");
        layers.extend(junit(reader, &path, Some(profile)).unwrap_or_default());
    }
    (!layers.is_empty()).then_some(Results { source: Source::Nextest, record: None, layers })
}

fn junit(reader: &mut Reader<'_>, path: &Path, profile: Option<&str>) -> Option<Vec<Layer>> {
    let malformed = |what| format!("malformed: {what}");
    reader.parsed(path, |text| junit::layers(text, profile).map_err(malformed))
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
