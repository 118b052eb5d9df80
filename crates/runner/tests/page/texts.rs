//! Every kind of text from the same results: what is there is shown, what is absent is no error,
//! what is malformed is said, and nothing from outside becomes markup.

use crate::results::{Folder, HOSTILE};
use runner::report::{bencher, html, markdown, openmetrics};
use serde_json::Value;

#[test]
fn everything_that_is_there_is_on_the_page() {
    let page = html(&Folder::full().read());
    for part in [
        "mace-kv 0.2.0 (registry)",
        "13460438216900360607",
        "2026-11-26",
        "The engine: breaks 1 of 4 promises (2 confirmed findings), 1 not tried here",
        "in doubt, 2 failed cases",
        "<span>21\u{202f}715 transactions</span>",
        "no case is called",
        "the story of the lost page",
        "just repro chaos_fs::fs_sync::io_first 7",
        "timed-out",
        "needs failpoints",
        "ext4-ordered",
        "<dt>a second, in each case</dt><dd>512</dd>",
        "<dt>posix-weak</dt><dd>61</dd>",
        "<dt>never came by</dt><dd>1\u{202f}234</dd>",
        "<dt>excluded from random cases</dt><dd>pages that rotate</dd>",
        "over all cycles",
        "<dt>distinct</dt><dd>7\u{202f}123</dd>",
        "<dt>xfs</dt><dd>62</dd>",
        "pwrite64",
        "ENOSPC",
        "cycle 17 failed",
        "cycle 9 failed",
        "just repro chaos_point::x::abort_first 99",
        "found: 250 kB a cycle",
        "+20.0 %",
        "regressed",
        "too small",
        "CHAOS_RETRY",
    ] {
        let found = page.to_lowercase().contains(&part.to_lowercase());
        assert!(found, "`{part}` is missing");
    }
    let plain = page.replace("<wbr>", "").replace("elapsed_secs", "");
    assert!(!plain.contains("elapsed"), "a time is no profile");
    let place = |part: &str| page.find(&format!("<section id=\"{part}\"")).expect(part);
    assert!(place("failures") < place("known") && place("known") < place("knobs"));
    let (_, row) =
        page.split_once("<th scope=\"row\">commits<wbr></th>").expect("a row of the map");
    let (row, _) = row.split_once("</tr>").unwrap();
    let hits = "<td class=\"number\">1\u{202f}437</td>";
    assert!(row.ends_with(hits), "what struck, and nothing else: {row}");
}

#[test]
fn nothing_from_outside_becomes_markup() {
    let model = Folder::full().read();
    let page = html(&model);
    let summary = markdown(&model);
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(1)"), "{page}");
    for outside in ["src=", "http://", "https://", "url(", "@import"] {
        assert!(!page.contains(outside), "the page asks for something: {outside}");
    }
    let table = summary.lines().filter(|line| line.starts_with('|'));
    assert!(table.count() > 4, "{summary}");
    assert!(summary.contains("  &lt;script&gt;alert(1)&lt;/script&gt; &amp; "), "{summary}");
    assert!(summary.contains("timed-out") && summary.contains("just repro"), "{summary}");
    // The last cycles of the long run, those that failed marked.
    assert!(
        summary.contains("| cycle | cases | median\\_ns\\_p50 | median\\_ns\\_p95 |"),
        "{summary}"
    );
    assert!(summary.contains("| 17 ❌ | ") && !summary.contains("| 9 ❌ | "), "{summary}");
    assert!(summary.contains("10 earlier cycles are in perf\\_cycles.csv"), "{summary}");
}

#[test]
fn nothing_at_all_is_a_page_too() {
    let folder = Folder::empty();
    let model = folder.read();
    assert!(model.problems.is_empty(), "{:?}", model.problems);
    let page = html(&model);
    for command in ["just prod all", "just perf snapshot", "just soak"] {
        assert!(page.contains(command), "{page}");
    }
    assert!(markdown(&model).contains("no results"));
    assert_eq!(openmetrics(&model), "# EOF\n");
    assert_eq!(bencher(&model), "{}\n");
}

#[test]
fn a_curve_has_times_that_were_measured_alike() {
    let line = |kind: &str, setup: &str, cpu: &str, times: &str| {
        format!(
            "{{\"format\": 1, \"kind\": \"{kind}\", \"setup\": {{\"profile\": \"{setup}\"}}, \
             \"origin\": {{\"engine\": \"e\", \"commit\": \"c\", \"machine\": {{\"cpu\": \"{cpu}\"}}}}, \
             \"median_ns\": {{{times}}}}}"
        )
    };
    let put = |ns: u32| format!("\"Put/a/1\": {ns}");
    let lines = [
        line("compare", "quick", "one", &put(1)),
        line("compare", "full", "one", &put(2)),
        line("compare", "quick", "other", &put(3)),
        "{\"format\": 1, \"kind\": \"com".to_owned(),
        line("snapshot", "quick", "one", &put(4)),
        line("compare", "quick", "one", &put(5)),
        // Of identical machine code there are no times.
        line("compare", "full", "one", ""),
    ];
    let folder = Folder::full();
    folder.write("target/perf_gate/history.jsonl", &lines.join("\n"));
    let model = folder.read();
    let [problem] = model.problems.as_slice() else { panic!("{:?}", model.problems) };
    assert!(problem.what.contains("line 4"), "{problem:?}");
    let history = &model.perf.as_ref().unwrap().history;
    assert_eq!(history["Put/a/1"], [1.0, 5.0]);
}

