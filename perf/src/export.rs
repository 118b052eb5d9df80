//! `perf export`: the last snapshot for other tools. Bencher's metric format is
//! `{case: {"latency": {"value", "lower_value", "upper_value"}}}` with nanoseconds
//! (bencher.dev/docs/reference/bencher-metric-format); critcmp reads Criterion's baselines.

use crate::{
    criterion::{CONFIDENCE, Estimate, Sampled},
    files::{self, Summary},
    settings::Settings,
};
use process::{Error, Outcome, Result, console};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// Writes the last snapshot in another tool's format.
pub(crate) fn export(settings: &Settings, format: &str, name: Option<&str>) -> Result<Outcome> {
    let remedy = "run `just perf snapshot` first";
    let summary: Summary = files::read(&settings.file("head_snapshot.json"), remedy)?;
    match (format, name) {
        ("bencher", None) => {
            let text = serde_json::to_string_pretty(&bencher(&summary)).expect("plain data");
            console::page(&text);
            Ok(Outcome::Passed)
        }
        ("criterion", Some(name)) => {
            let home = settings.root.join("target/criterion");
            baseline(&summary, &home, name)?;
            console::page(&format!("baseline {name} is in {}", home.display()));
            Ok(Outcome::Passed)
        }
        _ => Err(Error::new(
            format_args!("unknown export `{format}`"),
            "command line",
            "use `export bencher` or `export criterion NAME`",
        )),
    }
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

fn baseline(summary: &Summary, home: &Path, name: &str) -> Result<()> {
    for (case, sampled) in &summary.cases {
        let Some(found) = &sampled.estimates else {
            let what = format!("the snapshot has no deviations of `{case}`");
            let remedy = "it is of an older version: run `just perf snapshot` again";
            return Err(Error::new(what, "head_snapshot.json", remedy));
        };
        let folder = home.join(case).join(name);
        fs::create_dir_all(&folder)
            .map_err(|error| Error::io("create the folder", &folder, "make it writable", error))?;
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
        let estimates = json!({
            "mean": estimate(&found.mean),
            "median": estimate(&found.median),
            "median_abs_dev": estimate(&found.median_abs_dev),
            "slope": null,
            "std_dev": estimate(&found.std_dev),
        });
        files::write(&folder.join("estimates.json"), &estimates)?;
    }
    Ok(())
}

fn estimate(estimate: &Estimate) -> Value {
    json!({
        "point_estimate": estimate.ns,
        "standard_error": estimate.error_ns,
        "confidence_interval": {
            "confidence_level": CONFIDENCE,
            "lower_bound": estimate.low_ns,
            "upper_bound": estimate.high_ns,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::{Value, baseline, bencher};
    use crate::{
        criterion,
        files::{Origin, Summary},
    };
    use std::{fs, path::Path};

    fn recorded() -> Summary {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/criterion");
        Summary::new(criterion::read(&home).unwrap(), Origin::now("e".into(), "c".into()))
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
    fn the_baseline_says_what_criterion_itself_wrote() {
        let temp = tempfile::tempdir().unwrap();
        baseline(&recorded(), temp.path(), "main").unwrap();
        let theirs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/criterion");
        let read = |path: &Path| -> Value {
            serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
        };
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        for case in ["Put/K16-V16/1", "Reopen/K16-V16/killed", "Control/spin"] {
            let both = |file: &str| {
                let (ours, theirs) = (temp.path().join(case).join("main"), theirs.join(case));
                (read(&ours.join(file)), read(&theirs.join("new").join(file)))
            };
            let (ours, theirs) = both("benchmark.json");
            assert!(keys(&ours).iter().all(|key| keys(&theirs).contains(key)), "{ours} {theirs}");
            let (ours, theirs) = both("estimates.json");
            assert_eq!(keys(&ours), keys(&theirs));
            for name in ["mean", "median", "std_dev", "median_abs_dev"] {
                let of =
                    |value: &Value, key: &str| value[name].pointer(key).unwrap().as_f64().unwrap();
                let (point, theirs_point) =
                    (of(&ours, "/point_estimate"), of(&theirs, "/point_estimate"));
                // Criterion scales the last one by a constant in single precision.
                assert!((point / theirs_point - 1.0).abs() < 1e-7, "{name} {point} {theirs_point}");
                let [low, high] = ["lower", "upper"]
                    .map(|end| of(&ours, &format!("/confidence_interval/{end}_bound")));
                // Of ten samples; Criterion draws a hundred times as often.
                assert!(low <= point && point <= high && low < high, "{name} {low} {high}");
                let error = of(&ours, "/standard_error") / of(&theirs, "/standard_error");
                assert!((0.5..2.0).contains(&error), "{name} {error}");
            }
        }
    }

    #[test]
    fn a_snapshot_without_deviations_is_not_made_into_one_that_has_none() {
        let temp = tempfile::tempdir().unwrap();
        let mut old = recorded();
        old.cases.values_mut().for_each(|case| case.estimates = None);
        let line = baseline(&old, temp.path(), "main").unwrap_err().to_string();
        assert!(
            line.contains("no deviations of `Control/spin`") && line.contains("snapshot"),
            "{line}"
        );
    }
}
