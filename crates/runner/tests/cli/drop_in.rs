//! docs/drop-in.md, row by row: each command of the scripts is run as what it is here, each variable is set,
//! each file and column is looked for in what the runs left. The rows of the perf gate are tried in its own
//! package, `perf/tests/cli/drop_in.rs`.

use crate::fixture::Fixture;
use knobs::runtime;
use process::miniature::{Run, started, table};
use serde_json::Value;
use std::{collections::BTreeSet, fs};

fn read(file: &str) -> String {
    fs::read_to_string(runtime::root().join(file)).unwrap()
}

fn rows(heading: &str) -> Vec<Vec<String>> {
    table(&read("docs/drop-in.md"), heading)
}

/// The first cells of a table's rows, none twice.
fn firsts(rows: &[Vec<String>]) -> BTreeSet<&str> {
    let all: BTreeSet<_> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(all.len(), rows.len(), "a row is there twice");
    all
}

/// One short cycle in which everything is due.
const SHORT: [(&str, &str); 6] = [
    ("SOAK_DURATION_SECS", "1"),
    ("SOAK_THREADS", "2"),
    ("SOAK_CHAOS_EVERY", "1"),
    ("SOAK_PERF_EVERY", "1"),
    // As long as the whole: there are too few cycles to judge anything by, on a quick machine too.
    ("SOAK_CYCLE_PAUSE_SECS", "1"),
    ("CHAOS_RETRY", "1"),
];

fn summary(fixture: &Fixture, folder: &str) -> Value {
    serde_json::from_str(&fixture.read(&format!("{folder}/summary.json"))).unwrap()
}

#[test]
fn cargo_each_command_of_the_scripts_runs() {
    let fixture = Fixture::soaking();
    let rows = rows("Commands");
    let prod = ["", " fast 8", " stress 8", " chaos 8", " all 8"];
    let prod = prod.map(|args| format!("./scripts/prod_test.sh{args}"));
    let perf = ["snapshot", "compare"].map(|args| format!("./scripts/perf_gate.sh {args}"));
    let all: Vec<_> =
        prod.iter().chain(&perf).map(String::as_str).chain(["./scripts/prod_soak.sh"]).collect();
    assert_eq!(firsts(&rows), all.into_iter().collect());
    let justfile = read("justfile");
    for row in &rows {
        let (package, args) = started(&justfile, &row[1]);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let script = row[0].split(' ').collect::<Vec<_>>();
        match (script[0], package.as_str()) {
            ("./scripts/prod_test.sh", "runner") => {
                assert_eq!(args[1..], script[1..], "the same arguments");
                let run = fixture.prod(&args);
                run.ended(0, &["\nfailures\n  none\n", "\nchanges: passed (exit 0): "]);
                let layers = |run: &Run| {
                    let names = ["fast ", "stress ", "chaos ", "fast (plain engine) "];
                    let is_there = |name: &&str| run.stdout.contains(&format!("\n{name}  "));
                    names.into_iter().filter(is_there).count()
                };
                let all = if script.contains(&"all") { 4 } else { 1 };
                assert_eq!(layers(&run), all, "{}", run.stdout);
            }
            ("./scripts/prod_soak.sh", "runner") => {
                let run = fixture.prod_with(&args, &SHORT);
                run.ended(3, &["\nstress ", "\nchaos ", "\nperf snapshot ", "\nfast "]);
            }
            ("./scripts/perf_gate.sh", "perf") => assert_eq!(args, script[1..]),
            other => panic!("{other:?}: {row:?}"),
        }
    }

    files(&fixture);
    columns(&fixture);
}

/// The files of the scripts, as the last command left them.
fn files(fixture: &Fixture) {
    for row in rows("Files") {
        match (row[1].as_str(), row[0].as_str()) {
            ("soak", file) => assert!(fixture.path(file).is_file(), "{file}"),
            ("perf compare" | "perf snapshot", file) => {
                assert!(file.starts_with("target/perf_gate/"), "{file}");
            }
            ("nobody", ".config/perf.toml") => {
                fixture.write(".config/perf.toml", "MACE_PERF_REGRESS_PCT = 9\n");
                let says = knob(fixture, "MACE_PERF_REGRESS_PCT", &[]);
                assert!(says.contains(" 9 ") && says.contains(" .config/perf.toml "), "{says}");
            }
            _ => panic!("{row:?}"),
        }
    }
}

