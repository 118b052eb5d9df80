//! `prod by-engine`: which cases ran on which engine, and why the others did not, from the merged reports of runs
//! on several engines. Runs nothing and judges nothing.

use crate::{files, junit};
use knobs::Knobs;
use process::{Error, Outcome, Result, console};
use results::{Case, CaseId, CaseOutcome, Layer};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    path::PathBuf,
};

/// Where the table is, relative to the root.
const PAGE: &str = "docs/engines.md";

/// The cases of each engine.
type Engines = BTreeMap<String, BTreeMap<CaseId, Case>>;

/// Runs the subcommand.
pub(crate) fn by_engine(flags: &[(&str, &str)], reports: &[PathBuf]) -> Result<Outcome> {
    let knobs = Knobs::load_with(flags)?;
    let remedy = "name merged reports, such as target/prod/junit.xml of a run";
    let mut engines = Engines::new();
    for path in reports {
        let layers = files::parsed(path, remedy, |text| junit::layers(text, None))?;
        let absent = || Error::new("no such file", path.display(), remedy);
        add(&mut engines, layers.ok_or_else(absent)?);
    }
    files::write(&knobs.root().join(PAGE), &page(&engines))?;
    console::page(&format!("{} engines in {PAGE}", engines.len()));
    Ok(Outcome::Passed)
}

/// Adds the cases of a report. Of a case in several of its layers one that failed stays, before one that ran; of
/// one in two reports that of the later.
fn add(engines: &mut Engines, layers: Vec<Layer>) {
    let rank = |case: &Case| (case.outcome.fails(), case.outcome != CaseOutcome::Skipped);
    let mut report = Engines::new();
    for Layer { engine, cases, .. } in layers {
        // Without where its source is from.
        let engine = engine.split(" (").next().unwrap_or_default();
        let there = report.entry(engine.to_owned()).or_default();
        for case in cases {
            if there.get(&case.id).is_none_or(|kept| rank(kept) <= rank(&case)) {
                there.insert(case.id.clone(), case);
            }
        }
    }
    for (engine, cases) in report {
        engines.entry(engine).or_default().extend(cases);
    }
}

fn page(engines: &Engines) -> String {
    let rows = rows(engines);
    let mut reasons = Vec::new();
    let mut text = format!(
        "<!-- Written by `just by-engine REPORT...`: run the layers on each engine, keep `target/prod/junit.xml`, and \
         run that. -->\n\n# Which cases run on which engine\n\n\
         A number alone: all cases of the row ran. In brackets why the others did not, as the list below has it. A \
         dash: no report of that engine has such cases, so compare the last row only between engines with the same \
         layers.\n\n\
         | cases | {} |\n| --- |{}\n",
        engines.keys().cloned().collect::<Vec<_>>().join(" | "),
        " --- |".repeat(engines.len()),
    );
    for (name, ids) in &rows {
        let entries = engines.values().map(|cases| {
            let of_row: Vec<&Case> = ids.iter().filter_map(|id| cases.get(id)).collect();
            entry(&of_row, &mut reasons)
        });
        let entries: Vec<String> = entries.collect();
        let _ = writeln!(text, "| {name} | {} |", entries.join(" | "));
    }
    let all = engines.values().map(|cases| {
        let ran = cases.values().filter(|case| case.outcome != CaseOutcome::Skipped).count();
        format!("{ran} of {}", cases.len())
    });
    let _ = writeln!(text, "| all | {} |", all.collect::<Vec<_>>().join(" | "));
    text.push('\n');
    for (at, reason) in reasons.iter().enumerate() {
        let _ = writeln!(text, "{}. {reason}", at + 1);
    }
    text
}

/// Cases by binary and module; what is alone in its module is gathered.
fn rows(engines: &Engines) -> BTreeMap<String, BTreeSet<&CaseId>> {
    let ids: BTreeSet<&CaseId> = engines.values().flat_map(BTreeMap::keys).collect();
    let mut modules: BTreeMap<(&str, &str), BTreeSet<&CaseId>> = BTreeMap::new();
    for id in ids {
        let binary = id.binary.rsplit("::").next().unwrap_or_default();
        let module = id.name.split_once("::").map_or("", |(module, _)| module);
        modules.entry((binary, module)).or_default().insert(id);
    }
    let mut rows: BTreeMap<String, BTreeSet<&CaseId>> = BTreeMap::new();
    for ((binary, module), ids) in modules {
        let is_alone = module.is_empty() || ids.len() == 1;
        let name =
            if is_alone { format!("{binary}, others") } else { format!("{binary}::{module}") };
        rows.entry(name).or_default().extend(ids);
    }
    rows
}

