//! `prod fixes overlap`: the calls that go on beside maintenance, in the engine as it is and in the one with
//! the fixes of `MACE_PROD_FIXES`, by runs of the bench `overlap` of both in turns. A fix that serialises
//! what ran side by side shows in fewer calls. Each run compares its pace beside maintenance with its own pace
//! between: what else the machine does at that time is then the same for both.

use crate::fixes::Known;
use knobs::knob;
use process::{Error, Interrupts, Outcome, Result, console, folder, wanted::Wanted, workspace};
use results::stats::median;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

/// The share of the stock engine's pace that the fixed one has at least.
const SHARE: f64 = 0.8;

/// How often a run of the stock engine is tried, which may die of a known defect in the middle of it. The
/// fixed engine has none of those.
const TRIES: u32 = 3;

/// The bench.
const BENCH: &str = "overlap";

/// Where the rounds are claimed.
const FOLDER: &str = "target/overlap";

/// The pace beside maintenance in per cent of that between, of each round, by the kind of maintenance.
type Rates = BTreeMap<String, Vec<f64>>;

/// Builds both, runs them in turns and compares.
pub(crate) fn overlap(
    flags: &[(&str, &str)],
    rounds: u32,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    let Known { knobs, engine, .. } = Known::of(flags)?;
    let root = knobs.root();
    let wanted = Wanted::of(&knobs)?;
    let choice = knobs.get(knob::MACE_PROD_FIXES);
    let out = folder::writable(&root.join(FOLDER))?;
    let _claim = folder::claim(&out, "another comparison is at work here", "wait for its end")?;
    let (generated, _) = workspace::resolved(root, &wanted)?;
    let stock = generated.map_or_else(|| root.join("Cargo.toml"), |stock| stock.manifest);
    let Some((fixed, with)) = workspace::generate_chosen(root, &wanted, &engine, choice)? else {
        let what = "no fix to compare the engine with";
        return Err(Error::new(what, "MACE_PROD_FIXES", "set it to `all`"));
    };
    let side = |manifest: &Path, tries| -> Result<Side> {
        let program = build(manifest, &fixed.target, interrupts)?;
        Ok(Side { program, tries, rates: Rates::new() })
    };
    let mut sides = [side(&stock, TRIES)?, side(&fixed.manifest, 1)?];
    for round in 0..rounds {
        // The one that is first has another machine than the one that is second.
        let order = if round % 2 == 0 { [0, 1] } else { [1, 0] };
        for side in order {
            sides[side].run(interrupts)?;
        }
    }
    console::page(&format!(
        "pace beside maintenance, in per cent of that between: medians (lowest .. highest) of {rounds} rounds"
    ));
    console::page(&format!("{engine} | {with}"));
    Ok(conclude(&sides[0].rates, &sides[1].rates))
}

/// An engine's bench and what it measured.
struct Side {
    program: PathBuf,
    tries: u32,
    rates: Rates,
}

impl Side {
    /// Runs the bench, again where it dies and may.
    fn run(&mut self, interrupts: &Interrupts) -> Result<()> {
        for _ in 1..self.tries {
            match self.attempt(interrupts) {
                Err(error) => console::note(&format!("{error}; again")),
                Ok(()) => return Ok(()),
            }
            interrupts.check()?;
        }
        self.attempt(interrupts)
    }

    fn attempt(&mut self, interrupts: &Interrupts) -> Result<()> {
        let mut command = Command::new(&self.program);
        let (status, output) = interrupts
            .capture(&mut command)
            .map_err(|error| Error::io("run the bench", &self.program, "build it again", error))?;
        interrupts.check()?;
        let text = String::from_utf8_lossy(&output);
        let read: Option<Vec<_>> = text.lines().map(rate).collect();
        match read {
            Some(lines) if status.success() && !lines.is_empty() => {
                for (name, rate) in lines {
                    self.rates.entry(name.to_owned()).or_default().push(rate);
                }
                Ok(())
            }
            _ => {
                let what = format!("the bench measured nothing ({status})");
                Err(Error::new(what, self.program.display(), "see what it says above"))
            }
        }
    }
}

