//! The knobs as a user meets them: precedence, every way to spell one wrong, and the files.
//! Made-up environments and folders only; nothing here depends on the machine's own.

use knobs::{
    Environment, Home, KnobError, Knobs, Source,
    budget::{Share, Unit},
    findings::{Build, Findings},
    knob, nextest_keys,
};
use std::{ffi::OsString, fs, path::Path, time::Duration};
use tempfile::TempDir;

/// A workspace root with the given files below `.config/`.
fn root(files: &[(&str, &str)]) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join(".config")).unwrap();
    for (name, text) in files {
        fs::write(root.path().join(".config").join(name), text).unwrap();
    }
    root
}

fn resolve(root: &Path, env: &[(&str, &str)], flags: &[(&str, &str)]) -> Result<Knobs, KnobError> {
    Knobs::resolve(root, &env.iter().copied().collect(), flags)
}

/// The error's line, after checking that it is one and that it says each of `parts`.
#[track_caller]
fn refused(result: Result<Knobs, KnobError>, parts: &[&str]) {
    let line = result.expect_err("must be refused").to_string();
    assert!(!line.contains('\n'), "more than one line: {line}");
    for part in parts {
        assert!(line.contains(part), "`{part}` is missing in: {line}");
    }
}

#[test]
fn flag_beats_environment_beats_file_beats_default() {
    let root = root(&[("prod.toml", "MACE_PROD_BUCKET_CHURN_ROUNDS = 7\nFEATURES = \"file\"\n")]);
    let name = knob::MACE_PROD_BUCKET_CHURN_ROUNDS.name();
    let env = [(name, "8")];
    let flags = [(name, "9")];
    let file = Source::File(root.path().join(".config/prod.toml"));
    let bare = tempfile::tempdir().unwrap();
    for (root, env, flags, value, source) in [
        (root.path(), &env[..], &flags[..], 9, Source::Flag),
        (root.path(), &env[..], &[][..], 8, Source::Environment),
        (root.path(), &[][..], &[][..], 7, file),
        (bare.path(), &[][..], &[][..], 128, Source::Default),
    ] {
        let knobs = resolve(root, env, flags).unwrap();
        let set = knobs.setting(knob::MACE_PROD_BUCKET_CHURN_ROUNDS);
        assert_eq!(knobs.get(knob::MACE_PROD_BUCKET_CHURN_ROUNDS), value);
        assert_eq!(set.source, source);
    }
}

#[test]
fn typed_defaults_match_the_contract() {
    let root = root(&[]);
    let knobs = resolve(root.path(), &[], &[]).unwrap();
    assert_eq!(knobs.get(knob::FEATURES), "failpoints");
    assert_eq!(knobs.features(), "failpoints");
    assert_eq!(knobs.get(knob::FAST_TIMEOUT), Duration::from_mins(5));
    assert_eq!(knobs.get(knob::STRESS_TIMEOUT), Duration::from_mins(10));
    assert_eq!(knobs.get(knob::CHAOS_TIMEOUT), Duration::from_mins(5));
    assert_eq!(knobs.get(knob::CHAOS_RETRY), 3);
    assert_eq!(knobs.get(knob::CHAOS_FLAKY), "fail");
    assert_eq!(knobs.get(knob::MACE_PROD_SEED), None);
    assert_eq!(knobs.get(knob::MACE_PROD_BUCKET_STRESS_ROUNDS), 512);
    assert_eq!(knobs.get(knob::MACE_PROD_EVICTOR_STRESS_ROUNDS), 512);
    assert_eq!(knobs.get(knob::MACE_ENGINE), None);
    assert_eq!(knobs.get(knob::MACE_ENGINE_PATH), None);
    assert_eq!(knobs.get(knob::MACE_PERF_OUT_DIR), root.path().join("target/perf_gate"));
    assert!((knobs.get(knob::MACE_PERF_REGRESS_PCT) - 5.0).abs() < f64::EPSILON);
    assert_eq!(knobs.get(knob::MACE_PERF_COMPARE_FILTERS).len(), 6);
    assert!(knobs.get(knob::MACE_BENCH_QUICK));
    assert_eq!(knobs.get(knob::MACE_BENCH_THREADS), [1, 4]);
    assert_eq!(knobs.get(knob::MACE_BENCH_KV_CASES), [(16, 16), (100, 1024)]);
    assert_eq!(knobs.get(knob::SOAK_DURATION_SECS), Duration::from_hours(6));
}

