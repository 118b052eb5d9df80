//! Two engines beside one another, and what a case left judged again: what got better, what got worse, and
//! what cannot be told. The engines are empty crates that say who they are.

use crate::fixture::{ENGINE, Fixture, PERF};
use process::miniature::Run;

/// A workspace with the suite's program, and two engines in folders `old` and `new`.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    fixture.write("src/bin/mace-prod-tool.rs", include_str!("../fixtures/tool.rs.txt"));
    for (name, version, who) in [("old", "0.2.0", "locked"), ("new", "9.9.9", "checkout")] {
        fixture.write(&format!("{name}/Cargo.toml"), &ENGINE.replace("0.2.0", version));
        let text = format!("pub const WHO: &str = {who:?};\n");
        fixture.write(&format!("{name}/src/lib.rs"), &text);
    }
    let manifest = fixture.read("Cargo.toml");
    let manifest = manifest.replace(
        "exclude = [\"engine\"]",
        "members = [\"perf\"]\nexclude = [\"engine\", \"old\", \"new\"]",
    );
    fixture.write("Cargo.toml", &manifest);
    fixture.write("perf/Cargo.toml", PERF);
    fixture.write("perf/src/main.rs", GATE);
    fixture
}

/// A gate that writes what stands in the file `compared.json`.
const GATE: &str = r#"
fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    assert!(arguments[0] == "engines" && arguments.len() == 3, "{arguments:?}");
    let Ok(text) = std::fs::read_to_string("compared.json") else {
        eprintln!("perf: too noisy to tell");
        std::process::exit(2);
    };
    std::fs::create_dir_all("target/perf_gate").unwrap();
    std::fs::write("target/perf_gate/compare.json", text).unwrap();
    std::process::exit(1);
}
"#;

fn upgrade(fixture: &Fixture, engines: [&str; 2], sins: &str) -> Run {
    let args = ["upgrade", engines[0], engines[1], "2", "--no-speed"];
    fixture.prod_with(&args, &[("SUITE_SIN", sins)])
}

/// A comparison of the gate in which one case regressed, one cost rose and one fell.
fn regressed(base: &str, head: &str) -> String {
    let origin = |engine: &str| format!("{{\"engine\": {engine:?}, \"commit\": \"none\"}}");
    let change = |figure: &str, head: u64, delta: f64| {
        format!(
            "{{\"case\": \"Put/K16-V16/1\", \"figure\": {figure:?}, \"base\": 100, \"head\": {head}, \
             \"delta_pct\": {delta:?}, \"limit_pct\": 0.0}}"
        )
    };
    format!(
        "{{\"format\": 1, \"gate\": \"failed\", \"identical\": false, \"base_reference\": \"old\",\n\
         \"base\": {}, \"head\": {}, \"notes\": [], \"seed\": 1, \"layouts\": 1, \"threshold_pct\": 5.0,\n\
         \"max_regress_cases\": 0, \"load\": 0.0, \"cpu_pressure_pct\": null, \"instructions\": [],\n\
         \"cases\": [{{\"case\": \"Put/K16-V16/1\", \"verdict\": \"regressed\", \"suspect\": true, \"screening\": [],\n\
         \"confirming\": [], \"estimate\": {{\"base_ns\": 100.0, \"head_ns\": 120.0, \"delta_pct\": 20.0, \"low_pct\": 18.0,\n\
         \"high_pct\": 22.0, \"base_median_ns\": 100.0, \"head_median_ns\": 120.0, \"median_delta_pct\": 20.0,\n\
         \"floor_pct\": 1.0, \"rounds\": 8, \"p_value\": 0.0}}}}],\n\
         \"costs\": {{\"base\": {{}}, \"head\": {{}}, \"changes\": [{}, {}]}}}}",
        origin(base),
        origin(head),
        change("syncs", 101, 1.0),
        change("written_bytes", 90, -10.0),
    )
}

