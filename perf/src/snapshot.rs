//! `perf snapshot`: every case once, read from what Criterion wrote into a fresh home.

use crate::{
    bench::Program,
    files::{self, Summary},
    page,
    past::{CONTROL, Past},
    settings::Settings,
    sides,
};
use process::{Error, Interrupts, Outcome, Result, console};

/// Measures this tree and writes `head_snapshot.json`.
pub(crate) fn snapshot(
    settings: &Settings,
    filter: Option<&str>,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    for name in ["head_snapshot.json", "snapshot.bench.log"] {
        files::remove(&settings.file(name))?;
    }
    let (tree, origin) = sides::this_tree(settings)?;
    console::note(&format!("perf: {} at {}", origin.engine, origin.commit));
    let Some(exe) = tree.build(interrupts)? else { return Ok(interrupted(interrupts)) };
    let log = settings.file("snapshot.bench.log");
    let program = Program { layouts: vec![exe], manifest: tree.manifest, log, slow: None };
    console::note(&format!(
        "perf: measuring; what the benches print is in {}",
        program.log.display()
    ));
    let asked = filter.map(with_control);
    let Some(cases) = program.measure_all(asked.as_deref(), settings, interrupts)? else {
        return Ok(interrupted(interrupts));
    };
    let fits = |name: &str| name != CONTROL || filter.is_none_or(|filter| CONTROL.contains(filter));
    if !cases.keys().any(|name| fits(name)) {
        let what = "no case was measured";
        let remedy = "the filter fits no case: `just perf snapshot` without it measures all";
        return Err(Error::new(what, filter.unwrap_or("MACE_BENCH_KV_CASES"), remedy));
    }
    let summary = Summary::new(cases, origin);
    files::write(&settings.file("head_snapshot.json"), &summary)?;
    files::append(&settings.file("history.jsonl"), &Past::of_snapshot(settings, &summary))?;
    console::page(&page::snapshot(&summary));
    Ok(Outcome::Passed)
}

/// Criterion's filter for what is asked for and the control: without it, the history could not tell a
/// slow hour of the machine from a slow engine.
fn with_control(filter: &str) -> String {
    format!("(?:{filter})|^{CONTROL}$")
}

/// How a run ends that a signal has ended.
pub(crate) fn interrupted(interrupts: &Interrupts) -> Outcome {
    interrupts.outcome().expect("only a signal ends a run without a result")
}
