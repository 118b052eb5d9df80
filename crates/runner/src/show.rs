//! `prod report`: what the last runs left, as one HTML page and its machine-readable twins. Writes
//! files; what they show is decided in the crate `report`.

use crate::report::{Places, wire::Setting};
use knobs::{Knobs, findings::Findings, knob, runtime};
use process::{Error, Outcome, Result, console, folder};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// Writes the report into `out`, `target/prod` unless said otherwise. Results that are absent or
/// malformed are no failure of it: the latter are said, here and on the page.
pub(crate) fn show(flags: &[(&str, &str)], out: Option<&Path>) -> Result<Outcome> {
    let knobs = Knobs::load_with(flags)?;
    let findings = Findings::load(knobs.root())?;
    let places = places(&knobs);
    let out = folder::writable(&out.map_or_else(|| places.prod.clone(), Path::to_owned))?;
    let model = crate::report::read(&places, Setting::all(&knobs), &findings);
    for problem in &model.problems {
        console::note(&format!("prod: unreadable results: {}: {}", problem.file, problem.what));
    }
    let markdown = crate::report::markdown(&model);
    let page = write(&out, "report.html", &crate::report::html(&model))?;
    write(&out, "report.md", &markdown)?;
    write(&out, "report.openmetrics.txt", &crate::report::openmetrics(&model))?;
    write(&out, "report.bencher.json", &crate::report::bencher(&model))?;
    if let Some(summary) = runtime::step_summary() {
        append(&summary, &markdown)?;
    }
    console::page(&format!("{}", page.display()));
    Ok(Outcome::Passed)
}

fn places(knobs: &Knobs) -> Places {
    let root = knobs.root();
    Places {
        root: root.to_owned(),
        prod: root.join("target/prod"),
        nextest: root.join("target/nextest"),
        perf: knobs.get(knob::MACE_PERF_OUT_DIR),
        soak: knobs.get(knob::SOAK_METRICS_DIR),
    }
}

fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, text)
        .map_err(|error| Error::io("write the report", &path, "make the folder writable", error))?;
    Ok(path)
}

/// Other steps of the job have written there too.
fn append(path: &Path, text: &str) -> Result<()> {
    let file = fs::OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Error::io("write the job's summary", path, "make it writable", error))
}