/// The columns of the soak's table, and what they say of the snapshot.
fn columns(fixture: &Fixture) {
    let columns = rows("Columns and fields");
    let columns = columns.iter().filter(|row| row[1] == "perf_cycles.csv");
    let columns: Vec<&str> = columns.map(|row| row[0].as_str()).collect();
    let table = fixture.read("target/prod_soak/perf_cycles.csv");
    assert!(table.starts_with(&format!("{},", columns.join(","))), "{columns:?}: {table}");
    assert_eq!(columns.len(), 5);
    let taken = fixture.read("target/prod_soak/perf_cycle_1.json");
    let taken: Value = serde_json::from_str(&taken).unwrap();
    let mut medians: Vec<f64> = ["Get/K16-V16/1", "Put/K16-V16/1"]
        .map(|case| taken["cases"][case]["median_ns"].as_f64().unwrap())
        .into();
    medians.sort_by(f64::total_cmp);
    let row: Vec<f64> = table
        .lines()
        .nth(1)
        .unwrap()
        .split(',')
        .take(5)
        .map(|cell| cell.parse().unwrap())
        .collect();
    assert_eq!((row[0], row[2], row[4]), (1.0, 2.0, medians[1]), "{table}");
    assert!((row[3] - f64::midpoint(medians[0], medians[1])).abs() < 1e-6, "{table}");
}

/// The line of a knob, where these are set.
fn knob(fixture: &Fixture, name: &str, env: &[(&str, &str)]) -> String {
    let run = fixture.prod_with(&["knobs"], env);
    let line = run.stdout.lines().find(|line| line.split(' ').next() == Some(name));
    line.unwrap_or_else(|| panic!("no knob {name}: {run:#?}")).to_owned()
}

/// The value in the line of a knob: what stands between its name and where the value is from.
fn value(line: &str) -> &str {
    let (_, rest) = line.split_once(' ').unwrap();
    let rest = rest.trim_start();
    ["  ", " .config/", " built-in", " environment"]
        .iter()
        .filter_map(|end| rest.split_once(end))
        .map(|(value, _)| value)
        .min_by_key(|value| value.len())
        .unwrap_or(rest)
        .trim_matches(['(', ')'])
}

/// What a variable makes of a run that is given something wrong: the command, and what else is set.
struct Effect {
    name: &'static str,
    value: &'static str,
    args: &'static [&'static str],
    sin: &'static str,
    code: i32,
    says: &'static str,
}

const EFFECTS: [Effect; 5] = [
    Effect {
        name: "FEATURES",
        value: "",
        args: &["run", "chaos"],
        sin: "",
        code: 0,
        says: "skipped",
    },
    Effect {
        name: "FAST_TIMEOUT",
        value: "1",
        args: &["run", "fast"],
        sin: "timeout",
        code: 1,
        says: "a_first  [fast: ",
    },
    Effect {
        name: "STRESS_TIMEOUT",
        value: "1",
        args: &["run", "stress"],
        sin: "late",
        code: 1,
        says: "stress_rounds  [stress: timed-out",
    },
    Effect {
        name: "CHAOS_TIMEOUT",
        value: "1",
        args: &["run", "chaos", "--set", "CHAOS_RETRY=1"],
        sin: "late_chaos",
        code: 1,
        says: "chaos_point  [chaos: timed-out",
    },
    Effect {
        name: "CHAOS_RETRY",
        value: "1",
        args: &["run", "chaos"],
        sin: "flaky",
        code: 1,
        says: "chaos_point  [chaos: failed",
    },
];

/// The variables that the scripts had. How many rounds a case does is the suite's own business; that it is
/// handed the value is what these rows promise.
const VARIABLES: [&str; 27] = [
    "FEATURES",
    "FAST_TIMEOUT",
    "STRESS_TIMEOUT",
    "CHAOS_TIMEOUT",
    "CHAOS_RETRY",
    "MACE_PROD_BUCKET_STRESS_ROUNDS",
    "MACE_PROD_BUCKET_CHURN_ROUNDS",
    "MACE_PROD_BUCKET_CHURN_WORKERS",
    "MACE_PROD_EVICTOR_STRESS_ROUNDS",
    "MACE_PERF_THRESHOLD_FILE",
    "MACE_PERF_BASE_REF",
    "MACE_PERF_BENCH_ARGS",
    "MACE_PERF_COMPARE_FILTERS",
    "MACE_PERF_REGRESS_PCT",
    "MACE_PERF_MAX_REGRESS_CASES",
    "MACE_PERF_MIN_COMPARE_CASES",
    "MACE_PERF_MIN_BASE_NS",
    "MACE_PERF_OUTPUT",
    "SOAK_DURATION_SECS",
    "SOAK_THREADS",
    "SOAK_STRESS_TIMEOUT",
    "SOAK_CHAOS_TIMEOUT",
    "SOAK_FAST_TIMEOUT",
    "SOAK_CHAOS_EVERY",
    "SOAK_PERF_EVERY",
    "SOAK_CYCLE_PAUSE_SECS",
    "SOAK_METRICS_DIR",
];

