//! A folder with results of every kind, good and bad ones, as the programs write them.

use knobs::findings::Findings;
use results::{
    gate::{Comparison, Estimate, Gate, Judged, Origin, Verdict},
    run::Setting,
};
use runner::report::{Model, Places, read};
use std::{fmt::Write, fs, path::Path};
use tempfile::TempDir;

/// What must be escaped wherever it is shown.
pub(crate) const HOSTILE: &str = "<script>alert(1)</script> & \"quoted\" `x` | y";

/// A workspace with results; gone when the test ends.
pub(crate) struct Folder(TempDir);

impl Folder {
    /// With nothing in it.
    pub(crate) fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With results of every kind.
    pub(crate) fn full() -> Self {
        let folder = Self::empty();
        for (file, text) in [
            (".config/known-findings.toml", FINDINGS.to_owned()),
            ("tests/prod_regressions/lost_page.rs", STORY.to_owned()),
            ("target/prod/junit.xml", junit()),
            ("target/prod/run.json", RUN.to_owned()),
            ("target/perf_gate/base_summary.json", summary(1.0)),
            ("target/perf_gate/head_summary.json", summary(1.04)),
            ("target/perf_gate/compare.json", compared()),
            ("target/perf_gate/history.jsonl", history()),
            ("target/prod_soak/perf_cycles.csv", cycles()),
            ("target/prod_soak/summary.json", SOAK.to_owned()),
        ] {
            folder.write(file, &text);
        }
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self) -> Model {
        let root = self.path();
        let places = Places {
            root: root.to_owned(),
            prod: root.join("target/prod"),
            nextest: root.join("target/nextest"),
            perf: root.join("target/perf_gate"),
            snapshot: root.join("target/perf_gate/head_snapshot.json"),
            soak: root.join("target/prod_soak"),
        };
        let setting = Setting {
            name: "FEATURES".to_owned(),
            value: Some("failpoints".to_owned()),
            source: "built-in default".to_owned(),
        };
        read(&places, vec![setting], &Findings::load(root).unwrap())
    }
}

const FINDINGS: &str = r#"
[[finding]]
id = "lost-page"
engine = ["0.2.0"]
builds = ["failpoints"]
case = "lost_page::a_page_survives"
summary = "a page is lost when the log rotates"
promise = "durability-power-loss"
severity = "data"
takes = ["posix-weak"]
since = "0.1.0"
workaround = "do not rotate"
excludes = "pages that rotate"
"#;

const SOAK: &str = r#"{
  "version": 1, "engine": "mace-kv", "source": "registry", "features": "failpoints", "soak_seed": 7,
  "shard": "1/1", "duration_secs": 21600, "elapsed_secs": 21600, "cycles": 30, "processes": 1,
  "state": "finished", "exit_code": 1, "parts": {}, "failures_left_out": 0,
  "figures": {"crash_states.under.xfs": 7000, "crash_states.distinct": 7123, "findings.xfs": 62},
  "failures": [{"cycle": 9, "part": "chaos", "case": "chaos_point::x::abort_first",
    "verdict": "failed", "message": "a hole", "seed": 99,
    "repro": "just repro chaos_point::x::abort_first 99"}],
  "judgements": [{"aspect": "memory", "verdict": "found", "because": "250 kB a cycle, p 0.0001",
    "figures": {"slope_bytes": 250000.0}}]
}"#;

const STORY: &str = "//! The story of the lost page: cause, sequence, symptom.\n\nuse x;\n";

