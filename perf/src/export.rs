//! `perf export`: the last snapshot for other tools. Bencher's metric format is
//! `{case: {"latency": {"value", "lower_value", "upper_value"}}}` with nanoseconds
//! (bencher.dev/docs/reference/bencher-metric-format); critcmp reads Criterion's baselines.

use crate::{files, session::Session};
use process::{Error, Outcome, Result, console, folder};
use results::gate::{Sampled, Summary};
use serde_json::{Value, json};
use std::path::Path;

/// Writes the last snapshot in another tool's format.
pub(crate) fn export(session: &Session, format: &str, name: Option<&str>) -> Result<Outcome> {
    let file = session.knobs.perf_output();
    let summary: Summary = files::read(&file, "run `just perf snapshot` first")?;
    match (format, name) {
        ("bencher", None) => console::page(&format!("{:#}", bencher(&summary))),
        ("criterion", Some(name)) => {
            let home = session.knobs.root().join("target/criterion");
            baseline(&summary, &home, name)?;
            console::page(&format!("baseline {name} is in {}", home.display()));
        }
        _ => {
            let remedy = "use `export bencher` or `export criterion NAME`";
            let what = format!("unknown export `{format}`");
            return Err(Error::new(what, "command line", remedy));
        }
    }
    Ok(Outcome::Passed)
}

fn bencher(summary: &Summary) -> Value {
    let case = |case: &Sampled| {
        json!({"latency": {
            "value": case.median_ns,
            "lower_value": case.median_low_ns,
            "upper_value": case.median_high_ns,
        }})
    };
    summary.cases.iter().map(|(name, sampled)| (name.clone(), case(sampled))).collect()
}

/// Criterion's own estimates, where critcmp looks for them.
fn baseline(summary: &Summary, home: &Path, name: &str) -> Result<()> {
    for (case, sampled) in &summary.cases {
        let estimates = sampled.estimates.as_ref();
        let estimates = estimates.filter(|value| value["mean"]["point_estimate"].is_number());
        let estimates = estimates.ok_or_else(|| {
            let what = format!("the snapshot has no estimates of Criterion for `{case}`");
            let remedy = "it is of an older version: run `just perf snapshot` again";
            Error::new(what, "head_snapshot.json", remedy)
        })?;
        let folder = folder::writable(&home.join(case).join(name))?;
        let parts: Vec<&str> = case.split('/').collect();
        let benchmark = json!({
            "group_id": parts.first(),
            "function_id": parts.get(1),
            "value_str": parts.get(2),
            "throughput": null,
            "full_id": case,
            "directory_name": case,
        });
        files::write(&folder.join("benchmark.json"), &benchmark)?;
        files::write(&folder.join("estimates.json"), estimates)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Value, baseline, bencher};
    use crate::criterion;
    use results::gate::{Origin, Summary};
    use std::{fs, path::Path};

    fn recorded() -> Summary {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/criterion");
        Summary::new(criterion::read(&home).unwrap(), Origin::default())
    }

    #[test]
    fn bencher_gets_a_latency_for_each_case() {
        let json = bencher(&recorded());
        let latency = &json["Put/K16-V16/1"]["latency"];
        assert_eq!(latency["value"], recorded().cases["Put/K16-V16/1"].median_ns);
        assert!(latency["lower_value"].as_f64() <= latency["value"].as_f64());
        assert_eq!(json.as_object().unwrap().len(), 3);
    }

    #[test]
    fn the_baseline_is_what_criterion_itself_wrote() {
        let temp = tempfile::tempdir().unwrap();
        baseline(&recorded(), temp.path(), "main").unwrap();
        let theirs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/criterion");
        let read = |path: &Path| -> Value {
            serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
        };
        for case in ["Put/K16-V16/1", "Reopen/K16-V16/killed", "Control/spin"] {
            let ours = temp.path().join(case).join("main");
            let theirs = theirs.join(case).join("new");
            let both = |file: &str| (read(&ours.join(file)), read(&theirs.join(file)));
            let (ours, theirs) = both("benchmark.json");
            let known = theirs.as_object().unwrap();
            assert!(ours.as_object().unwrap().keys().all(|key| known.contains_key(key)), "{ours}");
            assert_eq!(ours["full_id"], theirs["full_id"]);
            let (ours, theirs) = both("estimates.json");
            assert_eq!(ours, theirs);
            let median = recorded().cases[case].median_ns;
            let theirs = theirs["median"]["point_estimate"].as_f64().unwrap();
            assert!((median / theirs - 1.0).abs() < 1e-9, "{case}: {median} {theirs}");
        }
    }

    #[test]
    fn a_snapshot_without_estimates_makes_no_baseline() {
        let temp = tempfile::tempdir().unwrap();
        let old = serde_json::json!({"mean": {"ns": 1.0}});
        for estimates in [None, Some(old)] {
            let mut summary = recorded();
            summary.cases.values_mut().for_each(|case| case.estimates.clone_from(&estimates));
            let line = baseline(&summary, temp.path(), "main").unwrap_err().to_string();
            assert!(line.contains("no estimates of Criterion for `Control/spin`"), "{line}");
        }
    }
}
