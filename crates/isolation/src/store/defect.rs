//! The defects that a store may have, by the anomaly that each shows. Knows no store.

/// The one thing that a store does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// A transaction does not see its own write.
    Internal,
    /// A backward scan leaves out a key that the same transaction has seen.
    RangeRead,
    /// Two transactions write over each other's pending work. For work in which every read is
    /// followed by a write of the same key.
    DirtyWrite,
    /// A dropped value is read.
    AbortedRead,
    /// A value that its own transaction replaced is read.
    IntermediateRead,
    /// Two transactions read each other's pending work.
    CyclicInformationFlow,
    /// Two transactions replace one version.
    LostUpdate,
    /// A transaction that missed one write of another sees a second one.
    FracturedRead,
    /// A transaction misses what the work that it saw had read.
    GSingle,
    /// Two transactions see two independent writes in opposite orders.
    LongFork,
    /// The same, one of them through the work of a third.
    GNonadjacent,
    /// A scan misses a key that was created by work that its transaction has seen.
    Phantom,
    /// A session's snapshot is older than its own last commit.
    SessionOrder,
    /// A snapshot is older than another session's acknowledged commit.
    RealTimeOrder,
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 14] = [
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
