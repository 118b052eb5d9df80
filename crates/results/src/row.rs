//! One line of `perf_cycles.csv`: what a cycle was and what was read at its end. The first five
//! columns and their order are a contract with whoever reads the file; further ones come only to the
//! right.

use crate::{document::FormatError, outcome::Outcome};
use serde::{Deserialize, Serialize};

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
    /// Cases that failed, were inconclusive, are missing, or did not reproduce their known finding.
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
    /// How the cycle alone ended.
    pub outcome: Outcome,
    /// Which machine ran it, from 1: another one where a resumed soak has moved. 0 in older rows.
    #[serde(default)]
    pub machine: u64,
}

/// The text of a whole file; the columns are the fields, in their order.
pub fn render(rows: &[Row]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(row).expect("a row is plain data");
    }
    let bytes = writer.into_inner().expect("memory takes every write");
    String::from_utf8(bytes).expect("numbers and names are UTF-8")
}

/// The rows of a file. The file is only ever replaced as a whole, so that a row that cannot be read is
/// damage and an error.
pub fn parse(text: &str) -> Result<Vec<Row>, FormatError> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows = reader.deserialize().collect::<Result<_, _>>();
    rows.map_err(|error| FormatError::new(format_args!("a row cannot be read ({error})")))
}

#[cfg(test)]
mod tests {
    use super::{Row, parse, render};
    use crate::Outcome;

    #[test]
    fn the_first_columns_are_the_contracts() {
        let sampled = Row {
            cycle: 4,
            elapsed_secs: 90,
            cases: Some(12),
            median_ns_p50: Some(1500.5),
            median_ns_p95: Some(9e6),
            seed: u64::MAX,
            rss_bytes: Some(1),
            process: 1,
            outcome: Outcome::Interrupted(15),
            machine: 2,
            ..Row::default()
        };
        let rows = [Row { cycle: 3, process: 1, ..Row::default() }, sampled];
        let text = render(&rows);
        let lines: Vec<_> = text.lines().collect();
        let columns = "cycle,elapsed_secs,cases,median_ns_p50,median_ns_p95,seed,passed,failed,\
            timed_out,flaky,known,skipped,rss_bytes,open_files,threads,disk_bytes,commit_p99_ns,\
            process,outcome,machine";
        assert_eq!(lines[0], columns, "further ones come to the right of these");
        assert!(lines[1].starts_with("3,0,,,,0,"), "{text}");
        assert!(lines[2].starts_with("4,90,12,1500.5,9000000.0,18446744073709551615,"), "{text}");
        assert!(lines[2].ends_with(",1,143,2"), "{text}");
        assert_eq!(parse(&text).unwrap(), rows, "the columns have the names of the fields");
        let older = text.lines().map(|line| line.rsplit_once(',').unwrap().0.to_owned() + "\n");
        let older = parse(&older.collect::<String>()).unwrap();
        assert_eq!((older.len(), older[1].machine), (2, 0), "a file of before that column");
    }

    #[test]
    fn half_a_row_is_damage() {
        let text = render(&[Row { cycle: 1, ..Row::default() }]);
        assert!(parse(&text[..text.len() - 4]).is_err());
        assert!(parse(&text.replace("seed", "sead")).unwrap_err().to_string().contains("seed"));
    }
}
