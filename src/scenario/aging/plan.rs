//! How a life of an aging database is led: with which options, and how it ends. Drawn anew for each life,
//! by rules that hold for every engine; what a known finding of the engine would drown is left out where its
//! cause is, and only while the finding holds.

use super::{clients::Manners, verify::Promised};
use crate::{
    engine::{
        BucketOptions, EngineOptions, Merge, RULES,
        failpoint::{Action, Rule},
    },
    settings::{FindingId, Rng, excludes},
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Bytes of a key with its value, on average.
const PAIR: u64 = 256;

/// Whether the file calls of the aging database's program can be recorded.
const RECORDS: bool = cfg!(all(target_os = "linux", target_env = "gnu"));

/// Keys of the greatest database that is recorded: a recording holds its files in memory.
const MOST_RECORDED: u64 = 4_000_000;

/// Keys of the greatest database that is copied.
const MOST_COPIED: u64 = 4_000_000;

/// Failpoints that clients and upkeep come by in every life.
const POINTS: [&str; 12] = [
    "mace_txn_commit_begin",
    "mace_txn_commit_after_record_commit",
    "mace_txn_commit_after_wal_sync",
    "mace_wal_after_checkpoint_write",
    "mace_wal_after_file_sync_before_dir_sync",
    "mace_wal_recycle_before_intent_commit",
    "mace_manifest_before_multi_commit",
    "mace_flush_after_data_sync",
    "mace_flush_after_data_dir_sync",
    "mace_flush_before_manifest_commit",
    "mace_flush_after_manifest_commit",
    "mace_fs_write",
];

/// How a life ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// The database is closed.
    Close,
    /// The process is killed after so many acknowledged commits of its last stretch.
    KillAcked(u64),
    /// The process is killed after so many commits of its last stretch were asked for.
    KillAsked(u64),
    /// The database is closed, opened once more under a recording, worked on for a short while and closed;
    /// what power losses may leave of that is judged, state by state. The next life goes on with what
    /// was closed.
    PowerLoss,
    /// The process dies at a failpoint, or where it comes to its end without meeting it.
    Failpoint(String),
}

/// When the open database is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Copying {
    /// Never.
    Never,
    /// While nobody works, behind a checkpoint.
    AtRest,
    /// While clients work.
    AtWork,
}

/// A life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// The cycle's number.
    pub cycle: u64,
    /// What its operations are drawn from.
    pub seed: u64,
    /// The folder of the expectation; the database is below it.
    pub folder: PathBuf,
    /// How many keys there are.
    pub keys: u64,
    /// Operations of all clients.
    pub operations: u64,
    /// How the database is opened.
    pub options: EngineOptions,
    /// How its bucket is opened.
    pub bucket: BucketOptions,
    /// What clients do in it.
    pub manners: Manners,
    /// When it is copied, early in the life.
    pub copying: Copying,
    /// Whether its bucket is unloaded once, early in the life, and opened again.
    pub unloads: bool,
    /// What the life before must have left.
    pub promised: Promised,
    /// How it ends.
    pub ending: Ending,
}

/// How much there is to do, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scale {
    /// The folder of the expectation.
    pub folder: PathBuf,
    /// How many keys there are.
    pub keys: u64,
    /// Operations of a life.
    pub operations: u64,
}

impl Life {
    /// Draws a life that follows one with these options, if there was one.
    pub fn draw(cycle: u64, seed: u64, scale: &Scale, before: Option<&EngineOptions>) -> Self {
        let mut rng = crate::settings::Seed::new(seed).derive("life").rng();
        let bytes = scale.keys * PAIR;
        let options = engine_options(bytes, before, &mut rng);
        let is_back = before.is_some_and(|before| !before.durable) && options.durable;
        let ending = ending(scale, is_back, &mut rng);
        let mut options = options;
        if ending == Ending::PowerLoss && !options.durable && RULES.writers_change {
            // The relaxed logs of several groups lose their ends one by one, and promise no order.
            options.writers = 1;
        }
        let killed = ending != Ending::Close;
        let (bucket, manners) = bucket(bytes, killed, &mut rng);
        let copying = copying(scale.keys, &mut rng);
        // An evictor that folds a page of it meanwhile loses commits, by that finding.
        let evicts = bucket.cache_bytes < GIB;
        let races = evicts && excludes(FindingId::UNLOAD_RACES_THE_EVICTOR);
        let unloads = rng.percent(50) && !races;
        let Scale { folder, keys, operations } = scale.clone();
        Self {
            cycle,
            seed,
            folder,
            keys,
            operations,
            options,
            bucket,
            manners,
            copying,
            unloads,
            promised: Promised::Acknowledged,
            ending,
        }
    }

    /// The failpoint rule that is armed in it; empty without one.
    pub fn rule(&self) -> &str {
        match &self.ending {
            Ending::Failpoint(rule) => rule,
            _ => "",
        }
    }
}

