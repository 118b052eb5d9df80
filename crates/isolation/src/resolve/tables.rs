//! What is known of every version and of every read, in tables that are indexed by the dense numbers
//! of keys, versions and transactions. Answers questions about them; resolves and judges nothing.

use crate::history::{History, Key};

/// No such transaction, no such version, not to be told.
pub(crate) const NONE: u32 = u32::MAX;

/// A read that a scan did by not meeting the key: the bit beside the version.
pub(crate) const BY_SCAN: u32 = 1 << 31;

/// The version was replaced by its own transaction. Flags stand above the key, which is below 2^29.
pub(super) const REPLACED: u32 = 1 << 29;
/// The version is the removal of its key.
pub(super) const REMOVAL: u32 = 1 << 30;
/// The version is an element of a set.
pub(super) const ELEMENT: u32 = 1 << 31;

/// What is known of a version, in one place: with many keys each look at one is a look far away.
#[derive(Clone, Copy)]
pub(super) struct Written {
    /// Who wrote it; nobody wrote an absence before the first write.
    pub(super) writer: u32,
    pub(super) key_and_flags: u32,
    /// What it replaced.
    pub(super) prev: u32,
    /// The first version that replaced it, and the next that replaced what it did.
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

/// What the history says, in tables.
pub(crate) struct Resolved<'a> {
    pub(crate) history: &'a History,
    /// All versions. Those from `history.versions()` on are the absences before the first write of a
    /// key: that of key `k` is `versions + k`.
    pub(super) versions: Vec<Written>,
    pub(super) reads_at: Vec<u32>,
    pub(super) reads: Vec<u32>,
    pub(crate) sets: Vec<SetRead<'a>>,
    /// Whether a transaction took effect.
    pub(crate) visible: Vec<bool>,
    /// Reads of absence that fit several moments, and were left out.
    pub(crate) ambiguous: u64,
}

/// What a transaction saw first of a set, its own additions included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SetRead<'a> {
    pub(crate) key: Key,
    pub(crate) txn: u32,
    pub(crate) elements: &'a [u32],
}

impl Resolved<'_> {
    /// What a transaction read from outside of itself: versions, with [`BY_SCAN`]; [`NONE`] where
    /// it cannot be told.
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

    /// Who wrote this version; nobody wrote an absence before the first write.
    pub(crate) fn writer_of(&self, version: u32) -> Option<u32> {
        self.versions.get(version as usize).map(|it| it.writer).filter(|&txn| txn != NONE)
    }

    /// The key of a version.
    pub(crate) fn key_of(&self, version: u32) -> u32 {
        self.versions[version as usize].key()
    }

    /// The version as a client would name it: none for an absence.
    pub(crate) fn shown(&self, version: u32) -> Option<u32> {
        let there = version < self.history.versions() && !self.is(version, REMOVAL);
        there.then_some(version)
    }

    /// What a version that somebody wrote replaced.
    pub(super) fn prev(&self, version: u32) -> Option<u32> {
        self.writer_of(version).map(|_| self.versions[version as usize].prev)
    }

    /// Whether somebody wrote this version, and at this key.
    pub(super) fn is_at(&self, version: u32, key: u32) -> bool {
        self.writer_of(version).is_some() && self.key_of(version) == key
    }

    /// Whether a transaction wrote this version for good.
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
