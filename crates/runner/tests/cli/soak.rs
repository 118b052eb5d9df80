//! Whole soaks over the suite in miniature: real cycles with real layers, a program that stays and a
//! perf program, each of which can do wrong. How many cycles there are is decided by watching for the
//! line of the last one, never by the clock.

use crate::fixture::Fixture;
use process::miniature::Run;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

/// Everything at each cycle, and no time lost.
const EACH: [(&str, &str); 4] = [
    ("SOAK_CHAOS_EVERY", "1"),
    ("SOAK_PERF_EVERY", "1"),
    ("SOAK_CYCLE_PAUSE_SECS", "0"),
    ("SOAK_THREADS", "2"),
];

/// Soaks until the row of `cycles` is written, then sends `signal`.
fn soak(
    fixture: &Fixture,
    args: &[&str],
    env: &[(&str, &str)],
    cycles: u64,
    signal: Signal,
) -> Run {
    let mut command = fixture.command(&["soak"]);
    command.args(args).envs(EACH).envs(env.iter().copied());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let wanted = format!("soak       cycle {cycles}: ");
    let mut stderr = String::new();
    loop {
        let mut line = String::new();
        assert!(lines.read_line(&mut line).unwrap() > 0, "it ended early:\n{stderr}");
        stderr.push_str(&line);
        if line.starts_with(&wanted) && line.contains(" passed, ") {
            break;
        }
    }
    kill_process(Pid::from_child(&child), signal).unwrap();
    lines.read_to_string(&mut stderr).unwrap();
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    Run { code: output.status.code(), stdout, stderr }
}

/// Goes on with a soak whose time is up: only the post-check is left.
fn finish(fixture: &Fixture, env: &[(&str, &str)]) -> Run {
    let env: Vec<_> =
        EACH.iter().chain(env).chain(&[("SOAK_DURATION_SECS", "1")]).copied().collect();
    fixture.prod_with(&["soak", "--resume"], &env)
}

fn summary(fixture: &Fixture) -> Value {
    serde_json::from_str(&fixture.read("target/prod_soak/summary.json")).unwrap()
}

/// What each failure says.
fn failures(fixture: &Fixture) -> Vec<String> {
    let summary = summary(fixture);
    let all = summary["failures"].as_array().unwrap();
    all.iter().map(|failure| failure["message"].as_str().unwrap().to_owned()).collect()
}