#[test]
fn what_is_malformed_is_said_and_the_rest_is_shown() {
    for (file, text, says) in [
        ("target/prod/junit.xml", "<testsuites", "malformed"),
        ("target/prod/run.json", "{\"format\": 1", "malformed"),
        ("target/prod/run.json", &run_of_format(9), "format 9 instead of 1"),
        ("target/perf_gate/compare.json", "[]", "malformed"),
        ("target/perf_gate/history.jsonl", "{}\n", "line 1"),
        ("target/prod_soak/perf_cycles.csv", "cycle,x\n1\n", "perf_cycles.csv"),
        ("target/prod_soak/summary.json", "not json", "malformed"),
    ] {
        let folder = Folder::full();
        folder.write(file, text);
        let model = folder.read();
        let [problem] = model.problems.as_slice() else { panic!("{file}: {:?}", model.problems) };
        let line = format!("{}: {}", problem.file, problem.what);
        assert!(line.contains(says) && !line.contains('\n') && problem.file == file, "{line}");
        let page = html(&model);
        assert!(page.contains(file) && page.contains("Known findings"), "{file}");
    }
}

fn run_of_format(format: u32) -> String {
    format!(
        "{{\"format\": {format}, \"engine\": \"\", \"root_seed\": \"1\", \"started_unix_s\": 0, \
         \"wall_s\": 0, \"outcome\": \"passed\", \"exit_code\": 0, \"machine\": {{\"os\": \"\", \
         \"arch\": \"\", \"cores\": 1}}, \"layers\": [], \"knobs\": []}}"
    )
}

#[test]
fn a_report_of_nextests_own_is_shown_with_a_warning() {
    let folder = Folder::empty();
    let recorded = include_str!("../fixtures/recorded.xml");
    folder.write("target/nextest/fast/junit.xml", recorded);
    let page = html(&folder.read());
    assert!(
        page.contains("Nobody has checked")
            && page.contains("how it stands with the engine")
            && page.contains("chaos_flaky"),
        "{page}"
    );
}

#[test]
fn numbers_for_machines_are_the_ones_of_the_run() {
    let model = Folder::full().read();
    let metrics = openmetrics(&model);
    for line in [
        "mace_prod_passed{engine=\"mace-kv 0.2.0 (registry)\",root_seed=\"13460438216900360607\"} 0",
        "mace_prod_cases{layer=\"chaos\",verdict=\"timed-out\"} 1",
        "mace_prod_layer_duration_seconds{layer=\"fast\"} 61",
        "mace_prod_figure{layer=\"fast\",figure=\"transactions\"} 4711",
        "mace_perf_change_ratio{case=\"Put/K16-V16/1\"} 0.2",
        "mace_soak_cycles{state=\"failed\"} 2",
    ] {
        let found = metrics.lines().any(|there| there.starts_with(line));
        assert!(found, "`{line}` is missing in\n{metrics}");
    }
    assert!(metrics.ends_with("# EOF\n") && !metrics.contains(HOSTILE));
    let bmf: Value = serde_json::from_str(&bencher(&model)).unwrap();
    let put = &bmf["Put/K16-V16/1"]["latency"];
    assert_eq!(put["value"], 6e7, "{bmf}");
    assert_eq!(bmf["layer/chaos"]["failures"]["value"], 2);
}

#[test]
fn a_snapshot_and_two_summaries_are_shown_as_well() {
    let folder = Folder::full();
    std::fs::remove_file(folder.path().join("target/perf_gate/compare.json")).unwrap();
    assert!(html(&folder.read()).contains("+4.0 %"));
    std::fs::remove_file(folder.path().join("target/perf_gate/base_summary.json")).unwrap();
    std::fs::rename(
        folder.path().join("target/perf_gate/head_summary.json"),
        folder.path().join("target/perf_gate/head_snapshot.json"),
    )
    .unwrap();
    let bmf: Value = serde_json::from_str(&bencher(&folder.read())).unwrap();
    let put = &bmf["Put/K16-V16/1"]["latency"];
    assert!(put["lower_value"].as_f64() < put["value"].as_f64(), "{put}");
}
