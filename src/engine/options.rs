//! Options of an engine and its buckets in our words, and the configuration presets that every
//! case runs in more than one of. Units are in the names; nothing here opens anything.

use crate::{
    engine::rules::RULES,
    settings::{FindingId, excludes},
};
use serde::{Deserialize, Serialize};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// How a database is opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches of the engine's, not a state"
)]
pub struct EngineOptions {
    /// A commit returns only when it would survive a power loss; otherwise it survives a process
    /// kill, and [`super::Engine::sync`] is the barrier.
    pub durable: bool,
    /// Writer groups, a power of two.
    pub writers: u8,
    /// Milliseconds between background collections; `None` collects only when asked.
    pub collect_every_ms: Option<u64>,
    /// Milliseconds after which lingering dirty pages are checkpointed; 0 switches it off.
    pub checkpoint_nudge_ms: u64,
    /// Target size of a data file, in bytes.
    pub data_file_bytes: u64,
    /// Target size of a blob file, in bytes.
    pub blob_file_bytes: u64,
    /// Size at which the log rotates, in bytes.
    pub wal_file_bytes: u64,
    /// The log's staging buffer for each stream, in bytes; a power of two.
    pub wal_buffer_bytes: u64,
    /// Per cent of garbage above which a data file is rewritten.
    pub data_garbage_pct: u32,
    /// Per cent of garbage above which a blob file is rewritten.
    pub blob_garbage_pct: u32,
    /// Shared cache of blobs and history pages, in bytes.
    pub lru_bytes: u64,
    /// Cached statistics of data and blob files, in entries.
    pub stat_mask_entries: usize,
    /// Cached open files, of data and of blobs each.
    pub file_handles: usize,
    /// A round of collection rewrites what is due even where it makes no whole file.
    pub eager_rewrites: bool,
    /// A log is cut at its first bad record; otherwise the opening fails and nothing is cut.
    pub cuts_torn_logs: bool,
    /// Checkpoints that a transaction may stay open across.
    pub checkpoints_per_txn: usize,
    /// Microseconds for which the first of several commits waits for others to share its sync.
    pub merge_window_us: u64,
    /// The folder goes when the database is closed.
    pub temporary: bool,
    /// The name of a folder beside the database's that takes the log; none for the usual place.
    pub log_beside: Option<String>,
    /// The engine's own counters are kept ([`super::Engine::counted`]).
    pub observed: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            durable: true,
            writers: 16,
            collect_every_ms: Some(60_000),
            checkpoint_nudge_ms: 60_000,
            data_file_bytes: 64 * MIB,
            blob_file_bytes: 256 * MIB,
            wal_file_bytes: 64 * MIB,
            wal_buffer_bytes: 16 * MIB,
            data_garbage_pct: 20,
            blob_garbage_pct: 50,
            lru_bytes: 256 * MIB,
            stat_mask_entries: 16_384,
            file_handles: 128,
            eager_rewrites: true,
            cuts_torn_logs: true,
            checkpoints_per_txn: 1_000_000,
            merge_window_us: 125,
            temporary: false,
            log_beside: None,
            observed: false,
        }
    }
}

impl EngineOptions {
    /// The same with log files that take all of a case. For work that drops transactions or meets
    /// conflicts: the log must not rotate under those, by the known finding
    /// `aborted-across-log-files`.
    #[must_use]
    pub fn one_log_file(self) -> Self {
        if excludes(FindingId::ABORTED_ACROSS_LOG_FILES) {
            Self { wal_file_bytes: 64 * MIB, ..self }
        } else {
            self
        }
    }
}

/// How a bucket is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketOptions {
    /// Target of resident pages, in bytes; eviction starts below it.
    pub cache_bytes: u64,
    /// Per cent of the pages that one round evicts.
    pub evict_pct: u32,
    /// Ceiling of dirty pages, in bytes.
    pub pool_bytes: u64,
    /// Bytes after which a checkpoint is written.
    pub checkpoint_bytes: u64,
    /// Values of this size and more live in blob files.
    pub inline_bytes: u32,
    /// Keys a node holds before it splits.
    pub split_keys: u16,
    /// Length of a delta chain before it is folded.
    pub consolidate_deltas: u16,
    /// Records are compressed.
    pub compression: bool,
    /// Writers are slowed down when the pool is full.
    pub backpressure: bool,
    /// What merge operands mean; kept by the caller, not by the database.
    pub merge: Merge,
}

impl Default for BucketOptions {
    fn default() -> Self {
        Self {
            cache_bytes: GIB,
            evict_pct: 20,
            pool_bytes: GIB,
            checkpoint_bytes: 256 * MIB,
            inline_bytes: RULES.inline_usual,
            split_keys: 512,
            consolidate_deltas: 256,
            compression: false,
            backpressure: true,
            merge: Merge::None,
        }
    }
}

impl BucketOptions {
    /// The same with room for all that a case writes before a checkpoint is due: the engine then
    /// writes one when it is asked to, and only then. See [`super::serialised_maintenance`].
    #[must_use]
    pub fn checkpoints_when_asked(self) -> Self {
        Self { pool_bytes: 256 * MIB, checkpoint_bytes: 256 * MIB, ..self }
    }

    /// The same as [`Self::checkpoints_when_asked`] while this known finding holds, else unchanged.
    #[must_use]
    pub fn checkpoints_when_asked_while(self, id: FindingId) -> Self {
        if excludes(id) { self.checkpoints_when_asked() } else { self }
    }

    /// The same for deletions that leave pages empty: while a page that is evicted and merged at once may
    /// abort the process (known finding `merge-races-the-evictor`), nothing is evicted.
    #[must_use]
    pub fn for_empty_pages(self) -> Self {
        let keeps_all = excludes(FindingId::MERGE_RACES_THE_EVICTOR);
        if keeps_all { Self { cache_bytes: GIB, ..self } } else { self }
    }

