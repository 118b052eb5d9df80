//! What Criterion wrote below its home folder: one record a case, read from the samples. Cases go by
//! Criterion's own full id: names of folders are cut and have characters replaced. Only a home that
//! was fresh before the run is worth reading, because Criterion never removes old cases.

use process::{Error, Result};
use results::{gate::Sampled, stats};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

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
    Ok(cases.into_iter().map(|(name, (_, sampled))| (name, sampled)).collect())
}

fn visit(folder: &Path, cases: &mut BTreeMap<String, (PathBuf, Sampled)>) -> Result<()> {
    let unreadable = |error| Error::io("read the folder", folder, "make it readable", error);
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if !path.is_dir() {
            continue;
        }
        if path.ends_with("new") && path.join("benchmark.json").is_file() {
            let benchmark: Benchmark = parse(&path.join("benchmark.json"))?;
            let sample: Sample = parse(&path.join("sample.json"))?;
            let estimates = path.join("estimates.json");
            let estimates = if estimates.is_file() { Some(parse(&estimates)?) } else { None };
            let sampled = summarise(&sample).ok_or_else(|| {
                let what = format!("case `{}` has no usable sample", benchmark.full_id);
                Error::new(what, path.display(), "run the bench again; see the bench log")
            })?;
            let sampled = Sampled { estimates, ..sampled };
            if let Some(other) = cases.insert(benchmark.full_id.clone(), (path.clone(), sampled)) {
                let what = format!("case `{}` was measured twice", benchmark.full_id);
                let place = format!("{} and {}", other.0.display(), path.display());
                return Err(Error::new(what, place, "give each bench a name of its own"));
            }
        } else {
            visit(&path, cases)?;
        }
    }
    Ok(())
}

fn parse<T: for<'d> Deserialize<'d>>(file: &Path) -> Result<T> {
    let remedy = "run the bench again; the format is that of Criterion 0.8";
    let text = fs::read_to_string(file)
        .map_err(|error| Error::io("read what Criterion wrote", file, remedy, error))?;
    serde_json::from_str(&text).map_err(|error| {
        let what = format!("cannot understand what Criterion wrote ({error})");
        Error::new(what, file.display(), remedy).because(error)
    })
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
    let (low, high) = median_interval(&times)?;
    Some(Sampled {
        low_ns: stats::quantile(&times, LOW)?,
        median_ns: stats::median(&times)?,
        mean_ns: stats::mean(&times)?,
        median_low_ns: Some(low),
        median_high_ns: Some(high),
        samples: times.len(),
        estimates: None,
    })
}

/// The 95 % interval of the median. The same sample gives the same interval.
pub(crate) fn median_interval(sample: &[f64]) -> Option<(f64, f64)> {
    let mut rng = fastrand::Rng::with_seed(1);
    stats::median_interval(sample, 0.95, |below| rng.usize(..below))
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