const RUN: &str = r#"{
  "format": 1, "engine": "mace-kv 0.2.0 (registry)", "root_seed": "13460438216900360607",
  "started_unix_s": 1795680000, "wall_s": 412.5, "outcome": "failed", "exit_code": 1,
  "notes": ["known finding `gone`: no case is called `gone::x`: correct its entry"],
  "machine": {"os": "linux", "arch": "x86_64", "cores": 2},
  "promises": [
    {"promise": "durability-kill", "verdict": "broken", "findings": ["lost-page", "a-finding-with-a-name-of-more-than-fifty-characters-in-it"],
     "cases": 117, "failed": 0, "amounts": {"kills": 67, "transactions": 21715, "crash states": 1541750}},
    {"promise": "atomicity", "verdict": "in-doubt", "findings": [], "cases": 87, "failed": 2, "amounts": {}},
    {"promise": "api", "verdict": "kept", "findings": [], "cases": 3, "failed": 0, "amounts": {"operations": 3065}},
    {"promise": "space", "verdict": "not-tried", "findings": [], "cases": 0, "failed": 0, "amounts": {}}],
  "layers": [
    {"label": "fast", "build": "failpoints", "wall_s": 61.0, "outcome": "passed"},
    {"label": "chaos", "build": "failpoints", "wall_s": 200.0, "outcome": "failed"}
  ],
  "knobs": [
    {"name": "FEATURES", "value": "", "source": "environment"},
    {"name": "CHAOS_RETRY", "value": "3", "source": ".config/nextest.toml"},
    {"name": "MACE_ENGINE", "value": null, "source": "built-in default"}
  ]
}"#;

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn case(name: &str, verdict: &str, time: &str, body: &str) -> String {
    format!(
        "<testcase name=\"{name}\" classname=\"x\" time=\"{time}\"><properties>\
         <property name=\"verdict\" value=\"{verdict}\"/><property name=\"seed\" value=\"77\"/>\
         {body}</testcase>"
    )
}

fn suite(layer: &str, cases: &[String]) -> String {
    format!(
        "<testsuite name=\"{layer}/mace-prod::prod_x\" tests=\"{}\" skipped=\"0\" errors=\"0\" \
         failures=\"0\" time=\"1.0\"><properties><property name=\"layer\" value=\"{layer}\"/>\
         <property name=\"root_seed\" value=\"13460438216900360607\"/>\
         <property name=\"engine\" value=\"mace-kv 0.2.0 (registry)\"/>\
         <property name=\"build\" value=\"failpoints\"/></properties>{}</testsuite>",
        cases.len(),
        cases.join("")
    )
}

fn figure(name: &str, value: u64) -> String {
    format!("<property name=\"figure.{name}\" value=\"{value}\"/>")
}

/// The merged report of a run in which everything that can happen has happened.
fn junit() -> String {
    let figures: String = [
        ("transactions", 4711),
        ("crash_states.under.ext4-ordered", 12_000),
        ("crash_states.under.posix-weak", 48_000),
        ("crash_states.distinct", 51_234),
        ("crash_states.left_out", 900),
        ("crash_states.elapsed_ms", 100_000),
        ("holds.tried", 4_321),
        ("holds.missed", 1_234),
        ("findings.posix-weak", 61),
        ("syscalls.pwrite64", 123_456),
        ("syscalls.fsync", 3210),
        ("faults.pwrite64.EIO", 12),
        ("faults.fsync.ENOSPC", 3),
    ]
    .into_iter()
    .map(|(name, value)| figure(name, value))
    .collect();
    let fast = [
        case("a_first", "passed", "1.5", &format!("{figures}</properties>")),
        case(
            "lost_page::a_page_survives",
            "known",
            "0.2",
            "<property name=\"known_finding\" value=\"lost-page\"/></properties>",
        ),
        case(
            "needs_more",
            "skipped",
            "0.0",
            "</properties><skipped message=\"needs failpoints\"/>",
        ),
    ];
    let mut chaos = Vec::new();
    for place in ["flush_after_data_sync", "wal_rotate_before_rename_of_the_newest_segment"] {
        for action in ["abort_first", "abort_middle", "abort_last", "panic_first", "io_first"] {
            let body = format!("{}</properties>", figure("faults_hit", 2));
            chaos.push(case(&format!("chaos_point::{place}::{action}"), "passed", "0.7", &body));
        }
    }
    let struck: String =
        [("faults.pread.EIO", 1400), ("faults.pread.short_1", 37), ("faults.runs", 9000)]
            .map(|(name, value)| figure(name, value))
            .concat();
    let body = format!("{struck}</properties>");
    chaos.push(case("chaos_faults::commits::tiny", "passed", "9.0", &body));
    let hostile = escape(HOSTILE);
    let failed = format!(
        "<property name=\"repro\" value=\"just repro {hostile} 7\"/></properties>\
         <failure message=\"{hostile}\" type=\"failure\">the witness {hostile} {}</failure>\
         <system-out>said {hostile}</system-out>",
        "averylongwordthatcannotbreak".repeat(20)
    );
    chaos.push(case(&format!("chaos_fs::fs_write::{hostile}"), "failed", "30.0", &failed));
    let late = "<property name=\"repro\" value=\"just repro chaos_fs::fs_sync::io_first 7\"/>\
                </properties><failure message=\"past its limit, killed\" type=\"test timeout\"/>";
    chaos.push(case("chaos_fs::fs_sync::io_first", "timed-out", "300.0", late));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><testsuites name=\"prod\" tests=\"16\" \
         skipped=\"1\" failures=\"2\" errors=\"0\" time=\"261.0\">{}{}</testsuites>",
        suite("fast", &fast),
        suite("chaos", &chaos)
    )
}

