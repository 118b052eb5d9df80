//! `prod run` and `prod test`: build and list everything, run every part, judge, merge, sum up.
//! The only module that sees all stages; each does its own work elsewhere.

use crate::{
    again::{self, Again, FailingSeeds},
    budgets, exit, files,
    judge::{self, Facts},
    junit, leftovers,
    nextest::{self, Inventory, Nextest, Repetition},
    note::Note,
    origin::Origin,
    part::Part,
    record::Judged,
    report,
    session::Session,
    standing, waits,
    yardstick::Yardstick,
};
use knobs::{
    Knobs,
    findings::{Finding, Findings},
    knob,
};
use process::{Error, Interrupts, Outcome, Result, console};
use results::{
    CaseId, Document, document,
    run::{LayerRun, Machine, Run},
};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

/// What to run, beyond the session.
pub(crate) struct Order {
    pub(crate) parts: Vec<Part>,
    pub(crate) threads: u32,
    /// Every layer runs, so each known finding must have its case somewhere.
    pub(crate) complete: bool,
    /// End with the counts alone on a line.
    pub(crate) counts: bool,
    /// Only these cases that failed before, in parts that are those of the order.
    pub(crate) only: Option<Vec<Again>>,
}

/// One call of nextest.
pub(crate) struct Turn<'t> {
    pub(crate) part: &'t Part,
    pub(crate) inventory: Inventory,
    pub(crate) repeats: Option<&'t Repetition>,
}

/// What of these parts is run: in each what failed before, and then, unless that is run alone, the parts.
pub(crate) fn turns<'t>(
    parts: &[(&'t Part, &Inventory)],
    before: &'t [Again],
    alone: bool,
) -> Vec<Turn<'t>> {
    let mut turns = Vec::new();
    for (part, all) in parts {
        for again in before.iter().filter(|again| again.part == **part) {
            let inventory = again.cases.intersection(all).cloned().collect();
            turns.push(Turn { part, inventory, repeats: Some(&again.repetition) });
        }
    }
    turns.retain(|turn| !turn.inventory.is_empty());
    if !alone {
        let whole = |(part, all): &(&'t Part, &Inventory)| {
            let inventory = (*all).clone();
            Turn { part, inventory, repeats: None }
        };
        turns.extend(parts.iter().map(whole));
    }
    turns
}

/// Runs the parts of `order`, one after the other, whatever becomes of each.
pub(crate) fn run(session: &Session, order: &Order, interrupts: &Interrupts) -> Result<Outcome> {
    let mut failing = FailingSeeds::open(&session.out)?;
    let before = match &order.only {
        Some(only) => only.clone(),
        None => again::of_seeds(&failing.due(&order.parts, &Origin::of(session)), &order.parts),
    };
    remove_old_reports(&session.out)?;
    nextest::announce(session);
    announce_first(&before, order.only.is_some());
    let nextest = Nextest::new(session, interrupts);
    let mut layers = Vec::new();
    let mut notes = Vec::new();
    // What another build costs is paid when its turn comes: the first case begins sooner.
    'builds: for group in order.parts.chunk_by(|one, next| one.build == next.build) {
        let listed = match inventories(&nextest, group) {
            Ok(listed) => listed,
            Err(error) if layers.is_empty() => return Err(error),
            Err(_) if interrupts.outcome().is_some() => break,
            // One part that cannot run must not keep the others from running.
            Err(error) => {
                notes.push(Note::broken(&error));
                continue;
            }
        };
        let parts: Vec<_> = group.iter().zip(&listed).collect();
        notes.extend(gone(&before, &parts, &mut failing)?);
        for turn in turns(&parts, &before, order.only.is_some()) {
            match run_turn(&nextest, &turn, order.threads, &mut failing) {
                Ok(judged) => layers.push(judged),
                Err(error) => notes.push(Note::broken(&error)),
            }
            if interrupts.outcome().is_some() {
                break 'builds;
            }
        }
    }
    for judged in layers.iter().filter(|judged| judged.outcome == Outcome::Broken) {
        let label = &judged.layer.label;
        notes.push(Note::broken(&format_args!(
            "layer {label}: nextest could not run it, see above"
        )));
    }
    if order.complete && interrupts.outcome().is_none() {
        notes.extend(findings_without_case(&session.findings, &session.engine.version, &layers));
    }
    let origin = Origin::of(session);
    let conclusion = Conclusion {
        out: &session.out,
        origin: &origin,
        findings: &session.findings,
        version: &session.engine.version,
        known_fail: known_fail(&session.knobs),
        longest_call: waits::bound(&session.knobs),
        counts: order.counts,
    };
    conclusion.draw(&layers, notes, interrupts.outcome(), Sharded::default())
}

