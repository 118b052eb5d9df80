//! What a soak refuses: exit 2, one line, before anything is built.

use crate::fixture::Fixture;
use std::fs;

#[test]
fn arguments_and_files_that_make_no_sense() {
    let fixture = Fixture::soaking();
    for shard in ["0/2", "3/2", "2", "a/b", "1/0"] {
        fixture
            .prod(&["soak", "--shard", shard])
            .refused_at_once_by("prod", &["shard", shard, "K from 1 to N"]);
    }
    let shard = ["soak", "--shard", "1/2"];
    fixture
        .prod(&shard)
        .refused_at_once_by("prod", &["a shard of a soak whose seed is not set", "MACE_PROD_SEED"]);
    fixture
        .prod(&["soak", "--resume"])
        .refused_at_once_by("prod", &["no soak to go on with", "summary.json"]);
    fixture
        .prod(&["soak", "12"])
        .refused_at_once_by("prod", &["unexpected argument '12'", "--help"]);
    fixture
        .prod(&["soak", "--set", "SOAK_PERF_EVERY=-1"])
        .refused_at_once_by("prod", &["`SOAK_PERF_EVERY` = \"-1\""]);
    let env = [("SOAK_DURATION_SECS", "long")];
    fixture
        .prod_with(&["soak"], &env)
        .refused_at_once_by("prod", &["`SOAK_DURATION_SECS` = \"long\"", "environment"]);
    fixture.prod(&["ledger", "out"]).refused_at_once_by("prod", &["LEDGERS"]);
    fixture
        .prod(&["ledger", "out", "nowhere"])
        .refused_at_once_by("prod", &["no such ledger", "nowhere"]);

    for (text, says) in [
        ("[growth]\nmemory_byte = 1\n", "memory_byte"),
        ("[growth]\nmin_cycles = 1\n", "`growth.min_cycles` = 1"),
        ("[pace]\nslower_pct = \"much\"\n", "line 2"),
        ("[paces]\n", "unknown knob `paces`"),
        ("pace = 3\n", "unknown knob `pace`"),
        ("SOAK_THREADS = 0\n", "`SOAK_THREADS` = \"0\""),
        ("[growth\n", "soak.toml:1"),
    ] {
        fixture.write(".config/soak.toml", text);
        fixture.prod(&["soak"]).refused_at_once_by("prod", &["soak.toml", says]);
    }
    assert!(!fixture.path("target/debug").exists(), "something was built");
}

#[test]
fn a_folder_that_cannot_be_used() {
    let fixture = Fixture::soaking();
    fixture.write("target/in-the-way", "");
    let env = [("SOAK_METRICS_DIR", "target/in-the-way")];
    fixture
        .prod_with(&["soak"], &env)
        .refused_at_once_by("prod", &["output folder", "target/in-the-way"]);

    fixture.write("target/prod_soak/ledger.jsonl", "nonsense\n");
    fixture.prod(&["soak"]).refused_at_once_by("prod", &["line 1 is no entry", "ledger.jsonl"]);
    fs::remove_file(fixture.path("target/prod_soak/ledger.jsonl")).unwrap();

    let lock = fs::File::create(fixture.path("target/prod_soak/lock")).unwrap();
    lock.lock().unwrap();
    fixture
        .prod(&["soak"])
        .refused_at_once_by("prod", &["another soak is writing there", "target/prod_soak"]);
    drop(lock);

    fixture.write("target/prod_soak/summary.json", "{\"version\": 1}");
    fixture
        .prod(&["soak", "--resume"])
        .refused_at_once_by("prod", &["malformed", "start without --resume"]);
    assert!(!fixture.path("target/debug").exists(), "something was built");
}
