//! What is known about every version and every read, in tables indexed by the dense numbers of
//! keys, versions and transactions. Answers lookups; resolves and judges nothing.

use crate::history::{History, Key};

/// No transaction, no version, or unknown.
pub(crate) const NONE: u32 = u32::MAX;

/// Flag beside the version of a read: a scan made the read by not meeting the key.
pub(crate) const BY_SCAN: u32 = 1 << 31;

/// Flag: its own transaction replaced the version. Flags are above the key, which is below 2^29.
pub(super) const REPLACED: u32 = 1 << 29;
/// Flag: the version is the removal of its key.
pub(super) const REMOVAL: u32 = 1 << 30;
/// Flag: the version is an element of a set.
pub(super) const ELEMENT: u32 = 1 << 31;

/// Everything about one version in one place: with many keys each lookup is a cache miss.
#[derive(Clone, Copy)]
pub(super) struct Written {
    /// The writer. An absence before the first write has none.
    pub(super) writer: u32,
    pub(super) key_and_flags: u32,
    /// The version that it replaced.
    pub(super) prev: u32,
    /// `next` is the first version that replaced this one; `sibling` is the next version that
    /// replaced the same one as this.
    pub(super) next: u32,
    pub(super) sibling: u32,
}

impl Written {
    pub(super) const fn nobody(key: u32) -> Self {
        Self { writer: NONE, key_and_flags: key, prev: NONE, next: NONE, sibling: NONE }
    }

    const fn key(self) -> u32 {
        self.key_and_flags & (REPLACED - 1)
    }
}

/// The history as tables.
pub(crate) struct Resolved<'a> {
    pub(crate) history: &'a History,
    /// All versions. The entries from `history.versions()` on are the absences before the first
    /// write of a key: entry `versions + k` is that of key `k`.
    pub(super) versions: Vec<Written>,
    pub(super) reads_at: Vec<u32>,
    pub(super) reads: Vec<u32>,
    pub(crate) sets: Vec<SetRead<'a>>,
    /// Whether a transaction took effect.
    pub(crate) visible: Vec<bool>,
    /// Reads of absence that fit several absences and were excluded.
    pub(crate) ambiguous: u64,
}

/// The first read of a set by a transaction, including the transaction's own additions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SetRead<'a> {
    pub(crate) key: Key,
    pub(crate) txn: u32,
    pub(crate) elements: &'a [u32],
}

impl Resolved<'_> {
    /// What a transaction read from others: versions, with [`BY_SCAN`] where it applies, and
    /// [`NONE`] where the version is unknown.
    pub(crate) fn reads(&self, txn: u32) -> &[u32] {
        let at = txn as usize;
        &self.reads[self.reads_at[at] as usize..self.reads_at[at + 1] as usize]
    }

    /// The versions that replaced this one.
    pub(crate) fn replaced_by(&self, version: u32) -> impl Iterator<Item = u32> + '_ {
        let mut at = self.versions[version as usize].next;
        std::iter::from_fn(move || {
            let found = (at != NONE).then_some(at)?;
            at = self.versions[found as usize].sibling;
            Some(found)
        })
    }

    /// The writer of this version. An absence before the first write has none.
    pub(crate) fn writer_of(&self, version: u32) -> Option<u32> {
        self.versions.get(version as usize).map(|it| it.writer).filter(|&txn| txn != NONE)
    }

    /// The key of a version.
    pub(crate) fn key_of(&self, version: u32) -> u32 {
        self.versions[version as usize].key()
    }

    /// The version as clients name it: `None` for an absence.
    pub(crate) fn shown(&self, version: u32) -> Option<u32> {
        let there = version < self.history.versions() && !self.is(version, REMOVAL);
        there.then_some(version)
    }

    /// What this version replaced, if a transaction wrote it.
    pub(super) fn prev(&self, version: u32) -> Option<u32> {
        self.writer_of(version).map(|_| self.versions[version as usize].prev)
    }

    /// Whether a transaction wrote this version at this key.
    pub(super) fn is_at(&self, version: u32, key: u32) -> bool {
        self.writer_of(version).is_some() && self.key_of(version) == key
    }

    /// Whether the transaction that wrote this version did not replace it itself.
    pub(super) fn is_final(&self, version: u32) -> bool {
        !self.is(version, REPLACED)
    }

    pub(super) fn is(&self, version: u32, flag: u32) -> bool {
        self.versions.get(version as usize).is_some_and(|it| it.key_and_flags & flag != 0)
    }

    pub(super) fn first_absence(&self, key: u32) -> u32 {
        self.history.versions() + key
    }
}
