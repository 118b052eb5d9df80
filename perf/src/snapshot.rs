//! `perf snapshot`: every case once, read from what Criterion wrote into a fresh home.

use crate::{
    bench::Program,
    files, render,
    revisions::{self, Revision},
    settings::Settings,
};
use process::{Error, Interrupts, Outcome, Result, console, folder};
use results::gate::{CONTROL, Entry, Summary};

/// Measures this tree and writes the snapshot; `None` when a signal came.
pub(crate) fn snapshot(
    settings: &Settings,
    filter: Option<&str>,
    interrupts: &Interrupts,
) -> Result<Option<Outcome>> {
    let log = settings.file("snapshot.bench.log");
    settings.output.parent().map(folder::writable).transpose()?;
    for file in [&settings.output, &log] {
        files::remove(file)?;
    }
    let Revision { tree, origin } = revisions::this_tree(settings)?;
    console::note(&format!("perf: {} at {}", origin.engine, origin.commit));
    let Some(program) = Program::build(tree, log, interrupts)? else { return Ok(None) };
    console::note(&format!(
        "perf: measuring; what the benches print is in {}",
        program.log.display()
    ));
    let asked = filter.map(with_control);
    let measured = program.measure_all(asked.as_deref(), settings, interrupts)?;
    let Some(cases) = measured else { return Ok(None) };
    let fits = |name: &str| name != CONTROL || filter.is_none_or(|filter| CONTROL.contains(filter));
    if !cases.keys().any(|name| fits(name)) {
        let what = "no case was measured";
        let remedy = "the filter fits no case: `just perf snapshot` without it measures all";
        return Err(Error::new(what, filter.unwrap_or("MACE_BENCH_KV_CASES"), remedy));
    }
    let summary = Summary::new(cases, origin);
    files::write(&settings.output, &summary)?;
    let entry = Entry::new(&summary, settings.snapshot_setup(), None);
    files::append(&settings.file("history.jsonl"), &entry)?;
    console::page(&render::snapshot(&summary));
    Ok(Some(Outcome::Passed))
}

/// Criterion's filter for what is asked for and the control: without it, the history could not tell a
/// slow hour of the machine from a slow engine.
fn with_control(filter: &str) -> String {
    format!("(?:{filter})|^{CONTROL}$")
}
