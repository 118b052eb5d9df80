//! The defects of a faulty store, named by the anomaly that each shows. Knows no store.

/// The one defect of a faulty store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// A transaction does not see its own write.
    Internal,
    /// A backward scan leaves out a key that the same transaction has seen.
    RangeRead,
    /// Two transactions overwrite each other's pending work. The workload must follow every read
    /// with a write of the same key.
    DirtyWrite,
    /// An aborted value is read.
    AbortedRead,
    /// A value that its own transaction replaced is read.
    IntermediateRead,
    /// Two transactions read each other's pending work.
    CyclicInformationFlow,
    /// Two transactions replace one version.
    LostUpdate,
    /// A transaction that missed one write of another sees a second one.
    FracturedRead,
    /// A transaction misses work that the work it saw depends on.
    GSingle,
    /// Two transactions see two independent writes in opposite orders.
    LongFork,
    /// Like `LongFork`, with one of the writes seen through the work of a third transaction.
    GNonadjacent,
    /// A scan misses a key that was created by a transaction whose work it has seen.
    Phantom,
    /// A session's snapshot is older than its own last commit.
    SessionOrder,
    /// A snapshot is older than another session's acknowledged commit.
    RealTimeOrder,
}

impl Defect {
    /// All defects.
    pub(crate) const ALL: [Self; 14] = [
        Self::Internal,
        Self::RangeRead,
        Self::DirtyWrite,
        Self::AbortedRead,
        Self::IntermediateRead,
        Self::CyclicInformationFlow,
        Self::LostUpdate,
        Self::FracturedRead,
        Self::GSingle,
        Self::LongFork,
        Self::GNonadjacent,
        Self::Phantom,
        Self::SessionOrder,
        Self::RealTimeOrder,
    ];
}
