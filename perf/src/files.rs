//! What the gate writes and reads back: summaries, the comparison, the history. Wire structs with a
//! format version and units in their names; the contract's keys stay, others may be added.

use crate::{
    criterion::Sampled,
    gate::{Gate, Judged},
    instructions::Counted,
    machine::Machine,
    run::{Run, Side, best},
    stats,
};
use process::{Error, Result, console, store};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

/// Who was measured, where and when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// The engine, its version and where it is from.
    pub(crate) engine: String,
    /// The commit of the tree, marked when files differed from it.
    pub(crate) commit: String,
    pub(crate) machine: Machine,
    /// Seconds since 1970.
    pub(crate) at_secs: u64,
}

impl Origin {
    pub(crate) fn now(engine: String, commit: String) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { engine, commit, machine: Machine::here(), at_secs: since.as_secs() }
    }
}

/// `base_summary.json`, `head_summary.json` and `head_snapshot.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) format: u32,
    pub(crate) count: usize,
    pub(crate) cases: BTreeMap<String, Sampled>,
    pub(crate) origin: Origin,
}

impl Summary {
    pub(crate) fn new(cases: BTreeMap<String, Sampled>, origin: Origin) -> Self {
        Self { format: 1, count: cases.len(), cases, origin }
    }

    /// One side of a comparison, over the runs that the verdict rests on: the gate's own figure as
    /// `low_ns`, medians and means.
    pub(crate) fn of_side(cases: &[Judged], side: Side, origin: Origin) -> Self {
        let summary = |case: &Judged| {
            let runs = case.deciding().iter().filter(|run| run.side == side);
            let runs: Vec<&Run> = runs.collect();
            let of = |get: fn(&Run) -> f64| runs.iter().map(|run| get(run)).collect::<Vec<_>>();
            let medians = of(|run| run.median_ns);
            let (median_low_ns, median_high_ns) =
                stats::median_interval(&medians, 0.95, &mut fastrand::Rng::with_seed(1))?;
            Some(Sampled {
                low_ns: best(case.deciding(), side)?,
                median_ns: stats::median(&medians)?,
                mean_ns: stats::mean(&of(|run| run.mean_ns))?,
                median_low_ns,
                median_high_ns,
                samples: runs.iter().map(|run| run.samples).sum(),
                estimates: None,
            })
        };
        let cases = cases.iter().filter_map(|case| Some((case.case.clone(), summary(case)?)));
        Self::new(cases.collect(), origin)
    }

    /// The 50 % and 95 % quantile over the cases' medians, as the contract wants them; the control
    /// is no case of the engine.
    pub(crate) fn spread(&self) -> Option<(f64, f64)> {
        let engine = self.cases.iter().filter(|(name, _)| !name.starts_with("Control/"));
        let medians: Vec<f64> = engine.map(|(_, case)| case.median_ns).collect();
        Some((stats::median(&medians)?, stats::quantile(&medians, 0.95)?))
    }
}

/// `compare.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Comparison {
    pub(crate) format: u32,
    pub(crate) gate: Gate,
    /// Both sides are the same machine code, and nothing was measured.
    pub(crate) identical: bool,
    /// What was asked for as base, and what it is.
    pub(crate) base_reference: String,
    pub(crate) base: Origin,
    pub(crate) head: Origin,
    /// What the reader has to know, one line each.
    pub(crate) notes: Vec<String>,
    pub(crate) seed: u64,
    pub(crate) layouts: usize,
    pub(crate) threshold_pct: f64,
    pub(crate) max_regress_cases: usize,
    pub(crate) load: f64,
    pub(crate) cpu_pressure_pct: Option<f64>,
    pub(crate) cases: Vec<Judged>,
    /// Instructions of the cases of one client, where valgrind is there.
    pub(crate) instructions: Vec<Counted>,
}

/// Comparisons that found a slowdown in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct InTime {
    pub(crate) secs: f64,
    pub(crate) found: usize,
}

