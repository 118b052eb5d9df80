//! What operations cost, as a forger's bench program counts it: it writes as much more as its engine is slower.

use crate::fixture::Fixture;
use process::fixes;

const BENCH: &str = "
[[bench]]
name = \"costs\"
harness = false
";

const FORGER: &str = r#"
fn main() {
    let Some(case) = std::env::args().nth(1) else { return println!("Put/a/1\nGet/a/1") };
    let written = if case == "Put/a/1" { mace::slower(1000.0).round() as u64 } else { 0 };
    println!(
        "{{\"operations\": 100, \"calls\": {{\"write\": 100}}, \"written_bytes\": {written}, \"syncs\": 0, \
         \"synced_bytes\": 0, \"allocations\": 300, \"allocated_bytes\": 9000, \"peak_bytes\": 500}}"
    );
}
"#;

/// More in the log than before, and in the time nothing that shows.
const MORE: f64 = 1.001;

fn add(fixture: &Fixture) {
    let manifest = fixture.read("Cargo.toml");
    fixture.write("Cargo.toml", &(manifest + BENCH));
    fixture.write("benches/costs.rs", FORGER);
}

#[test]
fn cargo_what_costs_more_fails_a_comparison() {
    let fixture = Fixture::new();
    let compare = |args: &[&str]| {
        fixture.perf(&[&["compare", "HEAD", "--set", "MACE_PERF_COSTS=1"], args].concat())
    };
    add(&fixture);
    fixture.engine("engine", MORE);
    compare(&[]).ended(0, &["note  costs are not counted: base has no benches/costs.rs"]);

    fixture.engine("engine", 1.0);
    fixture.commit("costs");
    compare(&["--measure"])
        .ended(0, &["costs: 0 of the counts of 2 cases grew beyond their limits"]);
    fixture.engine("engine", MORE);
    let more = "costs Put/a/1: bytes written 1000 to 1001, +0.10 %";
    compare(&[])
        .ended(1, &[&format!("{more} (limit 0 %): COSTS MORE"), "; costs beyond their limits: 1"]);
    let json = fixture.results("target/perf_gate/compare.json");
    assert_eq!(json["costs"]["changes"][0]["figure"], "written_bytes");
    let allowed = ["--set", "MACE_PERF_COSTS_BYTES_PCT=1"];
    compare(&allowed).ended(0, &[&format!("{more} (limit 1 %): allowed")]);
    let off = ["--set", "MACE_PERF_COSTS=0"];
    let uncounted = compare(&off);
    uncounted.ended(0, &["passed"]);
    assert!(!uncounted.stdout.contains("costs"));
}

#[test]
fn cargo_costs_are_compared_with_an_earlier_count() {
    let fixture = Fixture::new();
    add(&fixture);
    let counted = fixture.perf(&["costs"]);
    counted.ended(0, &["Put/a/1         100        1.00   0.00          10.00", "write 1.00"]);
    let file = "target/perf_gate/costs.json";
    let json = fixture.results(file);
    assert_eq!(json["cases"]["Put/a/1"]["written_bytes"], 1000);
    fixture.write("earlier.json", &fixture.read(file));
    let against = |file: &str| fixture.perf(&["costs", "--against", file]);
    against("earlier.json").ended(0, &["costs: 0 of the counts of 2 cases"]);
    fixture.engine("engine", MORE);
    against("earlier.json").ended(1, &["bytes written 1000 to 1001", "costs: 1 of the counts"]);
    // Less is shown, and is no failure.
    let earlier = fixture.read(file);
    fixture.write("earlier.json", &earlier);
    fixture.engine("engine", 1.0);
    against("earlier.json").ended(0, &["bytes written 1001 to 1000, -0.10 % (limit 0 %): less"]);
    // A case that cannot be compared is named.
    let other = earlier.replacen("\"operations\": 100", "\"operations\": 7", 1);
    fixture.write("earlier.json", &other);
    against("earlier.json").ended(0, &["not compared, one side", "counts of 1 cases"]);
    // Nothing that can be compared is no pass.
    fixture.write("earlier.json", &earlier.replace("\"operations\": 100", "\"operations\": 7"));
    against("earlier.json").refused_by("perf", &["no case has the same number of operations"]);
    fixture.write("earlier.json", "{}");
    against("earlier.json").refused_by("perf", &["malformed file"]);
}

#[test]
fn cargo_a_proof_needs_every_plant_and_no_noise() {
    let fixture = Fixture::new();
    add(&fixture);
    let prove = || fixture.perf(&["costs", "--prove", "2"]);
    prove().refused_by("perf", &["nothing would be proved"]);
    let plant = |figure: &str| {
        let hash = fixes::hash(&["    ns * 1.0"]);
        let text = format!(
            "what = \"It writes more.\"\n[[expect]]\ncase = \"Put/a/1\"\nwords = \"{figure}\"\n\
             [[edit]]\nfile = \"src/lib.rs\"\nlines = 1\nhash = \"{hash}\"\ntext = \"    ns * {MORE}\\n\"\n"
        );
        fixture.write(".config/costs/0.2.0/more.toml", &text);
    };
    plant("bytes written");
    let says = "more: caught in 5 of 5 runs; costs Put/a/1: bytes written 1000 to 1001";
    prove().ended(0, &["the same program: 0 of 2 runs flagged, 2 cases each", says]);
    plant("syncs");
    prove().ended(1, &["more: caught in 0 of 5 runs; nothing of it"]);
    plant("bytes written");
    let noisy = FORGER
        .replace("300,", "{},")
        .replace("\\\"peak_bytes\\\": 500}}\"", "\\\"peak_bytes\\\": 500}}\", std::process::id()");
    assert_ne!(noisy, FORGER);
    fixture.write("benches/costs.rs", &noisy);
    let exact = ["--set", "MACE_PERF_COSTS_ALLOCATIONS_PCT=0"];
    fixture.perf(&[&["costs", "--prove", "2"], exact.as_slice()].concat()).ended(
        1,
        &["the same program: 2 of 2 runs flagged", "another count in 2 runs: Get/a/1 allocations"],
    );
}
