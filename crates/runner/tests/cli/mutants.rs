//! Mutants of the miniature workspace's engine, from a stand-in for cargo-mutants and from cargo-mutants
//! itself: caught, missed and not built; a run that goes on, and one that is shared.

use crate::{
    consumers,
    fixture::{Fixture, program},
};
use std::{ffi::OsStr, fs};

const TOOL: &str = "target/tools/cargo/bin";
const LEDGER: &str = "target/detection/mutants.jsonl";
const HONEST: (&str, &str) = ("SUITE_ENGINE", "locked");

/// The engine's source: a word that a case compares, and a number that none does.
const SOURCE: &str = "pub const WHO: &str = \"locked\";\npub const SPARE: u32 = 1;\n";

/// The mutants of [`SOURCE`]: place, replaced line, our line.
const MUTANTS: [[&str; 3]; 3] = [
    ["1:1", "pub const WHO: &str = \"locked\";", "pub const WHO: &str = \"xyzzy\";"],
    ["2:1", "pub const SPARE: u32 = 1;", "pub const SPARE: u32 = 0;"],
    ["2:24", "pub const SPARE: u32 = 1;", "pub const SPARE: u32 = true;"],
];

/// What cargo-mutants would say of [`SOURCE`].
fn listed() -> String {
    let mutant = |[place, old, new]: [&str; 3]| {
        let side = |mark: &str, replaced: &str| {
            let text = SOURCE.replace(old, replaced);
            let lines = text.split_inclusive('\n');
            lines.flat_map(|line| [mark, line]).collect()
        };
        let [old_lines, new_lines]: [String; 2] = [side("-", old), side("+", new)];
        let diff =
            format!("--- src/lib.rs\n+++ replace it\n@@ -1,2 +1,2 @@\n{old_lines}{new_lines}");
        serde_json::json!({
            "name": format!("src/lib.rs:{place}: replace it"),
            "file": "src/lib.rs",
            "genre": "FnValue",
            "diff": diff,
        })
    };
    serde_json::Value::from_iter(MUTANTS.map(mutant)).to_string()
}

/// A workspace with a stand-in that lists [`MUTANTS`] and notes how it was asked.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.write("engine/src/lib.rs", SOURCE);
    fixture.write("listed.json", &listed());
    fs::create_dir_all(fixture.path(TOOL)).unwrap();
    let script = "echo \"$@\" > asked; cat listed.json";
    program(&fixture.path(TOOL), OsStr::new("cargo-mutants"), script);
    fixture
}

#[test]
fn cargo_mutants_are_caught_missed_or_not_built() {
    let fixture = fixture();
    let mutants = |args: &[&str]| {
        fixture.prod_with(&[&["detection", "--mutants", "9"], args].concat(), &[HONEST])
    };
    let table = [
        "\nsrc/lib.rs:1:1: replace it: fast, caught (",
        "\n    engine_is: assertion",
        "\nsrc/lib.rs:2:1: replace it: not caught (",
        "\nsrc/lib.rs:2:24: replace it: does not build (",
        "\n3 of 3 mutants of mace-kv 0.2.0, seed 1\n",
        "\ncaught by fast                      1  50.0 %",
        "\nnot caught                          1  50.0 %",
        "\ndoes not build                      1 not counted",
    ];
    mutants(&[]).ended(0, &table);
    assert_eq!(fixture.read("engine/src/lib.rs"), SOURCE, "the engine itself was changed");
    let asked = fixture.read("asked");
    assert!(asked.contains("--list --json") && asked.contains("(Debug|Display)"), "{asked}");
    let ledger = fixture.read(LEDGER);
    assert!(!ledger.contains("SPARE"), "text of the engine is stored: {ledger}");

    // As if it had been cut off while its second line was written, which may be of any of the three.
    let cut = ledger.match_indices('\n').nth(1).unwrap().0 + 9;
    fixture.write(LEDGER, &ledger[..cut]);
    let run = mutants(&["--resume"]);
    run.ended(0, &table);
    let tried = run.stderr.matches("trying     ").count();
    assert!(tried == 2 && !run.stderr.contains("unchanged, seed"), "{tried} tried: {run:#?}");
    let run = mutants(&["--resume"]);
    run.ended(0, &table);
    assert!(!run.stderr.contains("trying"), "done twice: {run:#?}");

    // Another seed is another sample.
    let run = fixture.prod_with(&["detection", "--mutants", "1", "--seed", "2"], &[HONEST]);
    run.ended(0, &["\n1 of 3 mutants of mace-kv 0.2.0, seed 2\n"]);
    // Where the engine as it is fails, nothing counts.
    let other = [("SUITE_ENGINE", "other")];
    let run = fixture.prod_with(&["detection", "--mutants", "1"], &other);
    run.ended(
        1,
        &["replace it: the control fails (", "\nthe control fails                   1 not"],
    );
}

