//! `prod merge`: the results of all shards of one run, judged as if one machine had run it. Every
//! shard has to be there, once, of the same plan; the union is held against the whole inventory,
//! so a case that fell between two shards is missing, and a case that two ran is said.

use crate::report::wire::Setting;
use crate::{
    judge::{self, Facts, Layer},
    merge::Origin,
    nextest::{CaseId, Inventory},
    part::Part,
    plan::{Plan, SHARD, Shard},
    record::{self, Record},
    run::{self, Conclusion},
    shard,
};
use knobs::{Knobs, findings::Findings};
use process::{Error, Outcome, Result, folder};
use std::{
    collections::BTreeSet,
    path::PathBuf,
    time::{Duration, SystemTime},
};

/// Merges the results in `folders` into `target/prod`.
pub(crate) fn gather(flags: &[(&str, &str)], folders: &[PathBuf]) -> Result<Outcome> {
    let knobs = Knobs::load_with(flags)?;
    let findings = Findings::load(knobs.root())?;
    let shards: Vec<_> = folders.iter().map(|folder| Shard::read(folder)).collect::<Result<_>>()?;
    let plan = one_plan(folders, &shards)?;
    let findings = findings.with_fixes(plan.engine_fixes.iter().map(String::as_str));
    let out = folder::writable(&knobs.root().join("target/prod"))?;
    run::remove_old_reports(&out)?;
    let mut notes = absent(&shards);
    for (shard, line) in shards.iter().flat_map(|s| s.notes.iter().map(move |line| (s, line))) {
        notes.push((Outcome::Broken, format!("shard {}/{}: {line}", shard.number, shard.of)));
    }
    let file = folders[0].join(SHARD);
    let mut layers = Vec::new();
    for (part, inventory) in plan.parts(&file)? {
        notes.extend(twice(&part, &shards));
        let judged = judge_part(&part, inventory, (folders, &shards), &findings, plan);
        if judged.outcome == Outcome::Broken {
            let line = format!("layer {}: nextest could not run it in every shard", part.label);
            notes.push((Outcome::Broken, line));
        }
        layers.push(judged);
    }
    if plan.mode == "all" {
        notes.extend(run::homeless(&findings, &plan.engine_version, &layers));
    }
    let origin = Origin {
        seed: plan.seed(&file)?,
        engine: plan.engine.clone(),
        settings: plan.settings.clone(),
        knobs: Setting::all(&knobs),
        started: SystemTime::UNIX_EPOCH + Duration::from_secs(plan.started_unix_s),
    };
    let conclusion = Conclusion { out: &out, origin: &origin, findings: &findings, counts: false };
    conclusion.draw(&layers, notes, None, Some(longest(&shards)))
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
        if shard.plan != first.plan || shard.of != first.of {
            return refuse("a shard of another run");
        }
        if !seen.insert(shard.number) {
            return refuse(&format!("shard {}/{} is there twice", shard.number, shard.of));
        }
    }
    Ok(&first.plan)
}

/// Shards that were planned and left nothing. Their cases are missing as well; this says why.
fn absent(shards: &[Shard]) -> Vec<(Outcome, String)> {
    let total = shards.first().map_or(0, |shard| shard.of);
    let is_there = |number: &u32| shards.iter().any(|shard| shard.number == *number);
    let absent = (1..=total).filter(|number| !is_there(number));
    let line = |number| format!("shard {number}/{total} is absent: its cases count as missing");
    absent.map(|number| (Outcome::Failed, line(number))).collect()
}

/// Cases that more than one shard was given: then the slices are not what they should be.
fn twice(part: &Part, shards: &[Shard]) -> Vec<(Outcome, String)> {
    let mut seen = BTreeSet::<&CaseId>::new();
    let slices = shards.iter().filter_map(|shard| shard.parts.get(part.slug));
    let doubled = slices.flat_map(|slice| &slice.listed).filter(|id| !seen.insert(id));
    let line = |id: &CaseId| format!("{}: `{}` was given to two shards", part.label, id.name);
    doubled.map(|id| (Outcome::Failed, line(id))).collect()
}

fn judge_part(
    part: &Part,
    inventory: &Inventory,
    (folders, shards): (&[PathBuf], &[Shard]),
    findings: &Findings,
    plan: &Plan,
) -> Layer {
    let mut report: std::result::Result<Vec<Record>, String> = Ok(Vec::new());
    let (mut outcome, mut ended) = (Outcome::Passed, Vec::new());
    for (folder, shard) in folders.iter().zip(shards) {
        let Some(slice) = shard.parts.get(part.slug) else {
            outcome = outcome.max(Outcome::Broken);
            continue;
        };
        outcome = outcome.max(slice.outcome());
        ended.push(format!("shard {}: {}", shard.number, slice.ended));
        let path = folder.join(format!("{}.junit.xml", part.slug));
        match (record::read(&path), &mut report) {
            (Ok(records), Ok(all)) => all.extend(records),
            (Err(why), Ok(_)) => report = Err(format!("{}: {why}", path.display())),
            (_, Err(_)) => {}
        }
    }
    let walls = shard::walls(shards);
    judge::judge(Facts {
        part,
        inventory,
        report,
        findings,
        engine: &plan.engine_version,
        outcome,
        ended: ended.join(", "),
        wall: Duration::from_secs_f64(walls.get(part.slug).copied().unwrap_or_default()),
    })
}

/// What the slowest machine took: how long the run took that waited for it.
fn longest(shards: &[Shard]) -> (u32, f64) {
    let count = shards.first().map_or(0, |shard| shard.of);
    let took = |shard: &Shard| shard.parts.values().map(|slice| slice.wall_s).sum::<f64>();
    (count, shards.iter().map(took).fold(0.0, f64::max))
}
