//! `prod detection`: plants the defects of `.config/defects` in a copy of the engine, one after the other,
//! runs the cases that are to catch each, and says whether they did. A failure for another reason does not
//! count, and nothing counts where the same cases fail without the defect. It judges no case itself.

use crate::{
    files, fixes, junit,
    nextest::Nextest,
    part::{Build, Part},
    record::Judged,
    run,
    session::Session,
};
use knobs::{Knobs, knob};
use process::{
    Error, Interrupts, Outcome, Result, console,
    engine::Engine,
    fixes::{
        Fix, Fixes,
        defects::{self, Defect},
    },
    folder, workspace,
};
use results::{
    Case, Document,
    detection::{self, Detected, Entry},
};
use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
    time::Instant,
};

/// Where everything of it is, below the root: the copy of the engine, the results, the ledger.
pub(crate) const FOLDER: &str = "target/detection";

/// The results of the newest run in it.
pub(crate) const RESULTS: &str = "target/detection/run";

/// What was asked for.
pub(crate) struct Order<'o> {
    /// The defects, or the findings whose fixes are left out; none is all.
    pub(crate) names: &'o [String],
    /// Cases at a time.
    pub(crate) threads: u32,
    /// Go on after an interruption.
    pub(crate) resume: bool,
    /// Runs, with a seed of its own each, for each fix that is left out.
    pub(crate) runs: u32,
}

/// Says which defects there are.
pub(crate) fn list(flags: &[(&str, &str)], order: &Order<'_>) -> Result<Outcome> {
    let knobs = Knobs::load_with(flags)?;
    let engine = fixes::wanted_engine(&knobs)?;
    for defect in chosen(&knobs, &engine, order)? {
        console::page(&format!("{}: {}", defect.name(), defect.change.reason));
        let cases = defect.cases.as_deref().unwrap_or("the fast layer");
        let fixes = defect.fixes.as_ref().map(|ids| format!(", fixes {ids}")).unwrap_or_default();
        console::page(&format!("    run: {cases}, seed {}{fixes}", defect.seed));
        for expected in &defect.expect {
            let from = &expected.case;
            console::page(&format!("    caught by: {from}… that says {:?}", expected.words));
        }
    }
    Ok(Outcome::Passed)
}

/// Plants each defect and runs the cases.
pub(crate) fn detection(
    flags: &[(&str, &str)],
    order: &Order<'_>,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    let knobs = Knobs::load_with(flags)?;
    let engine = fixes::wanted_engine(&knobs)?;
    let defects = chosen(&knobs, &engine, order)?;
    let out = folder::writable(&knobs.root().join(FOLDER))?;
    let _claim = folder::claim(&out, "another detection is at work here", "wait for its end")?;
    let ledger = Ledger::open(&out.join("ledger.jsonl"), &engine, order.resume)?;
    let planting = Planting { flags, engine: &engine, copy: out.join("engine"), order, interrupts };
    let mut done = ledger.read()?;
    done.retain(|entry| defects.iter().any(|defect| is_of(entry, defect)));
    let missing = |defect: &&Defect| !done.iter().any(|entry| is_of(entry, defect));
    let left: Vec<_> = defects.iter().filter(missing).collect();
    let Some(controls) = planting.controls(&left)? else {
        return Ok(interrupts.outcome().expect("only a signal ends the controls early"));
    };
    let mut entries = done;
    for defect in left {
        let control = controls.get(&subject(defect)).and_then(Option::as_ref);
        let Some(entry) = planting.plant(defect, control)? else {
            return Ok(interrupts.outcome().expect("only a signal ends a run early"));
        };
        console::note(&format!("{}: {}", entry.name, entry.detected.name()));
        ledger.append(&entry)?;
        entries.push(entry);
    }
    Ok(conclude(&defects, &entries))
}

