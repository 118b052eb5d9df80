//! `perf snapshot`: every case once, read from what Criterion wrote into a fresh home.

use crate::{build::Program, files, render, revisions, session::Session};
use process::{Error, Outcome, Result, console, folder, store};
use results::gate::{CONTROL, Entry, Summary};

/// Measures this tree and writes the snapshot.
pub(crate) fn snapshot(session: &Session, filter: Option<&str>) -> Result<Outcome> {
    let output = session.knobs.perf_output();
    output.parent().map(folder::writable).transpose()?;
    store::remove(&output)?;
    let tree = revisions::this_tree(session)?;
    console::note(&format!("perf: {} at {}", tree.origin.engine, tree.origin.commit));
    let program = Program::build(tree, "snapshot", session)?;
    let log = program.log.display();
    console::note(&format!("perf: measuring; what the benches print is in {log}"));
    let cases = program.measure_all(filter.map(with_control).as_deref(), session)?;
    let fits = |name: &str| name != CONTROL || filter.is_none_or(|filter| CONTROL.contains(filter));
    if !cases.keys().any(|name| fits(name)) {
        let what = "no case was measured";
        let remedy = "the filter fits no case: `just perf snapshot` without it measures all";
        return Err(Error::new(what, filter.unwrap_or("MACE_BENCH_KV_CASES"), remedy));
    }
    let summary = Summary::new(cases, program.tree.origin);
    files::write(&output, &summary)?;
    let entry = Entry::new(&summary, session.snapshot_setup(), None);
    files::append(&session.file("history.jsonl"), &entry)?;
    console::page(&render::snapshot(&summary));
    Ok(Outcome::Passed)
}

/// Criterion's filter for what is asked for and the control: without it, the history could not tell a
/// slow hour of the machine from a slow engine.
fn with_control(filter: &str) -> String {
    format!("(?:{filter})|^{CONTROL}$")
}
