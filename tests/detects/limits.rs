//! The engine's options, read out of its source when the suite is built, against docs/limits.md and the cases
//! that it names. The comparison is tested on pages that are planted.
//!
//! What it does not see: whether a case on one side of a limit would fail if the limit moved; that is for the
//! case.

use crate::chaos::extract::options;
use std::{collections::BTreeSet, fs, path::Path};

/// The options of the engine that this build is of.
const OPTIONS: &[&str] = include!(concat!(env!("OUT_DIR"), "/options.rs"));

const PAGE: &str = include_str!("../../docs/limits.md");
const ADAPTER: &str = include_str!("../../src/engine/mace.rs");
const OURS: &str = include_str!("../../src/engine/options.rs");

/// The files of cases, as (name without ending, text).
fn cases() -> Vec<(String, String)> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let binaries = ["prod_contract", "prod_fast", "prod_stress", "prod_regressions"];
    let files = binaries.iter().flat_map(|binary| {
        fs::read_dir(tests.join(binary)).expect("the cases are there").map(|entry| {
            let path = entry.expect("a folder that can be listed").path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("a case's file is text"))
        })
    });
    files.collect()
}

/// The rows of a page's table below a heading, cell by cell.
fn rows<'a>(page: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let (_, below) = page.split_once(heading).expect("the heading is there");
    let section = below.split("\n## ").next().unwrap_or(below);
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What stands between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The files that have the cases a cell names, or what is wrong with it.
fn files_of<'c>(cell: &str, cases: &'c [(String, String)]) -> Result<Vec<&'c str>, String> {
    if let Some(reason) = cell.strip_prefix("none:").filter(|reason| !reason.contains('`')) {
        return if reason.trim().is_empty() { Err("no reason".to_owned()) } else { Ok(Vec::new()) };
    }
    let named = quoted(cell);
    if named.is_empty() {
        return Err("no case".to_owned());
    }
    let mut files = Vec::new();
    for case in named {
        let (file, name) = case.split_once("::").unwrap_or(("", case));
        let has = |(own, text): &&(String, String)| {
            own == file
                && [format!("case!({name}:"), format!("fn {name}("), format!(": {name}, |finding|")]
                    .iter()
                    .any(|start| text.contains(start))
        };
        let found = cases.iter().find(has);
        files.push(found.map(|(_, text)| text.as_str()).ok_or_else(|| format!("no case {case}"))?);
    }
    Ok(files)
}

/// What is wrong, a line each.
fn offences(options: &[String], page: &str, cases: &[(String, String)]) -> Vec<String> {
    let (_, presets) = OURS.split_once("impl Preset {").expect("there are presets");
    let mut lines = Vec::new();
    let mut told = BTreeSet::new();
    for row in rows(page, "## Options") {
        let [option, ours, sides @ ..] = row.as_slice() else { continue };
        let option = option.trim_matches('`');
        let ours = ours.trim_matches('`');
        told.insert(option);
        if !options.iter().any(|known| known == option) {
            lines.push(format!("{option}: the engine has it no longer; take its row away"));
            continue;
        }
        let field = option.rsplit("::").next().unwrap_or(option);
        if !ADAPTER.contains(&format!("theirs.{field} = "))
            || !ADAPTER.contains(&format!("ours.{ours}"))
        {
            lines.push(format!("{option}: the adapter does not set it from `{ours}`"));
        }
        for side in sides {
            match files_of(side, cases) {
                Err(why) => lines.push(format!("{option}: {why} in \"{side}\"")),
                Ok(files) => {
                    let sets = |text: &str| {
                        [format!("{ours}:"), format!("{ours},"), format!(".{ours} =")]
                            .iter()
                            .any(|form| text.contains(form.as_str()))
                    };
                    let lost = files.iter().find(|text| !sets(text) && !sets(presets));
                    lines.extend(
                        lost.map(|_| format!("{option}: nobody sets {ours} in \"{side}\"")),
                    );
                }
            }
        }
    }
    let untold = options.iter().filter(|option| !told.contains(option.as_str()));
    lines.extend(untold.map(|option| {
        format!("{option}: no case sets it; give it cases and a row in docs/limits.md")
    }));
    for row in rows(page, "## Limits") {
        let [limit, sides @ ..] = row.as_slice() else { continue };
        let wrong = sides.iter().filter_map(|side| files_of(side, cases).err());
        lines.extend(wrong.map(|why| format!("{limit}: {why}")));
    }
    lines
}

fn all() -> Vec<String> {
    OPTIONS.iter().map(|option| (*option).to_owned()).collect()
}

#[test]
fn every_option_and_limit_has_cases_on_each_side() {
    assert!(OPTIONS.len() > 25, "found {} options in the engine's source", OPTIONS.len());
    let offences = offences(&all(), PAGE, &cases());
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn an_option_that_no_case_sets_is_caught() {
    let mut options = all();
    options.push("Options::made_up".to_owned());
    let found = offences(&options, PAGE, &cases());
    assert!(found.len() == 1 && found[0].starts_with("Options::made_up: no case"), "{found:?}");
    let row = PAGE.lines().find(|line| line.contains("Options::gc_eager")).unwrap();
    let found = offences(&all(), &PAGE.replace(row, ""), &cases());
    assert!(found.iter().any(|line| line.starts_with("Options::gc_eager: no case")), "{found:?}");
}

#[test]
fn a_row_of_what_is_not_there_is_caught() {
    let gone: Vec<String> =
        all().into_iter().filter(|option| option != "Options::tmp_store").collect();
    let found = offences(&gone, PAGE, &cases());
    assert!(found.len() == 1 && found[0].contains("no longer"), "{found:?}");
    let page = PAGE.replace("stress_a_torn_log_is_cut_or_refused", "stress_nothing");
    let found = offences(&all(), &page, &cases());
    assert!(found.iter().any(|line| line.contains("no case options::stress_nothing")), "{found:?}");
    let page = PAGE.replacen("off: `options::stress_a_torn_log_is_cut_or_refused`", "none:", 1);
    let found = offences(&all(), &page, &cases());
    assert!(found.len() == 1 && found[0].contains("no reason"), "{found:?}");
}

#[test]
fn a_case_that_does_not_set_its_option_is_caught() {
    let page = PAGE.replace(
        "`cuts_torn_logs` | off: `options::stress_a_torn_log_is_cut_or_refused`",
        "`cuts_torn_logs` | off: `gc::stress_blobs_are_collected_for_ever`",
    );
    let found = offences(&all(), &page, &cases());
    assert!(found.len() == 1 && found[0].contains("nobody sets cuts_torn_logs"), "{found:?}");
    let page = PAGE.replace("`cuts_torn_logs`", "`made_up`");
    let found = offences(&all(), &page, &cases());
    assert!(found.iter().any(|line| line.contains("the adapter does not set it")), "{found:?}");
}

#[test]
fn public_fields_of_the_options_alone_are_read() {
    let text = "
        pub struct Options { pub a: u8, pub(crate) b: u8, c: u8, #[cfg(x)] pub d: Arc<dyn D> }
        pub struct BucketOptions { pub e: usize }
        pub struct Other { pub f: u8 }
        impl Options { pub const G: u8 = 1; pub fn h(x: u8) {} }
    ";
    let files = [("src/options.rs".to_owned(), text.to_owned())];
    let found: Vec<String> = options(&files).unwrap().into_iter().collect();
    assert_eq!(found, ["BucketOptions::e", "Options::a", "Options::d"]);
}
