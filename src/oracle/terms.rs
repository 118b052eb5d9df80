//! Where and against which promise a state is judged, and how a violation of it is worded. Verifies
//! nothing and does not judge.

use super::{
    OracleName, Violation,
    ledger::{Life, Record},
    reopened::Streams,
};

/// Where and against which promise a state is judged.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The bucket.
    pub bucket: &'a str,
    /// The reopening, from 0.
    pub segment: usize,
    /// What the history knows of the bucket.
    pub life: Life,
    /// Acknowledgements before this stamp must be honoured.
    pub cutoff: u64,
    /// How many logs there are.
    pub streams: Streams,
    /// Whether any part may be there of a commit that was answered with an error.
    pub in_parts: bool,
}

impl Terms<'_> {
    /// Whether the transaction's acknowledgement must be honoured.
    pub fn promised(&self, record: &Record) -> bool {
        record.acked() && record.end() < self.cutoff
    }
}

/// A violation of the promise that `name` guards.
pub(crate) fn broken(
    name: OracleName,
    promise: &'static str,
    terms: &Terms,
    witness: &str,
) -> Violation {
    let Terms { bucket, segment, .. } = terms;
    Violation::new(name, promise, format!("reopening {}, bucket {bucket}: {witness}", segment + 1))
}
