//! `prod merge`: the results of all shards of one run, judged as if one machine had run it. Every
//! shard has to be there, once, of the same plan; the union is held against the whole inventory,
//! so a case that fell between two shards is missing, and a case that two ran is said.

use crate::{
    again::FailingSeeds,
    judge::{self, Facts},
    junit, nextest,
    note::Note,
    origin::{self, Origin},
    part::{Mode, Part},
    plan::{FIRST, Plan, SHARD, Shard},
    record::Judged,
    run::{self, Conclusion, Sharded, Turn, has_run},
    waits,
};
use knobs::{Knobs, findings::Findings, knob};
use process::{Error, Outcome, Result, engine::PACKAGE, folder};
use results::CaseId;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Merges the results in `folders` into `target/prod`.
pub(crate) fn merge_shards(flags: &[(&str, &str)], folders: &[PathBuf]) -> Result<Outcome> {
    let knobs = Knobs::load_with(flags)?;
    let folders = &shard_folders(folders)?;
    let shards: Vec<_> = folders.iter().map(|folder| Shard::read(folder)).collect::<Result<_>>()?;
    let plan = one_plan(folders, &shards)?;
    // The entries are those of mace-kv.
    let is_mace = plan.engine.starts_with(PACKAGE);
    let findings = if is_mace { Findings::load(knobs.root())? } else { Findings::default() };
    let findings = findings
        .with_fixes(plan.engine_fixes.iter().map(String::as_str))
        .with_unknown(knobs.get(knob::MACE_PROD_UNKNOWN).unwrap_or_default())?;
    let out = folder::writable(&knobs.root().join("target/prod"))?;
    let mut failing = FailingSeeds::open(&out)?;
    run::remove_old_reports(&out)?;
    let mut notes = absent(&shards);
    for Shard { which, notes: lines, .. } in &shards {
        let note = |line| Note::broken(&format_args!("shard {which}: {line}"));
        notes.extend(lines.iter().map(note));
    }
    let file = folders[0].join(SHARD);
    let origin = Origin {
        seed: plan.seed(&file)?,
        engine: plan.engine.clone(),
        settings: plan.settings.clone(),
        knobs: origin::effective(&knobs),
        started: SystemTime::UNIX_EPOCH + Duration::from_secs(plan.started_unix_s),
    };
    let merge = Merge { folders, shards: &shards, findings: &findings, plan, origin: &origin };
    let layers = merge.layers(&file, &mut failing, &mut notes)?;
    if plan.mode == Mode::All {
        notes.extend(run::findings_without_case(&findings, &plan.engine_version, &layers));
    }
    let conclusion = Conclusion {
        out: &out,
        origin: &origin,
        findings: &findings,
        version: &plan.engine_version,
        known_fail: run::known_fail(&knobs),
        longest_call: waits::bound(&knobs),
        counts: false,
    };
    conclusion.draw(&layers, notes, None, sharded(&shards))
}

/// The folders of the shards: those that were named, and in place of one that holds shards these. Where
/// one machine alone left something, GitHub unpacks it without a folder of its own.
fn shard_folders(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for folder in named {
        if folder.join(SHARD).exists() || !folder.is_dir() {
            folders.push(folder.clone());
            continue;
        }
        let failed = |error| Error::io("read the folder", folder, "make it readable", error);
        let mut below = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed)? {
            below.push(entry.map_err(failed)?.path());
        }
        below.sort();
        if below.is_empty() {
            below.push(folder.clone());
        }
        folders.append(&mut below);
    }
    Ok(folders)
}

/// The plan that all shards followed.
fn one_plan<'s>(folders: &[PathBuf], shards: &'s [Shard]) -> Result<&'s Plan> {
    let Some(first) = shards.first() else {
        return Err(Error::new("no shard", "command line", "name the folders to merge"));
    };
    let mut seen = BTreeSet::new();
    for (folder, shard) in folders.iter().zip(shards) {
        let refuse = |what: &str| {
            let remedy = "merge the shards of one run, each once";
            Err(Error::new(what, folder.join(SHARD).display(), remedy))
        };
        if shard.plan != first.plan || shard.which.of != first.which.of {
            return refuse("a shard of another run");
        }
        if !seen.insert(shard.which.number) {
            return refuse(&format!("shard {} is there twice", shard.which));
        }
    }
    Ok(&first.plan)
}