#[test]
fn another_engine_comes_with_its_feature_alone() {
    let root = root(&[]);
    for (engine, features) in [("redb", "redb"), ("fjall-optimistic", "fjall")] {
        let knobs = resolve(root.path(), &[("MACE_PROD_ENGINE", engine)], &[]).unwrap();
        assert_eq!(knobs.features(), features);
    }
    assert!(resolve(root.path(), &[("MACE_PROD_ENGINE", "none")], &[]).is_err());
}

#[test]
fn the_page_shows_every_knob_with_value_and_source() {
    let root = root(&[("prod.toml", "MACE_PROD_SEED = \"0x2a\"\n")]);
    let knobs = resolve(root.path(), &[("FEATURES", "")], &[("CHAOS_RETRY", "1")]).unwrap();
    assert_eq!(knobs.get(knob::MACE_PROD_SEED), Some(42));
    assert!(knobs.get(knob::FEATURES).is_empty(), "empty features are the plain engine");

    let page = knobs.render();
    assert_eq!(page.lines().count(), Knobs::table().len());
    for (name, value, source) in [
        ("MACE_PROD_SEED", "0x2a", ".config/prod.toml"),
        ("FEATURES", "(empty)", "environment"),
        ("CHAOS_RETRY", "1", "command-line flag"),
        ("CHAOS_FLAKY", "fail", "built-in default"),
        ("MACE_ENGINE", "(the locked version)", "built-in default"),
    ] {
        let mut lines = page.lines();
        let line = lines.find(|line| line.split(' ').next() == Some(name)).unwrap();
        assert!(line.contains(value) && line.contains(source), "{line}");
    }
}

#[test]
fn parse_error_names_knob_value_and_source() {
    let broken = root(&[("prod.toml", "MACE_PROD_BUCKET_STRESS_ROUNDS = \"many\"\n")]);
    let root = root(&[]);
    refused(
        resolve(broken.path(), &[], &[]),
        &["`MACE_PROD_BUCKET_STRESS_ROUNDS` = \"many\"", "prod.toml", "whole number of at least 1"],
    );
    refused(
        resolve(root.path(), &[("FAST_TIMEOUT", "5m")], &[]),
        &["`FAST_TIMEOUT` = \"5m\"", "environment", "seconds"],
    );
    refused(
        resolve(root.path(), &[], &[("CHAOS_RETRY", "0")]),
        &["`CHAOS_RETRY` = \"0\"", "command-line flag", "from 1 to 1000"],
    );
    // A value that loses to another one is nobody's value; only the winner is judged.
    resolve(root.path(), &[("CHAOS_RETRY", "x")], &[("CHAOS_RETRY", "2")]).unwrap();
}

#[test]
fn an_empty_value_is_an_error_but_for_features() {
    let root = root(&[]);
    for knob in Knobs::table().iter().filter(|knob| knob.name != "FEATURES") {
        refused(resolve(root.path(), &[(knob.name, "")], &[]), &[knob.name, "\"\"", "environment"]);
    }
    resolve(root.path(), &[("FEATURES", "")], &[]).unwrap();
}

#[cfg(unix)]
fn not_utf8() -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(vec![b'4', 0xff])
}

/// Half of a surrogate pair.
#[cfg(windows)]
fn not_utf8() -> OsString {
    std::os::windows::ffi::OsStringExt::from_wide(&[0xd800])
}

#[test]
fn a_value_that_is_not_utf8_is_an_error() {
    let root = root(&[]);
    let env = Environment::from_iter([(OsString::from("SOAK_THREADS"), not_utf8())]);
    refused(
        Knobs::resolve(root.path(), &env, &[]),
        &["`SOAK_THREADS`", "not UTF-8", "environment"],
    );
}

