//! What the single client of the contract does: operations as data, small to print and easy to
//! shrink. Every operation makes sense in every state, so that a list stays valid whatever is
//! taken out of it: a closed transaction or view that is used is opened first. Executes nothing.

use crate::{
    engine::{BucketOptions, EngineOptions, Keys, Order, Scan},
    history::KeyText,
    settings::Seed,
};
use std::{
    fmt::{Debug, Formatter, Result as FmtResult},
    ops::Bound,
    sync::Arc,
};

/// The buckets: the first sums merge operands, the second has no operator.
pub const BUCKETS: [&str; 2] = ["main", "side"];
/// Transactions that may be open at a time; the last one works in the second bucket.
pub const TXNS: usize = 3;
/// Views that may be open at a time; the last one looks at the second bucket.
pub const VIEWS: usize = 4;

/// One step of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Begins a transaction; an open one in the slot is dropped first.
    Begin(usize),
    /// Writes in a transaction.
    Write {
        /// Which transaction.
        txn: usize,
        /// How.
        how: How,
        /// What.
        key: Key,
        /// The value or operand; a deletion has no use for it.
        value: Value,
    },
    /// Reads a key.
    Get(Reader, Key),
    /// Scans.
    Scan(Reader, Sweep),
    /// Commits a transaction.
    Commit(usize),
    /// Drops a transaction.
    Abort(usize),
    /// Opens a view; an open one in the slot is closed first.
    View(usize),
    /// Closes a view.
    Close(usize),
    /// Upserts a run of numbered keys in one transaction.
    Fill(Run, Value),
    /// Deletes a run of numbered keys in one transaction.
    Thin(Run),
    /// Asks for a checkpoint of a bucket, and waits for it or does not.
    Checkpoint {
        /// Which bucket.
        bucket: usize,
        /// Whether the client waits.
        wait: bool,
    },
    /// Runs a round of garbage collection.
    Collect,
    /// Switches background collection.
    Collection(bool),
    /// The durability barrier.
    Sync,
    /// Asks to unload (or delete) a bucket whose handle is alive; it has to be refused.
    Held {
        /// Which bucket.
        bucket: usize,
        /// Delete instead of unload.
        delete: bool,
    },
    /// Copies the open database, opens the copy and compares it.
    Copy,
    /// Reads everything in every way, through every open transaction and view as well.
    Audit,
    /// Gives every handle back, unloads a bucket and opens it again.
    Reload(usize),
    /// Like [`Op::Reload`], with other options asked for in between.
    Change(usize, Box<BucketOptions>),
    /// Gives every handle back, deletes a bucket and makes another of the same name.
    Recreate(usize),
    /// Gives everything back and opens the database again with these options.
    Reopen(Box<EngineOptions>),
}

impl Op {
    /// Whether the operation needs every handle to be given back first.
    pub const fn is_structural(&self) -> bool {
        matches!(self, Self::Reload(_) | Self::Change(..) | Self::Recreate(_) | Self::Reopen(_))
    }

    /// The length of the longest key that it names, in bytes.
    pub fn longest_key(&self) -> usize {
        let bound = |bound: &Bound<Key>| match bound {
            Bound::Included(key) | Bound::Excluded(key) => key.0.len(),
            Bound::Unbounded => 0,
        };
        match self {
            Self::Write { key, .. } | Self::Get(_, key) => key.0.len(),
            Self::Scan(_, sweep) => match &sweep.span {
                Span::All => 0,
                Span::Prefix(key) => key.0.len(),
                Span::Between(low, high) => bound(low).max(bound(high)),
            },
            _ => 0,
        }
    }
}

/// A way of writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the engine's call of that name")]
pub enum How {
    Upsert,
    Put,
    Update,
    Del,
    Merge,
    ResetMerge,
}

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A view.
    View(usize),
    /// A transaction.
    Txn(usize),
}

/// The bucket that a transaction works in.
pub const fn bucket_of_txn(txn: usize) -> usize {
    (txn + 1 == TXNS) as usize
}

/// The bucket that a view looks at.
pub(super) const fn bucket_of_view(view: usize) -> usize {
    (view + 1 == VIEWS) as usize
}

/// A key. It prints as text, cut short when long.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(pub Arc<[u8]>);

