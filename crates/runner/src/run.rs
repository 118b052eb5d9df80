//! `prod run` and `prod test`: build and list everything, run every part, judge, merge, sum up.
//! The only module that sees all stages; each does its own work elsewhere.

use crate::{
    exit,
    judge::{self, Facts, Layer},
    leftovers,
    merge::{self, Ending, Origin},
    nextest::{self, CaseId, Inventory, Nextest},
    part::Part,
    plan, record,
    session::Session,
    summary::Summary,
};
use knobs::findings::{Finding, Findings};
use process::{Error, Interrupts, Outcome, Result, console};
use std::{fs, path::Path, time::Instant};

/// What to run, beyond the session.
pub(crate) struct Order {
    pub(crate) parts: Vec<Part>,
    pub(crate) threads: u32,
    /// Every layer runs, so each known finding must have its case somewhere.
    pub(crate) complete: bool,
    /// End with the counts alone on a line.
    pub(crate) counts: bool,
}

/// Runs the parts of `order`, one after the other, whatever becomes of each.
pub(crate) fn run(session: &Session, order: &Order, interrupts: &Interrupts) -> Result<Outcome> {
    remove_old_reports(&session.out)?;
    nextest::announce(session);
    let nextest = Nextest::new(session, interrupts);
    let (mut layers, mut notes) = (Vec::new(), Vec::new());
    // What another build costs is paid when its turn comes: the first case begins sooner.
    for group in order.parts.chunk_by(|one, next| one.build == next.build) {
        let listed = match inventories(&nextest, group, interrupts) {
            Ok(Some(listed)) => listed,
            Ok(None) if layers.is_empty() => {
                return Ok(interrupts.outcome().expect("only a signal ends the building early"));
            }
            Ok(None) => break,
            Err(error) if layers.is_empty() => return Err(error),
            // One part that cannot run must not keep the others from running.
            Err(error) => {
                notes.push((Outcome::Broken, error.to_string()));
                continue;
            }
        };
        for (part, inventory) in group.iter().zip(&listed) {
            match run_part(session, &nextest, part, inventory, (order.threads, interrupts)) {
                Ok(ran) => layers.push(ran.layer),
                Err(error) => notes.push((Outcome::Broken, error.to_string())),
            }
            if interrupts.outcome().is_some() {
                break;
            }
        }
        if interrupts.outcome().is_some() {
            break;
        }
    }
    for layer in layers.iter().filter(|layer| layer.outcome == Outcome::Broken) {
        let line = format!("layer {}: nextest could not run it, see above", layer.part.label);
        notes.push((Outcome::Broken, line));
    }
    if order.complete && interrupts.outcome().is_none() {
        notes.extend(homeless(&session.findings, &session.engine.version, &layers));
    }
    let origin = Origin::of(session);
    let findings = &session.findings;
    let conclusion =
        Conclusion { out: &session.out, origin: &origin, findings, counts: order.counts };
    conclusion.draw(&layers, notes, interrupts.outcome(), None)
}

/// A line for each known finding whose case none of the layers has.
pub(crate) fn homeless(
    findings: &Findings,
    engine: &str,
    layers: &[Layer],
) -> Vec<(Outcome, String)> {
    let line = |finding: &Finding| {
        format!(
            "known finding `{}`: no case is called `{}`: correct its entry",
            finding.id, finding.case
        )
    };
    let homeless = judge::homeless(findings, engine, layers);
    homeless.map(|finding| (Outcome::Failed, line(finding))).collect()
}

/// What the end of a run needs beside its layers.
pub(crate) struct Conclusion<'c> {
    pub(crate) out: &'c Path,
    pub(crate) origin: &'c Origin,
    pub(crate) findings: &'c Findings,
    /// End with the counts alone on a line.
    pub(crate) counts: bool,
}