#[test]
fn unknown_names_are_refused_wherever_they_stand() {
    let prod = root(&[("prod.toml", "MACE_PROD_BUCKET_STRES_ROUNDS = 1\n")]);
    let soak = root(&[("soak.toml", "[limits]\nrss = 1\n")]);
    let bare = root(&[]);
    let meant = "`MACE_PROD_BUCKET_STRESS_ROUNDS`";
    refused(resolve(prod.path(), &[], &[]), &["MACE_PROD_BUCKET_STRES_ROUNDS", "prod.toml", meant]);
    refused(resolve(soak.path(), &[], &[]), &["unknown knob `limits`", "soak.toml"]);
    refused(
        resolve(bare.path(), &[("MACE_PROD_BUCKET_STRES_ROUNDS", "1")], &[]),
        &["MACE_PROD_BUCKET_STRES_ROUNDS", "environment", meant],
    );
    refused(resolve(bare.path(), &[], &[("CHAOS_RETRYS", "1")]), &["flag", "`CHAOS_RETRY`"]);
}

#[test]
fn a_knob_in_a_file_that_is_not_its_home_is_refused() {
    let soak = root(&[("soak.toml", "FEATURES = \"\"\n")]);
    let perf = root(&[("perf.toml", "MACE_PERF_THRESHOLD_FILE = \"x\"\n")]);
    refused(resolve(soak.path(), &[], &[]), &["`FEATURES`", "soak.toml", ".config/prod.toml"]);
    refused(resolve(perf.path(), &[], &[]), &["MACE_PERF_THRESHOLD_FILE", "environment"]);
}

#[test]
fn unreadable_file_is_refused_with_its_line() {
    let torn = root(&[("prod.toml", "FEATURES = \"a\"\nMACE_PROD_SEED = \n")]);
    let typed = root(&[("prod.toml", "MACE_PROD_SEED = [1]\n")]);
    let folder = root(&[]);
    fs::create_dir(folder.path().join(".config/prod.toml")).unwrap();
    refused(resolve(torn.path(), &[], &[]), &["malformed", "prod.toml:2"]);
    refused(resolve(typed.path(), &[], &[]), &["MACE_PROD_SEED", "array", "prod.toml"]);
    refused(resolve(folder.path(), &[], &[]), &["cannot read", "prod.toml"]);
}

#[test]
fn named_threshold_file_must_exist() {
    let root = root(&[("perf.toml", "MACE_PERF_REGRESS_PCT = 4\n")]);
    fs::write(root.path().join("other.toml"), "MACE_PERF_REGRESS_PCT = 2.5\n").unwrap();
    let percent = |env: &[(&str, &str)]| {
        resolve(root.path(), env, &[])
            .map(|knobs| knobs.setting(knob::MACE_PERF_REGRESS_PCT).value.clone())
    };
    assert_eq!(percent(&[]).unwrap().as_deref(), Some("4"));
    let other = [("MACE_PERF_THRESHOLD_FILE", "other.toml")];
    assert_eq!(percent(&other).unwrap().as_deref(), Some("2.5"));
    refused(
        resolve(root.path(), &[("MACE_PERF_THRESHOLD_FILE", "absent.toml")], &[]),
        &["cannot read", "absent.toml"],
    );
}

/// The threshold file as the scripts had it.
const SHELL: &str = r#"# Thresholds of the gate; the environment wins.

: "${MACE_PERF_REGRESS_PCT:=20}"
: "${MACE_PERF_BENCH_ARGS:=--noplot --quiet}" # for Criterion
  : ${MACE_PERF_MAX_REGRESS_CASES:=2}
export MACE_BENCH_QUICK=1
MACE_BENCH_THREADS="1,2"
MACE_PERF_MIN_BASE_NS='20000' # ns
MACE_PERF_MIN_COMPARE_CASES=3
: "${MACE_BENCH_THREADS:=8}"
"#;