/// How many of these ran, and why the others did not, by their numbers.
fn entry(cases: &[&Case], reasons: &mut Vec<String>) -> String {
    let skipped: Vec<&&Case> =
        cases.iter().filter(|case| case.outcome == CaseOutcome::Skipped).collect();
    if cases.is_empty() {
        return "-".to_owned();
    }
    let ran = cases.len() - skipped.len();
    let mut text = match skipped.len() {
        0 => ran.to_string(),
        _ => format!("{ran} of {}", cases.len()),
    };
    let numbers: BTreeSet<usize> = skipped
        .iter()
        .map(|case| {
            let reason = of_any_engine(case.message.as_deref().unwrap_or("no reason"));
            reasons.iter().position(|known| *known == reason).unwrap_or_else(|| {
                reasons.push(reason);
                reasons.len() - 1
            })
        })
        .collect();
    if !numbers.is_empty() {
        let numbers: Vec<String> = numbers.iter().map(|at| (at + 1).to_string()).collect();
        let _ = write!(text, " ({})", numbers.join(", "));
    }
    let failed = cases.iter().filter(|case| case.outcome.fails()).count();
    if failed > 0 {
        let _ = write!(text, ", {failed} failed");
    }
    text
}

/// A reason without the engine's name and without what is quoted in it.
fn of_any_engine(reason: &str) -> String {
    if let Some((_, lacks)) = reason.split_once(" knows ") {
        return format!("the engine knows {lacks}");
    }
    let parts = reason.split('`').enumerate();
    let parts = parts.map(|(at, part)| if at % 2 == 1 { "`…`" } else { part });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(binary: &str, name: &str, skipped: Option<&str>) -> Case {
        let id = CaseId { binary: format!("mace-prod::{binary}"), name: name.to_owned() };
        let outcome = skipped.map_or(CaseOutcome::Passed, |_| CaseOutcome::Skipped);
        Case { message: skipped.map(str::to_owned), ..Case::new(id, outcome) }
    }

    fn layer(engine: &str, cases: Vec<Case>) -> Layer {
        Layer { engine: engine.to_owned(), cases, ..Layer::default() }
    }

    /// Two engines, one of them in two reports.
    fn engines() -> Engines {
        let mut engines = Engines::new();
        let copies = |engine: &str| Some(format!("{engine} knows no copies"));
        let [redb, fjall] = ["redb 4.6.0", "fjall 3.1.13"].map(copies);
        let of_mace = Some("`empty-bucket-name` is a finding of mace-kv");
        add(
            &mut engines,
            vec![
                layer(
                    "redb 4.6.0 (registry)",
                    vec![
                        case("prod_fast", "copies::beside_clients::tiny", redb.as_deref()),
                        case("prod_fast", "copies::beside_clients::defaults", None),
                        case("prod_regressions", "empty::a_name", of_mace),
                    ],
                ),
                layer(
                    "fjall 3.1.13 (registry)",
                    vec![
                        case("prod_fast", "copies::beside_clients::tiny", fjall.as_deref()),
                        case("prod_fast", "copies::beside_clients::defaults", fjall.as_deref()),
                    ],
                ),
            ],
        );
        let again = case("prod_fast", "copies::beside_clients::defaults", redb.as_deref());
        add(&mut engines, vec![layer("redb 4.6.0 (registry)", vec![again])]);
        engines
    }

    #[test]
    fn a_row_says_what_ran_and_why_the_rest_did_not() {
        let mut engines = engines();
        let page = page(&engines);
        for line in [
            "| cases | fjall 3.1.13 | redb 4.6.0 |",
            "| prod_fast::copies | 0 of 2 (1) | 0 of 2 (1) |",
            "| prod_regressions, others | - | 0 of 1 (2) |",
            "| all | 0 of 2 | 0 of 3 |",
            "1. the engine knows no copies",
            "2. `…` is a finding of mace-kv",
        ] {
            assert!(page.lines().any(|it| it == line), "{line} is not in\n{page}");
        }
        let cases = engines.get_mut("redb 4.6.0").unwrap();
        let mut cases: Vec<&mut Case> = cases.values_mut().collect();
        cases[0].outcome = CaseOutcome::Failed;
        cases[1].outcome = CaseOutcome::Passed;
        let page = super::page(&engines);
        assert!(page.contains("| prod_fast::copies | 0 of 2 (1) | 2, 1 failed |"), "{page}");
    }

    #[test]
    fn a_case_that_fails_in_one_layer_has_failed() {
        let [mut failed, passed] = [(); 2].map(|()| case("prod_fast", "copies::tiny", None));
        failed.outcome = CaseOutcome::Failed;
        let mut engines = Engines::new();
        add(
            &mut engines,
            vec![layer("redb 4.6.0", vec![failed]), layer("redb 4.6.0", vec![passed])],
        );
        assert!(page(&engines).contains("| 1, 1 failed |"));
    }

    #[test]
    fn a_report_that_is_not_there_is_an_error() {
        let error = by_engine(&[], &[PathBuf::from("/nonexistent/junit.xml")]).unwrap_err();
        assert!(error.to_string().contains("no such file"), "{error}");
    }
}
