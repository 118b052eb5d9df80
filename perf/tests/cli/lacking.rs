//! What a machine may lack, and what is handed on to the benches.

use crate::fixture::{Bin, Fixture};
use std::fs;

#[test]
fn cargo_missing_tools_are_noted_and_knobs_passed_on() {
    let fixture = Fixture::new();
    let bin = Bin::without(&fixture, &["valgrind", "cc"]);
    bin.linker();
    let env = [
        ("PATH", bin.path()),
        ("MACE_PERF_BENCH_ARGS", "--noplot --quiet --sample-size 20"),
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
            "target/perf_gate/layouts/base.link.log",
            "passed: 0 of 2 cases slower",
        ],
    );
    let json = fixture.results("target/perf_gate/compare.json");
    assert_eq!((&json["layouts"], &json["instructions"]), (&1.into(), &serde_json::json!([])));
    let said = fixture.read("target/perf_gate/layouts/base.link.log");
    assert!(said.contains("linking with `"), "{said}");
    let log = |name: &str| fs::read_to_string(fixture.path("target/perf_gate").join(name)).unwrap();
    let theirs = "\"--noplot\", \"--quiet\", \"--sample-size\", \"20\"";
    for name in ["base.bench.log", "head.bench.log"] {
        let log = log(name);
        assert!(log.contains(theirs) && log.matches("--sample-size").count() > 1, "{log}");
        // The short runs of a comparison have a length of their own.
        assert!(log.contains("\"--measurement-time\", \"0.001\""), "{log}");
    }
    fixture.perf_with(&["snapshot"], &env).ended(0, &["2 cases"]);
    let log = log("snapshot.bench.log");
    assert!(log.contains(theirs) && !log.contains("\"0.001\""), "{log}");
    assert!(log.contains("MACE_BENCH_PUT_MEAS_SECS=7"), "{log}");
}

/// What is not the linker's doing is not put down to it.
#[test]
fn cargo_a_failed_layout_is_not_blamed_on_the_linker() {
    let fixture = Fixture::new();
    let bin = Bin::without(&fixture, &["cargo"]);
    bin.cargo("[ \"$1\" != rustc ] || { echo 'error: no room on the disk' >&2; exit 101; }");
    let env = [("PATH", bin.path()), ("MACE_PERF_LAYOUTS", "2")];
    let run = fixture.perf_with(&["compare", "base", "--measure"], &env);
    run.ended(0, &["note  layout 1 of base cannot be built: the default layout alone is measured"]);
    assert!(!run.stdout.contains("does not shuffle"), "{}", run.stdout);
    let said = fixture.read("target/perf_gate/layouts/head.link.log");
    assert!(said.contains("no room on the disk"), "{said}");
}

/// Of the two profiles of the benches the file states the quick one; who asks for the full one gets it.
#[test]
fn cargo_the_profile_reaches_the_benches() {
    let fixture = Fixture::new();
    let gate = fixture.read(".config/perf.toml");
    let ours = fs::read_to_string(knobs::runtime::root().join(".config/perf.toml")).unwrap();
    let quick: Vec<_> = ours.lines().filter(|line| line.starts_with("MACE_BENCH_")).collect();
    assert_eq!(quick.len(), 7, "{ours}");
    fixture.write(".config/perf.toml", &format!("{gate}{}\n", quick.join("\n")));
    let told = |log: &str| {
        let text = fixture.read(&format!("target/perf_gate/{log}.bench.log"));
        let line = text.lines().find_map(|line| Some(line.split_once(" told ")?.1.to_owned()));
        line.expect("the forger says what it was told")
    };
    let all = "16:16,100:1024,1024:1024,16:10240";
    let by_hand = [("MACE_BENCH_THREADS", "3"), ("MACE_BENCH_TOTAL_ITEMS", "9")];
    for (quick, by_hand, items, threads, sizes) in [
        ("1", &[][..], "20000", "1,4", "16:16,100:1024"),
        ("0", &[][..], "100000", "1,2,4,8", all),
        ("0", &by_hand[..], "9", "3", all),
    ] {
        let env = [by_hand, &[("MACE_BENCH_QUICK", quick)]].concat();
        fixture.perf_with(&["snapshot"], &env).ended(0, &["2 cases"]);
        fixture
            .perf_with(&["compare", "base", "--measure"], &env)
            .ended(0, &["0 of 2 cases slower"]);
        // A comparison has a number of items of its own.
        for (log, items) in [("snapshot", items), ("base", "200"), ("head", "200")] {
            let told = told(log);
            let told: Vec<_> = told.split(' ').collect();
            for (name, value) in [("TOTAL_ITEMS", items), ("THREADS", threads), ("KV_CASES", sizes)]
            {
                let says = format!("MACE_BENCH_{name}={value}");
                assert!(told.contains(&says.as_str()), "{log}: `{says}` is missing in {told:?}");
            }
        }
    }
}