/// The kind of maintenance in a line of the bench, and its pace in per cent.
fn rate(line: &str) -> Option<(&str, f64)> {
    let (name, rest) = line.split_once(" times=")?;
    let (_, rest) = rest.split_once(" beside=")?;
    let (beside, between) = rest.split_once(" between=")?;
    let pace = |text: &str| {
        let (calls, micros) = text.split_once('/')?;
        let calls: f64 = calls.parse().ok()?;
        let micros: f64 = micros.parse().ok()?;
        (micros > 0.0).then_some(calls / micros)
    };
    let between = pace(between).filter(|pace| *pace > 0.0)?;
    Some((name, 100.0 * pace(beside)? / between))
}

/// Builds the bench of a workspace.
fn build(manifest: &Path, target: &Path, interrupts: &Interrupts) -> Result<PathBuf> {
    let mut command = Command::new("cargo");
    command.args(["build", "--quiet", "--package", "mace-prod", "--bench", BENCH]);
    command.args(["--no-default-features", "--message-format", "json-render-diagnostics"]);
    command.arg("--manifest-path").arg(manifest).arg("--target-dir").arg(target);
    let (status, output) = interrupts.capture(&mut command).map_err(|error| {
        Error::new(format!("cannot run cargo ({error})"), "PATH", "install it with rustup")
    })?;
    interrupts.check()?;
    let text = String::from_utf8_lossy(&output);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program = messages
        .filter(|message| message["target"]["name"] == BENCH)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    match program {
        Some(program) if status.success() => Ok(program),
        _ => {
            let what = format!("cannot build the bench {BENCH} ({status})");
            Err(Error::new(what, manifest.display(), "correct what cargo says above"))
        }
    }
}

/// Prints the table and gives the outcome.
fn conclude(stock: &Rates, fixed: &Rates) -> Outcome {
    let mut is_kept = true;
    for (name, rates) in stock {
        let of = |rates: Option<&Vec<f64>>| rates.and_then(|rates| median(rates));
        let before = of(Some(rates)).unwrap_or_default();
        let after = of(fixed.get(name)).unwrap_or_default();
        // Where nothing went on before, nothing can be taken away.
        let share = if before > 0.0 { after / before } else { 1.0 };
        let verdict = if share < SHARE { ": too few" } else { "" };
        is_kept &= share >= SHARE;
        console::page(&format!(
            "{name}: {before:.0} ({}) | {after:.0} ({}): {:.0} %{verdict}",
            spread(rates),
            fixed.get(name).map_or_else(String::new, |rates| spread(rates)),
            100.0 * share
        ));
    }
    if is_kept { Outcome::Passed } else { Outcome::Failed }
}

/// The lowest and the highest of the rounds.
fn spread(rates: &[f64]) -> String {
    let low = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let high = rates.iter().copied().fold(0.0, f64::max);
    format!("{low:.0} .. {high:.0}")
}

#[cfg(test)]
mod tests {
    use super::{Rates, conclude, rate};
    use process::Outcome;

    #[test]
    fn a_line_of_the_bench_is_read() {
        let line = "copy times=3 beside=100/5000 between=80/2000";
        assert_eq!(rate(line), Some(("copy", 50.0)));
        for torn in [&line[..30], "copy times=3 beside=x/5 between=8/2", "", "copy between=8/2"] {
            assert_eq!(rate(torn), None, "{torn}");
        }
    }

    #[test]
    fn fewer_calls_than_four_of_five_are_too_few() {
        let rates = |calls: f64| Rates::from([("copy".to_owned(), vec![calls, calls, calls])]);
        for (fixed, outcome) in
            [(80.0, Outcome::Passed), (120.0, Outcome::Passed), (79.0, Outcome::Failed)]
        {
            assert_eq!(conclude(&rates(100.0), &rates(fixed)), outcome, "{fixed}");
        }
        assert_eq!(conclude(&rates(100.0), &Rates::new()), Outcome::Failed);
    }
}
