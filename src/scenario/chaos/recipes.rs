//! Recipes: for every failpoint of the engine the smallest work that comes by it, as data. Each is
//! mixed with committed traffic of several clients before, around and after, so that the oracles
//! have something to judge wherever the crash falls. Runs nothing.
//!
//! Garbage appears only after a leaf was folded (its delta chain reached `consolidate_deltas`) and
//! the old versions fell below the oldest snapshot; that is why the collection recipes overwrite
//! few keys often.

use crate::{
    engine::{
        Capabilities, EngineOptions, Need, Preset, RULES,
        failpoint::{Action, Rule},
    },
    history::{
        clients::Traffic,
        hold::{At, Place},
        script::{Meeting, Step, Then},
    },
    scenario::{chaos::deep, database::Stage},
    settings::{FindingId, excludes},
    workload::{Mix, Source, Sweep},
};

/// The bucket that most of the work is in.
const BUCKET: &str = "a";

/// A second one, which comes and goes.
const OTHER: &str = "b";

/// A way to come by a failpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// Commits, aborts and a checkpoint.
    Commits,
    /// Logs that rotate and are recycled.
    Rotate,
    /// Buckets are made while another one is written.
    Create,
    /// A bucket is deleted, reaped and made again.
    Delete,
    /// Data files full of garbage are rewritten.
    RewriteData,
    /// Data files without live pages are removed.
    ObsoleteData,
    /// Blob files full of garbage are rewritten.
    RewriteBlobs,
    /// Blob files without live values are removed.
    ObsoleteBlobs,
    /// Overwriting what an earlier process wrote.
    Masks,
    /// More data than the cache holds.
    Evict,
    /// A copy of the open database.
    Copy,
    /// A copy to a place where files can be neither linked nor copied.
    CopyRefused,
    /// A copy to a place where files cannot be linked.
    CopyUnlinked,
    /// An opening after a crash.
    Reopen,
    /// An opening after a crash that takes the other durability route.
    SwitchRoute,
    /// An opening after a crash that widens the log.
    SwitchWidth,
    /// An opening after a crash within the publication of a checkpoint.
    Orphans,
    /// Commits of two keys beside transactions that only look at them.
    Look,
    /// Commits while a checkpoint is held at one point after the other.
    Held,
    /// So many long values that files grow again and again.
    Grow,
}

