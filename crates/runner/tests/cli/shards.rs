//! One run on several machines: archives, shards and their merged result. All machines are this
//! one; what a shard left is put aside as an artifact would be.

use crate::fixture::Fixture;
use process::miniature::Run;
use std::fs;

const SEED: (&str, &str) = ("MACE_PROD_SEED", "40");

/// Runs a shard and puts what it left into `folder`.
fn ran(fixture: &Fixture, slice: &str, folder: &str, env: &[(&str, &str)]) -> Run {
    let run = fixture.prod_with(&["shard", slice, "2"], env);
    fs::remove_dir_all(fixture.path(folder)).ok();
    fs::rename(fixture.path("target/prod/shard"), fixture.path(folder)).expect(&run.stderr);
    run
}

/// The exit code of the same.
fn shard(fixture: &Fixture, slice: &str, folder: &str, env: &[(&str, &str)]) -> Option<i32> {
    ran(fixture, slice, folder, env).code
}

#[test]
fn cargo_two_shards_are_one_run() {
    let fixture = Fixture::new();
    let archived = fixture.prod_with(&["archive", "all"], &[SEED]);
    archived.ended(0, &["target/prod/archive"]);
    for file in ["suite.tar.zst", "suite-plain.tar.zst", "plan.json"] {
        assert!(fixture.path("target/prod/archive").join(file).is_file(), "{file}");
    }
    // The seed is the plan's: whatever a shard's machine has set.
    let other = ("MACE_PROD_SEED", "99");
    assert_eq!(shard(&fixture, "1/2", "one", &[other]), Some(0));
    assert_eq!(shard(&fixture, "2/2", "two", &[]), Some(0));
    let merged = fixture.prod(&["merge", "one", "two"]);
    merged.ended(
        0,
        &[
            "root seed 40",
            "\nfast                      5         4         0         0         0         0         1",
            "fast:                reopenings 1, transactions 11\n",
            "failures\n  none\n\nthe engine: ",
            "\nchanges: passed (exit 0): 12 cases, 2 known findings counted apart\n",
        ],
    );
    let record = fixture.read("target/prod/run.json");
    assert!(record.contains("\"shards\": 2") && record.contains("\"passed\""), "{record}");
    let report = fixture.read("target/prod/junit.xml");
    assert!(report.contains("tests=\"12\"") && report.contains("\"41\""), "{report}");

    // Unpacked into one folder: each below it, or the only one in it.
    for (from, to) in [("one", "all/shard-0"), ("two", "all/shard-1")] {
        fs::create_dir_all(fixture.path("all")).unwrap();
        fs::rename(fixture.path(from), fixture.path(to)).unwrap();
    }
    fixture.prod(&["merge", "all"]).ended(0, &["\nchanges: passed (exit 0): 12 cases, 2 known"]);
    let alone = ["shard 1/2 is absent", "FAILED (exit 1)"];
    fixture.prod(&["merge", "all/shard-1"]).ended(1, &alone);

    // A failure in one shard is the run's, with the command that repeats it.
    let sin = [("SUITE_SIN", "fail")];
    let codes = [("1/2", "worse"), ("2/2", "bad")].map(|(k, to)| shard(&fixture, k, to, &sin));
    assert!(codes.contains(&Some(1)), "{codes:?}");
    fixture.prod(&["merge", "worse", "bad"]).ended(1, &["just repro b_second 40\n"]);
}