/// Shards that were planned and left nothing. Their cases are missing as well; this says why.
fn absent(shards: &[Shard]) -> Vec<Note> {
    let total = shards.first().map_or(0, |shard| shard.which.of);
    let is_there = |number: &u32| shards.iter().any(|shard| shard.which.number == *number);
    let absent = (1..=total).filter(|number| !is_there(number));
    let note = |number| {
        Note::failed(&format_args!("shard {number}/{total} is absent: its cases count as missing"))
    };
    absent.map(note).collect()
}

/// Cases that more than one shard was given: then the slices are not what they should be.
fn duplicates(part: &Part, shards: &[Shard]) -> Vec<Note> {
    let mut seen = BTreeSet::<&CaseId>::new();
    let slices = shards.iter().filter_map(|shard| shard.parts.get(part.slug));
    let again = slices.flat_map(|slice| &slice.listed).filter(|id| !seen.insert(id));
    let note = |id: &CaseId| {
        Note::failed(&format_args!("{}: `{}` was given to two shards", part.label, id.name))
    };
    again.map(note).collect()
}

/// What every part of the merged run is judged by.
struct Merge<'m> {
    folders: &'m [PathBuf],
    shards: &'m [Shard],
    findings: &'m Findings,
    plan: &'m Plan,
    origin: &'m Origin,
}

impl Merge<'_> {
    /// Judges what failed before and all parts, and keeps the seeds of what fails.
    fn layers(
        &self,
        file: &Path,
        failing: &mut FailingSeeds,
        notes: &mut Vec<Note>,
    ) -> Result<Vec<Judged>> {
        failing.keep(&self.plan.failing)?;
        let before = self.plan.before();
        let parts = self.plan.parts(file)?;
        let parts: Vec<_> = parts.iter().map(|(part, whole)| (part, *whole)).collect();
        notes.extend(run::gone(&before, &parts, failing)?);
        notes.extend(parts.iter().flat_map(|(part, _)| duplicates(part, self.shards)));
        let mut layers = Vec::new();
        for turn in run::turns(&parts, &before, false) {
            let origin = nextest::origin(self.origin.clone(), turn.repeats);
            let judged = self.judge(&turn, &origin);
            failing.note(&judged, turn.part, &origin)?;
            if judged.outcome == Outcome::Broken {
                notes.push(Note::broken(&format_args!(
                    "layer {}: nextest could not run it in every shard",
                    judged.layer.label
                )));
            }
            layers.push(judged);
        }
        Ok(layers)
    }

    fn judge(&self, turn: &Turn<'_>, origin: &Origin) -> Judged {
        let Turn { part, inventory, repeats } = turn;
        let slug = nextest::slug(part, *repeats);
        let mut report = Ok(Vec::new());
        let mut outcome = Outcome::Passed;
        let mut ended = Vec::new();
        let mut wall_s = 0.0;
        let mut machine_away_us = None;
        let tried = |(_, shard): &(_, &Shard)| repeats.is_none() || shard.which.number == FIRST;
        for (folder, shard) in self.folders.iter().zip(self.shards).filter(tried) {
            let Some(slice) = shard.parts.get(&slug) else {
                outcome = outcome.max(Outcome::Broken);
                continue;
            };
            outcome = outcome.max(slice.exit_code);
            ended.push(format!("shard {}: {}", shard.which.number, slice.ended));
            wall_s += slice.wall_s;
            machine_away_us = machine_away_us.max(slice.machine_away_us);
            let path = folder.join(nextest::kept_report(part, *repeats));
            match (junit::read(&path), &mut report) {
                (Ok(records), Ok(all)) => all.extend(records),
                (Err(why), Ok(_)) => report = Err(format!("{}: {why}", path.display())),
                (_, Err(_)) => {}
            }
        }
        if ended.is_empty() {
            ended.push("no shard ran it".to_owned());
        }
        let mut judged = judge::judge(Facts {
            part,
            inventory,
            report,
            findings: self.findings,
            engine: &self.plan.engine_version,
            origin,
            outcome,
            ended: ended.join(", "),
            wall: Duration::from_secs_f64(wall_s),
        });
        judged.layer.label = nextest::label(part, *repeats);
        judged.machine_away_us = machine_away_us;
        judged.is_whole = repeats.is_none() && has_run(judged.outcome);
        judged
    }
}

/// The slowest machine is how long the run took that waited for it.
fn sharded(shards: &[Shard]) -> Sharded {
    let took = |shard: &Shard| shard.parts.values().map(|slice| slice.wall_s).sum::<f64>();
    let slowest = shards.iter().map(took).fold(0.0, f64::max);
    Sharded { shards: shards.first().map_or(0, |shard| shard.which.of), wall_s: Some(slowest) }
}