#[test]
fn the_threshold_file_may_be_in_shell_form() {
    let root = root(&[]);
    fs::write(root.path().join("perf.env"), SHELL).unwrap();
    let file = ("MACE_PERF_THRESHOLD_FILE", "perf.env");
    let knobs = resolve(root.path(), &[file, ("MACE_PERF_MIN_COMPARE_CASES", "4")], &[]).unwrap();
    for (name, value) in [
        ("MACE_PERF_REGRESS_PCT", "20"),
        ("MACE_PERF_BENCH_ARGS", "--noplot --quiet"),
        ("MACE_PERF_MAX_REGRESS_CASES", "2"),
        ("MACE_BENCH_QUICK", "1"),
        ("MACE_BENCH_THREADS", "1,2"),
        ("MACE_PERF_MIN_BASE_NS", "20000"),
        ("MACE_PERF_MIN_COMPARE_CASES", "4"),
    ] {
        assert_eq!(knobs.find(name).unwrap().value.as_deref(), Some(value), "{name}");
    }
    let there = Source::File(root.path().join("perf.env"));
    assert_eq!(knobs.setting(knob::MACE_PERF_REGRESS_PCT).source, there);
    assert_eq!(knobs.setting(knob::MACE_PERF_MIN_COMPARE_CASES).source, Source::Environment);
}

#[test]
fn a_bad_line_in_shell_form_names_file_and_line() {
    let root = root(&[]);
    let refused_at = |text: &str, parts: &[&str]| {
        fs::write(root.path().join("perf.env"), text).unwrap();
        refused(resolve(root.path(), &[("MACE_PERF_THRESHOLD_FILE", "perf.env")], &[]), parts);
    };
    refused_at(
        "# a\n\n: \"${MACE_PERF_REGRES_PCT:=5}\"\n",
        &["unknown knob", "perf.env:3", "mean"],
    );
    refused_at("FEATURES=\n", &["wrong file", "perf.env:1", ".config/prod.toml"]);
    refused_at("MACE_PERF_REGRESS_PCT=five\n", &["`MACE_PERF_REGRESS_PCT` = \"five\"", "perf.env"]);
    for line in [
        "echo $PATH",
        "MACE_PERF_REGRESS_PCT = \"5",
        "MACE_PERF_REGRESS_PCT=$((2 + 3))",
        "MACE_PERF_REGRESS_PCT=5 MACE_PERF_MIN_BASE_NS=1",
        "MACE_PERF_REGRESS_PCT=\"5",
        "MACE_PERF_BENCH_ARGS=\"a\"b",
        "MACE_PERF_BENCH_ARGS=\"`date`\"",
        ": \"${MACE_PERF_REGRESS_PCT:-5}\"",
        ": \"${MACE_PERF_REGRESS_PCT:=5\"",
        "if true; then MACE_PERF_REGRESS_PCT=5; fi",
    ] {
        let text = format!("MACE_PERF_MIN_BASE_NS=1\n{line}\n");
        refused_at(&text, &["perf.env:2", "NAME=value"]);
    }
}

#[test]
fn the_snapshot_file_follows_its_knob_or_the_folder() {
    let root = root(&[]);
    let file = |env: &[(&str, &str)]| resolve(root.path(), env, &[]).unwrap().perf_output();
    let below = |path: &str| root.path().join(path);
    assert_eq!(file(&[]), below("target/perf_gate/head_snapshot.json"));
    assert_eq!(file(&[("MACE_PERF_OUT_DIR", "out")]), below("out/head_snapshot.json"));
    let both = [("MACE_PERF_OUT_DIR", "out"), ("MACE_PERF_OUTPUT", "a/b.json")];
    assert_eq!(file(&both), below("a/b.json"));
}