/// Says how many cases run first because they failed before, or alone.
pub(crate) fn announce_first(before: &[Again], alone: bool) {
    let count: usize = before.iter().map(|again| again.cases.len()).sum();
    if alone {
        console::note(&format!(
            "again      {count} cases that failed in the last report, no others"
        ));
    } else if count > 0 {
        console::note(&format!("first: {count} failing seeds of earlier runs"));
    }
}

/// A note for each case of these parts that failed before and is no more: it may have another name, under
/// which its seed was not tried.
pub(crate) fn gone(
    before: &[Again],
    parts: &[(&Part, &Inventory)],
    failing: &mut FailingSeeds,
) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    for (part, all) in parts {
        let of_part = before.iter().filter(|again| again.part == **part);
        let gone: Inventory =
            of_part.flat_map(|again| again.cases.difference(all).cloned()).collect();
        failing.forget(&gone, part)?;
        notes.extend(gone.iter().map(|CaseId { name, .. }| {
            let label = part.label;
            Note::failed(&format_args!("{label}: `{name}` failed before and is no case any more"))
        }));
    }
    Ok(notes)
}

/// Runs the cases of a turn, and keeps the seeds of those that fail.
fn run_turn(
    nextest: &Nextest<'_>,
    turn: &Turn<'_>,
    threads: u32,
    failing: &mut FailingSeeds,
) -> Result<Judged> {
    let Turn { part, inventory, repeats } = turn;
    let filters = repeats.map_or_else(Vec::new, |_| nextest::exactly(inventory));
    let filters = filters.as_slice();
    let alike = Nextest::new(nextest.session, nextest.interrupts);
    let nextest = Nextest { filters, repeats: *repeats, ..alike };
    let judged = run_part(&nextest, part, inventory, threads)?.judged;
    failing.note(&judged, part, &nextest.origin())?;
    Ok(judged)
}

/// A note for each known finding whose case none of the layers has.
pub(crate) fn findings_without_case(
    findings: &Findings,
    engine: &str,
    layers: &[Judged],
) -> Vec<Note> {
    let note = |Finding { id, case, .. }: &Finding| {
        Note::failed(&format_args!(
            "known finding `{id}`: no case is called `{case}`: correct its entry"
        ))
    };
    judge::findings_without_case(findings, engine, layers).map(note).collect()
}

/// What a merged run knows of its shards.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sharded {
    /// How many; 0 for a run on one machine.
    pub(crate) shards: u32,
    /// How long the slowest took.
    pub(crate) wall_s: Option<f64>,
}

/// What the end of a run needs beside its layers.
pub(crate) struct Conclusion<'c> {
    pub(crate) out: &'c Path,
    pub(crate) origin: &'c Origin,
    pub(crate) findings: &'c Findings,
    /// The engine's.
    pub(crate) version: &'c str,
    /// Known findings that were met fail the run.
    pub(crate) known_fail: bool,
    /// What a call of a client may take.
    pub(crate) longest_call: Duration,
    /// End with the counts alone on a line.
    pub(crate) counts: bool,
}

impl Conclusion<'_> {
    /// Writes the reports, prints the summary and gives the one outcome.
    pub(crate) fn draw(
        &self,
        layers: &[Judged],
        mut notes: Vec<Note>,
        interrupted: Option<Outcome>,
        sharded: Sharded,
    ) -> Result<Outcome> {
        let absorbed = budgets::held(self.findings, self.version, layers);
        notes.extend(budgets::failures(&absorbed).map(|line| Note::failed(&line)));
        notes.extend(waits::notes(layers, self.longest_call));
        let counted = if self.known_fail {
            standing::known_failures(self.findings, layers)
        } else {
            Vec::new()
        };
        let promises = standing::standings(self.findings, self.version, layers);
        let parts = layers.iter().map(|judged| judged.outcome);
        let worst = parts.chain(notes.iter().map(|note| note.outcome)).max();
        let outcome = interrupted.or(worst).unwrap_or(Outcome::Broken);
        let notes = notes.into_iter().map(|note| note.line).collect();
        let Self { out, origin, findings, counts, .. } = *self;
        let path = out.join("junit.xml");
        let changes = outcome;
        let outcome = if counted.is_empty() { changes } else { changes.max(Outcome::Failed) };
        let record = Run {
            absorbed,
            promises,
            counted,
            exit_code: outcome.code(),
            ..record(layers, origin, changes, notes, sharded)
        };
        let text = junit::merged(layers, origin, &report::verdicts(&record)).to_string().map_err(
            |error| {
                let what = format!("cannot render the report ({error})");
                Error::new(what, path.display(), "report this as a bug of the runner")
                    .because(error)
            },
        )?;
        files::write(&path, &text)?;
        files::write(&out.join(RECORD), &document::encode(&record))?;
        let layers = layers.iter().map(|judged| judged.layer.clone()).collect();
        let model = report::Model::of_run(record, layers, findings);
        console::page(&format!("\n{}", report::summary(&model)));
        if counts {
            console::page(&report::counts(&model));
        }
        Ok(outcome)
    }
}