#[test]
fn cargo_mutants_are_shared_by_machines() {
    let fixture = fixture();
    let whole: Vec<_> = ["1/2", "2/2"]
        .map(|shard| {
            let args = ["detection", "--mutants", "3", "--shard", shard];
            let run = fixture.prod_with(&args, &[HONEST]);
            let count = if shard == "1/2" { 2 } else { 1 };
            run.ended(0, &[&format!("\n{count} of 3 mutants")]);
            fixture.read(LEDGER)
        })
        .into();
    fixture.write(LEDGER, &whole.concat());
    let run = fixture.prod_with(&["detection", "--mutants", "3", "--resume"], &[HONEST]);
    run.ended(0, &["\n3 of 3 mutants", "\ncaught by fast                      1  50.0 %"]);
    assert!(!run.stderr.contains("trying"), "tried twice: {run:#?}");
}

/// The tool that `just bootstrap --all` fetches; without it there is nothing to see here.
#[test]
fn cargo_mutants_itself_lists_what_is_applied() {
    let Some(tool) = consumers::tool("cargo-mutants") else { return };
    let fixture = Fixture::new();
    fixture.write(
        "engine/src/lib.rs",
        "pub const WHO: &str = \"locked\";\npub fn is_spare() -> bool {\n    true\n}\n\
         struct Shown;\nimpl std::fmt::Debug for Shown {\n    \
         fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {\n        \
         write!(f, \"{}\", 1 + 1)\n    }\n}\n#[cfg(test)]\nmod tests {\n    \
         pub fn unseen() -> bool {\n        true\n    }\n}\n",
    );
    fs::create_dir_all(fixture.path(TOOL)).unwrap();
    std::os::unix::fs::symlink(tool, fixture.path(TOOL).join("cargo-mutants")).unwrap();
    let run = fixture.prod_with(&["detection", "--mutants", "9"], &[HONEST]);
    run.ended(
        0,
        &["replace is_spare -> bool with false: not caught (", "\n1 of 1 mutants of mace-kv 0.2.0"],
    );
}

#[test]
fn mutants_that_cannot_be_tried_are_refused() {
    let fixture = fixture();
    let refused = |args: &[&str], parts: &[&str]| {
        let args = [&["detection", "--mutants", "3"], args].concat();
        fixture.prod_with(&args, &[HONEST]).refused_at_once_by("prod", parts);
    };
    refused(&["--shard", "3/2"], &["shard \"3/2\"", "use K/N"]);
    fixture.write("listed.json", "[]");
    refused(&[], &["cargo-mutants lists no mutant"]);
    fixture.write("listed.json", "{}");
    refused(&[], &["the list of cargo-mutants cannot be read"]);
    fs::remove_file(fixture.path(TOOL).join("cargo-mutants")).unwrap();
    refused(&[], &["cannot run cargo-mutants", "`just bootstrap --all` fetches it"]);
    assert!(!fixture.path("target/debug").exists(), "something was built");
}
