//! `perf export`: the last snapshot for other tools. Bencher's metric format is
//! `{case: {"latency": {"value", "lower_value", "upper_value"}}}` with nanoseconds
//! (bencher.dev/docs/reference/bencher-metric-format); critcmp reads Criterion's baselines.

use crate::{
    criterion::Sampled,
    files::{self, Summary},
    settings::Settings,
};
use launch::{Error, Outcome, Result, console};
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
        let estimate = |point: f64| {
            json!({
                "point_estimate": point,
                "standard_error": (sampled.median_high_ns - sampled.median_low_ns) / 3.92,
                "confidence_interval": {
                    "confidence_level": 0.95,
                    "lower_bound": sampled.median_low_ns,
                    "upper_bound": sampled.median_high_ns,
                },
            })
        };
        let estimates = json!({
            "mean": estimate(sampled.mean_ns),
            "median": estimate(sampled.median_ns),
            "median_abs_dev": estimate(0.0),
            "slope": null,
            "std_dev": estimate(0.0),
        });
        files::write(&folder.join("estimates.json"), &estimates)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{baseline, bencher};
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
    fn the_baseline_has_the_keys_that_criterion_itself_writes() {
        let temp = tempfile::tempdir().unwrap();
        baseline(&recorded(), temp.path(), "main").unwrap();
        let theirs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/criterion");
        for file in ["benchmark.json", "estimates.json"] {
            let keys = |path: &Path| {
                let text = fs::read_to_string(path).unwrap();
                let value: serde_json::Value = serde_json::from_str(&text).unwrap();
                value.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
            };
            let ours = keys(&temp.path().join("Put/K16-V16/1/main").join(file));
            let theirs = keys(&theirs.join("Put/K16-V16/1/new").join(file));
            assert!(ours.iter().all(|key| theirs.contains(key)), "{file}: {ours:?} {theirs:?}");
        }
    }
}