#[test]
fn limits_are_read_from_nextests_own_file() {
    let text = r#"
        [profile.fast]
        global-timeout = "77s"
        [profile.chaos]
        retries = 4
        flaky-result = "pass"
        [[profile.default.overrides]]
        filter = "binary(/^prod_/) & test(/(^|::)stress_/)"
        slow-timeout = { period = "88s", terminate-after = 1 }
    "#;
    let good = root(&[("nextest.toml", text)]);
    let knobs = resolve(good.path(), &[], &[]).unwrap();
    assert_eq!(knobs.get(knob::FAST_TIMEOUT), Duration::from_secs(77));
    assert_eq!(knobs.get(knob::STRESS_TIMEOUT), Duration::from_secs(88));
    assert_eq!(knobs.get(knob::CHAOS_RETRY), 5);
    assert_eq!(knobs.get(knob::CHAOS_FLAKY), "pass");
    assert_eq!(knobs.setting(knob::CHAOS_TIMEOUT).source, Source::Default);

    let split = text
        .replace("[profile.chaos]", "[profile.default]\nglobal-timeout = \"7s\"\n[profile.chaos]");
    let split = root(&[("nextest.toml", &split)]);
    refused(resolve(split.path(), &[], &[]), &["contradicts", "nextest.toml", "`FAST_TIMEOUT`"]);

    let minutes = root(&[("nextest.toml", "[profile.fast]\nglobal-timeout = \"5m\"\n")]);
    refused(
        resolve(minutes.path(), &[], &[]),
        &["`global-timeout` of profile `fast`", "nextest.toml", "FAST_TIMEOUT"],
    );
}

#[test]
fn nextest_file_states_the_defaults_everywhere() {
    let root = knobs::runtime::root();
    let knobs = resolve(&root, &[], &[]).unwrap();
    let text = fs::read_to_string(root.join(".config/nextest.toml")).unwrap();
    for knob in Knobs::table().iter().filter(|knob| knob.home == Home::Nextest) {
        let marks = text.lines().filter(|line| line.contains(&format!("# {}", knob.name))).count();
        let setting = knobs.find(knob.name).unwrap();
        assert_eq!(setting.value.as_deref(), knob.default, "{}", knob.name);
        // A place that is not there would be a knob that changes nothing.
        assert_eq!(marks, nextest_keys(knob.name).len(), "marks of {}", knob.name);
        assert!(matches!(setting.source, Source::File(_)), "{}", knob.name);
    }
}

#[test]
fn the_other_files_state_the_tables_defaults_too() {
    let bare = tempfile::tempdir().unwrap();
    let stated = resolve(&knobs::runtime::root(), &[], &[]).unwrap();
    let built_in = resolve(bare.path(), &[], &[]).unwrap();
    let mut files = [0; 3];
    for (stated, built_in) in stated.settings().iter().zip(built_in.settings()) {
        let name = stated.knob.name;
        assert_eq!(stated.value, built_in.value, "{name} in {}", stated.source);
        for (count, file) in files.iter_mut().zip(["prod.toml", "perf.toml", "soak.toml"]) {
            *count += u32::from(stated.source.to_string().ends_with(file));
        }
    }
    assert!(files.into_iter().all(|knobs| knobs >= 7), "each file states its knobs: {files:?}");
}

/// The table of the contract; those of `typed_defaults_match_the_contract` apart.
#[test]
fn the_defaults_are_the_contracts() {
    let bare = tempfile::tempdir().unwrap();
    let knobs = resolve(bare.path(), &[], &[]).unwrap();
    for (name, default) in [
        ("CHAOS_FLAKY", "fail"),
        ("MACE_PROD_BUCKET_STRESS_ROUNDS", "512"),
        ("MACE_PROD_BUCKET_CHURN_ROUNDS", "128"),
        ("MACE_PROD_BUCKET_CHURN_WORKERS", "2"),
        ("MACE_PROD_EVICTOR_STRESS_ROUNDS", "512"),
        ("MACE_PERF_THRESHOLD_FILE", ".config/perf.toml"),
        ("MACE_PERF_BASE_REF", "origin/master"),
        ("MACE_PERF_BENCH_ARGS", "--noplot"),
        ("MACE_PERF_REGRESS_PCT", "5"),
        ("MACE_PERF_MAX_REGRESS_CASES", "0"),
        ("MACE_PERF_MIN_COMPARE_CASES", "6"),
        ("MACE_PERF_MIN_BASE_NS", "10000"),
        ("MACE_PERF_OUT_DIR", "target/perf_gate"),
        ("MACE_BENCH_QUICK", "1"),
        ("MACE_BENCH_TOTAL_ITEMS", "20000"),
        ("MACE_BENCH_THREADS", "1,4"),
        ("MACE_BENCH_KV_CASES", "16:16,100:1024"),
        ("MACE_BENCH_PUT_MEAS_SECS", "5"),
        ("MACE_BENCH_GET_MEAS_SECS", "5"),
        ("MACE_BENCH_SCAN_MEAS_SECS", "5"),
        ("MACE_BENCH_SAMPLE_SIZE", "10"),
        ("SOAK_DURATION_SECS", "21600"),
        ("SOAK_THREADS", "8"),
        ("SOAK_STRESS_TIMEOUT", "900"),
        ("SOAK_CHAOS_TIMEOUT", "600"),
        ("SOAK_FAST_TIMEOUT", "300"),
        ("SOAK_CHAOS_EVERY", "3"),
        ("SOAK_PERF_EVERY", "1"),
        ("SOAK_CYCLE_PAUSE_SECS", "5"),
        ("SOAK_AGING_KEYS", "1000000"),
        ("SOAK_AGING_OPERATIONS", "200000"),
        ("SOAK_METRICS_DIR", "target/prod_soak"),
    ] {
        assert_eq!(knobs.find(name).expect(name).knob.default, Some(default), "{name}");
    }
    for none in ["MACE_ENGINE_PATH", "MACE_ENGINE", "MACE_PROD_SEED", "MACE_PERF_OUTPUT"] {
        assert_eq!(knobs.find(none).unwrap().value, None);
    }
}