/// The defects of the order, in the order of their names.
fn chosen(knobs: &Knobs, engine: &Engine, order: &Order<'_>) -> Result<Vec<Defect>> {
    let mut defects = defects::load(knobs.root(), engine)?;
    let is_one = |name: &String| defects.iter().any(|defect| defect.name() == name);
    if let Some(name) = order.names.iter().find(|name| !is_one(name)) {
        let what = format!("no defect is called `{name}`");
        return Err(Error::new(what, "command line", "`just detection --list` lists them"));
    }
    let wanted = |defect: &Defect| order.names.iter().any(|name| name == defect.name());
    defects.retain(|defect| order.names.is_empty() || wanted(defect));
    if defects.is_empty() {
        let what = format!("no defect can be planted in {engine}");
        return Err(Error::new(what, ".config/defects", "add one"));
    }
    // Before anything is built: one that does not apply would be found an hour later.
    let fixes = Fixes::load(knobs.root(), engine)?;
    for defect in &defects {
        defect.check(&fixes, |file| fixes::read(engine, file))?;
    }
    Ok(defects)
}

/// What a control is run with: the cases, the fixes and the root seed.
type Subject = (Option<String>, Option<String>, u64);

fn subject(defect: &Defect) -> Subject {
    (defect.cases.clone(), defect.fixes.clone(), defect.seed)
}

/// Where defects are planted and run.
struct Planting<'b> {
    flags: &'b [(&'b str, &'b str)],
    engine: &'b Engine,
    /// The copy of the engine.
    copy: PathBuf,
    order: &'b Order<'b>,
    interrupts: &'b Interrupts,
}

impl Planting<'_> {
    /// Runs the cases of all defects on the engine as it is. A set that fails is given with what its
    /// first case said. `None` when interrupted.
    fn controls(&self, defects: &[&Defect]) -> Result<Option<BTreeMap<Subject, Option<Failure>>>> {
        let mut controls = BTreeMap::new();
        for defect in defects {
            if controls.contains_key(&subject(defect)) {
                continue;
            }
            let Some(judged) = self.run(defect, &[])? else {
                return Ok(None);
            };
            let failure = judged.layer.failures().next().map(Failure::of);
            if let Some(failure) = &failure {
                console::note(&format!("the control fails: {}: {}", failure.case, failure.words));
            }
            controls.insert(subject(defect), failure);
        }
        Ok(Some(controls))
    }

    /// Plants a defect and says what became of it; `None` when interrupted.
    fn plant(&self, defect: &Defect, control: Option<&Failure>) -> Result<Option<Entry>> {
        let start = Instant::now();
        let (detected, failure) = if let Some(failure) = control {
            (Detected::NoControl, Some(failure.clone()))
        } else {
            let Some(judged) = self.run(defect, &[&defect.change])? else {
                return Ok(None);
            };
            detected(defect, &judged)
        };
        let Failure { case, words } = failure.unwrap_or_default();
        Ok(Some(Entry {
            version: Entry::FORMAT,
            name: defect.name().to_owned(),
            hash: defect.hash.clone(),
            engine: self.engine.to_string(),
            seed: defect.seed,
            detected,
            layer: if defect.cases.is_some() { "all" } else { "fast" }.to_owned(),
            case,
            words,
            seconds: start.elapsed().as_secs_f64(),
        }))
    }

    /// Builds the engine with `planted` and runs the cases of `defect`; `None` when interrupted.
    fn run(&self, defect: &Defect, planted: &[&Fix]) -> Result<Option<Judged>> {
        workspace::copy_planted(self.engine, &self.copy, planted)?;
        let seed = defect.seed.to_string();
        let mut flags = self.flags.to_vec();
        flags.push((knob::MACE_PROD_SEED.name(), &seed));
        if let Some(fixes) = &defect.fixes {
            flags.push((knob::MACE_PROD_FIXES.name(), fixes));
        }
        let session = Session::open_on(&flags, Some(&self.copy), RESULTS)?;
        let planted = planted.first().map_or("none", |fix| fix.id.as_str());
        console::note(&format!("planted    {planted}"));
        let filter = defect.cases.as_deref();
        let nextest = Nextest { filter, ..Nextest::new(&session, self.interrupts) };
        let profile = if defect.cases.is_some() { "all" } else { "fast" };
        run_layer(&nextest, profile, self.order.threads, self.interrupts)
    }
}

