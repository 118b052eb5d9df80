//! Accepted findings with their stories: the entry from `.config/known-findings.toml`, the story
//! from the head of the regression that exercises it, and where this run met it.

use super::reader::Reader;
use crate::{
    findings::{REGRESSIONS, head},
    report::model::{Known, Results},
};
use knobs::findings::{Finding, Findings};

/// All entries, in the file's order.
pub(super) fn read(
    reader: &mut Reader<'_>,
    findings: &Findings,
    results: Option<&Results>,
) -> Vec<Known> {
    findings.all().iter().map(|finding| known(reader, finding, results)).collect()
}

fn known(reader: &mut Reader<'_>, finding: &Finding, results: Option<&Results>) -> Known {
    let stem = finding.case.split("::").next().unwrap_or_default();
    let root = reader.places.root.clone();
    let mut files =
        REGRESSIONS.map(|folder| root.join(folder).join(stem).with_extension("rs")).into_iter();
    let story =
        files.find_map(|file| reader.text(&file).map(|text| head(&text))).unwrap_or_default();
    let name = format!("{}.toml", finding.id);
    let has_fix = |version: &String| root.join(".config/fixes").join(version).join(&name).is_file();
    let fix = finding.engine.iter().any(has_fix).then(|| format!("just fixes show {}", finding.id));
    Known { fix, story, ..Known::of(finding, results) }
}
