//! What Criterion wrote below its home folder: one record a case, read from the samples. Cases go by
//! Criterion's own full id: names of folders are cut and have characters replaced. Only a home that
//! was fresh before the run is worth reading, because Criterion never removes old cases.

use crate::files;
use process::{Error, Result};
use results::{gate::Sampled, stats};
use serde::Deserialize;
use std::{collections::BTreeMap, fs, path::Path};

/// Which quantile stands for an undisturbed batch. On two cores under a load of 15 one batch in
/// ten of four writers is disturbed least, and one in fifty is hardly disturbed at all. Not the
/// minimum, which one wrong reading of a clock would decide.
const LOW: f64 = 0.02;

#[derive(Deserialize)]
struct Benchmark {
    full_id: String,
}

#[derive(Deserialize)]
struct Sample {
    iters: Vec<f64>,
    times: Vec<f64>,
}

/// Every case below `home`, by its full id.
pub(crate) fn read(home: &Path) -> Result<BTreeMap<String, Sampled>> {
    let mut cases = BTreeMap::new();
    visit(home, &mut cases)?;
    Ok(cases)
}

fn visit(folder: &Path, cases: &mut BTreeMap<String, Sampled>) -> Result<()> {
    let remedy = "run the bench again; the format is that of Criterion 0.8";
    let benchmark = folder.join("benchmark.json");
    if folder.ends_with("new") && benchmark.is_file() {
        let Benchmark { full_id } = files::read(&benchmark, remedy)?;
        let sample: Sample = files::read(&folder.join("sample.json"), remedy)?;
        let mut sampled = summarise(&sample).ok_or_else(|| {
            let what = format!("case `{full_id}` has no usable sample");
            Error::new(what, folder.display(), "run the bench again; see the bench log")
        })?;
        let estimates = folder.join("estimates.json");
        if estimates.is_file() {
            sampled.estimates = Some(files::read(&estimates, remedy)?);
        }
        if cases.insert(full_id.clone(), sampled).is_some() {
            let what = format!("case `{full_id}` was measured twice");
            return Err(Error::new(what, folder.display(), "give each bench a name of its own"));
        }
        return Ok(());
    }
    let unreadable = |error| Error::io("read the folder", folder, "make it readable", error);
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            visit(&path, cases)?;
        }
    }
    Ok(())
}

/// `None` for a sample that is empty, or has a time that is no positive number.
fn summarise(sample: &Sample) -> Option<Sampled> {
    if sample.iters.len() != sample.times.len() {
        return None;
    }
    let times: Vec<f64> = sample.iters.iter().zip(&sample.times).map(|(i, t)| t / i).collect();
    if !times.iter().all(|time| time.is_finite() && *time > 0.0) {
        return None;
    }
    sampled(stats::quantile(&times, LOW)?, &times, &times, times.len())
}

/// The record of a case whose low figure is known, out of medians and means, with the 95 % interval
/// of the median. The same figures give the same interval.
pub(crate) fn sampled(
    low_ns: f64,
    medians: &[f64],
    means: &[f64],
    samples: usize,
) -> Option<Sampled> {
    let mut rng = fastrand::Rng::with_seed(1);
    let interval = stats::median_interval(medians, 0.95, |below| rng.usize(..below))?;
    Some(Sampled {
        low_ns,
        median_ns: stats::median(medians)?,
        mean_ns: stats::mean(means)?,
        median_low_ns: Some(interval.0),
        median_high_ns: Some(interval.1),
        samples,
        estimates: None,
    })
}

#[cfg(test)]
mod tests {
    use super::{Sample, read, summarise};
    use std::{
        fs,
        path::{Path, PathBuf},
    };

    #[test]
    fn recorded_output_is_read_by_full_id() {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/criterion");
        let cases = read(&home).unwrap();
        let names: Vec<_> = cases.keys().map(String::as_str).collect();
        assert_eq!(names, ["Control/spin", "Put/K16-V16/1", "Reopen/K16-V16/killed"]);
        assert!(cases.values().all(|case| {
            case.samples == 10
                && case.low_ns <= case.median_ns
                && case.median_low_ns <= Some(case.median_ns)
                && Some(case.median_ns) <= case.median_high_ns
        }));
        assert!(read(&home.join("nowhere")).is_err());
    }

    /// Recorded with Criterion 0.8.2: a group `Odd? *` with the throughput `ElementsAndBytes`, two
    /// names that differ in a character which no folder has, sampled linearly, and two that differ
    /// after their sixty-fourth byte, sampled flat.
    fn odd() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/criterion-odd")
    }

    #[test]
    fn names_that_no_folder_can_have_are_read_whole() {
        let cases = read(&odd()).unwrap();
        let long = "a-name-that-is-longer-than-the-sixty-four-bytes-that-criterion-leaves-of-it";
        let [one, two] = ["one", "two"].map(|end| format!("Odd? */{long}-{end}/1"));
        let names: Vec<_> = cases.keys().map(String::as_str).collect();
        assert_eq!(names, ["Odd? */a*b/1", one.as_str(), two.as_str(), "Odd? */a?b/1"]);
        // Each has the samples that stand beside its own name, for one iteration.
        for (folder, name) in [
            ("a_b/1", "Odd? */a?b/1"),
            ("a_b/1_2", "Odd? */a*b/1"),
            ("a-name-that-is-longer-than-the-sixty-four-bytes-that-criterion-l/1", one.as_str()),
            ("a-name-that-is-longer-than-the-sixty-four-bytes-that-criterion-l/1_2", two.as_str()),
        ] {
            let file = odd().join("Odd_ _").join(folder).join("new/estimates.json");
            let theirs: serde_json::Value =
                serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
            let is_flat = theirs["slope"].is_null();
            assert_eq!(is_flat, name.contains("longer"), "both ways of sampling are there");
            let median = theirs["median"]["point_estimate"].as_f64().unwrap();
            let ours = cases[name].median_ns;
            assert!((ours / median - 1.0).abs() < 1e-9, "{name}: {ours} {median}");
        }
    }

    #[test]
    fn a_case_in_two_folders_is_refused() {
        let home = tempfile::tempdir().unwrap();
        for folder in ["a/new", "b/new"] {
            let folder = home.path().join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("benchmark.json"), r#"{"full_id": "Put/a/1"}"#).unwrap();
            let sample = r#"{"iters": [1.0, 1.0], "times": [5.0, 6.0]}"#;
            fs::write(folder.join("sample.json"), sample).unwrap();
        }
        let line = read(home.path()).unwrap_err().to_string();
        assert!(line.starts_with("case `Put/a/1` was measured twice: "), "{line}");
        fs::remove_dir_all(home.path().join("b")).unwrap();
        assert_eq!(read(home.path()).unwrap().len(), 1);
    }

    #[test]
    fn a_sample_that_says_nothing_is_no_sample() {
        let sample = |iters: &[f64], times: &[f64]| {
            summarise(&Sample { iters: iters.into(), times: times.into() })
        };
        assert!(sample(&[], &[]).is_none() && sample(&[1.0], &[]).is_none());
        for bad in [0.0, f64::NAN, f64::INFINITY, -1.0] {
            assert!(sample(&[1.0, 1.0], &[5.0, bad]).is_none(), "{bad}");
        }
        let linear = sample(&[1.0, 2.0, 3.0], &[10.0, 22.0, 30.0]).unwrap();
        assert_eq!((linear.median_ns, linear.samples), (10.0, 3));
    }
}