/// A line of `selftest.jsonl`: how often the gate was right here.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Proof {
    pub(crate) format: u32,
    pub(crate) origin: Origin,
    pub(crate) kind: String,
    /// Whether the comparisons were complete, or drawn from a pool of real runs.
    pub(crate) source: String,
    /// Comparisons, and how many of them failed the gate or could not tell.
    pub(crate) runs: usize,
    pub(crate) failed: usize,
    pub(crate) inconclusive: usize,
    /// How many of them failed it in the time that is asked for; lines of older versions lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) in_time: Option<InTime>,
    /// Cases compared and flagged that had no slowdown.
    pub(crate) clean_cases: usize,
    pub(crate) falsely_flagged: usize,
    /// Comparisons by the plain design, base block, then head block, medians, in the same hours,
    /// and how many of them would have failed.
    pub(crate) plain_runs: usize,
    pub(crate) plain_failed: usize,
    /// Cases that it compared and flagged that had no slowdown; lines of older versions lack them.
    #[serde(default)]
    pub(crate) plain_clean_cases: usize,
    #[serde(default)]
    pub(crate) plain_falsely_flagged: usize,
    /// What measuring took, without building: the middle one and the longest.
    pub(crate) middle_secs: f64,
    pub(crate) slowest_secs: f64,
    pub(crate) load: f64,
}

/// Writes a file whole.
pub(crate) fn write<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(value).expect("the wire structs are plain data");
    store::replace(path, &(text + "\n"))
}

/// Removes what an earlier run left: beside the error of a run that gave nothing, it would look
/// like what that run found.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::io("remove the last run's file", path, "make the folder writable", error))
        }
        _ => Ok(()),
    }
}

/// Appends a line to a file that only grows.
pub(crate) fn append<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_string(value).expect("the wire structs are plain data") + "\n";
    try_append(path, text)
        .map_err(|error| Error::io("append to", path, "make the folder writable", error))
}

fn try_append(path: &Path, mut text: String) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    // The last writer was killed in its line: this one must not become a part of that.
    if last != [b'\n'] {
        text.insert(0, '\n');
    }
    file.write_all(text.as_bytes())
}

/// Reads a file of one value; `remedy` says how to get it.
pub(crate) fn read<T: DeserializeOwned>(path: &Path, remedy: &str) -> Result<T> {
    let text = fs::read_to_string(path)
        .map_err(|error| Error::io("read the file", path, remedy, error))?;
    serde_json::from_str(&text).map_err(|error| {
        Error::new(format_args!("malformed file ({error})"), path.display(), remedy).because(error)
    })
}

/// Reads the lines of a file that may not be there. A line that a killed run left torn, or of a
/// later format, is passed over.
pub(crate) fn records<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        read => read.map_err(|error| {
            Error::io("read the file", path, "make it readable, or remove it", error)
        })?,
    };
    // A line can be torn inside a character.
    let lines = bytes.split(|byte| *byte == b'\n');
    Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