impl Conclusion<'_> {
    /// Writes the reports, prints the summary and gives the one outcome. `sharded` is the number
    /// of shards and the seconds that the slowest took.
    pub(crate) fn draw(
        &self,
        layers: &[Layer],
        notes: Vec<(Outcome, String)>,
        interrupted: Option<Outcome>,
        sharded: Option<(u32, f64)>,
    ) -> Result<Outcome> {
        let parts = layers.iter().map(|layer| layer.outcome);
        let worst = parts.chain(notes.iter().map(|(outcome, _)| *outcome)).max();
        let outcome = interrupted.or(worst).unwrap_or(Outcome::Broken);
        let notes: Vec<_> = notes.into_iter().map(|(_, line)| line).collect();
        let Self { out, origin, findings, counts } = *self;
        write_report(out, layers, origin)?;
        let shards = sharded.map_or(0, |(shards, _)| shards);
        let mut record = merge::record(layers, origin, &Ending { outcome, notes: &notes, shards });
        record.wall_s = sharded.map_or(record.wall_s, |(_, wall_s)| wall_s);
        plan::write(&out.join("run.json"), &record)?;
        let summary = Summary { layers, origin, findings, notes: &notes, outcome };
        console::page(&format!("\n{summary}"));
        if counts {
            console::page(&summary.counts());
        }
        Ok(outcome)
    }
}

/// Builds each part and lists its cases; `None` when the run was interrupted meanwhile.
pub(crate) fn inventories(
    nextest: &Nextest<'_>,
    parts: &[Part],
    interrupts: &Interrupts,
) -> Result<Option<Vec<Inventory>>> {
    let mut inventories = Vec::new();
    for part in parts {
        let inventory = nextest.inventory(part);
        if interrupts.outcome().is_some() {
            return Ok(None);
        }
        let inventory = inventory?;
        refuse_empty(part, &inventory)?;
        inventories.push(inventory);
    }
    Ok(Some(inventories))
}

/// A run of nothing proves nothing.
pub(crate) fn refuse_empty(part: &Part, inventory: &Inventory) -> Result<()> {
    if !inventory.is_empty() {
        return Ok(());
    }
    let what = "the layer has no case";
    let remedy = "a run of nothing proves nothing: check the filter in .config/nextest.toml";
    Err(Error::new(what, format_args!("layer {}", part.label), remedy))
}

/// A part that ran.
pub(crate) struct Ran {
    pub(crate) layer: Layer,
    /// How nextest ended, in words.
    pub(crate) ended: String,
}

/// Runs a part and judges it.
pub(crate) fn run_part(
    session: &Session,
    nextest: &Nextest<'_>,
    part: &Part,
    inventory: &Inventory,
    (threads, interrupts): (u32, &Interrupts),
) -> Result<Ran> {
    leftovers::prepare(&session.out, part)?;
    let start = Instant::now();
    let status = nextest.run(part, threads, inventory.len())?;
    let wall = start.elapsed();
    let origin = Origin::of(session);
    let said = |label: &str| {
        let name = |id: &CaseId| id.name.clone();
        let case = inventory.iter().map(name).find(|name| process::scratch::label(name) == label);
        let again = case
            .map_or_else(String::new, |case| format!("\n  repeat: {}", origin.repro(part, &case)));
        format!("the case was killed before it could judge{again}\n")
    };
    leftovers::collect(&session.evidence, interrupts.outcome().is_some(), said)?;
    let outcome = interrupts.outcome().unwrap_or(exit::of_nextest(status.code()));
    let path = nextest.report_path(part);
    if path.is_file() {
        // The plain pass has the profile of the fast layer, and its report the same path.
        let copy = session.out.join(format!("{}.junit.xml", part.slug));
        fs::copy(&path, &copy)
            .map_err(|error| Error::io("keep the report", &copy, "make room for it", error))?;
    }
    let ended = nextest::ended(status);
    let layer = judge::judge(Facts {
        part,
        inventory,
        report: record::read(&path),
        findings: &session.findings,
        engine: &session.engine.version,
        outcome,
        ended: ended.clone(),
        wall,
    });
    Ok(Ran { layer, ended })
}

fn write_report(out: &Path, layers: &[Layer], origin: &Origin) -> Result<()> {
    let path = out.join("junit.xml");
    let text = merge::merge(layers, origin).to_string().map_err(|error| {
        let what = format!("cannot render the report ({error})");
        Error::new(what, path.display(), "report this as a bug of the runner").because(error)
    })?;
    fs::write(&path, text)
        .map_err(|error| Error::io("write the report", &path, "make the folder writable", error))
}

/// Removes what earlier runs left, so that nothing old can be taken for a result of this one.
pub(crate) fn remove_old_reports(out: &Path) -> Result<()> {
    let remedy = "make the folder writable";
    let unreadable = |error| Error::io("read the folder", out, remedy, error);
    for entry in fs::read_dir(out).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if name.ends_with(b"junit.xml") || name == b"run.json" {
            fs::remove_file(&path)
                .map_err(|error| Error::io("remove the old report", &path, remedy, error))?;
        }
    }
    Ok(())
}