#[test]
fn cargo_what_fell_between_shards_is_missing() {
    let fixture = Fixture::new();
    assert_eq!(fixture.prod_with(&["archive", "fast"], &[SEED]).code, Some(0));
    assert_eq!(shard(&fixture, "1/2", "one", &[]), Some(0));
    assert_eq!(shard(&fixture, "2/2", "two", &[]), Some(0));
    let absent = ["shard 2/2 is absent", ": missing, ", "FAILED (exit 1)"];
    fixture.prod(&["merge", "one"]).ended(1, &absent);
    fixture
        .prod(&["merge", "one", "one"])
        .refused_at_once_by("prod", &["shard 1/2 is there twice", "each once"]);

    // A report that is gone is no pass, nor is a case that two shards were given.
    fs::rename(fixture.path("two/fast.junit.xml"), fixture.path("aside")).unwrap();
    fixture.prod(&["merge", "one", "two"]).ended(1, &[": missing, ", "has no result"]);
    fs::rename(fixture.path("aside"), fixture.path("two/fast.junit.xml")).unwrap();
    let honest = fixture.read("two/shard.json");
    let theirs = fixture.read("one/shard.json");
    let mut doubled: serde_json::Value = serde_json::from_str(&honest).unwrap();
    let one: serde_json::Value = serde_json::from_str(&theirs).unwrap();
    doubled["parts"]["fast"]["listed"] = one["parts"]["fast"]["listed"].clone();
    fixture.write("two/shard.json", &doubled.to_string());
    fixture.prod(&["merge", "one", "two"]).ended(1, &["was given to two shards"]);

    // Another seed is another run.
    fixture
        .write("two/shard.json", &honest.replace("\"root_seed\": \"40\"", "\"root_seed\": \"41\""));
    fixture
        .prod(&["merge", "one", "two"])
        .refused_at_once_by("prod", &["a shard of another run", "two/shard.json"]);
    fixture.write("two/shard.json", "{");
    fixture
        .prod(&["merge", "one", "two"])
        .refused_at_once_by("prod", &["malformed", "two/shard.json"]);
}