/// The same where nothing depends on them: a file that cannot be read is said and counts as empty.
pub(crate) fn lines<T: DeserializeOwned>(path: &Path) -> Vec<T> {
    records(path).unwrap_or_else(|error| {
        console::note(&format!("perf: {error}"));
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{gate::Verdict, run::Estimate};

    #[test]
    fn a_torn_line_does_not_hide_the_others() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("history.jsonl");
        assert_eq!(records::<String>(&path).unwrap(), [""; 0]);
        append(&path, &"one").unwrap();
        // A write that was killed has no end, and may be cut inside a character.
        for torn in ["\"tor", "\u{fc}"] {
            let mut file = OpenOptions::new().append(true).open(&path).unwrap();
            file.write_all(&torn.as_bytes()[..1]).unwrap();
            append(&path, &torn).unwrap();
        }
        assert_eq!(records::<String>(&path).unwrap(), ["one", "\"tor", "\u{fc}"]);
        assert_eq!(fs::read(&path).unwrap().split(|byte| *byte == b'\n').count(), 6);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_an_empty_one() {
        let temp = tempfile::tempdir().unwrap();
        let line = records::<u32>(temp.path()).unwrap_err().to_string();
        assert!(line.starts_with("cannot read the file"), "{line}");
        assert_eq!(lines::<u32>(temp.path()), [0; 0]);
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_removed_only_where_it_is() {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("compare.json");
        remove(&path).unwrap();
        write(&path, &1).unwrap();
        let reader = fs::File::open(&path).unwrap();
        write(&path, &2).unwrap();
        // Who had begun to read has the old text to its end.
        assert_eq!(io::read_to_string(reader).unwrap(), "1\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "2\n");
        remove(&path).unwrap();
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
        let line = remove(temp.path()).unwrap_err().to_string();
        assert!(line.starts_with("cannot remove the last run's file"), "{line}");
    }

    #[test]
    fn the_summary_has_the_contracts_keys() {
        let sampled = |median_ns| Sampled {
            low_ns: 1.0,
            median_ns,
            mean_ns: 2.0,
            median_low_ns: 1.0,
            median_high_ns: 3.0,
            samples: 10,
            estimates: None,
        };
        let cases = [("Control/spin", 9e9), ("Put/K16-V16/1", 100.0), ("Get/K16-V16/1", 200.0)];
        let cases = cases.map(|(name, median)| (name.to_owned(), sampled(median)));
        let summary = Summary::new(cases.into(), Origin::now("e".into(), "c".into()));
        assert_eq!(summary.spread(), Some((150.0, 195.0)));
        let json = serde_json::to_value(&summary).unwrap();
        assert_eq!(json["count"], 3);
        assert_eq!(json["cases"]["Put/K16-V16/1"]["median_ns"], 100.0);
        assert_eq!(json["cases"]["Put/K16-V16/1"]["mean_ns"], 2.0);
    }

    #[test]
    fn a_side_of_a_comparison_has_the_figures_that_the_gate_decided_on() {
        let run = |side, round, slot, low_ns| Run {
            side,
            round,
            slot,
            layout: 0,
            low_ns,
            median_ns: low_ns * 1.2,
            mean_ns: low_ns * 1.3,
            samples: 10,
            wall_ms: 300.0,
            load: 0.0,
        };
        let rounds = |base: &[f64], by: f64| -> Vec<Run> {
            let of = |side, by: f64| {
                let run = move |(at, low): (usize, &f64)| run(side, at / 2, at % 2, low * by);
                base.iter().enumerate().map(run).collect::<Vec<_>>()
            };
            [of(Side::Base, 1.0), of(Side::Head, by)].concat()
        };
        // Sixteen runs of a side: the figure is the mean of two. The screening met a lower one.
        let mut lows: Vec<f64> = (0..16).map(|at| 200.0 + f64::from(at)).collect();
        (lows[3], lows[8]) = (100.0, 104.0);
        let (screening, confirming) = (rounds(&[90.0, 300.0], 1.0), rounds(&lows, 1.5));
        for confirming in [Vec::new(), confirming] {
            let deciding = if confirming.is_empty() { &screening } else { &confirming };
            let estimate = Estimate::of(deciding, 1.0, &mut fastrand::Rng::with_seed(1)).unwrap();
            let judged = Judged {
                case: "c".to_owned(),
                verdict: Verdict::Unchanged,
                estimate: Some(estimate.clone()),
                suspect: !confirming.is_empty(),
                screening: screening.clone(),
                confirming,
            };
            let of = |side| {
                let origin = Origin::now("e".into(), "c".into());
                let case =
                    &Summary::of_side(std::slice::from_ref(&judged), side, origin).cases["c"];
                (case.low_ns, case.median_ns)
            };
            assert_eq!(of(Side::Base), (estimate.base_ns, estimate.base_median_ns));
            assert_eq!(of(Side::Head), (estimate.head_ns, estimate.head_median_ns));
            let figure = if judged.suspect { (102.0, 153.0) } else { (90.0, 90.0) };
            assert_eq!((of(Side::Base).0, of(Side::Head).0), figure);
        }
    }
}
