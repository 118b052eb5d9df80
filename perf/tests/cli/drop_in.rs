//! The gate's rows of docs/drop-in.md: each command of the script runs, each variable changes what it did,
//! each file and field is there. The other rows are tried by `crates/runner/tests/cli/drop_in.rs`.

use crate::fixture::Fixture;
use knobs::runtime;
use process::miniature::{started, table};
use std::{collections::BTreeSet, fs};

fn rows(heading: &str) -> Vec<Vec<String>> {
    let page = fs::read_to_string(runtime::root().join("docs/drop-in.md")).unwrap();
    table(&page, heading)
}

#[test]
fn cargo_each_command_and_file_of_the_gate_is_there() {
    let fixture = Fixture::new();
    fixture.engine("engine", 1.5);
    fixture.commit("slower");
    let justfile = fs::read_to_string(runtime::root().join("justfile")).unwrap();
    let commands = rows("Commands");
    let commands = commands.iter().map(|row| started(&justfile, &row[1]));
    let commands: Vec<_> = commands.filter(|(package, _)| package == "perf").collect();
    assert_eq!(commands.len(), 2);
    let mut said = String::new();
    for (_, args) in commands {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        // The comparison meets what is slower, the snapshot has nothing to compare.
        let code = i32::from(args == ["compare"]);
        let run = fixture.perf_with(&args, &[("MACE_PERF_BASE_REF", "base")]);
        run.ended(code, &["Put/a/1"]);
        said.push_str(&run.stdout);
    }
    let files = rows("Files");
    let files: Vec<&str> =
        files.iter().filter(|row| row[1].starts_with("perf ")).map(|row| row[0].as_str()).collect();
    assert_eq!(files.len(), 6);
    for file in files {
        let text = fixture.read(file);
        assert!(!text.is_empty(), "{file} is empty");
        let Some(name) = file.strip_suffix(".json") else { continue };
        for row in rows("Columns and fields").iter().filter(|row| row[1].starts_with("summaries")) {
            let field = &fixture.results(file)["cases"]["Get/a/1"][&row[0]];
            assert!(field.as_f64().is_some_and(|ns| ns >= 1e6), "{name}: {row:?}: {text}");
        }
    }
    let delta =
        rows("Columns and fields").into_iter().find(|row| row[1] == "perf compare").unwrap();
    let compared = fixture.results("target/perf_gate/compare.json");
    let found = compared["cases"][0]["estimate"][&delta[0]].as_f64();
    assert!(found.is_some_and(|pct| (pct - 50.0).abs() < 1e-6), "positive is slower: {found:?}");
    assert!(said.contains("+50.0%"), "{said}");
}

/// What a variable makes of a comparison in which both cases are slower by half.
struct Effect {
    name: &'static str,
    value: &'static str,
    code: i32,
    says: &'static str,
}

const EFFECTS: [Effect; 7] = [
    Effect { name: "MACE_PERF_BASE_REF", value: "HEAD", code: 0, says: "identical machine code" },
    Effect {
        name: "MACE_PERF_COMPARE_FILTERS",
        value: "Put/a/1",
        code: 1,
        says: "too few comparable cases",
    },
    Effect { name: "MACE_PERF_REGRESS_PCT", value: "60", code: 0, says: "passed: 0 of 2 cases" },
    Effect { name: "MACE_PERF_MAX_REGRESS_CASES", value: "2", code: 0, says: "passed: 2 of 2" },
    Effect {
        name: "MACE_PERF_MIN_COMPARE_CASES",
        value: "3",
        code: 1,
        says: "too few comparable cases",
    },
    Effect {
        name: "MACE_PERF_MIN_BASE_NS",
        value: "9000000",
        code: 1,
        says: "too few comparable cases",
    },
    Effect {
        name: "MACE_PERF_THRESHOLD_FILE",
        value: "thresholds.env",
        code: 0,
        says: "passed: 0 of 2 cases slower by more than 70 %",
    },
];

#[test]
fn cargo_each_variable_of_the_gate_is_obeyed() {
    let fixture = Fixture::new();
    fixture.engine("engine", 1.5);
    fixture.commit("slower");
    let own = fixture.read(".config/perf.toml");
    let shell = own.lines().filter_map(|line| line.split_once(" = "));
    let shell =
        shell.map(|(name, value)| format!(": \"${{{name}:={}}}\"\n", value.trim_matches('"')));
    let shell: String = shell.chain(["MACE_PERF_REGRESS_PCT=70\n".to_owned()]).collect();
    fixture.write("target/thresholds.env", &shell);
    let path = fixture.path("target/thresholds.env").display().to_string();
    let mut tried: BTreeSet<&str> = BTreeSet::new();
    for Effect { name, value, code, says } in EFFECTS {
        let value = if value == "thresholds.env" { path.as_str() } else { value };
        let base = ("MACE_PERF_BASE_REF", "base");
        fixture.perf_with(&["compare"], &[base, (name, value)]).ended(code, &[says]);
        tried.insert(name);
    }
    // The two that a snapshot obeys.
    let env =
        [("MACE_PERF_BENCH_ARGS", "--noplot --quiet"), ("MACE_PERF_OUTPUT", "target/named.json")];
    fixture.perf_with(&["snapshot"], &env).ended(0, &["Put/a/1"]);
    assert!(fixture.read("target/perf_gate/snapshot.bench.log").contains("\"--quiet\""));
    assert_eq!(fixture.results("target/named.json")["count"], 2);
    tried.extend(env.map(|(name, _)| name));
    let rows = rows("Variables");
    let on_the_page =
        rows.iter().map(|row| row[0].as_str()).filter(|name| name.starts_with("MACE_PERF_"));
    assert_eq!(tried, on_the_page.collect());
}
