//! The works of the sweep of holds: small, each around one kind of maintenance. Data; runs nothing.

use super::deed::Deed::{
    self, Blobs, Checkpoint, Churn, Collect, Copy, Drop, Fill, Large, Mix, Open, Overwrite, Read,
    Renew, Replace, Rest, Sync, Thin, Unload,
};
use crate::{
    engine::{BucketOptions, Preset},
    settings::{FindingId, excludes},
};

/// What a case sweeps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Its name.
    pub name: &'static str,
    /// The configuration.
    pub preset: Preset,
    /// What is done, one after the other.
    pub acts: &'static [Deed],
    /// What others do while a thread is held.
    pub amid: &'static [Deed],
    /// Whether the cache is so small that pages leave it all the time.
    pub evicts: bool,
    /// Of the threads that are to be held, the share that are: held while others go on, or wait. As
    /// measured (docs/holds.md).
    pub meets: f64,
}

/// All of them.
pub const ALL: &[Work] = &[
    Work {
        name: "pages",
        preset: Preset::Tiny,
        acts: &[Open, Fill, Overwrite, Checkpoint, Mix],
        amid: &[Checkpoint, Overwrite, Read, Drop, Copy, Renew],
        evicts: false,
        meets: 0.92,
    },
    Work {
        name: "evict",
        preset: Preset::Tiny,
        acts: &[Open, Fill, Overwrite, Rest, Read, Checkpoint, Overwrite, Rest],
        amid: &[Unload, Checkpoint, Overwrite, Read, Renew],
        evicts: true,
        meets: 0.86,
    },
    Work {
        name: "collect",
        preset: Preset::Tiny,
        acts: &[Open, Large, Checkpoint, Churn, Checkpoint, Read, Churn, Collect, Read],
        amid: &[Collect, Checkpoint, Read, Renew],
        evicts: true,
        meets: 0.79,
    },
    Work {
        name: "blobs",
        preset: Preset::Compressed,
        acts: &[Open, Blobs, Checkpoint, Blobs, Checkpoint, Read, Overwrite, Collect, Read],
        amid: &[Collect, Checkpoint, Read, Blobs],
        evicts: true,
        meets: 0.93,
    },
    Work {
        name: "drops",
        preset: Preset::OneWriter,
        acts: &[Open, Fill, Drop, Rest, Mix, Collect, Read],
        amid: &[Collect, Checkpoint, Overwrite, Read, Drop],
        evicts: false,
        meets: 0.93,
    },
    Work {
        name: "copy",
        preset: Preset::Relaxed,
        acts: &[Open, Fill, Copy, Overwrite, Sync],
        amid: &[Checkpoint, Overwrite, Drop, Collect, Sync],
        evicts: false,
        meets: 0.93,
    },
    Work {
        name: "buckets",
        preset: Preset::Tiny,
        acts: &[Open, Fill, Replace, Unload, Read],
        amid: &[Unload, Replace, Checkpoint, Read, Collect],
        evicts: false,
        meets: 0.97,
    },
    Work {
        name: "merge",
        preset: Preset::Compressed,
        acts: &[Open, Fill, Thin, Rest, Read, Overwrite, Rest],
        amid: &[Checkpoint, Read, Overwrite, Unload],
        evicts: true,
        meets: 0.85,
    },
];

impl Work {
    /// Whether pages leave memory: where some become empty, only on an engine that can merge those meanwhile.
    pub fn is_evicting(&self) -> bool {
        let empties = self.acts.contains(&Thin);
        self.evicts && !(empties && excludes(FindingId::MERGE_RACES_THE_EVICTOR))
    }

    /// How its buckets are made: checkpoints are written when they are asked for.
    pub fn bucket(&self) -> BucketOptions {
        let made = BucketOptions { split_keys: 64, consolidate_deltas: 16, ..self.preset.bucket() };
        let made = made.checkpoints_when_asked();
        if self.is_evicting() {
            BucketOptions { cache_bytes: 16 << 10, evict_pct: 80, ..made }
        } else {
            BucketOptions { cache_bytes: 1 << 30, ..made }
        }
    }
}