/// A failpoint and its recipe. A filesystem operation may have several, each for paths that contain
/// the part in brackets.
pub type Row = (&'static str, Recipe);

/// Every failpoint of mace-kv 0.2.0, without its prefix.
pub const ROWS: &[Row] = &[
    ("txn_commit_begin", Recipe::Commits),
    ("txn_commit_after_record_commit", Recipe::Commits),
    ("txn_commit_after_wal_sync", Recipe::Commits),
    ("txn_abort_after_wal_sync", Recipe::Commits),
    ("wal_after_checkpoint_write", Recipe::Commits),
    ("wal_after_file_sync_before_dir_sync", Recipe::Rotate),
    ("wal_generation_before_file_sync", Recipe::Commits),
    ("wal_tail_corrupt", Recipe::Commits),
    ("wal_generation_after_file_sync_before_complete", Recipe::Commits),
    ("wal_rotation_after_file_create", Recipe::Rotate),
    ("wal_recycle_before_intent_commit", Recipe::Rotate),
    ("wal_recycle_after_remove_before_dir_sync", Recipe::Rotate),
    ("wal_recycle_after_dir_sync_before_done_commit", Recipe::Rotate),
    ("wal_recycle_after_done_commit_before_publish", Recipe::Rotate),
    ("manifest_before_multi_commit", Recipe::Create),
    ("bucket_create_before_manifest_commit", Recipe::Create),
    ("bucket_create_after_manifest_commit", Recipe::Create),
    ("bucket_delete_before_manifest_commit", Recipe::Delete),
    ("bucket_delete_after_manifest_commit", Recipe::Delete),
    ("pending_bucket_reap_after_batch_before_finalize", Recipe::Delete),
    ("pending_bucket_reap_after_finalize_before_meta_commit", Recipe::Delete),
    ("pending_bucket_reap_after_manifest_commit", Recipe::Delete),
    ("delete_files_after_dir_sync_before_meta_commit", Recipe::RewriteData),
    ("stat_load_persisted_inner", Recipe::RewriteData),
    ("stat_mask_before_load", Recipe::Masks),
    ("flush_after_data_sync", Recipe::Commits),
    ("flush_after_old_stat_delta", Recipe::Masks),
    ("flush_after_data_dir_sync", Recipe::Commits),
    ("flush_before_manifest_commit", Recipe::Commits),
    ("flush_after_manifest_commit", Recipe::Commits),
    ("evictor_before_evict_once", Recipe::Evict),
    ("checkpoint_after_metadata_copy", Recipe::Copy),
    ("checkpoint_after_payload_copy_before_wal_cut", Recipe::Copy),
    ("checkpoint_after_write_before_rename", Recipe::Copy),
    ("checkpoint_after_rename_before_dir_sync", Recipe::Copy),
    ("checkpoint_after_dir_sync", Recipe::Copy),
    ("switch_after_epoch_writer_install_before_writeback", Recipe::SwitchRoute),
    ("switch_after_context_install_before_options_writeback", Recipe::SwitchWidth),
    ("switch_after_options_writeback", Recipe::SwitchRoute),
    ("switch_before_forced_checkpoint", Recipe::SwitchRoute),
    ("switch_after_forced_checkpoint_before_wipe", Recipe::SwitchRoute),
    ("switch_after_wipe_before_writeback", Recipe::SwitchRoute),
    ("recovery_eviction_force_fsync", Recipe::SwitchRoute),
    ("recovery_eviction_flush", Recipe::Reopen),
    ("recovery_abort_clean_after_drain_before_start", Recipe::Reopen),
    ("recovery_abort_clean_stabilize_force_fsync", Recipe::SwitchRoute),
    ("recovery_orphan_cleanup_after_data_dir_sync_before_marker_clear", Recipe::Orphans),
    ("gc_data_obsolete_after_meta_commit", Recipe::ObsoleteData),
    ("gc_data_obsolete_after_retired_mark", Recipe::ObsoleteData),
    ("gc_data_obsolete_after_remove_stat", Recipe::ObsoleteData),
    ("gc_blob_obsolete_after_meta_commit", Recipe::ObsoleteBlobs),
    ("gc_blob_obsolete_after_retired_mark", Recipe::ObsoleteBlobs),
    ("gc_blob_obsolete_after_remove_stat", Recipe::ObsoleteBlobs),
    ("gc_data_rewrite_after_stage_marker", Recipe::RewriteData),
    ("gc_data_rewrite_after_data_dir_sync", Recipe::RewriteData),
    ("gc_data_rewrite_before_meta_commit", Recipe::RewriteData),
    ("gc_data_rewrite_after_meta_commit", Recipe::RewriteData),
    ("gc_blob_rewrite_after_stage_marker", Recipe::RewriteBlobs),
    ("gc_blob_rewrite_after_data_dir_sync", Recipe::RewriteBlobs),
    ("gc_blob_rewrite_before_meta_commit", Recipe::RewriteBlobs),
    ("gc_blob_rewrite_after_meta_commit", Recipe::RewriteBlobs),
    ("fs_open", Recipe::Rotate),
    ("fs_open[/log/]", Recipe::Rotate),
    ("fs_open[/data/]", Recipe::RewriteBlobs),
    ("fs_try_exists", Recipe::Rotate),
    ("fs_try_exists[/data/]", Recipe::RewriteData),
    ("fs_create_dir", Recipe::Copy),
    ("fs_create_dir_all", Recipe::Copy),
    ("fs_create_dir_all[/copy]", Recipe::Copy),
    ("fs_read_dir", Recipe::Reopen),
    ("fs_remove_file", Recipe::Rotate),
    ("fs_remove_file[/data/]", Recipe::RewriteData),
    ("fs_remove_dir_all", Recipe::CopyRefused),
    ("fs_sync_dir", Recipe::Rotate),
    ("fs_sync_dir[/data]", Recipe::RewriteData),
    ("fs_rename", Recipe::Copy),
    ("fs_hard_link", Recipe::Copy),
    ("fs_copy_file", Recipe::CopyUnlinked),
];

/// Points that a deep bucket meets as well, at the middle one of their hits: in a checkpoint, a copy and a recovery of
/// dozens of files. Those of collection are not among them: a recipe's garbage is too little for it there.
pub const DEEP: &[Row] = &[
    ("flush_after_data_sync", Recipe::Commits),
    ("flush_before_manifest_commit", Recipe::Commits),
    ("flush_after_manifest_commit", Recipe::Masks),
    ("checkpoint_after_payload_copy_before_wal_cut", Recipe::Copy),
    ("recovery_eviction_flush", Recipe::Reopen),
];

/// Failpoints on the durable route alone.
pub const DURABLE_ONLY: &[&str] = &[
    "txn_abort_after_wal_sync",
    "wal_generation_before_file_sync",
    "wal_tail_corrupt",
    "wal_generation_after_file_sync_before_complete",
];

/// What the processes of a case do before and at the fault.
#[derive(Clone, Debug)]
pub struct Stages {
    /// Processes that have come to their ends before the fault.
    pub setup: Vec<Stage>,
    /// The process that meets it.
    pub armed: Stage,
}

impl Recipe {
    /// The processes, opening the database as a configuration preset does.
    pub fn stages(self, preset: Preset) -> Stages {
        let options = self.options(preset);
        let setup = match self {
            Self::Masks => vec![Stage::closing(&options, self.prologue(preset))],
            Self::Reopen | Self::SwitchRoute | Self::SwitchWidth => {
                vec![Stage::dying(&options, self.prologue(preset))]
            }
            Self::Orphans => {
                let crash = Rule::new("mace_flush_before_manifest_commit", Action::Abort, 2);
                vec![Stage::dying(&options, self.prologue(preset)).under(crash.to_string())]
            }
            _ => Vec::new(),
        };
        let armed = Stage::closing(&self.options_when_armed(preset), self.steps(preset));
        let rules = match self {
            Self::CopyRefused => "mace_fs_hard_link[data]=io,mace_fs_copy_file[data]=io",
            Self::CopyUnlinked => "mace_fs_hard_link=io",
            _ => "",
        };
        let stages = Stages { setup, armed: armed.under(rules) };
        if preset == Preset::Deep { self.in_deep(stages) } else { stages }
    }

    /// The same all over a deep bucket, which a process fills before the others. The last one reads the bucket as a
    /// whole at its end, so that its history says how deep it was.
    fn in_deep(self, stages: Stages) -> Stages {
        let preset = Preset::Deep;
        let filling = deep::filling(BUCKET, open(BUCKET, preset), &self.options(preset));
        let Stages { setup, armed } = stages;
        let setup = setup.into_iter().map(|stage| deep::over(stage, BUCKET));
        let mut armed = deep::over(armed, BUCKET);
        armed.steps.push(Step::ReadAll { bucket: BUCKET.to_owned() });
        Stages { setup: [filling].into_iter().chain(setup).collect(), armed }
    }

    /// How the database is opened before the fault. The log rotates where nothing is dropped and
    /// nothing conflicts, and nowhere else: known finding `aborted-across-log-files`.
    fn options(self, preset: Preset) -> EngineOptions {
        let options = without_rotation(&preset.engine());
        match self {
            Self::Rotate => EngineOptions { wal_file_bytes: 4 << 10, ..options },
            Self::ObsoleteBlobs => EngineOptions { blob_file_bytes: 8 << 10, ..options },
            _ => options,
        }
    }

    /// What this engine cannot do that the recipe needs, if anything.
    pub fn lacking(self, can: Capabilities) -> Option<&'static str> {
        match self {
            Self::Copy | Self::CopyRefused | Self::CopyUnlinked => can.lacks(Need::Copies),
            // The one that waits until files were collected; the others go on.
            Self::RewriteBlobs => can.lacks(Need::Collection),
            Self::Held => can.lacks(Need::Hooks),
            // A failpoint leaves them.
            Self::Orphans => can.lacks(Need::Failpoints),
            Self::SwitchWidth if !can.resizes => Some("no change of its writer groups"),
            _ => None,
        }
    }

    /// How the process opens it that meets the fault, and every one after it.
    fn options_when_armed(self, preset: Preset) -> EngineOptions {
        let before = self.options(preset);
        match self {
            Self::SwitchRoute => EngineOptions { durable: !before.durable, ..before },
            Self::SwitchWidth if before.writers > 1 => EngineOptions { writers: 1, ..before },
            Self::SwitchWidth => EngineOptions { writers: 4, ..before },
            _ => before,
        }
    }

    /// What goes before the process that meets the fault.
    fn prologue(self, preset: Preset) -> Vec<Step> {
        match self {
            Self::Masks => vec![open(BUCKET, preset), fill(300, 100)],
            Self::Orphans => {
                vec![open(BUCKET, preset), mixed(2, 6), checkpoint(), mixed(2, 6), checkpoint()]
            }
            _ => vec![open(BUCKET, preset), mixed(3, 8), checkpoint(), mixed(3, 8)],
        }
    }

    /// What the process does that meets the fault.
    fn steps(self, preset: Preset) -> Vec<Step> {
        let mut steps = vec![open(BUCKET, preset)];
        match self {
            Self::Commits => {
                // Enough keys that pages divide.
                steps.extend([mixed(3, 8), fill(150, 100), checkpoint(), mixed(2, 6)]);
            }
            Self::Rotate => {
                steps.push(open(OTHER, preset));
                for _ in 0..3 {
                    steps.extend([apart(10), fill(40, 100), checkpoint()]);
                    steps.extend([checkpoint_of(OTHER), Step::Collect { rounds: 3 }]);
                }
            }
            Self::Create => {
                steps.push(mixed(2, 4));
                for name in ["b", "c", "d"] {
                    steps.extend([open(name, preset), traffic(name, 2, 3, 0)]);
                }
                steps.push(mixed(2, 4));
            }
            Self::Delete => {
                let delete = Step::Delete { bucket: OTHER.to_owned() };
                steps.extend([mixed(2, 6), open(OTHER, preset), traffic(OTHER, 2, 8, 0)]);
                steps.push(checkpoint_of(OTHER));
                steps.extend([delete, mixed(2, 4), Step::Reap]);
                steps.extend([open(OTHER, preset), traffic(OTHER, 2, 4, 0), mixed(2, 4)]);
            }
            Self::RewriteData | Self::ObsoleteData | Self::RewriteBlobs | Self::ObsoleteBlobs => {
                steps.extend(self.collecting());
                steps.push(mixed(2, 4));
            }
            Self::Masks => {
                steps.extend([mixed(2, 4), overwrite(300, 3, 100), checkpoint(), mixed(2, 4)]);
            }
            Self::Evict => {
                let id = FindingId::HISTORY_AHEAD_OF_ITS_PAGE;
                let options = preset.bucket().checkpoints_when_asked_while(id);
                steps = vec![Step::Open { bucket: BUCKET.to_owned(), options }];
                let read = Step::ReadAll { bucket: BUCKET.to_owned() };
                steps.extend([mixed(2, 4), fill(600, 200), read]);
                steps.extend((!excludes(id)).then(checkpoint).into_iter().chain([mixed(2, 4)]));
            }
            Self::Copy | Self::CopyRefused | Self::CopyUnlinked => {
                let copy = |name: &str| {
                    let copy = Step::Copy { name: name.to_owned() };
                    Step::Attempt { step: Box::new(copy) }
                };
                steps.extend([mixed(2, 6), checkpoint(), mixed(2, 4), copy("copy"), mixed(2, 4)]);
                steps.extend([checkpoint(), copy("copy-2"), mixed(2, 4), copy("copy-3")]);
            }
            Self::Reopen | Self::SwitchRoute | Self::SwitchWidth | Self::Orphans => {
                steps.push(mixed(2, 6));
            }
            Self::Held => steps.extend([mixed(2, 4)].into_iter().chain(held(preset))),
            Self::Grow => {
                // redb 4.1.0 begins with a file of a mebibyte; a value takes more than a page of four KiB.
                steps.extend([mixed(2, 4), fill(180, 4200), checkpoint(), mixed(2, 4)]);
            }
            Self::Look => {
                let weights = [60, 0, 40, 0, 0, 0, 0];
                let mix = Mix { keys: 2, ops: 2, lengths: vec![100], weights, ..Mix::default() };
                let source = Source::Mix(mix);
                let traffic = Traffic { first_client: 1, clients: 4, source, txns: 12 };
                steps.push(Step::Traffic { bucket: BUCKET.to_owned(), traffic });
            }
        }
        steps
    }
    /// Makes garbage and collects it. Whole files of it are removed, files that hold some are
    /// rewritten.
    fn collecting(self) -> Vec<Step> {
        let mut steps = Vec::new();
        match self {
            Self::ObsoleteData => {
                steps.extend([fill(40, 900), checkpoint()]);
                for _ in 0..3 {
                    steps.extend((0..6).map(|_| overwrite(40, 2, 900)));
                    steps.extend([checkpoint(), collect()]);
                }
                steps.extend([mixed(2, 4), collect()]);
            }
            Self::RewriteBlobs => {
                steps.extend([fill(40, RULES.large), checkpoint()]);
                steps.extend((0..20).map(|_| overwrite(40, 4, RULES.large)));
                steps.extend([checkpoint(), mixed(2, 4), checkpoint(), collect_blobs()]);
            }
            Self::ObsoleteBlobs => {
                steps.extend([fill(4, RULES.large), checkpoint()]);
                steps.extend((0..20).map(|_| overwrite(4, 1, RULES.large)));
                steps.extend([checkpoint(), mixed(2, 4), checkpoint(), collect()]);
            }
            _ => {
                // A key in some pages of each file, often enough that those are folded: a file that is
                // garbage as a whole is removed, and not written anew.
                steps.extend([fill(600, 100), mixed(2, 4), checkpoint()]);
                steps.extend((0..20).map(|_| overwrite(600, 100, 100)));
                steps.extend([checkpoint(), collect_data(), collect()]);
            }
        }
        steps
    }
}

