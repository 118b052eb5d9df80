//! `prod report`: renders the latest results as one HTML page and its machine-readable twins, and
//! writes them. What they show is decided by the other modules.

use crate::{
    files, origin,
    report::{Places, annotations, bencher, html, markdown, openmetrics, read},
};
use knobs::{Knobs, findings::Findings, knob, runtime};
use process::{Error, Outcome, Result, console, folder};
use std::{fs, io::Write, path::Path};

/// Writes the report into `out`, or into `target/prod`. Absent and malformed results are no failure of
/// it; malformed ones are reported here and on the page. With `annotates`, failures are printed as
/// annotations.
pub(crate) fn write(
    flags: &[(&str, &str)],
    out: Option<&Path>,
    annotates: bool,
) -> Result<Outcome> {
    let knobs = Knobs::load_with(flags)?;
    let findings = Findings::load(knobs.root())?;
    let places = places(&knobs);
    let out = folder::writable(&out.map_or_else(|| places.prod.clone(), Path::to_owned))?;
    let model = read(&places, origin::effective(&knobs), &findings);
    for problem in &model.problems {
        console::note(&format!("prod: unreadable results: {}: {}", problem.file, problem.what));
    }
    let markdown = markdown(&model);
    let page = out.join("report.html");
    files::write(&page, &html(&model))?;
    files::write(&out.join("report.md"), &markdown)?;
    files::write(&out.join("report.openmetrics.txt"), &openmetrics(&model))?;
    files::write(&out.join("report.bencher.json"), &bencher(&model))?;
    if let Some(summary) = runtime::step_summary() {
        append(&summary, &markdown)?;
    }
    if annotates {
        for line in annotations(&model) {
            console::page(&line);
        }
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
        snapshot: knobs.perf_output(),
        soak: knobs.get(knob::SOAK_METRICS_DIR),
    }
}

/// Other steps of the job have written there too.
fn append(path: &Path, text: &str) -> Result<()> {
    let file = fs::OpenOptions::new().create(true).append(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| Error::io("write the job's summary", path, "make it writable", error))
}