fn ending(scale: &Scale, is_back: bool, rng: &mut Rng) -> Ending {
    // About two operations in three belong to a commit of four.
    let mark = rng.between(1, (scale.operations / 32).max(1));
    // One may fire while the database is opened; a kill there on the way back to the durable route is
    // the finding's.
    let back = is_back && excludes(FindingId::KILLED_IN_ROUTE_SWITCH);
    let failpoints = cfg!(feature = "failpoints") && !back;
    let power = RECORDS && scale.keys <= MOST_RECORDED;
    let weights = [25, 15, 15, if power { 15 } else { 0 }, if failpoints { 30 } else { 0 }];
    match rng.weighted(&weights) {
        0 => Ending::Close,
        1 => Ending::KillAcked(mark),
        2 => Ending::KillAsked(mark),
        3 => Ending::PowerLoss,
        _ => {
            let point = *rng.pick(&POINTS);
            let often = point.contains("txn_commit") || point.ends_with("fs_write");
            let nth = if often { mark } else { rng.between(1, 6) };
            Ending::Failpoint(Rule::new(point, Action::Abort, nth).to_string())
        }
    }
}

/// A copy has its own room on the disk, and is read in whole.
fn copying(keys: u64, rng: &mut Rng) -> Copying {
    let copies = rng.percent(50) && keys <= MOST_COPIED;
    let at_work = rng.percent(60) && !excludes(FindingId::COPY_DURING_CHECKPOINT);
    if !copies {
        return Copying::Never;
    }
    if at_work { Copying::AtWork } else { Copying::AtRest }
}

/// Caches below a tenth of the files, and everything that may change from one opening to the next.
fn engine_options(bytes: u64, before: Option<&EngineOptions>, rng: &mut Rng) -> EngineOptions {
    let file = (bytes / 64).max(64 * KIB);
    let usual = EngineOptions::default();
    let writers = match before {
        Some(before) if !RULES.writers_change => before.writers,
        _ => *rng.pick(&[1, 4, 16, 32]),
    };
    let reads_collected = excludes(FindingId::READING_A_COLLECTED_FILE);
    let scans = excludes(FindingId::SCAN_OVER_CHECKPOINT);
    let rotates = !excludes(FindingId::ABORTED_ACROSS_LOG_FILES);
    EngineOptions {
        durable: rng.percent(60),
        writers,
        collect_every_ms: (!reads_collected).then(|| *rng.pick(&[200, 1000, 60_000])),
        checkpoint_nudge_ms: if scans { 0 } else { *rng.pick(&[0, 500, 60_000]) },
        data_file_bytes: file * rng.between(1, 4),
        blob_file_bytes: file * rng.between(1, 4),
        wal_file_bytes: if rotates { file * rng.between(1, 4) } else { GIB },
        wal_buffer_bytes: 256 * KIB,
        data_garbage_pct: *rng.pick(&[5, 20, 50]),
        blob_garbage_pct: *rng.pick(&[5, 20, 50]),
        lru_bytes: (bytes / 64).max(64 * KIB),
        stat_mask_entries: *rng.pick(&[64, usual.stat_mask_entries]),
        // Full after a few stretches: a cache that fills looks like a leak.
        file_handles: *rng.pick(&[8, 16]),
        ..usual
    }
}

fn bucket(bytes: u64, killed: bool, rng: &mut Rng) -> (BucketOptions, Manners) {
    let checkpoint = (bytes / 64).max(128 * KIB) * rng.between(1, 4);
    let small = BucketOptions {
        cache_bytes: (bytes / 32).max(64 * KIB),
        evict_pct: *rng.pick(&[10, 20, 80]),
        pool_bytes: (4 * checkpoint).max(MIB),
        checkpoint_bytes: checkpoint,
        merge: Merge::Sum,
        ..BucketOptions::default()
    };
    // Pages that shrink are merged, which the evictor must not see: one life evicts, another deletes.
    let apart = excludes(FindingId::MERGE_RACES_THE_EVICTOR);
    let evicts = !apart || (!killed && rng.percent(50));
    let deletes = !apart || !evicts;
    let evicting = if evicts { small } else { small.for_empty_pages() };
    let bucket = if killed { evicting.for_kills() } else { evicting };
    let bucket = bucket.checkpoints_when_asked_while(FindingId::SCAN_OVER_CHECKPOINT);
    let folds = excludes(FindingId::HISTORY_AHEAD_OF_ITS_PAGE)
        || excludes(FindingId::SPLIT_WITHOUT_ITS_CHILD);
    // The evictor reads too, and nobody keeps it apart from collection.
    let collects = !evicts || !excludes(FindingId::READING_A_COLLECTED_FILE);
    (bucket, Manners { deletes, checkpoints: !(killed && folds), collects })
}