/// Whether known findings fail a run, by its knobs.
pub(crate) fn known_fail(knobs: &Knobs) -> bool {
    knobs.get(knob::MACE_PROD_KNOWN) == "fail"
}

/// The record of a run, in the folder of the reports.
pub(crate) const RECORD: &str = "run.json";

fn record(
    layers: &[Judged],
    origin: &Origin,
    outcome: Outcome,
    notes: Vec<String>,
    sharded: Sharded,
) -> Run {
    let layer = |Judged { layer, outcome, machine_away_us, .. }: &Judged| LayerRun {
        label: layer.label.clone(),
        build: layer.build.clone(),
        wall_s: layer.wall.as_secs_f64(),
        outcome: *outcome,
        machine_away_us: *machine_away_us,
    };
    let since = origin.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let took = origin.started.elapsed().unwrap_or_default().as_secs_f64();
    Run {
        format: Run::FORMAT,
        engine: origin.engine.clone(),
        root_seed: origin.seed.to_string(),
        started_unix_s: since.as_secs(),
        wall_s: sharded.wall_s.unwrap_or(took),
        outcome,
        exit_code: outcome.code(),
        shards: sharded.shards,
        notes,
        counted: Vec::new(),
        absorbed: Vec::new(),
        promises: Vec::new(),
        machine: Machine::here(),
        layers: layers.iter().map(layer).collect(),
        knobs: origin.knobs.clone(),
    }
}

/// Builds each part and lists its cases.
pub(crate) fn inventories(nextest: &Nextest<'_>, parts: &[Part]) -> Result<Vec<Inventory>> {
    let list = |part| {
        let inventory = nextest.inventory(part)?;
        nextest.interrupts.check()?;
        refuse_empty(part, &inventory)?;
        Ok(inventory)
    };
    parts.iter().map(list).collect()
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
    pub(crate) judged: Judged,
    /// How nextest ended, in words.
    pub(crate) ended: String,
}

/// Runs a part and judges it.
pub(crate) fn run_part(
    nextest: &Nextest<'_>,
    part: &Part,
    inventory: &Inventory,
    threads: u32,
) -> Result<Ran> {
    let session = nextest.session;
    leftovers::prepare(&session.out, part)?;
    let start = Instant::now();
    let yardstick = Yardstick::begin(&session.out);
    let status = nextest.run(part, threads, inventory.len())?;
    let machine_away_us = yardstick.end();
    let wall = start.elapsed();
    let interrupted = nextest.interrupts.outcome();
    let origin = nextest.origin();
    let said = |label: &str| {
        let name = |id: &CaseId| id.name.clone();
        let case = inventory.iter().map(name).find(|name| process::scratch::label(name) == label);
        let again = case
            .map_or_else(String::new, |case| format!("\n  repeat: {}", origin.repro(part, &case)));
        format!("the case was killed before it could judge{again}\n")
    };
    leftovers::collect(&session.evidence, interrupted.is_some(), said)?;
    let path = nextest.report_path(part);
    files::copy(&path, &session.out.join(nextest::kept_report(part, nextest.repeats)))?;
    let ended = nextest::ended(status);
    let mut judged = judge::judge(Facts {
        part,
        inventory,
        report: junit::read(&path),
        findings: &session.findings,
        engine: &session.engine.version,
        origin: &origin,
        outcome: interrupted.unwrap_or(exit::of_nextest(status.code())),
        ended: ended.clone(),
        wall,
    });
    judged.layer.label = nextest.label(part);
    judged.machine_away_us = machine_away_us;
    judged.is_whole = nextest.runs_all() && has_run(judged.outcome);
    Ok(Ran { judged, ended })
}

/// Whether a part that ended so ran to its end.
pub(crate) fn has_run(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::Broken | Outcome::Interrupted(_))
}

/// Removes what earlier runs left, so that nothing old can be taken for a result of this one.
pub(crate) fn remove_old_reports(out: &Path) -> Result<()> {
    let unreadable = |error| Error::io("read the folder", out, "make it readable", error);
    for entry in fs::read_dir(out).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if name.ends_with(b"junit.xml") || name == RECORD.as_bytes() {
            files::remove(&path)?;
        }
    }
    Ok(())
}