/// What became of each judged aspect.
fn verdicts(fixture: &Fixture) -> Vec<(String, String)> {
    let summary = summary(fixture);
    let judgements = summary["judgements"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    judgements.iter().map(|j| (text(&j["aspect"]), text(&j["verdict"]))).collect()
}

fn all(verdict: &str) -> Vec<(String, String)> {
    let aspects = ["memory", "open files", "threads", "disk", "pace"];
    aspects.map(|aspect| (aspect.to_owned(), verdict.to_owned())).into()
}

/// Rows of the table, without the heading.
fn rows(fixture: &Fixture) -> Vec<Vec<String>> {
    let text = fixture.read("target/prod_soak/perf_cycles.csv");
    assert!(text.starts_with("cycle,elapsed_secs,cases,median_ns_p50,median_ns_p95,"), "{text}");
    assert!(text.ends_with('\n'), "half a row: {text}");
    let lines = text.lines().skip(1);
    lines.map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn cargo_an_honest_soak_passes_and_resumes() {
    let fixture = Fixture::soaking();
    let run = soak(&fixture, &[], &[], 6, Signal::TERM);
    run.ended(143, &["\nINTERRUPTED (exit 143): ", "inconclusive "]);
    assert_eq!(summary(&fixture)["state"], "interrupted");
    let before = rows(&fixture);
    let run = soak(&fixture, &["--resume"], &[], 15, Signal::INT);
    assert_eq!(run.code, Some(130), "{run:#?}");
    assert_eq!(rows(&fixture)[..6], before[..6], "what was written stays as it was");

    let run = finish(&fixture, &[]);
    run.ended(0, &["\nfast ", "pace        steady", "\nfailures\n  none\n", "\npassed (exit 0): "]);
    assert_eq!(verdicts(&fixture), all("steady"));
    let rows = rows(&fixture);
    let cycles: Vec<u64> = rows.iter().map(|row| row[0].parse().unwrap()).collect();
    assert_eq!(cycles, (1..=rows.len() as u64).collect::<Vec<_>>());
    assert_eq!(rows[2][2], "2", "the control case is no case");
    assert!(rows.iter().all(|row| row[19] == "1"), "all on this machine");
    let ledger = fixture.read("target/prod_soak/ledger.jsonl");
    let seeds: Vec<Value> =
        ledger.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut indices: Vec<u64> = seeds.iter().map(|seed| seed["index"].as_u64().unwrap()).collect();
    indices.dedup();
    assert!(indices.is_sorted() && indices.len() >= rows.len(), "a seed ran twice: {indices:?}");
    assert!(!fixture.path("target/prod_soak/aging").exists(), "the database is left behind");
}

#[test]
fn cargo_leaks_and_a_step_show_in_twelve_cycles() {
    let fixture = Fixture::soaking();
    let env = [("SUITE_RESIDENT", "files,memory,disk"), ("SUITE_PERF", "step")];
    soak(&fixture, &[], &env, 12, Signal::TERM);
    let mut expected = all("found");
    expected[2].1 = "steady".to_owned();
    assert_eq!(verdicts(&fixture), expected);
    let run = finish(&fixture, &env);
    run.ended(1, &["memory      FOUND", "pace        FOUND", "\nFAILED (exit 1): "]);
}

#[test]
fn cargo_a_failed_part_does_not_end_the_soak() {
    let fixture = Fixture::soaking();
    let env = [("SUITE_RESIDENT", "dies,stalls"), ("SUITE_PERF", "3"), ("SUITE_SIN", "abort")];
    soak(&fixture, &[], &env, 3, Signal::TERM);
    let summary = summary(&fixture);
    let failures = summary["failures"].as_array().unwrap();
    let of = |part: &str| failures.iter().filter(|f| f["part"] == part).collect::<Vec<_>>();
    assert!(of("stress").len() >= 3 && of("chaos").is_empty(), "{summary:#}");
    assert_eq!(of("stress")[0]["case"], "stress_rounds");
    let repro = of("stress")[0]["repro"].as_str().unwrap();
    assert!(repro.starts_with("just repro stress_rounds "), "{repro}");
    for cycle in 1..=3 {
        let evidence = format!("target/prod_soak/evidence/cycle_{cycle}/stress_rounds/db");
        assert!(fixture.path(&evidence).is_dir(), "of each cycle: {evidence}");
    }
    assert_eq!(of("perf snapshot")[0]["verdict"], "inconclusive");
    let [stalled, dead, ..] = of("aging")[..] else { panic!("{summary:#}") };
    let says = "a call of a client took 33.55 s or longer";
    assert!(
        stalled["cycle"] == 1 && stalled["message"].as_str().unwrap().starts_with(says),
        "{stalled}"
    );
    assert!(
        dead["cycle"] == 2 && dead["message"].as_str().unwrap().contains("exit status: 9"),
        "{dead}"
    );
    let rows = rows(&fixture);
    assert_eq!((rows[0][17].as_str(), rows[2][17].as_str()), ("1", "2"), "another process");
    assert!(rows[1][12].is_empty() && !rows[2][12].is_empty(), "the dead one was sampled");
    finish(&fixture, &[]).ended(1, &["stress_rounds  [cycle 1, stress: failed]"]);

    // A soak that starts anew puts the old results away, and goes on with the row of seeds.
    let env = [("SUITE_RESIDENT", "lies"), ("SUITE_PERF", "2")];
    soak(&fixture, &[], &env, 1, Signal::TERM);
    assert!(fixture.read("target/prod_soak/previous/summary.json").contains("stress_rounds"));
    assert!(fixture.path("target/prod_soak/previous/evidence/cycle_1").is_dir());
    assert_eq!(self::summary(&fixture)["soak_seed"], summary["soak_seed"]);
    finish(&fixture, &[]).ended(2, &["contents: k is gone", "\nBROKEN (exit 2): "]);
}

/// Who gates on the engine: what is known fails the layer that meets it, and no other one.
#[test]
fn cargo_known_findings_fail_a_soak_that_asks_for_it() {
    let fixture = Fixture::soaking();
    let apart = [("SUITE_ABSORBS", "1")];
    let fails = [("SUITE_ABSORBS", "1"), ("MACE_PROD_KNOWN", "fail")];
    let parts = |fixture: &Fixture| {
        let summary = summary(fixture);
        ["stress", "chaos"].map(|part| summary["parts"][part]["worst"].as_u64().unwrap())
    };
    soak(&fixture, &[], &apart, 2, Signal::TERM);
    assert_eq!((parts(&fixture), failures(&fixture)), ([0, 0], Vec::new()));

    soak(&fixture, &[], &fails, 2, Signal::TERM);
    assert_eq!(parts(&fixture), [0, 1]);
    let found = failures(&fixture);
    let says = "known finding `lost-page` (durability after a kill: ";
    assert!(found.len() >= 2 && found.iter().all(|line| line.starts_with(says)), "{found:?}");
    let column = rows(&fixture).iter().map(|row| row[18].clone()).collect::<Vec<_>>();
    assert!(column.iter().take(2).all(|code| code == "1"), "{column:?}");
    let end = finish(&fixture, &fails);
    end.ended(1, &["fast: failed]\n      known finding `lost-page`", "\nFAILED (exit 1): "]);
}

#[test]
fn cargo_each_part_runs_at_its_cadence_and_limits() {
    let fixture = Fixture::soaking();
    let cadence = [("SOAK_CHAOS_EVERY", "2"), ("SOAK_PERF_EVERY", "3")];
    soak(&fixture, &[], &cadence, 6, Signal::TERM);
    let runs = |part: &str| summary(&fixture)["parts"][part]["runs"].as_u64();
    assert!(runs("stress") >= Some(6), "{:#}", summary(&fixture));
    assert_eq!((runs("chaos"), runs("perf snapshot")), (Some(3), Some(2)));
    let snapshot =
        |cycle: &u64| fixture.path(&format!("target/prod_soak/perf_cycle_{cycle}.json")).is_file();
    assert_eq!((1..=6).filter(snapshot).collect::<Vec<_>>(), [3, 6]);
    let rows = rows(&fixture);
    let measured = rows.iter().filter(|row| !row[3].is_empty()).map(|row| row[0].as_str());
    assert_eq!(measured.collect::<Vec<_>>(), ["3", "6"]);

    let pipe = process::miniature::Pipe::new(fixture.path("pipe"));
    let limited = [
        ("SOAK_CHAOS_TIMEOUT", "1"),
        ("CHAOS_RETRY", "1"),
        ("SUITE_SIN", "linger_chaos"),
        ("SUITE_PIPE", pipe.path().to_str().unwrap()),
    ];
    soak(&fixture, &[], &limited, 1, Signal::TERM);
    let summary = summary(&fixture);
    let late = &summary["failures"][0];
    assert_eq!((&late["case"], &late["verdict"]), (&"chaos_point".into(), &"timed-out".into()));

    let never = [("SOAK_CHAOS_EVERY", "0"), ("SOAK_PERF_EVERY", "0")];
    soak(&fixture, &[], &never, 2, Signal::TERM);
    assert_eq!((runs("chaos"), runs("perf snapshot")), (None, None));
}

#[test]
fn cargo_a_killed_soak_loses_at_most_one_cycle() {
    let fixture = Fixture::soaking();
    let seed = [("MACE_PROD_SEED", "7")];
    let run = soak(&fixture, &["--shard", "2/2"], &seed, 2, Signal::KILL);
    assert_eq!(run.code, None, "it was killed: {run:#?}");
    assert_eq!(summary(&fixture)["state"], "running");
    assert!(rows(&fixture).len() >= 2);

    let refused = |args: &[&str], env: &[(&str, &str)], says: &str| {
        fixture
            .prod_with(args, env)
            .refused_at_once_by("prod", &["the earlier soak has", says, "--resume"]);
    };
    refused(&["soak", "--resume"], &seed, "the shard 2/2");
    let resume = ["soak", "--resume", "--shard", "2/2"];
    refused(&resume, &[("MACE_PROD_SEED", "8")], "the seed 7");
    refused(&resume, &[("FEATURES", "")], "the engine");

    let env: Vec<_> = EACH.iter().chain(&[("SOAK_PERF_EVERY", "0")]).copied().collect();
    let env: Vec<_> = env.into_iter().chain([("SOAK_DURATION_SECS", "1")]).collect();
    let run = fixture.prod_with(&resume, &env);
    run.ended(3, &["not judged", "\nINCONCLUSIVE (exit 3): "]);
    let all = fixture.path("all.jsonl").display().to_string();
    let ledger = fixture.path("target/prod_soak/ledger.jsonl").display().to_string();
    fixture.prod(&["ledger", &all, &ledger, &ledger]).ended(0, &["of 2 ledgers: "]);
    let seeds = fixture.read("all.jsonl");
    let odd = seeds.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert!(
        odd.clone().count() >= 4
            && odd.clone().all(|seed| seed["index"].as_u64().unwrap() % 2 == 1)
    );
}
