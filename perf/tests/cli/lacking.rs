//! What a machine may lack, and what is handed on to the benches.

use crate::fixture::{Bin, Fixture};
use std::fs;

#[test]
fn cargo_what_the_machine_lacks_is_said_and_what_the_benches_are_told_reaches_them() {
    let fixture = Fixture::new();
    let bin = Bin::without(&fixture, &["valgrind", "cc"]);
    bin.linker();
    let env = [
        ("PATH", bin.path()),
        ("MACE_PERF_BENCH_ARGS", "--noplot --quiet"),
        ("MACE_BENCH_PUT_MEAS_SECS", "7"),
        ("MACE_PERF_LAYOUTS", "2"),
        ("MACE_PERF_INSTRUCTIONS", "1"),
    ];
    let run = fixture.perf_with(&["compare", "base", "--measure"], &env);
    run.ended(
        0,
        &[
            "note  valgrind is not installed: instructions are not counted",
            "note  the linker does not shuffle sections: the default layout alone is measured",
            "passed: 0 of 2 cases slower",
        ],
    );
    let json = fixture.results("target/perf_gate/compare.json");
    assert_eq!((&json["layouts"], &json["instructions"]), (&1.into(), &serde_json::json!([])));
    let log = |name: &str| fs::read_to_string(fixture.path("target/perf_gate").join(name)).unwrap();
    for name in ["base.bench.log", "head.bench.log"] {
        assert!(log(name).contains("\"--noplot\", \"--quiet\""), "{}", log(name));
        // The short runs of a comparison have a length of their own.
        assert!(log(name).contains("Err(NotPresent)"), "{}", log(name));
    }
    fixture.perf_with(&["snapshot"], &env).ended(0, &["2 cases"]);
    let log = log("snapshot.bench.log");
    assert!(log.contains("\"--noplot\", \"--quiet\"") && log.contains("Ok(\"7\")"), "{log}");
}