#[test]
fn cargo_each_variable_of_the_scripts_is_obeyed() {
    let fixture = Fixture::soaking();
    let rows = rows("Variables");
    assert_eq!(firsts(&rows), VARIABLES.into_iter().collect());
    for row in &rows {
        let name = row[0].as_str();
        let says = knob(&fixture, name, &[]);
        assert_eq!(value(&says), row[1], "{says}");
        let is_number = row[1].parse::<u64>().is_ok();
        let set = if is_number { "7" } else { "x.toml" };
        if name != "FEATURES" && name != "MACE_PERF_THRESHOLD_FILE" {
            let says = knob(&fixture, name, &[(name, set)]);
            assert!(value(&says) == set && says.contains(" environment "), "{name}: {says}");
        }
        if is_number {
            let refused = fixture.prod_with(&["knobs"], &[(name, "many")]);
            refused.refused_at_once_by("prod", &[name, "many", "environment"]);
        }
    }
    fixture.write("old.env", ": \"${MACE_PERF_REGRESS_PCT:=20}\"\n");
    let says = knob(&fixture, "MACE_PERF_REGRESS_PCT", &[("MACE_PERF_THRESHOLD_FILE", "old.env")]);
    assert!(says.contains(" 20 ") && says.contains("old.env"), "{says}");

    for Effect { name, value, args, sin, code, says } in EFFECTS {
        let sin = ("SUITE_SIN", sin);
        fixture.prod_with(args, &[(name, value), sin]).ended(code, &[says]);
    }
    // Those of a soak, at once: each limit cuts off what is too late, and nothing else is due.
    let limits = ["SOAK_STRESS_TIMEOUT", "SOAK_CHAOS_TIMEOUT", "SOAK_FAST_TIMEOUT"];
    let env = SHORT.into_iter().chain(limits.map(|limit| (limit, "1")));
    let env = env.chain([("SOAK_METRICS_DIR", "aside"), ("SUITE_SIN", "late,late_chaos,timeout")]);
    let env: Vec<_> = env.collect();
    fixture.prod_with(&["soak"], &env).ended(1, &[]);
    let soaked = summary(&fixture, "aside");
    let failures = soaked["failures"].as_array().unwrap().iter();
    let failed = failures
        .map(|failure| (failure["part"].as_str().unwrap(), failure["verdict"].as_str().unwrap()));
    let failed: BTreeSet<_> = failed.collect();
    assert!(failed.contains(&("stress", "timed-out")), "{soaked:#}");
    assert!(failed.contains(&("chaos", "timed-out")), "{soaked:#}");
    assert!(failed.iter().any(|(part, _)| *part == "fast"), "{soaked:#}");
    assert_eq!((&soaked["cycles"], &soaked["duration_secs"]), (&1.into(), &1.into()));
    let parts = |soaked: &Value| {
        let parts = soaked["parts"].as_object().unwrap();
        parts.keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(parts(&soaked), ["aging", "chaos", "fast", "perf snapshot", "stress"]);
    let never = [("SOAK_CHAOS_EVERY", "0"), ("SOAK_PERF_EVERY", "0")];
    let env: Vec<_> =
        SHORT.into_iter().filter(|(name, _)| !name.ends_with("_EVERY")).chain(never).collect();
    fixture.prod_with(&["soak"], &env).ended(3, &["not judged"]);
    assert_eq!(parts(&summary(&fixture, "target/prod_soak")), ["aging", "fast", "stress"]);
}

#[test]
fn each_job_of_the_scripts_guide_is_there() {
    let rows = rows("Continuous integration");
    assert_eq!(firsts(&rows), ["test-prod-all", "perf-regression", "Prod Soak Nightly"].into());
    for row in rows {
        let workflow = read(&format!(".github/workflows/{}", row[1]));
        let job = row[0].as_str();
        // The whole cell, or the code that it begins with.
        let step = row[2].trim_start_matches('`').split('`').next().unwrap_or_default();
        if job.contains(' ') {
            let leg = read(".github/workflows/soak-leg.yml");
            assert!(workflow.contains(&format!("\nname: {job}\n")), "{job}");
            assert!(workflow.contains("uses: ./.github/workflows/soak-leg.yml"), "{job}");
            assert!(leg.contains(&format!("- run: exec {step}\n")), "{job}: {step}");
        } else {
            let (_, body) = workflow.split_once(&format!("\n  {job}:\n")).expect(job);
            let body = body.split("\n\n").next().unwrap_or_default();
            assert!(body.contains(&format!("- run: exec {step} ")), "{job}: {step}");
        }
    }
}
