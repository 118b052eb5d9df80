//! Instructions, counted by real valgrind where it is installed: the forger does as much more work as
//! its engine is slower.

use crate::fixture::Fixture;
use serde_json::Value;
use std::process::Command;

const CASES: &str = "MACE_PERF_COMPARE_FILTERS=Put/a/1,Put/a/4,Idle/a/1,Broken/a/1,Reopen/a/killed";

#[test]
#[expect(clippy::print_stderr, reason = "whoever reads why nothing was shown looks there")]
fn cargo_work_is_counted_and_whatever_is_not_is_said() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("skipped: valgrind is not installed, and the test is about what it counts");
        return;
    }
    let fixture = Fixture::new();
    fixture.bench(
        "(\"Put/a/1\", 1e6), (\"Put/a/4\", 1e6), (\"Idle/a/1\", 1e6), (\"Broken/a/1\", 1e6), \
         (\"Reopen/a/killed\", 1e6)",
    );
    fixture.commit("more cases");
    let compare = |args: &[&str]| {
        let counting = ["--set", "MACE_PERF_INSTRUCTIONS=1", "--set", CASES];
        fixture.perf(&[&["compare", "HEAD"], args, &counting[..]].concat())
    };
    let same = compare(&["--measure"]);
    same.ended(
        0,
        &[
            "note  instructions of Idle/a/1 are not counted: base spent no instruction in",
            "note  instructions of Broken/a/1 are not counted: base failed under callgrind",
        ],
    );
    assert!(
        fixture.read("target/perf_gate/base.bench.log").contains("Broken/a/1 cannot be counted")
    );
    let [put, four, reopen] = counted(&fixture);
    // A step of the loop is a few instructions.
    assert!((100_000..2_000_000).contains(&put.base), "{}", put.base);
    assert!(put.delta_pct.abs() <= put.limit_pct && put.limit_pct < 2.0, "a count that is noise");
    for same in [&put, &four, &reopen] {
        assert_eq!(same.meaning, "the same work");
    }
    // Each client's thread is followed.
    assert_eq!(four.base, 4 * put.base);

    fixture.engine("engine", 1.5);
    let slower = compare(&[]);
    slower.ended(1, &["failed: 5 of 5 cases slower", "slower by more work"]);
    for more in counted(&fixture) {
        assert!((more.delta_pct - 50.0).abs() < 1.0, "{} instead of 50", more.delta_pct);
        assert!([put.base, four.base].contains(&more.base));
        assert_eq!(more.meaning, "slower by more work");
        assert!(more.function.ends_with("work"), "{}", more.function);
    }

    // More work in the same time: measured as a suspect is, and no more than a warning.
    fixture.engine("engine", 1.0);
    let bench = fixture.read("benches/perf.rs");
    fixture.write("benches/perf.rs", &bench.replace("slower(100_000.0)", "slower(200_000.0)"));
    compare(&[])
        .ended(0, &["WARNING: more work, not slower beyond the threshold", "passed: 0 of 5 cases"]);
    let json = fixture.results("target/perf_gate/compare.json");
    let cases = json["cases"].as_array().unwrap().iter();
    let suspects: Vec<_> = cases.filter(|case| case["suspect"] == true).collect();
    let names: Vec<_> = suspects.iter().map(|case| case["case"].as_str().unwrap()).collect();
    assert_eq!(names, ["Put/a/1", "Put/a/4", "Reopen/a/killed"]);
    for case in suspects {
        assert_eq!(case["confirming"].as_array().unwrap().len(), 32, "eight rounds of four");
    }
}

struct Counted {
    base: u64,
    delta_pct: f64,
    limit_pct: f64,
    meaning: String,
    /// The one that grew most.
    function: String,
}

fn counted(fixture: &Fixture) -> [Counted; 3] {
    let json = fixture.results("target/perf_gate/compare.json");
    let of = |case: &str| {
        let counted = json["instructions"].as_array().unwrap();
        let counted = counted.iter().find(|counted| counted["case"] == case).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Counted {
            base: counted["base"].as_u64().unwrap(),
            delta_pct: counted["delta_pct"].as_f64().unwrap(),
            limit_pct: counted["limit_pct"].as_f64().unwrap(),
            meaning: text(&counted["meaning"]),
            function: text(&counted["grew"][0][0]),
        }
    };
    [of("Put/a/1"), of("Put/a/4"), of("Reopen/a/killed")]
}
