//! What one write of a key left, as one word that is read and written at once. Knows no file.

/// What one write of a key left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry(pub(super) u64);

impl Entry {
    /// A key that nobody wrote.
    pub const NEVER: Self = Self(0);

    /// Left by a client's transaction: `what` is 0 for a deletion; the rest is up to who writes.
    pub const fn new(seq: u32, what: u32) -> Self {
        Self((seq as u64) << 32 | what as u64)
    }

    /// The client's transaction, 0 where there was none.
    pub const fn seq(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// What it left; 0 for nothing.
    pub const fn what(self) -> u32 {
        self.0 as u32
    }
}
