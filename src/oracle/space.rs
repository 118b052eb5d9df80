//! Space: after collection, files and bytes are bounded by what is alive.
//!
//! Verifies, over samples taken after rounds of overwriting and collecting: the files of the last
//! one take no more than a factor of the live bytes plus a slack; and the number of files does not
//! grow from every sample to the next while the live bytes stay the same, which is what a file
//! that is never collected looks like.
//!
//! Does not verify when a file goes (the engine may put it off, so only samples taken after
//! collection belong here), nor the bytes that one open database needs besides its files. The
//! factor is the case's choice: the engine documents garbage ratios, not a bound.

use super::{OracleName, Violation};
use serde::{Deserialize, Serialize};

/// The oracle's name.
pub const NAME: OracleName = OracleName::Space;

const BOUNDED: &str = "collection keeps files within their garbage ratio";
const COLLECTED: &str = "a file without live data is collected";

/// Samples that a steady growth must last for. A collection in arrears makes three growths in a row
/// now and then (seen: 2, 3, 4, 7 files); seven come in a row by chance in one of 40,320 orders.
const STEADY: usize = 8;

/// A database's files at one moment after collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// Bytes of the keys and values that a reader finds.
    pub live_bytes: u64,
    /// Bytes of the files.
    pub file_bytes: u64,
    /// Number of the files.
    pub files: u64,
}

/// How much the files may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// So many times the live bytes.
    pub factor: u64,
    /// And so many bytes more, for what does not grow with the data.
    pub slack_bytes: u64,
}

/// Judges samples in the order in which they were taken.
pub(super) fn judge(samples: &[Sample], bound: Bound) -> Vec<Violation> {
    let mut violations = Vec::new();
    let Some(last) = samples.last() else { return violations };
    let most = last.live_bytes * bound.factor + bound.slack_bytes;
    if last.file_bytes > most {
        let Sample { live_bytes, file_bytes, files } = last;
        let witness =
            format!("{files} files of {file_bytes} bytes for {live_bytes} live ones, over {most}");
        violations.push(Violation::new(NAME, BOUNDED, witness));
    }
    let steady = samples.len().checked_sub(STEADY).map(|first| &samples[first..]);
    let grows = |samples: &&[Sample]| {
        samples.windows(2).all(|pair| pair[0].files < pair[1].files)
            && samples.iter().all(|sample| sample.live_bytes <= samples[0].live_bytes)
    };
    if let Some(steady) = steady.filter(grows) {
        let files: Vec<u64> = steady.iter().map(|sample| sample.files).collect();
        let witness = format!("{files:?} files after successive rounds with the same live data");
        violations.push(Violation::new(NAME, COLLECTED, witness));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Bound = Bound { factor: 3, slack_bytes: 100 };

    fn samples(files: &[u64]) -> Vec<Sample> {
        files.iter().map(|&files| Sample { live_bytes: 100, file_bytes: 300, files }).collect()
    }

    #[test]
    fn accepts_files_that_come_and_go() {
        assert_eq!(judge(&samples(&[2, 3, 4, 7, 3, 4, 5, 6]), BOUND), []);
        assert_eq!(judge(&[], BOUND), []);
    }

    #[test]
    fn rejects_a_file_that_stays_after_every_round() {
        assert_eq!(judge(&samples(&[2, 3, 4, 5, 6, 7, 8, 9]), BOUND).len(), 1);
    }

    #[test]
    fn rejects_files_beyond_the_bound() {
        let sample = Sample { live_bytes: 100, file_bytes: 401, files: 1 };
        assert_eq!(judge(&[sample], BOUND).len(), 1);
    }
}