fn summary(factor: f64) -> String {
    let case = |id: &str, ns: f64| {
        let low = ns * factor * 0.98;
        let high = ns * factor * 1.03;
        let ns = ns * factor;
        format!(
            "\"{id}\": {{\"median_ns\": {ns}, \"mean_ns\": {ns}, \"median_low_ns\": {low}, \"median_high_ns\": {high}}}"
        )
    };
    let cases = [case("Put/K16-V16/1", 51e6), case("Scan/K100-V1024/4", 2.5e6)];
    format!("{{\"count\": 2, \"cases\": {{{}}}}}", cases.join(", "))
}

fn history() -> String {
    let line = |n: u32| {
        let put = 51e6 * (1.0 + f64::from(n % 5) / 100.0);
        format!(
            "{{\"format\": 1, \"kind\": \"{}\", \"median_ns\": {{\"Put/K16-V16/1\": {put}}}}}",
            if n.is_multiple_of(7) { "snapshot" } else { "compare" }
        )
    };
    (0..20).map(line).collect::<Vec<_>>().join("\n")
}

/// What the gate writes when it has confirmed a slowdown.
fn compared() -> String {
    let origin = Origin {
        engine: "mace-kv 0.2.0 (registry)".to_owned(),
        commit: "abc1234".to_owned(),
        ..Origin::default()
    };
    let judged = |case: &str, verdict, estimate| Judged {
        case: case.to_owned(),
        verdict,
        estimate,
        suspect: false,
        screening: Vec::new(),
        confirming: Vec::new(),
    };
    let slower = Estimate {
        base_ns: 5e7,
        head_ns: 6e7,
        delta_pct: 20.0,
        low_pct: 17.5,
        high_pct: 22.5,
        ..Estimate::default()
    };
    let comparison = Comparison {
        format: 1,
        gate: Gate::Failed,
        identical: false,
        base_reference: "origin/master".to_owned(),
        base: origin.clone(),
        head: origin,
        notes: Vec::new(),
        seed: 1,
        layouts: 6,
        threshold_pct: 5.0,
        max_regress_cases: 0,
        load: 1.5,
        cpu_pressure_pct: None,
        cases: vec![
            judged("Put/K16-V16/1", Verdict::Regressed, Some(slower)),
            judged("Get/K16-V16/1", Verdict::TooSmall, None),
        ],
        instructions: Vec::new(),
        costs: None,
    };
    serde_json::to_string(&comparison).unwrap()
}

fn cycles() -> String {
    let mut text = String::from(
        "cycle,elapsed_secs,cases,median_ns_p50,median_ns_p95,seed,passed,failed,rss_bytes,open_files\n",
    );
    for cycle in 1..=30u64 {
        let snapshot = if cycle % 4 == 0 {
            format!("{},{}", 51_000_000 + cycle * 9000, 90_000_000)
        } else {
            ",".into()
        };
        let failed = u64::from(cycle == 17);
        let rss = 80_000_000 + cycle * 250_000;
        let files = 40 + cycle % 3;
        let elapsed = cycle * 600;
        writeln!(text, "{cycle},{elapsed},6,{snapshot},{cycle},900,{failed},{rss},{files}")
            .unwrap();
    }
    text
}