const FINDING: &str = r#"
[[finding]]
id = "lost-checkpoint"
engine = ["0.2.0", "0.3.0"]
builds = ["failpoints"]
case = "lost_checkpoint::survives"
summary = "a checkpoint is lost"
promise = "durability-kill"
severity = "data"
takes = ["race", "kill"]
excludes = "checkpoints after a failed commit"
gone_in = ["0.3.0"]
"#;

#[test]
fn a_finding_holds_for_its_versions_and_builds() {
    let root = root(&[("known-findings.toml", FINDING)]);
    let findings = Findings::load(root.path()).unwrap();
    let finding = findings.find("lost-checkpoint").unwrap();
    assert_eq!(finding.excludes.as_deref(), Some("checkpoints after a failed commit"));
    assert!(finding.is_expected("0.2.0", Build::Failpoints));
    assert!(!finding.is_expected("0.2.0", Build::Plain), "not listed for that build");
    assert!(!finding.is_expected("0.2.0", Build::ExtraCheck), "it takes a failpoint");
    assert!(!finding.is_expected("0.3.0", Build::Failpoints), "gone there");
    let mut plain = finding.clone();
    plain.builds = vec![Build::Plain];
    assert!(plain.is_expected("0.2.0", Build::ExtraCheck), "what users ship is in it");
    assert_eq!(findings.for_engine("0.2.0").count(), 1);
    assert_eq!(findings.for_engine("0.1.2").count(), 0);
    let known = |version| findings.for_engine(version).count() == 1;
    assert!(known("0.2.7") && known("0.3.0-rc.1"), "nobody said that these mended it");
    assert!(!known("0.3.1") && !known("1.0.0"), "gone in the one below");
    assert!(findings.find("another").is_none());
}

#[test]
fn an_unknown_finding_is_expected_nowhere() {
    let root = root(&[("known-findings.toml", FINDING)]);
    let load = |text: &str| Findings::load(root.path()).unwrap().with_unknown(text);
    let is_expected = |text: &str| {
        let findings = load(text).unwrap();
        findings.find("lost-checkpoint").unwrap().is_expected("0.2.0", Build::Failpoints)
    };
    assert!(is_expected(""));
    assert!(!is_expected("lost-checkpoint"));
    assert!(!is_expected(" lost-checkpoint ,"));
    let refused = load("lost-checkpoint,typo").unwrap_err().to_string();
    assert!(refused.contains("MACE_PROD_UNKNOWN") && refused.contains("`typo`"), "{refused}");
}