/// The same with log files that take all that a case writes, as long as the engine has the known
/// finding `aborted-across-log-files`.
pub fn without_rotation(options: &EngineOptions) -> EngineOptions {
    if !excludes(FindingId::ABORTED_ACROSS_LOG_FILES) {
        return options.clone();
    }
    EngineOptions { wal_file_bytes: options.wal_file_bytes.max(1 << 20), ..options.clone() }
}

fn open(bucket: &str, preset: Preset) -> Step {
    Step::Open { bucket: bucket.to_owned(), options: preset.bucket().for_kills() }
}

/// The hooks of the engine at which checkpoints are held.
pub const HELD_POINTS: [&str; 3] = [
    "checkpoint/AfterSnapshotBuilt",
    "checkpoint/AfterResultSync",
    "gc_stat/CheckpointBeforeManifestCommit",
];

/// Checkpoints, each held at another hook of the engine while clients commit.
fn held(preset: Preset) -> Vec<Step> {
    let meets = HELD_POINTS.into_iter().map(|point| {
        let place = Place { thread: "checkpointer".to_owned(), at: At::hook(point), nth: 1 };
        let act = vec![open(BUCKET, preset), checkpoint()];
        let source = Source::Mix(Mix { keys: 24, abort_pct: 0, ..Mix::default() });
        let traffic = Traffic { first_client: 8, clients: 1, source, txns: 3 };
        let amid = vec![open(BUCKET, preset), Step::Traffic { bucket: BUCKET.to_owned(), traffic }];
        Step::Meet(Box::new(Meeting { acts: vec![act], during: 0, place, amid, then: Then::GoOn }))
    });
    meets.flat_map(|meet| [mixed(1, 2), meet]).collect()
}