#[test]
fn cargo_an_upgrade_says_what_got_worse() {
    let fixture = fixture();
    let forth = ["old", "new"];
    let honest = upgrade(&fixture, forth, "");
    honest.ended(
        0,
        &[
            "mace-kv 0.2.0 (",
            ") -> mace-kv 9.9.9 (",
            "the fast layer with root seed 1\n",
            "\nfindings\n  on both: lost-page\n",
            "  durability after a kill: broken, 1 confirmed finding -> broken, 1 confirmed finding\n",
            "  one of the old, closed, opened by the new: all 7 pairs\n",
            "  one of the old, killed, opened by the new: all 7 pairs\n",
            "  one of the new, killed, opened by the old: all 7 pairs\n",
            "  closed: 6 -> 8 bytes (+33.3 %)\n",
            "\nspeed and costs\n  not measured: --no-speed\n",
            "\nupgrade: passed (exit 0): 0 got worse",
        ],
    );
    assert!(!fixture.path("target/prod/junit.xml").exists(), "the last run's report is another's");

    // A finding that one of the two does not have is gone forth, and new back.
    let gone =
        ["\n  better  gone: lost-page: a page is lost\n", "  on both: none\n", "0 got worse"];
    upgrade(&fixture, forth, "mended").ended(0, &gone);
    let new = [
        "\n  WORSE   new: lost-page: a page is lost\n",
        "  WORSE   durability after a kill: kept as far as tried -> broken, 1 confirmed finding\n",
        "upgrade: FAILED (exit 1): 2 got worse",
    ];
    upgrade(&fixture, ["new", "old"], "mended").ended(1, &new);

    // Folders of the old one count; those of the new one, opened by the old, are said.
    let lossy = "  WORSE   one of the old, closed, opened by the new: 7 of 7 pairs, or others\n";
    upgrade(&fixture, forth, "lossy").ended(1, &[lossy, "2 got worse"]);
    let declined = [
        "  WORSE   one of the old, killed, opened by the new: declined: corruption (exit status: 1)\n",
        "  one of the new, closed, opened by the old: declined: corruption (exit status: 1)\n",
        "2 got worse",
    ];
    upgrade(&fixture, forth, "unreadable").ended(1, &declined);

    let lost =
        ["opened by the new: could not be opened (exit status: 1); nor by the old: could not"];
    upgrade(&fixture, forth, "corrupt").ended(0, &lost);

    // A new engine that cannot do what the old one can with its own folders.
    let own = "  WORSE   one of the new, closed, opened by the new: declined: corruption (exit status: 1)\n";
    upgrade(&fixture, forth, "disowned").ended(1, &[own, "2 got worse"]);
    let none = "  WORSE   the new makes none that is closed: no room (exit status: 1)\n";
    upgrade(&fixture, forth, "barren").ended(1, &[none, "2 got worse"]);

    // A promise that nothing confirmed breaks and that a new failure puts in doubt.
    let doubt = [
        "  WORSE   the API: kept as far as tried -> in doubt, 1 failed case\n",
        "  WORSE   fails: ",
    ];
    upgrade(&fixture, forth, "fail_on_checkout").ended(1, &doubt);

    // It is one finding on both, whichever version its entry lists.
    let listed = fixture.read(".config/known-findings.toml");
    let newer = listed.replace("\"0.2.0\", ", "");
    assert_ne!(newer, listed);
    fixture.write(".config/known-findings.toml", &newer);
    let both = ["  on both: lost-page\n", "\ncases\n  failing on both: 0\n", "0 got worse"];
    upgrade(&fixture, forth, "").ended(0, &both);
    upgrade(&fixture, ["new", "old"], "").ended(0, &both);
    assert!(fixture.read("target/upgrade/page.txt").ends_with("): 0 got worse\n"));
}

#[test]
fn cargo_an_upgrade_says_what_got_slower() {
    let fixture = fixture();
    let measured = || fixture.prod(&["upgrade", "old", "new", "2"]);
    let none = measured();
    none.ended(
        0,
        &["\nspeed and costs\n  not measured: perf: too noisy to tell (exit status: 2)\n"],
    );
    let (engines, _) = none.stdout.split_once(", the fast layer").unwrap();
    let (base, head) = engines.rsplit_once(" -> ").unwrap();
    let base = base.lines().last().unwrap();
    let compared = regressed(base, head);
    let says = |compared: &str, says: &[&str]| {
        fixture.write("compared.json", compared);
        measured().ended(u8::from(says.last() != Some(&"0 got worse")).into(), says);
    };
    let slower = "  WORSE   Put/K16-V16/1: 100 -> 120 ns (+20.0 %), regressed\n";
    let rise = "  WORSE   costs Put/K16-V16/1: syncs 100 -> 101 (+1.0 %)\n";
    let fall = "  better  costs Put/K16-V16/1: bytes written 100 -> 90 (-10.0 %)\n";
    says(&compared, &[slower, rise, fall, "  the gate says failed\n", "2 got worse"]);
    let quick = compared
        .replace("\"regressed\"", "\"faster\"")
        .replace("\"limit_pct\": 0.0", "\"limit_pct\": 1.5");
    let faster = "  better  Put/K16-V16/1: 100 -> 120 ns (+20.0 %), faster\n";
    let costs = "  costs Put/K16-V16/1: syncs 100 -> 101 (+1.0 %)\n";
    says(&quick, &[faster, costs, "  WORSE   the gate says failed\n", "1 got worse"]);
    let passed = quick.replace("\"failed\"", "\"passed\"");
    says(&passed, &[faster, costs, "  the gate says passed\n", "0 got worse"]);
    fixture.write("compared.json", &regressed(head, base));
    measured().refused_by("prod", &["the comparison is of ", "report this as a bug"]);
}

#[test]
fn an_upgrade_of_no_engine_is_refused() {
    let fixture = fixture();
    let refused = |args: &[&str], says: &[&str]| {
        fixture.prod(args).refused_at_once_by("prod", says);
    };
    refused(&["upgrade", "old"], &["<NEW>"]);
    refused(&["upgrade", "0.1.1", "0.2.0"], &["too old", "0.1.2 or later"]);
    refused(&["upgrade", "old", "nowhere"], &["the argument is no engine", "nowhere"]);
    assert!(!fixture.path("target/debug").exists(), "something was built");
}

#[test]
fn cargo_evidence_is_judged_by_the_suites_program() {
    let fixture = fixture();
    fixture
        .prod(&["judge", "nowhere"])
        .refused_at_once_by("prod", &["find the evidence", "nowhere"]);
    for code in [0, 1, 2] {
        fixture.write("left/code", &code.to_string());
        fixture.prod(&["judge", "left"]).ended(code, &["judged /", "/left\n"]);
    }
    fixture.write("src/bin/mace-prod-tool.rs", "fn main(");
    let run = fixture.prod(&["judge", "left"]);
    run.refused_by("prod", &["cannot build mace-prod-tool"]);
}
