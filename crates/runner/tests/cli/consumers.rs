//! The merged report given to programs that others have written, each run offline. What they need
//! is fetched by `just bootstrap --all`; without it these tests say so and check nothing.

use crate::fixture::Fixture;
use std::{path::PathBuf, process::Command};

/// A tool that `just bootstrap --all` has fetched.
#[expect(clippy::print_stdout, reason = "a skipped test says why")]
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let tools = knobs::runtime::root().join("target/tools");
    let places =
        ["ci/bin", "npm/node_modules/.bin", "cargo/bin"].map(|place| tools.join(place).join(name));
    let found = places.into_iter().find(|path| path.exists());
    if found.is_none() {
        println!("skipped: no {name} below target/tools: `just bootstrap --all` fetches it");
    }
    found
}

/// Runs a tool to its end; its output and whether it was content.
pub(crate) fn ask(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// A run in which a case failed, one was too late, one was flaky and one met a known finding.
fn red() -> Fixture {
    let fixture = Fixture::new();
    let env = [("MACE_PROD_SEED", "40"), ("SUITE_SIN", "fail,late,flaky"), ("STRESS_TIMEOUT", "1")];
    let run = fixture.prod_with(&["run", "all", "2"], &env);
    run.ended(1, &["FAILED (exit 1): 4 failures in 12 cases"]);
    fixture
}

/// What the parser of `PyPI`'s junitparser sees, one line a case.
const PARSER: &str = "
import sys
from junitparser import JUnitXml
xml = JUnitXml.fromfile(sys.argv[1])
print('total', xml.tests, xml.failures, xml.errors, xml.skipped)
for suite in xml:
    print('suite', suite.name, suite.tests, suite.time is not None and suite.time >= 0)
    for case in suite:
        seed = [p.value for p in case.properties() if p.name == 'seed'] if hasattr(case, 'properties') else []
        props = {p.get('name'): p.get('value') for p in case._elem.iter('property')}
        flaky = len(list(case._elem.iter('flakyFailure')))
        for r in case.result or [None]:
            print('case', suite.name, case.name, type(r).__name__, getattr(r, 'type', None), bool(getattr(r, 'message', None)), props.get('seed'), props.get('verdict'), flaky)
";

#[test]
fn cargo_the_merged_report_is_read_by_junitparser() {
    let Some(python) = tool("python").filter(|_| tool("junitparser").is_some()) else { return };
    let fixture = red();
    let report = fixture.path("target/prod/junit.xml");
    let (content, text) = ask(Command::new(python).args(["-c", PARSER]).arg(&report));
    assert!(content, "{text}");
    for line in [
        "total 12 4 0 0",
        "suite fast/suite::prod_cases 5 True",
        "case fast/suite::prod_cases b_second Failure test failure with exit code 101 True 41 failed 0",
        "case stress/suite::prod_cases stress_rounds Failure test timeout True None timed-out 0",
        "case chaos/suite::prod_cases chaos_point Failure flaky failure True None flaky 1",
        "case fast/suite::prod_cases a_first NoneType None False 41 passed 0",
    ] {
        assert!(text.contains(line), "`{line}` is missing in\n{text}");
    }
    // The command itself, as a gate in somebody's pipeline.
    let (content, text) =
        ask(Command::new(tool("junitparser").unwrap()).arg("verify").arg(&report));
    assert!(!content, "verify lets a red report pass: {text}");
}

#[test]
fn cargo_the_merged_report_is_read_by_junit2html() {
    let Some(tool) = tool("junit2html") else { return };
    let fixture = red();
    let report = fixture.path("target/prod/junit.xml");
    let page = fixture.path("page.html");
    let (content, text) = ask(Command::new(tool).arg(&report).arg(&page));
    assert!(content, "{text}");
    let page = fixture.read("page.html");
    for part in ["chaos_point", "stress_rounds", "the planted failure", "past its limit, killed"] {
        assert!(page.contains(part), "`{part}` is missing");
    }
}

#[test]
fn cargo_two_npm_programs_read_the_merged_report() {
    let (Some(viewer), Some(jrm)) = (tool("xunit-viewer"), tool("jrm")) else { return };
    let fixture = red();
    let report = fixture.path("target/prod/junit.xml");
    let (content, text) = ask(Command::new(jrm).arg(fixture.path("two.xml")).arg(&report));
    assert!(content, "{text}");
    let two = fixture.read("two.xml");
    assert!(two.contains("tests=\"12\"") && two.contains("failures=\"4\""), "{two}");
    assert!(two.contains("flakyFailure") && two.contains("name=\"seed\""), "{two}");
    let mut command = Command::new(viewer);
    command.arg("-r").arg(&report).args(["--console", "--no-color", "--output"]);
    let (_, text) = ask(command.arg(fixture.path("viewer.html")));
    for part in ["stress_rounds", "chaos_point", "8 passed, 4 failure"] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
    assert!(fixture.path("viewer.html").is_file(), "{text}");
}

/// The strict reader of the reference implementation.
const METRICS: &str = "
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
print(sorted({f.name for f in parse(open(sys.argv[1]).read())}))
";

#[test]
fn cargo_the_reference_parser_reads_the_metrics() {
    let Some(python) = tool("python") else { return };
    let fixture = red();
    assert_eq!(fixture.prod(&["report"]).code, Some(0));
    let metrics = fixture.path("target/prod/report.openmetrics.txt");
    let (content, text) = ask(Command::new(python).args(["-c", METRICS]).arg(metrics));
    assert!(content && text.contains("mace_prod_layer_duration_seconds"), "{text}");
}
