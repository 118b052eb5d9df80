//! When a write has to be refused because another transaction wrote the key: the first writer wins,
//! and only merges stand beside merges. Knows one key at a time, and besides the rule also where
//! the engine is known to depart from it.

/// What committed transactions did to a key.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Commits {
    /// When it was last written plainly.
    plain: u64,
    /// When it was last merged.
    merged: u64,
    /// The version of the youngest transaction.
    newest: Version,
    /// When that was committed.
    newest_at: u64,
}

/// The version that a transaction leaves of a key.
#[derive(Clone, Copy, Debug, Default)]
struct Version {
    /// The transaction: they are numbered as they begin.
    txn: u64,
    operand: bool,
}

/// What an open transaction did to a key.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Touched {
    pub(super) plain: bool,
    merged: bool,
    newest: Version,
}

impl Touched {
    pub(super) fn add(&mut self, txn: u64, merge: bool) {
        self.merged |= merge;
        self.plain |= !merge;
        self.newest = Version { txn, operand: merge };
    }
}

impl Commits {
    pub(super) fn add(&mut self, touched: &Touched, now: u64) {
        if touched.newest.txn > self.newest.txn {
            (self.newest, self.newest_at) = (touched.newest, now);
        }
        if touched.merged {
            self.merged = now;
        }
        if touched.plain {
            self.plain = now;
        }
    }
}

/// What other transactions did to a key that one cannot see.
pub(super) enum Overlap {
    None,
    Conflict,
    /// `merge-admission-sees-only-the-newest-version`: the engine goes by the version of the
    /// youngest transaction alone, and here that is not enough.
    KnownFinding,
}

impl Overlap {
    /// For a write (or merge) of a transaction that began at `started`; `open` is what the open
    /// transactions did to the key, and whether it is the writer's own.
    pub(super) fn of(
        merge: bool,
        started: u64,
        commits: Commits,
        open: impl Iterator<Item = (bool, Touched)>,
    ) -> Self {
        let mut plain = commits.plain > started;
        let mut merged = commits.merged > started;
        let mut newest = (commits.newest, commits.newest_at <= started);
        for (own, touched) in open {
            plain |= touched.plain && !own;
            merged |= touched.merged && !own;
            if touched.newest.txn > newest.0.txn {
                newest = (touched.newest, own);
            }
        }
        let right = !plain && (merge || !merged);
        let (version, visible) = newest;
        let admitted = visible || (merge && version.operand);
        match (right, admitted) {
            (true, true) => Self::None,
            (false, false) => Self::Conflict,
            _ => Self::KnownFinding,
        }
    }
}