impl Key {
    /// The key with these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into().into())
    }
}

impl Debug for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        const SHOWN: usize = 24;
        let bytes = &self.0;
        if bytes.len() <= SHOWN {
            return write!(f, "`{}`", KeyText::new(bytes).0);
        }
        let start = &bytes[..SHOWN / 2];
        let end = &bytes[bytes.len() - SHOWN / 2..];
        let text = |part| KeyText::new(part).0;
        write!(f, "`{}…{}`({} bytes)", text(start), text(end), bytes.len())
    }
}

/// What fills a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filling {
    /// Zero bytes.
    Zeros,
    /// A short text again and again.
    Text,
    /// Bytes that do not compress.
    Noise,
}

/// A value by its length, filling and number; its first eight bytes are the number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Value {
    /// Length in bytes.
    pub len: usize,
    /// What is behind the number.
    pub filling: Filling,
    /// The number, little-endian in front, so that no two values are alike.
    pub number: u64,
}

impl Value {
    /// The value of what has none.
    pub const NONE: Self = Self { len: 0, filling: Filling::Zeros, number: 0 };

    /// The bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = match self.filling {
            Filling::Zeros => vec![0; self.len],
            Filling::Text => b"production ".iter().copied().cycle().take(self.len).collect(),
            Filling::Noise => Seed::new(self.number).rng().bytes(self.len),
        };
        let front = self.len.min(8);
        bytes[..front].copy_from_slice(&self.number.to_le_bytes()[..front]);
        bytes
    }
}

impl Debug for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        write!(f, "#{} {}B {:?}", self.number, self.len, self.filling)
    }
}

/// A run of numbered keys in a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// Which bucket.
    pub bucket: usize,
    /// The first number.
    pub first: u16,
    /// How many.
    pub count: u16,
    /// From one to the next.
    pub step: u16,
}

impl Run {
    /// The keys, in order.
    pub fn keys(self) -> impl Iterator<Item = Vec<u8>> {
        let numbers = (0..self.count).map(move |at| self.first + at * self.step.max(1));
        numbers.map(|number| format!("run/{number:05}").into_bytes())
    }

    /// The keys, each with its value: those behind `first` are numbered on, from the greatest
    /// number to nought.
    pub fn pairs(self, first: Value) -> impl Iterator<Item = (Vec<u8>, Value)> {
        let values =
            (0_u64..).map(move |at| Value { number: first.number.wrapping_add(at), ..first });
        self.keys().zip(values)
    }
}

/// A scan whose keys print as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Which keys.
    pub span: Span,
    /// From which end.
    pub order: Order,
    /// How many pairs at the most.
    pub limit: usize,
}

/// Neighbouring keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Span {
    /// All of them.
    All,
    /// Those with this prefix.
    Prefix(Key),
    /// Those between two bounds.
    Between(Bound<Key>, Bound<Key>),
}

impl Sweep {
    /// The key that the engine looks for first, when it is one that may be there.
    pub fn begins_at(&self) -> Option<&Key> {
        match &self.span {
            Span::Prefix(key) | Span::Between(Bound::Included(key), _) => Some(key),
            Span::All | Span::Between(..) => None,
        }
    }

    /// The scan to ask the engine for.
    pub fn scan(&self) -> Scan {
        let bytes = |bound: &Bound<Key>| bound.as_ref().map(|key| key.0.to_vec());
        let keys = match &self.span {
            Span::All => Keys::All,
            Span::Prefix(prefix) => Keys::Prefix(prefix.0.to_vec()),
            Span::Between(low, high) => Keys::Range(bytes(low), bytes(high)),
        };
        Scan { keys, order: self.order, limit: self.limit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_numbered_past_the_greatest_number() {
        let run = Run { bucket: 0, first: 7, count: 3, step: 2 };
        let first = Value { number: u64::MAX - 1, ..Value::NONE };
        let found: Vec<_> = run.pairs(first).map(|(key, value)| (key, value.number)).collect();
        let wanted = [(7, u64::MAX - 1), (9, u64::MAX), (11, 0)];
        assert_eq!(
            found,
            wanted.map(|(key, number)| (format!("run/{key:05}").into_bytes(), number))
        );
    }
}
