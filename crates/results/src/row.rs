//! One line of `perf_cycles.csv`: what a cycle was and what was read at its end. The first five
//! columns and their order are a contract with whoever reads the file; further ones come only to the
//! right.

use crate::summary::of_code;
use process::{Error, Outcome, Result};
use serde::{Deserialize, Serialize};
use std::{fs, io, path::Path};

/// A finished cycle.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Its number, from 1.
    pub cycle: u64,
    /// Seconds since the soak started, pauses between its sittings not counted.
    pub elapsed_secs: u64,
    /// Valid benches of the snapshot, where one was taken.
    pub cases: Option<u64>,
    /// Median over their medians, in nanoseconds.
    pub median_ns_p50: Option<f64>,
    /// 95 % quantile over their medians, in nanoseconds.
    pub median_ns_p95: Option<f64>,
    /// The root seed of its cases.
    pub seed: u64,
    /// Cases that passed, over all layers of the cycle.
    pub passed: u64,
    /// Cases that failed, are missing, or whose known finding vanished.
    pub failed: u64,
    /// Cases past their limit.
    pub timed_out: u64,
    /// Cases that passed on a later attempt only.
    pub flaky: u64,
    /// Cases that met a known finding.
    pub known: u64,
    /// Cases that skipped with a reason.
    pub skipped: u64,
    /// Resident bytes of the process that keeps the aging database open.
    pub rss_bytes: Option<u64>,
    /// Its file descriptors.
    pub open_files: Option<u64>,
    /// Its threads.
    pub threads: Option<u64>,
    /// Bytes of the database's folder.
    pub disk_bytes: Option<u64>,
    /// 99 % quantile of the latency of its commits in this cycle, in nanoseconds.
    pub commit_p99_ns: Option<u64>,
    /// Which process it was, from 1: another one after each resumption.
    pub process: u64,
    /// The exit code that the cycle alone would have given.
    pub outcome: u8,
}

impl Row {
    /// How the cycle ended.
    pub fn outcome(&self) -> Outcome {
        of_code(self.outcome)
    }
}

/// The text of a whole file.
pub fn render(rows: &[Row]) -> String {
    let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.write_record(COLUMNS).expect("memory takes every write");
    for row in rows {
        writer.serialize(row).expect("a row is plain data");
    }
    let bytes = writer.into_inner().expect("memory takes every write");
    String::from_utf8(bytes).expect("numbers and names are UTF-8")
}

/// The rows of a file; none when it is not there. The file is only ever replaced as a whole, so
/// that a row that cannot be read is damage and an error.
pub fn read(path: &Path) -> Result<Vec<Row>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("read the file", path, "make it readable", error)),
    };
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().collect::<std::result::Result<Vec<Row>, _>>().map_err(|error| {
        let what = format!("a row cannot be read ({error})");
        Error::new(what, path.display(), "restore the file, or start without --resume")
            .because(error)
    })
}

const COLUMNS: [&str; 19] = [
    "cycle",
    "elapsed_secs",
    "cases",
    "median_ns_p50",
    "median_ns_p95",
    "seed",
    "passed",
    "failed",
    "timed_out",
    "flaky",
    "known",
    "skipped",
    "rss_bytes",
    "open_files",
    "threads",
    "disk_bytes",
    "commit_p99_ns",
    "process",
    "outcome",
];

#[cfg(test)]
mod tests {
    use super::{Row, read, render};

    #[test]
    fn the_first_columns_are_the_contracts_and_empty_where_nothing_was_read() {
        let sampled = Row {
            cycle: 4,
            elapsed_secs: 90,
            cases: Some(12),
            median_ns_p50: Some(1500.5),
            median_ns_p95: Some(9e6),
            seed: u64::MAX,
            rss_bytes: Some(1),
            process: 1,
            outcome: 143,
            ..Row::default()
        };
        let rows = [Row { cycle: 3, process: 1, ..Row::default() }, sampled];
        let text = render(&rows);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("cycle,elapsed_secs,cases,median_ns_p50,median_ns_p95,seed,"));
        assert!(lines[1].starts_with("3,0,,,,0,"), "{text}");
        assert!(lines[2].starts_with("4,90,12,1500.5,9000000.0,18446744073709551615,"), "{text}");

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("perf_cycles.csv");
        assert_eq!(read(&path).unwrap(), []);
        std::fs::write(&path, &text).unwrap();
        assert_eq!(read(&path).unwrap(), rows, "the columns have the names of the fields");
        assert_eq!(rows[1].outcome(), process::Outcome::Interrupted(15));
    }

    #[test]
    fn half_a_row_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("perf_cycles.csv");
        let text = render(&[Row::default()]);
        std::fs::write(&path, &text[..text.len() - 12]).unwrap();
        let line = read(&path).unwrap_err().to_string();
        assert!(line.contains("perf_cycles.csv") && line.contains("--resume"), "{line}");
    }
}