#[test]
fn a_race_is_tried_until_its_absence_is_no_luck() {
    let tries = |line: &str| {
        let root = root(&[("known-findings.toml", &format!("{FINDING}{line}"))]);
        Findings::load(root.path()).unwrap().find("lost-checkpoint").unwrap().tries()
    };
    assert_eq!(tries(""), 1, "what shows each time is tried once");
    for one_in in [2_u32, 5, 80] {
        let tries = tries(&format!("one_in = {one_in}\n"));
        let missed = |tries: u32| (1.0 - 1.0 / f64::from(one_in)).powf(f64::from(tries));
        assert!(missed(tries) <= 1e-6 && missed(tries - 1) > 1e-6, "{one_in}: {tries}");
    }
}

#[test]
fn malformed_findings_are_refused_absent_are_none() {
    assert!(Findings::load(root(&[]).path()).unwrap().all().is_empty());
    for (from, to, says) in [
        ("excludes", "leave_out", "unknown field"),
        ("\"failpoints\"", "\"failpoint\"", "failpoint"),
        ("lost-checkpoint", "lost checkpoint", "without blanks"),
        ("[\"0.2.0\", \"0.3.0\"]", "[]", "at least one engine version"),
        ("lost_checkpoint::survives", "", "name the regression's case"),
        ("summary = \"a checkpoint is lost\"", "", "missing field"),
        ("gone_in", "one_in = 1\ngone_in", "one_in = 2"),
        ("durability-kill", "durability", "unknown variant"),
        ("severity = \"data\"", "", "missing field"),
        ("[\"race\", \"kill\"]", "[]", "under `takes`"),
        ("gone_in", "since = \"0.2\"\ngone_in", "as versions"),
        ("gone_in", "tracker = \"issue 7\"\ngone_in", "https://"),
        ("gone_in", "invariant = \" \"\ngone_in", "registry.yaml"),
    ] {
        let broken = FINDING.replace(from, to);
        assert_ne!(broken, FINDING, "the sin was not planted");
        let root = root(&[("known-findings.toml", &broken)]);
        let line = Findings::load(root.path()).unwrap_err().to_string();
        let known = line.contains("known-findings.toml") && !line.contains('\n');
        assert!(known && line.contains(says), "{line}");
    }
    let twice = root(&[("known-findings.toml", &FINDING.repeat(2))]);
    assert!(Findings::load(twice.path()).unwrap_err().to_string().contains("of its own"));
}

const BUDGET: &str = r#"
[[finding.absorbs]]
unit = "crash-states"
runs = 20
of = 20000
at_most = 0.003
spread = 1.0
cases."chaos_power::commits::tiny" = { seen = 40, of = 1000 }
"#;

#[test]
fn a_budget_says_what_was_measured() {
    let load = |text: &str| {
        let root = root(&[("known-findings.toml", text)]);
        Findings::load(root.path()).map_err(|error| error.to_string())
    };
    let findings = load(&format!("{FINDING}{BUDGET}")).unwrap();
    let finding = findings.find("lost-checkpoint").unwrap();
    let budget = finding.budget(Unit::CrashStates).unwrap();
    assert_eq!((budget.seen(), budget.others()), (40, Share { seen: 0, of: 19_000 }));
    assert!(finding.budget(Unit::FaultRuns).is_none());
    // None may have been put down in all runs: the bound is what that says.
    let none = BUDGET.split("cases").next().unwrap();
    assert_eq!(load(&format!("{FINDING}{none}")).unwrap().all()[0].absorbs[0].seen(), 0);
    for (from, to, says) in [
        ("crash-states", "pages", "unknown variant"),
        ("runs = 20", "runs = 0", "in how many runs"),
        ("of = 1000 ", "of = 39 ", "for each case"),
        ("of = 20000", "of = 999", "all cases"),
        ("spread = 1.0", "spread = 0.5", "spread = 1.0"),
        ("at_most = 0.003", "at_most = 1.5", "between 0 and 1"),
    ] {
        let broken = BUDGET.replace(from, to);
        assert_ne!(broken, BUDGET, "the sin was not planted");
        let line = load(&format!("{FINDING}{broken}")).unwrap_err();
        assert!(line.contains(says), "{line}");
    }
    let twice = load(&format!("{FINDING}{BUDGET}{BUDGET}")).unwrap_err();
    assert!(twice.contains("one budget for each unit"), "{twice}");
}
