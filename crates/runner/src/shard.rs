//! `prod archive` and `prod shard`: the layers built once, and run in slices on machines that need
//! not build them. The plan that goes with the archives fixes root seed and inventory, so that all
//! machines run one run; `merge_shards` merges their results.

use crate::{
    again::FailingSeeds,
    balance, files, junit,
    nextest::{self, Archived, Inventory, Nextest},
    note::Note,
    origin::Origin,
    part::Mode,
    plan::{self, FIRST, Plan, SHARD, Shard, Slice},
    record::Judged,
    run::{self, Conclusion, Sharded, Turn},
    session::Session,
    waits,
};
use process::{Error, Interrupts, Outcome, Result, console, folder};
use results::{Document, Layer, document, seeds};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Builds what the parts of `mode` need and keeps it, with the plan, in `folder`.
pub(crate) fn archive(
    session: &Session,
    mode: Mode,
    folder: &Path,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    let folder = folder::writable(folder)?;
    let features = session.knobs.features();
    let parts = crate::part::parts(mode, features);
    let origin = Origin::of(session);
    let failing = FailingSeeds::open(&session.out)?.due(&parts, &origin);
    nextest::announce(session);
    let nextest = Nextest::new(session, interrupts);
    let inventories = run::inventories(&nextest, &parts)?;
    let mut kept = BTreeSet::new();
    for part in parts.iter().filter(|part| kept.insert(part.build.archive())) {
        let status = nextest.archive(part, &folder.join(part.build.archive()))?;
        interrupts.check()?;
        if !status.success() {
            let what = format!("cannot archive the cases ({})", nextest::ended(status));
            let remedy = "correct what cargo says above";
            return Err(Error::new(what, format_args!("layer {}", part.label), remedy));
        }
    }
    let slugs = || parts.iter().map(|part| part.slug.to_owned());
    let last = last_report(session)?;
    let times = parts.iter().zip(&inventories);
    let times = times.map(|(part, inventory)| balance::times(part.label, inventory, &last));
    let times = slugs().zip(times).collect();
    let started = session.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let plan = Plan {
        format: Plan::FORMAT,
        mode,
        features: features.to_owned(),
        engine: origin.engine,
        engine_version: session.engine.version.clone(),
        engine_fixes: session.engine.fixes.clone(),
        root_seed: session.seed.to_string(),
        started_unix_s: started.as_secs(),
        settings: origin.settings,
        inventories: slugs().zip(inventories).collect(),
        times,
        failing,
    };
    files::write(&folder.join(plan::PLAN), &document::encode(&plan))?;
    console::page(&format!("{}", folder.display()));
    Ok(Outcome::Passed)
}

/// The layers of the last report; none where there is none.
fn last_report(session: &Session) -> Result<Vec<Layer>> {
    let path = session.out.join("junit.xml");
    let Some(text) = files::text(&path)? else { return Ok(Vec::new()) };
    Ok(junit::layers(&text, None).unwrap_or_else(|why| {
        console::note(&format!("{}: {why}; shards are dealt out without times", path.display()));
        Vec::new()
    }))
}

/// Runs one slice of what `archives` holds and leaves its results in `target/prod/shard`.
pub(crate) fn shard(
    mut session: Session,
    slice: seeds::Shard,
    threads: u32,
    folder: &Path,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    let plan = Plan::read(folder)?;
    let file = folder.join(plan::PLAN);
    let engine = session.engine_name();
    if engine != plan.engine {
        let what = format!("the archives are for {}, and this is {engine}", plan.engine);
        return Err(Error::new(what, file.display(), "check out the same commit on all machines"));
    }
    session.seed = plan.seed(&file)?;
    run::remove_old_reports(&session.out)?;
    let out = fresh(&session.out.join("shard"))?;
    nextest::announce(&session);
    let mut layers = Vec::new();
    let mut notes = Vec::new();
    let mut record = Shard::new(slice, plan.clone());
    let parts = plan.parts(&file)?;
    let before = if slice.number == FIRST { plan.before() } else { Vec::new() };
    run::announce_first(&before, false);
    let parts: Vec<_> = parts.iter().map(|(part, whole)| (part, *whole)).collect();
    for turn in run::turns(&parts, &before, false) {
        let own = dealt(&plan, &turn, slice);
        let filters = own.as_ref().map(nextest::exactly).unwrap_or_default();
        let by_turns = own.is_none().then_some(slice);
        let archived = Archived { folder: folder.to_owned(), slice: by_turns };
        let repeats = turn.repeats;
        let alike = Nextest::new(&session, interrupts);
        let nextest = Nextest { archived: Some(&archived), filters: &filters, repeats, ..alike };
        match run_slice(&nextest, &turn, threads, &out) {
            Ok((slice, layer)) => {
                record.parts.insert(nextest::slug(turn.part, repeats), slice);
                layers.push(layer);
            }
            Err(error) => notes.push(Note::broken(&error)),
        }
        record.notes = notes.iter().map(|note| note.line.clone()).collect();
        // Written after each part: what a machine that is taken away has done is not lost.
        files::write(&out.join(SHARD), &document::encode(&record))?;
        if interrupts.outcome().is_some() {
            break;
        }
    }
    let origin = Origin::of(&session);
    let findings = &session.findings;
    let conclusion = Conclusion {
        out: &session.out,
        origin: &origin,
        findings,
        version: &session.engine.version,
        known_fail: run::known_fail(&session.knobs),
        longest_call: waits::bound(&session.knobs),
        counts: false,
    };
    conclusion.draw(&layers, notes, interrupts.outcome(), Sharded::default())
}

/// What a shard runs of a turn: all that failed before, else a slice by the times of an earlier run; `None`
/// where there are none, and nextest deals the cases out by turns.
fn dealt(plan: &Plan, turn: &Turn<'_>, slice: seeds::Shard) -> Option<Inventory> {
    if turn.repeats.is_some() {
        return Some(turn.inventory.clone());
    }
    let times = plan.times.get(turn.part.slug).filter(|times| !times.is_empty())?;
    let slices = balance::slices(&turn.inventory, times, slice.of);
    Some(slices.into_iter().nth(slice.number as usize - 1).unwrap_or_default())
}

fn run_slice(
    nextest: &Nextest<'_>,
    turn: &Turn<'_>,
    threads: u32,
    out: &Path,
) -> Result<(Slice, Judged)> {
    let Turn { part, inventory, repeats } = turn;
    let listed = nextest.inventory(part)?;
    if let Some(id) = listed.difference(inventory).next() {
        let what = format!("the archive has `{}`, which the plan lacks", id.name);
        return Err(Error::new(what, part.label, "make the archives anew"));
    }
    let ran = run::run_part(nextest, part, &listed, threads)?;
    files::copy(&nextest.report_path(part), &out.join(nextest::kept_report(part, *repeats)))?;
    let slice = Slice {
        listed,
        exit_code: ran.judged.outcome,
        ended: ran.ended,
        wall_s: ran.judged.layer.wall.as_secs_f64(),
        machine_away_us: ran.judged.machine_away_us,
    };
    Ok((slice, ran.judged))
}

/// The folder, empty: nothing of an earlier shard may be taken for a result of this one.
fn fresh(folder: &Path) -> Result<PathBuf> {
    files::remove_folder(folder)?;
    folder::writable(folder)
}
