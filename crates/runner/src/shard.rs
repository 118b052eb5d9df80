//! `prod archive` and `prod shard`: the layers built once, and run in slices on machines that need
//! not build them. The plan that goes with the archives fixes root seed and inventory, so that all
//! machines run one run; `gather` puts their results together.

use crate::{
    merge::Origin,
    nextest::{self, Archived, Nextest},
    part::{Build, Mode, Part},
    plan::{self, Plan, SHARD, Shard, Slice},
    run::{self, Conclusion},
    session::Session,
};
use knobs::knob;
use process::{Error, Interrupts, Outcome, Result, console, folder};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Builds what the parts of `mode` need and keeps it, with the plan, in `folder`.
pub(crate) fn archive(
    session: &Session,
    (mode, name): (Mode, &str),
    folder: &Path,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    let folder = folder::writable(folder)?;
    let features = session.knobs.get(knob::FEATURES);
    let parts = crate::part::parts(mode, features);
    nextest::announce(session);
    let nextest = Nextest::new(session, interrupts);
    let Some(inventories) = run::inventories(&nextest, &parts, interrupts)? else {
        return Ok(interrupts.outcome().expect("only a signal ends the building early"));
    };
    let mut kept = BTreeSet::new();
    for part in parts.iter().filter(|part| kept.insert(file(&part.build))) {
        let status = nextest.archive(part, &folder.join(file(&part.build)))?;
        if let Some(outcome) = interrupts.outcome() {
            return Ok(outcome);
        }
        if !status.success() {
            let what = format!("cannot archive the cases ({})", nextest::ended(status));
            let remedy = "correct what cargo says above";
            return Err(Error::new(what, format_args!("layer {}", part.label), remedy));
        }
    }
    let slugs = parts.iter().map(|part| part.slug.to_owned());
    let origin = Origin::of(session);
    let started = session.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let plan = Plan {
        format: Plan::format(),
        mode: name.to_owned(),
        features: features.to_owned(),
        engine: origin.engine,
        engine_version: session.engine.version.clone(),
        engine_fixes: session.engine.fixes.clone(),
        root_seed: session.seed.to_string(),
        started_unix_s: started.as_secs(),
        settings: origin.settings,
        inventories: slugs.zip(inventories).collect(),
    };
    plan::write(&folder.join(plan::PLAN), &plan)?;
    console::page(&format!("{}", folder.display()));
    Ok(Outcome::Passed)
}

/// The archive that holds a build.
pub(crate) fn file(build: &Build) -> &'static str {
    match build {
        Build::Suite(features) if features.is_empty() => "suite-plain.tar.zst",
        Build::Suite(_) => "suite.tar.zst",
        Build::Workspace => "workspace.tar.zst",
    }
}

/// `K/N` as typed: which slice of how many.
pub(crate) fn slice(text: &str) -> Result<(u32, u32)> {
    knobs::shard(text).ok_or_else(|| {
        let what = format_args!("shard {text:?}");
        Error::new(what, "command line", "use K/N with K from 1 to N, such as 2/4")
    })
}

/// Runs one slice of what `archives` holds and leaves its results in `target/prod/shard`.
pub(crate) fn shard(
    mut session: Session,
    (number, of): (u32, u32),
    threads: u32,
    folder: &Path,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    let plan = Plan::read(folder)?;
    let file = folder.join(plan::PLAN);
    let engine = session.engine.to_string();
    if engine != plan.engine {
        let what = format!("the archives are for {}, and this is {engine}", plan.engine);
        return Err(Error::new(what, file.display(), "check out the same commit on all machines"));
    }
    session.seed = plan.seed(&file)?;
    run::remove_old_reports(&session.out)?;
    let out = fresh(&session.out.join("shard"))?;
    nextest::announce(&session);
    let archived = Archived { folder: folder.to_owned(), shard: number, shards: of };
    let nextest = Nextest::of_archive(&session, interrupts, &archived);
    let (mut layers, mut notes) = (Vec::new(), Vec::new());
    let mut record = Shard::new((number, of), plan.clone());
    for (part, whole) in plan.parts(&file)? {
        match run_slice(&session, &nextest, &part, whole, (threads, &out, interrupts)) {
            Ok((slice, layer)) => {
                record.parts.insert(part.slug.to_owned(), slice);
                layers.push(layer);
            }
            Err(error) => notes.push((Outcome::Broken, error.to_string())),
        }
        record.notes = notes.iter().map(|(_, line)| line.clone()).collect();
        // Written after each part: what a machine that is taken away has done is not lost.
        plan::write(&out.join(SHARD), &record)?;
        if interrupts.outcome().is_some() {
            break;
        }
    }
    let origin = Origin::of(&session);
    let findings = &session.findings;
    let conclusion = Conclusion { out: &session.out, origin: &origin, findings, counts: false };
    conclusion.draw(&layers, notes, interrupts.outcome(), None)
}

fn run_slice(
    session: &Session,
    nextest: &Nextest<'_>,
    part: &Part,
    whole: &nextest::Inventory,
    (threads, out, interrupts): (u32, &Path, &Interrupts),
) -> Result<(Slice, crate::judge::Layer)> {
    let listed = nextest.inventory(part)?;
    if let Some(stray) = listed.difference(whole).next() {
        let what = format!("the archive has `{}`, which the plan lacks", stray.name);
        return Err(Error::new(what, part.label, "make the archives anew"));
    }
    let ran = run::run_part(session, nextest, part, &listed, (threads, interrupts))?;
    let kept = out.join(format!("{}.junit.xml", part.slug));
    let report = nextest.report_path(part);
    if report.is_file() {
        fs::copy(&report, &kept)
            .map_err(|error| Error::io("keep the report", &kept, "make room for it", error))?;
    }
    let slice = Slice {
        listed,
        exit_code: ran.layer.outcome.code(),
        ended: ran.ended,
        wall_s: ran.layer.wall.as_secs_f64(),
    };
    Ok((slice, ran.layer))
}

/// The folder, empty: nothing of an earlier shard may be taken for a result of this one.
fn fresh(folder: &Path) -> Result<PathBuf> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("empty the folder", folder, "make it writable", error))
        }
        _ => folder::writable(folder),
    }
}

/// How long each part took on all shards together.
pub(crate) fn walls(shards: &[Shard]) -> BTreeMap<&str, f64> {
    let mut walls = BTreeMap::new();
    for (slug, slice) in shards.iter().flat_map(|shard| &shard.parts) {
        *walls.entry(slug.as_str()).or_default() += slice.wall_s;
    }
    walls
}

#[cfg(test)]
mod tests {
    use super::slice;

    #[test]
    fn a_shard_is_one_of_so_many() {
        assert_eq!(slice("2/4").unwrap(), (2, 4));
        assert!(slice("5/4").is_err());
    }
}
