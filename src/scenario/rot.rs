//! Damage at rest: what a disk does to the files of a closed database, or to files of an open one that are
//! not cached. A database with a known state, one damage on a fresh copy, and what the engine and its
//! checker make of it. Forks nothing: who calls sees to it that each look has a process of its own.

pub mod damage;
pub mod files;
pub mod known;
pub mod look;
pub mod places;

use crate::{
    engine::{EngineOptions, Preset},
    history::{clients::Traffic, script::Step},
    scenario::database::Stage,
    settings::{FindingId, excludes},
    workload::{Mix, Source, Sweep},
};

/// The bucket that most of the work is in.
const BUCKET: &str = "a";

/// Another one, with the same keys.
const OTHER: &str = "b";

/// What a work that is as small as can be does of one that is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Several files of each kind.
    Usual,
    /// Every byte of it can be damaged in turn.
    Small,
}

/// The processes that make the database: the first one closes it, the second one dies with a part of
/// its work in the log alone. Nothing is dropped where the log rotates, and checkpoints are written
/// when they are asked for.
pub fn stages(preset: Preset, size: Size) -> [Stage; 2] {
    let options = EngineOptions { wal_buffer_bytes: 1 << 16, ..preset.engine() };
    let unhurried = EngineOptions { wal_file_bytes: 1 << 20, ..options.clone() };
    let (keys, large, txns) = match size {
        Size::Usual => (160, 16, 6),
        Size::Small => (8, 2, 2),
    };
    let open = |bucket: &str| Step::Open {
        bucket: bucket.to_owned(),
        options: preset.bucket().for_kills(),
    };
    let work = |bucket: &str, traffic| Step::Traffic { bucket: bucket.to_owned(), traffic };
    let fill = |end, length| Traffic::sweep(Sweep::fill(end, length, 10));
    // Long values of their own keys, so that files of blobs hold what is still there.
    let fill_large = |count, length| {
        Traffic::sweep(Sweep { first: keys, ..Sweep::fill(keys + count, length, 10) })
    };
    let mixed = |clients, abort_pct| {
        let mix = Mix { keys: 24, abort_pct, ..Mix::default() };
        Traffic { first_client: 1, clients, source: Source::Mix(mix), txns }
    };
    let checkpoint = |bucket: &str| Step::Checkpoint { bucket: bucket.to_owned() };
    let synced = || (!options.durable).then_some(Step::Sync);
    let first = [
        open(BUCKET),
        open(OTHER),
        work(BUCKET, fill(keys, 100)),
        work(OTHER, fill(keys / 2, 100)),
        work(BUCKET, fill_large(large, 3000)),
        work(BUCKET, mixed(1, 15)),
        checkpoint(BUCKET),
        checkpoint(OTHER),
    ];
    // What a snapshot can still see stays: an older version in the files.
    let amid = vec![work(BUCKET, fill_large(large / 2, 1500)), checkpoint(BUCKET)];
    let history = Step::ScanAmid { bucket: BUCKET.to_owned(), before: amid, amid: Vec::new() };
    let second = [
        open(BUCKET),
        open(OTHER),
        work(
            BUCKET,
            Traffic::sweep(Sweep { deletes: true, step: 3, ..Sweep::fill(keys, 100, 10) }),
        ),
        history,
        work(OTHER, fill_large(large, 3000)),
        checkpoint(OTHER),
        work(BUCKET, mixed(1, 0)),
        work(OTHER, fill(keys / 4, 200)),
        work(BUCKET, fill(keys / 4, 300)),
    ];
    let rotates = options.durable || !excludes(FindingId::BARRIER_MISSES_ROTATED_LOGS);
    let last = if rotates { &options } else { &unhurried };
    let second = second.into_iter().chain(synced()).collect();
    [Stage::closing(&unhurried, first.into()), Stage::dying(last, second)]
}
