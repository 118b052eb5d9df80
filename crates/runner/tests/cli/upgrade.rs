//! Two engines beside one another, and what a case left judged again: what got better, what got worse, and
//! what cannot be told. The engines are empty crates that say who they are.

use crate::fixture::{ENGINE, Fixture};
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
    let manifest =
        manifest.replace("exclude = [\"engine\"]", "exclude = [\"engine\", \"old\", \"new\"]");
    fixture.write("Cargo.toml", &manifest);
    fixture
}

fn upgrade(fixture: &Fixture, engines: [&str; 2], sins: &str) -> Run {
    fixture.prod_with(&["upgrade", engines[0], engines[1], "2"], &[("SUITE_SIN", sins)])
}

/// A comparison of the gate in which one case regressed.
fn regressed(base: &str, head: &str) -> String {
    let origin = |engine: &str| format!("{{\"engine\": {engine:?}, \"commit\": \"none\"}}");
    format!(
        "{{\"format\": 1, \"gate\": \"failed\", \"identical\": false, \"base_reference\": \"old\",\n\
         \"base\": {}, \"head\": {}, \"notes\": [], \"seed\": 1, \"layouts\": 1, \"threshold_pct\": 5.0,\n\
         \"max_regress_cases\": 0, \"load\": 0.0, \"cpu_pressure_pct\": null, \"instructions\": [],\n\
         \"cases\": [{{\"case\": \"Put/K16-V16/1\", \"verdict\": \"regressed\", \"suspect\": true, \"screening\": [],\n\
         \"confirming\": [], \"estimate\": {{\"base_ns\": 100.0, \"head_ns\": 120.0, \"delta_pct\": 20.0, \"low_pct\": 18.0,\n\
         \"high_pct\": 22.0, \"base_median_ns\": 100.0, \"head_median_ns\": 120.0, \"median_delta_pct\": 20.0,\n\
         \"floor_pct\": 1.0, \"rounds\": 8, \"p_value\": 0.0}}}}]}}",
        origin(base),
        origin(head)
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
            "  not measured: `just perf engines old new`, and then this again\n",
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
        "  WORSE   durability after a kill: in doubt, 1 failed case -> broken, 1 confirmed finding\n",
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

    // The last comparison of the gate counts where it is of these two.
    let (engines, _) = honest.stdout.split_once(", the fast layer").unwrap();
    let (base, head) = engines.split_once(" -> ").unwrap();
    let compared = regressed(base, head);
    fixture.write("target/perf_gate/compare.json", &compared);
    let slower =
        ["  Put/K16-V16/1: 100 -> 120 ns (+20.0 %), regressed\n", "WORSE   the gate says failed"];
    upgrade(&fixture, forth, "").ended(1, &slower);
    // It may have failed by its costs alone.
    let costlier = compared.replace("\"regressed\"", "\"unchanged\"");
    fixture.write("target/perf_gate/compare.json", &costlier);
    upgrade(&fixture, forth, "").ended(1, &["unchanged\n", "WORSE   the gate says failed"]);
    upgrade(&fixture, ["new", "old"], "").ended(0, &["not measured: `just perf engines new old`"]);
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