/// Random transactions in the main bucket, some of them dropped.
fn mixed(clients: u16, txns: u64) -> Step {
    traffic(BUCKET, clients, txns, 15)
}

fn traffic(bucket: &str, clients: u16, txns: u64, abort_pct: u64) -> Step {
    let mix = Mix { keys: 24, abort_pct, ..Mix::default() };
    let traffic = Traffic { first_client: 1, clients, source: Source::Mix(mix), txns };
    Step::Traffic { bucket: bucket.to_owned(), traffic }
}

fn sweep(sweep: Sweep) -> Step {
    Step::Traffic { bucket: BUCKET.to_owned(), traffic: Traffic::sweep(sweep) }
}

fn fill(end: u64, length: u32) -> Step {
    sweep(Sweep::fill(end, length, 20))
}

fn overwrite(end: u64, step: u64, length: u32) -> Step {
    sweep(Sweep { step, ..Sweep::fill(end, length, 20) })
}

fn checkpoint() -> Step {
    checkpoint_of(BUCKET)
}

fn checkpoint_of(bucket: &str) -> Step {
    Step::Checkpoint { bucket: bucket.to_owned() }
}

/// One client in each bucket, so that nothing conflicts, and nothing is dropped.
fn apart(txns: u64) -> Step {
    let part = |bucket: &str, first_client| {
        let mix = Mix { keys: 24, abort_pct: 0, ..Mix::default() };
        let traffic = Traffic { first_client, clients: 1, source: Source::Mix(mix), txns };
        (bucket.to_owned(), traffic)
    };
    Step::Parallel { parts: vec![part(BUCKET, 1), part(OTHER, 2)] }
}

fn collect() -> Step {
    Step::Collect { rounds: 1 }
}

fn collect_data() -> Step {
    Step::CollectUntil { data: 1, blob: 0, rounds: 200 }
}

fn collect_blobs() -> Step {
    Step::CollectUntil { data: 0, blob: 1, rounds: 2000 }
}

/// What a process does that goes on after a crash. Nothing is dropped, so that each of its clients
/// has to get somewhere.
pub fn epilogue(preset: Preset) -> Vec<Step> {
    let main = traffic(BUCKET, 2, 5, 0);
    let other = traffic(OTHER, 1, 2, 0);
    let steps = [open(BUCKET, preset), main.clone(), open(OTHER, preset), other];
    steps.into_iter().chain([checkpoint(), collect(), main]).collect()
}