#[test]
fn cargo_shards_are_balanced_by_the_last_report() {
    let fixture = Fixture::new();
    fixture.prod_with(&["run", "fast", "2"], &[SEED]).ended(0, &["passed (exit 0): 5 cases"]);
    // As if one case had taken as long as all the others together.
    let report = fixture.read("target/prod/junit.xml");
    let planted = report.lines().map(|line| match line.split_once(" time=\"") {
        Some((head, tail)) if line.contains("<testcase ") => {
            let (_, tail) = tail.split_once('"').unwrap();
            let time = if line.contains("\"plain_only\"") { "100" } else { "10" };
            format!("{head} time=\"{time}\"{tail}")
        }
        _ => line.to_owned(),
    });
    let planted = planted.collect::<Vec<_>>().join("\n");
    fixture.write("target/prod/junit.xml", &planted);
    fixture.prod_with(&["archive", "fast"], &[SEED]).ended(0, &["archive"]);
    let listed = |folder: &str| {
        let record = fixture.read(&format!("{folder}/shard.json"));
        let record: serde_json::Value = serde_json::from_str(&record).unwrap();
        let listed = record["parts"]["fast"]["listed"].as_array().unwrap().clone();
        listed.iter().map(|id| id[1].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(shard(&fixture, "1/2", "one", &[]), Some(0));
    assert_eq!(shard(&fixture, "2/2", "two", &[]), Some(0));
    assert_eq!(listed("one"), ["plain_only"], "it has no other beside it");
    assert_eq!(listed("two").len(), 4);
    fixture.prod(&["merge", "one", "two"]).ended(0, &["passed (exit 0): 5 cases"]);

    // Each case has a machine of its own, and one machine has nothing to do.
    let folders: Vec<_> = (1..=6).map(|number| format!("of-six-{number}")).collect();
    for (number, folder) in (1..).zip(&folders) {
        assert_eq!(shard(&fixture, &format!("{number}/6"), folder, &[]), Some(0), "{folder}");
    }
    let sizes: Vec<_> = folders.iter().map(|folder| listed(folder).len()).collect();
    assert_eq!(sizes, [1, 1, 1, 1, 1, 0]);
    let names: Vec<_> = folders.iter().map(String::as_str).collect();
    fixture.prod(&[&["merge"], &names[..]].concat()).ended(0, &["passed (exit 0): 5 cases"]);
}

#[test]
fn cargo_failing_seeds_come_first_in_shards() {
    const FILE: &str = "target/prod/failing-seeds.json";
    const PLAN: &str = "target/prod/archive/plan.json";
    let sin = ("SUITE_SIN", "unpaused");
    let unpaused = ("MACE_PROD_PAUSES", "0");
    let fixture = Fixture::new();
    let archive = |seed: &str, env: &[(&str, &str)]| {
        let env = [env, &[("MACE_PROD_SEED", seed)]].concat();
        fixture.prod_with(&["archive", "fast"], &env).ended(0, &["archive"]);
    };
    // As where each shard, and the merge, is on a machine of its own.
    let aside = || fs::rename(fixture.path(FILE), fixture.path("aside.json")).unwrap();
    archive("40", &[unpaused]);
    assert_eq!(shard(&fixture, "1/2", "one", &[unpaused, sin]), Some(0));
    assert_eq!(shard(&fixture, "2/2", "two", &[unpaused, sin]), Some(1));
    assert!(!fixture.path(FILE).exists(), "a shard keeps no seed");
    fixture.prod(&["merge", "one", "two"]).ended(1, &["b_second  [fast: failed", "5 cases"]);
    let kept = fixture.read(FILE);
    assert!(kept.contains("\"40\"") && kept.contains("MACE_PROD_PAUSES"), "{kept}");

    // The first shard tries it with the knob that was set, and it is still kept.
    archive("50", &[]);
    aside();
    assert!(fixture.read(PLAN).contains("\"root_seed\": \"40\""), "{}", fixture.read(PLAN));
    let one = ran(&fixture, "1/2", "one", &[sin]);
    one.ended(1, &["b_second  [fast, seed 40: failed"]);
    let first = "first: 1 failing seeds of earlier runs\n";
    assert!(one.stderr.contains(first), "{one:#?}");
    assert!(fixture.path("one/fast-seed-40.junit.xml").is_file());
    let two = ran(&fixture, "2/2", "two", &[sin]);
    two.ended(0, &["passed"]);
    assert!(!two.stderr.contains("first: "), "{two:#?}");
    let again = "MACE_PROD_PAUSES=0 just repro b_second 40\n";
    let says =
        ["\nfast, seed 40 ", "b_second  [fast, seed 40: failed", again, "1 failures in 6 cases"];
    fixture.prod(&["merge", "one", "two"]).ended(1, &says);
    assert_eq!(fixture.read(FILE), kept);

    // Where the first shard is absent, it is still to be tried; where it passes there, it is forgotten.
    aside();
    let absent = ["shard 1/2 is absent", "b_second  [fast, seed 40: missing", "no shard ran it"];
    fixture.prod(&["merge", "two"]).ended(1, &absent);
    assert_eq!(fixture.read(FILE), kept);
    archive("60", &[]);
    assert_eq!(shard(&fixture, "1/2", "one", &[]), Some(0));
    assert_eq!(shard(&fixture, "2/2", "two", &[]), Some(0));
    let passed = ["\nfast, seed 40 ", "passed (exit 0): 6 cases"];
    fixture.prod(&["merge", "one", "two"]).ended(0, &passed);
    assert!(!fixture.path(FILE).exists(), "{}", fixture.read(FILE));

    // A case that has another name now is not passed over.
    fixture.write(FILE, &kept.replace("b_second", "b_renamed"));
    archive("70", &[]);
    assert_eq!(shard(&fixture, "1/1", "one", &[]), Some(0));
    let gone = "fast: `b_renamed` failed before and is no case any more";
    fixture.prod(&["merge", "one"]).ended(1, &[gone]);
    assert!(!fixture.path(FILE).exists(), "{}", fixture.read(FILE));
    fixture.write(PLAN, &fixture.read(PLAN).replacen("\"format\": 4", "\"format\": 3", 1));
    fixture
        .prod(&["shard", "1/2"])
        .refused_at_once_by("prod", &["format 3 instead of 4", "plan.json", "just archive"]);
}

#[test]
fn a_shard_needs_an_archive_and_a_slice() {
    let fixture = Fixture::new();
    fixture.prod(&["shard", "3/2"]).refused_at_once_by("prod", &["shard \"3/2\"", "K/N"]);
    fixture.prod(&["shard", "1/2"]).refused_at_once_by("prod", &["plan.json", "just archive"]);
    fs::create_dir(fixture.path("empty")).unwrap();
    fixture.prod(&["merge", "empty"]).refused_at_once_by("prod", &["shard.json", "just shard"]);
    fixture.prod(&["merge", "nowhere"]).refused_at_once_by("prod", &["shard.json", "just shard"]);
    fixture.prod(&["archive", "fsat"]).refused_at_once_by("prod", &["unknown layer \"fsat\""]);
}