    /// The same for processes that are killed. A checkpoint that begins while a page is folded or
    /// divided loses it there, by the known findings `history-ahead-of-its-page` and
    /// `split-without-its-child`: so nothing is evicted, and checkpoints are written when they are asked
    /// for, where clients rest or change a page too seldom to fold it.
    #[must_use]
    pub fn for_kills(self) -> Self {
        if excludes(FindingId::HISTORY_AHEAD_OF_ITS_PAGE) {
            Self { cache_bytes: GIB, ..self.checkpoints_when_asked() }
        } else {
            self.checkpoints_when_asked_while(FindingId::SPLIT_WITHOUT_ITS_CHILD)
        }
    }
}

/// What merge operands mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Merge {
    /// Nothing: a merge is refused.
    None,
    /// Little-endian 64-bit numbers that add up; at keys of sets ([`SET_PREFIX`]), elements that are
    /// collected in the order of their bytes ([`both_sets`]). A bucket has one operator, and each key one meaning.
    Sum,
}

/// The prefix of keys at which [`Merge::Sum`] collects elements.
pub const SET_PREFIX: &[u8] = b"u/";

/// The prefix of keys at which [`Merge::Sum`] makes nothing of two operands. mace-kv forbids its operators to
/// (`MergeOperator`), and answers so.
pub const VOID_PREFIX: &[u8] = b"void/";

/// The length of an element, in bytes.
pub const SET_ELEMENT: usize = 16;

/// Two sets as one, with every element of both. In one order whoever came first: mace-kv asks of a
/// merge operator that it commutes (`MergeOperator`), and folds reads and pages in opposite orders.
pub fn both_sets(left: &[u8], right: &[u8]) -> Vec<u8> {
    let all = [left, right].concat();
    let mut elements: Vec<&[u8]> = all.chunks(SET_ELEMENT).collect();
    elements.sort_unstable();
    elements.concat()
}

/// A named configuration. Every case runs in more than one, because most defects live where
/// files rotate, pages leave and garbage is collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Preset {
    /// What a user gets who sets nothing.
    Defaults,
    /// Pools, caches and files so small that a few hundred writes rotate, evict and collect.
    Tiny,
    /// Tiny, and every record compressed.
    Compressed,
    /// Tiny, and a commit reaches the page cache only.
    Relaxed,
    /// Tiny, one writer group.
    OneWriter,
    /// Tiny, thirty-two writer groups, each with a log of its own.
    ManyWriters,
    /// Tiny's pages and files for [`DEEP_KEYS`]: trees of three levels, and files beyond what the caches
    /// of files, of their tables and of pages hold. The engine's counters are kept.
    Deep,
}

/// How many keys a deep bucket has: nodes of 64 make three levels from 4,097 on, and the ring of the
/// evictor has 1,024 places.
pub const DEEP_KEYS: u64 = 36_000;

impl Preset {
    /// All of them, defaults first.
    pub const ALL: [Self; 7] = [
        Self::Defaults,
        Self::Tiny,
        Self::Compressed,
        Self::Relaxed,
        Self::OneWriter,
        Self::ManyWriters,
        Self::Deep,
    ];

    /// The name in case names and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Defaults => "defaults",
            Self::Tiny => "tiny",
            Self::Compressed => "compressed",
            Self::Relaxed => "relaxed",
            Self::OneWriter => "one_writer",
            Self::ManyWriters => "many_writers",
            Self::Deep => "deep",
        }
    }

    /// How the database is opened.
    pub fn engine(self) -> EngineOptions {
        let tiny = EngineOptions {
            writers: 4,
            collect_every_ms: None,
            checkpoint_nudge_ms: 0,
            data_file_bytes: 32 * KIB,
            blob_file_bytes: 32 * KIB,
            wal_file_bytes: 16 * KIB,
            wal_buffer_bytes: 256 * KIB,
            data_garbage_pct: 1,
            blob_garbage_pct: 1,
            lru_bytes: 64 * KIB,
            stat_mask_entries: 4,
            file_handles: if excludes(FindingId::HANDLE_CACHE_BELOW_SHARDS) { 8 } else { 1 },
            ..EngineOptions::default()
        };
        match self {
            Self::Defaults => EngineOptions::default(),
            Self::Tiny | Self::Compressed => tiny,
            Self::Relaxed => EngineOptions { durable: false, ..tiny },
            Self::OneWriter => EngineOptions { writers: 1, ..tiny },
            Self::ManyWriters => EngineOptions { writers: 32, durable: false, ..tiny },
            Self::Deep => EngineOptions {
                wal_file_bytes: 128 * KIB,
                data_garbage_pct: 20,
                blob_garbage_pct: 20,
                observed: true,
                ..tiny
            },
        }
    }

    /// How its buckets are made. All of them merge numbers.
    pub fn bucket(self) -> BucketOptions {
        let merging = BucketOptions { merge: Merge::Sum, ..BucketOptions::default() };
        match self {
            Self::Defaults => merging,
            preset => BucketOptions {
                cache_bytes: if preset == Self::Deep { 512 * KIB } else { 64 * KIB },
                pool_bytes: MIB,
                checkpoint_bytes: 128 * KIB,
                split_keys: 64,
                consolidate_deltas: 16,
                compression: preset == Self::Compressed,
                ..merging
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_the_same_whoever_came_first() {
        let [one, other] = [[1u8; SET_ELEMENT], [2; SET_ELEMENT]];
        assert_eq!(both_sets(&other, &one), both_sets(&one, &other));
        // An operand that counts twice shows.
        assert_eq!(both_sets(&one, &one).len(), 2 * SET_ELEMENT);
    }
}
