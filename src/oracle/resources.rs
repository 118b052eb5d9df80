//! Resources: what a database holds does not grow with the number of operations that leave nothing.
//!
//! Verifies, for one kind of operation done thousands of times and one resource read after each round of
//! them: behind the first third, in which caches fill, what the resource grew by (the Theil-Sen slope over
//! the rounds, times the rounds) stays below what a defect has to leave; and so it does at the slope of the
//! second half, since what flattens is a cache that filled later. The bounds, each for what was read behind
//! the first third:
//! memory, eight bytes an operation, half of the smallest block that the usual allocators hand out, and what is
//! held back and given back in one piece: 32 KiB, and where the operation writes a mebibyte (mace-kv 0.2.0 gives
//! pages back after some thousand transactions, 0.85 MB at a time, over 300 rounds of 32);
//! descriptors, deleted files that are held open, log files and staged files, four of them, which a collection
//! in arrears may have; data files sixteen more, since the parts of a page that is not folded yet have one each;
//! the manifest, half of the smallest record that an operation could leave there, sixteen bytes an
//! operation, and eight pages, which a tree that is copied on writing may have in use.
//!
//! Does not verify what is left seldom or in small parts: less than these bounds; what a process holds
//! outside of its allocator (mappings, stacks of threads); nor an operation that is to leave something.

use super::{OracleName, Violation};
use results::stats::{Point, theil_sen};

/// The oracle's name.
pub const NAME: OracleName = OracleName::Resources;

const PROMISE: &str = "what an operation used is given back";

/// Readings without which nothing is said.
pub const LEAST: usize = 12;

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Bytes of the process.
    Memory,
    /// Its file descriptors.
    Descriptors,
    /// Those of them whose file was deleted.
    Deleted,
    /// Files of the log.
    Logs,
    /// Bytes of the manifest.
    Manifest,
    /// Files with data.
    Data,
    /// Files and folders that a copy or a rewriting left unfinished.
    Staged,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Memory,
        Self::Descriptors,
        Self::Deleted,
        Self::Logs,
        Self::Manifest,
        Self::Data,
        Self::Staged,
    ];

    const fn what(self) -> &'static str {
        match self {
            Self::Memory => "bytes of memory",
            Self::Descriptors => "descriptors",
            Self::Deleted => "deleted files held open",
            Self::Logs => "log files",
            Self::Manifest => "bytes of manifest",
            Self::Data => "data files",
            Self::Staged => "staged files",
        }
    }

    /// How much it may grow over so many operations.
    fn allowed(self, operations: f64, writes: bool) -> f64 {
        match self {
            Self::Memory => BLOCK / 2.0 * operations + if writes { RETIRED } else { KEPT },
            Self::Manifest => RECORD / 2.0 * operations + 8.0 * PAGE,
            Self::Descriptors | Self::Deleted | Self::Logs | Self::Staged => FILES,
            Self::Data => FILES + UNFOLDED,
        }
    }
}

/// Bytes of the smallest block that the usual allocators hand out.
const BLOCK: f64 = 16.0;
/// Bytes of the smallest record of the manifest, with its key.
const RECORD: f64 = 32.0;
const PAGE: f64 = 4096.0;
/// Bytes that caches hold more at one reading than at another.
const KEPT: f64 = 32_768.0;
/// Bytes of replaced pages that are given back in one piece.
const RETIRED: f64 = 1_048_576.0;
/// Files that a collection in arrears may have.
const FILES: f64 = 4.0;
/// Parts of a page before they are folded.
const UNFOLDED: f64 = 16.0;

/// One resource, read after each round of one kind of operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// The operation.
    pub operation: &'static str,
    /// The resource.
    pub resource: Resource,
    /// Operations of a round.
    pub round: u64,
    /// Whether the operation writes.
    pub writes: bool,
    /// What was read, in the resource's unit.
    pub readings: Vec<i64>,
}

impl Series {
    /// Whether it has enough readings to show something.
    pub fn is_long(&self) -> bool {
        self.readings.len() >= LEAST
    }
}

/// Judges a series; one with fewer readings than [`LEAST`] shows nothing.
pub(super) fn judge(series: &Series) -> Option<Violation> {
    let Series { operation, resource, round, writes, readings } = series;
    let points: Vec<Point> =
        readings.iter().zip(0_u32..).map(|(read, at)| (f64::from(at), *read as f64)).collect();
    let settled = points.get(points.len() / 3..)?;
    let rounds = settled.len().checked_sub(1).filter(|_| points.len() >= LEAST)? as f64;
    let grown = |points: &[Point]| theil_sen(&[points.to_vec()]).unwrap_or_default() * rounds;
    let all = grown(settled);
    let late = grown(&settled[settled.len() / 2..]);
    let operations = rounds * *round as f64;
    let allowed = resource.allowed(operations, *writes);
    (all.min(late) > allowed).then(|| {
        let witness = format!(
            "{operation}: {} grew by {all:.0} over {operations} of them, {:.3} each, {allowed:.0} allowed; \
             {readings:?}",
            resource.what(),
            all / operations,
        );
        Violation::new(NAME, PROMISE, witness)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_found(resource: Resource, reading: impl Fn(i64) -> i64) -> bool {
        is_found_of(resource, false, reading)
    }

    fn is_found_of(resource: Resource, writes: bool, reading: impl Fn(i64) -> i64) -> bool {
        let readings = (0..24).map(reading).collect();
        let series = Series { operation: "an operation", resource, round: 1000, writes, readings };
        judge(&series).is_some()
    }

    /// What a cache leaves behind from one round to the next, without a trend.
    fn noise(at: i64) -> i64 {
        at * 7 % 5 * 3000
    }

    #[test]
    fn accepts_caches_that_fill_and_noise() {
        assert!(!is_found(Resource::Memory, |at| 1_000_000 + noise(at)));
        assert!(!is_found(Resource::Memory, |at| at.min(9) * 400_000 + noise(at)));
        assert!(!is_found(Resource::Memory, |at| -at * 5000));
        for resource in [Resource::Descriptors, Resource::Logs, Resource::Data] {
            assert!(!is_found(resource, |at| 9 + at % 4), "{resource:?}");
        }
        assert!(!is_found_of(Resource::Memory, true, |at| at * 60_000));
        assert!(!is_found(Resource::Data, |at| 2 + at % 15));
        assert!(!is_found(Resource::Manifest, |at| 65_536 + at % 3 * 16_384));
    }

    #[test]
    fn rejects_what_each_operation_leaves() {
        assert!(is_found(Resource::Memory, |at| at * 16 * 1000 + noise(at)));
        assert!(is_found(Resource::Descriptors, |at| 9 + at / 2));
        assert!(is_found(Resource::Data, |at| 9 + at * 2));
        assert!(is_found_of(Resource::Memory, true, |at| at * 200_000));
        assert!(is_found(Resource::Logs, |at| at));
        assert!(is_found(Resource::Deleted, |at| at));
        assert!(is_found(Resource::Staged, |at| at));
        assert!(is_found(Resource::Manifest, |at| 65_536 + at * 40_000));
    }

    #[test]
    fn few_readings_show_nothing() {
        let readings = (1_i64..).take(LEAST - 1).map(|at| at * 1_000_000).collect();
        let few = Series {
            operation: "few",
            resource: Resource::Memory,
            round: 10,
            writes: false,
            readings,
        };
        assert_eq!(judge(&few), None);
    }
}