/// Builds and runs a layer and judges it; `None` when interrupted.
pub(crate) fn run_layer(
    nextest: &Nextest<'_>,
    profile: &'static str,
    threads: u32,
    interrupts: &Interrupts,
) -> Result<Option<Judged>> {
    let session = nextest.session;
    run::remove_old_reports(&session.out)?;
    let build = Build::Suite(session.knobs.get(knob::FEATURES).to_owned());
    let part = Part { label: "detection", profile, slug: "detection", build };
    let parts = [part];
    let listed = run::inventories(nextest, &parts)?;
    let [inventory] = listed.as_slice() else { unreachable!("one part was asked for") };
    let ran = run::run_part(nextest, &parts[0], inventory, threads)?;
    if interrupts.outcome().is_some() {
        return Ok(None);
    }
    if ran.judged.outcome == Outcome::Broken {
        let what = format!("nextest could not run the cases ({})", ran.ended);
        return Err(Error::new(what, format_args!("layer {profile}"), "see above"));
    }
    Ok(Some(ran.judged))
}

/// A case that failed, and what it said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Failure {
    pub(crate) case: String,
    pub(crate) words: String,
}

impl Failure {
    pub(crate) fn of(case: &Case) -> Self {
        let words = case.message.clone().unwrap_or_default();
        Self { case: case.id.name.clone(), words }
    }
}

/// Whether a case failed for the reason that was planted. A case that has no result says nothing.
fn detected(defect: &Defect, judged: &Judged) -> (Detected, Option<Failure>) {
    let is_it = |case: &&Case| {
        let said = junit::said(judged, case);
        let mut expected = defect.expect.iter();
        expected.any(|one| case.id.name.starts_with(&one.case) && said.contains(&one.words))
    };
    let mut failures = judged.layer.failures();
    if let Some(case) = judged.layer.failures().find(is_it) {
        return (Detected::Caught, Some(Failure::of(case)));
    }
    match failures.next() {
        Some(case) => (Detected::OtherReason, Some(Failure::of(case))),
        None => (Detected::NotCaught, None),
    }
}

/// Whether the entry is of this defect, as its file is now.
fn is_of(entry: &Entry, defect: &Defect) -> bool {
    entry.name == defect.name() && entry.hash == defect.hash
}

/// What is known from earlier runs on this engine.
pub(crate) struct Ledger {
    path: PathBuf,
    engine: String,
}

impl Ledger {
    /// The ledger in this file; an empty one where nothing is to go on.
    pub(crate) fn open(path: &Path, engine: &Engine, resume: bool) -> Result<Self> {
        if !resume {
            files::remove(path)?;
        }
        Ok(Self { path: path.to_owned(), engine: engine.to_string() })
    }

    /// The entries of this engine.
    pub(crate) fn read(&self) -> Result<Vec<Entry>> {
        let text = files::text(&self.path)?.unwrap_or_default();
        let mut entries = detection::parse(&text).map_err(|error| {
            Error::new(&error, self.path.display(), "remove the file").because(error.clone())
        })?;
        // What was torn by the end of its writer must not stay in front of the next line.
        files::write(&self.path, &entries.iter().map(detection::line).collect::<String>())?;
        entries.retain(|entry| entry.engine == self.engine);
        Ok(entries)
    }

    pub(crate) fn append(&self, entry: &Entry) -> Result<()> {
        let failed = |error| write_failed(&self.path, error);
        let file = fs::OpenOptions::new().create(true).append(true).open(&self.path);
        file.and_then(|mut file| file.write_all(detection::line(entry).as_bytes())).map_err(failed)
    }
}

fn write_failed(path: &Path, error: std::io::Error) -> Error {
    Error::io("write the ledger", path, "make the folder writable", error)
}

/// Prints the table and gives the outcome.
fn conclude(defects: &[Defect], entries: &[Entry]) -> Outcome {
    let mut caught = 0;
    console::page("");
    for defect in defects {
        for entry in entries.iter().filter(|entry| entry.name == defect.name()) {
            caught += usize::from(entry.detected == Detected::Caught);
            let Entry { name, detected, case, words, seconds, .. } = entry;
            console::page(&format!("{name}: {} ({seconds:.0} s)", detected.name()));
            if !case.is_empty() {
                console::page(&format!("    {case}: {words}"));
            }
        }
    }
    let count = defects.len();
    console::page(&format!("{caught} of {count} planted defects are caught"));
    if caught == count { Outcome::Passed } else { Outcome::Failed }
}
