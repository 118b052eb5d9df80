//! `prod fixes test`: the tests that the engine's package ships, run on a copy of the engine as it is and on
//! one with the fixes of `MACE_PROD_FIXES`. Each has to end alike, but for those that a fix names because
//! they want the broken behaviour. Judges no case of ours.

use crate::{files, fixes::Known, junit, record::Record};
use knobs::knob;
use process::{
    Error, Interrupts, Outcome, Result, console, engine::Engine, fixes::Fix, folder, workspace,
};
use results::CaseOutcome;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

/// Where the copies, their build and their reports are, below the root.
const FOLDER: &str = "target/own-tests";

/// How nextest runs them: each to its end, and into a report.
const CONFIG: &str = "\
[profile.default]
slow-timeout = { period = \"300s\", terminate-after = 1, grace-period = \"2s\" }
junit = { path = \"junit.xml\" }
";

/// How often a test that ends otherwise is tried, on both copies: one of theirs may depend on luck.
const TRIES: usize = 3;

/// How each test of a run ended, by its binary and its name.
type Ends = BTreeMap<(String, String), CaseOutcome>;

/// Runs the tests of both copies and compares.
pub(crate) fn compare(flags: &[(&str, &str)], interrupts: &Interrupts) -> Result<Outcome> {
    let Known { knobs, engine, fixes } = Known::of(flags)?;
    let chosen = fixes.select(knobs.get(knob::MACE_PROD_FIXES))?;
    if chosen.is_empty() {
        let what = "no fix to compare the engine with";
        return Err(Error::new(what, "MACE_PROD_FIXES", "set it to `all`"));
    }
    let out = folder::writable(&knobs.root().join(FOLDER))?;
    let _claim = folder::claim(&out, "the engine's own tests run here", "wait for their end")?;
    let tests = Tests {
        engine: &engine,
        config: out.join("nextest.toml"),
        features: knobs.features(),
        folder: &out,
        interrupts,
    };
    files::write(&tests.config, CONFIG)?;
    let mut stock = Ends::new();
    let mut differing: Option<BTreeSet<(String, String)>> = None;
    for _ in 0..TRIES {
        let ends = tests.run("stock", &[], differing.as_ref())?;
        let with = tests.run("fixed", &chosen, differing.as_ref())?;
        differing = Some(others(&ends, &with));
        if stock.is_empty() {
            stock = ends;
        }
        if differing.as_ref().is_some_and(BTreeSet::is_empty) {
            break;
        }
    }
    Ok(conclude(&chosen, &stock, &differing.unwrap_or_default()))
}

/// What a run needs.
struct Tests<'t> {
    engine: &'t Engine,
    config: PathBuf,
    features: &'t str,
    folder: &'t Path,
    interrupts: &'t Interrupts,
}

impl Tests<'_> {
    /// Runs the tests, or only some of them, on a copy with these fixes.
    fn run(
        &self,
        name: &str,
        applied: &[&Fix],
        only: Option<&BTreeSet<(String, String)>>,
    ) -> Result<Ends> {
        let copy = self.folder.join(name);
        workspace::copy_alone(self.engine, &copy, applied)?;
        let report = copy.join("target/nextest/default/junit.xml");
        files::remove(&report)?;
        console::note(&format!("own tests  {name}: {} fixes", applied.len()));
        let mut command = Command::new("cargo");
        command.args(["nextest", "run", "--cargo-quiet", "--no-fail-fast"]);
        command.arg("--manifest-path").arg(copy.join("Cargo.toml"));
        // Cargo would take one copy's programs for the other's: nothing but their place tells them apart.
        command.arg("--target-dir").arg(self.folder.join(format!("target-{name}")));
        command.args(["--features", self.features]).arg("--config-file").arg(&self.config);
        command.args(["--show-progress", "none", "--status-level", "fail"]);
        if let Some(only) = only {
            let filter: Vec<_> = only
                .iter()
                .map(|(binary, name)| format!("(binary_id(={binary}) & test(={name}))"))
                .collect();
            command.args(["-E", &filter.join(" | ")]);
        }
        let status = self.interrupts.run(&mut command).map_err(|error| {
            Error::new(format!("cannot run cargo ({error})"), "PATH", "install it with rustup")
        })?;
        self.interrupts.check()?;
        let records = junit::read(&report).unwrap_or_default();
        if records.is_empty() {
            let what = format!("the engine's own tests did not run ({status})");
            return Err(Error::new(what, copy.display(), "correct what cargo says above"));
        }
        let end =
            |record: Record| ((record.case.id.binary, record.case.id.name), record.case.outcome);
        Ok(records.into_iter().map(end).collect())
    }
}

/// The tests that ended otherwise, or in one of the two alone.
fn others(stock: &Ends, with: &Ends) -> BTreeSet<(String, String)> {
    let tests = stock.keys().chain(with.keys());
    tests.filter(|test| stock.get(*test) != with.get(*test)).cloned().collect()
}

/// Prints what differs and gives the outcome: nothing does but what the fixes name.
fn conclude(chosen: &[&Fix], stock: &Ends, differing: &BTreeSet<(String, String)>) -> Outcome {
    let pins: BTreeMap<&str, &str> = chosen
        .iter()
        .flat_map(|fix| fix.pins.iter().map(|pin| (pin.as_str(), fix.id.as_str())))
        .collect();
    let mut unnamed = 0;
    console::page("");
    for (binary, name) in differing {
        let why = if let Some(fix) = pins.get(name.as_str()) {
            format!("pins what `{fix}` mends")
        } else {
            unnamed += 1;
            "ends otherwise with the fixes".to_owned()
        };
        console::page(&format!("{binary} {name}: {why}"));
    }
    let met: BTreeSet<_> = differing.iter().map(|(_, name)| name.as_str()).collect();
    for (pin, fix) in pins.iter().filter(|(pin, _)| !met.contains(*pin)) {
        unnamed += 1;
        console::page(&format!("{pin}: ends alike, although `{fix}` names it: correct the fix"));
    }
    let passed = stock.values().filter(|end| !end.fails()).count();
    console::page(&format!(
        "{} tests of the engine's own, {passed} pass without fixes; {} end otherwise with {}",
        stock.len(),
        differing.len(),
        chosen.len()
    ));
    if unnamed == 0 { Outcome::Passed } else { Outcome::Failed }
}
