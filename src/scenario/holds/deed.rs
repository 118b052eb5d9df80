//! What a thread does in the sweep of holds: the acts that lead to the places, and what others do while
//! a thread is held. Data; runs nothing.

use crate::{
    engine::BucketOptions,
    history::{
        clients::{Traffic, clients},
        script::Step,
    },
    scenario::run::session::{Script, Verbs},
    workload::{Mix, Sweep},
};

/// The bucket of most of it.
const BUCKET: &str = "a";

/// Keys that are written. A page is divided at 64.
const KEYS: u64 = 120;

/// Keys whose values take several files.
const LARGE: u64 = 600;

/// Who does something: numbers of clients, and so keys of markers, differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The thread that takes the acts.
    Lead,
    /// The one that does something while another is held.
    Other,
}

/// Something to do with an open database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// The bucket is opened, or made.
    Open,
    /// Nothing, for long enough that the engine's own threads look for work.
    Rest,
    /// One client writes every key, so that pages are folded and divided.
    Fill,
    /// One client writes so many keys that a checkpoint of them takes several files.
    Large,
    /// One client overwrites a few of those again and again: some pages of each file are garbage, which is
    /// then rewritten.
    Churn,
    /// One client overwrites a third of the keys, so that a page is folded.
    Overwrite,
    /// Two clients do a little of everything, and drop some of it.
    Mix,
    /// One client writes some keys and drops its transactions.
    Drop,
    /// One client deletes most keys, so that pages are merged.
    Thin,
    /// One client writes values that have files of their own.
    Blobs,
    /// Everything is read.
    Read,
    /// A checkpoint is written.
    Checkpoint,
    /// Garbage is collected.
    Collect,
    /// The bucket is unloaded.
    Unload,
    /// The database is copied.
    Copy,
    /// Another bucket is made, written, unloaded and deleted.
    Replace,
    /// The barrier of the relaxed route.
    Sync,
    /// Keys are overwritten until pages are folded, a checkpoint is written, and garbage is collected.
    Renew,
}

impl Deed {
    /// Its name in the text of a schedule.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Rest => "rest",
            Self::Fill => "fill",
            Self::Large => "large",
            Self::Churn => "churn",
            Self::Overwrite => "overwrite",
            Self::Mix => "mix",
            Self::Drop => "drop",
            Self::Thin => "thin",
            Self::Blobs => "blobs",
            Self::Read => "read",
            Self::Checkpoint => "checkpoint",
            Self::Collect => "collect",
            Self::Unload => "unload",
            Self::Copy => "copy",
            Self::Replace => "replace",
            Self::Sync => "sync",
            Self::Renew => "renew",
        }
    }

    /// What is done, as a clause of a sentence.
    pub const fn clause(self) -> &'static str {
        match self {
            Self::Open => "the bucket is opened",
            Self::Rest => "everybody rests",
            Self::Fill => "a client writes every key",
            Self::Large => "a client writes several files' worth of keys",
            Self::Churn => "a client overwrites some keys again and again",
            Self::Overwrite => "a client overwrites a third of the keys",
            Self::Mix => "two clients do a little of everything",
            Self::Drop => "a client drops its transactions",
            Self::Thin => "a client deletes most keys",
            Self::Blobs => "a client writes large values",
            Self::Read => "everything is read",
            Self::Checkpoint => "a checkpoint is written",
            Self::Collect => "garbage is collected",
            Self::Unload => "the bucket is unloaded",
            Self::Copy => "the database is copied",
            Self::Replace => "another bucket is made, written and deleted",
            Self::Sync => "the log is synced",
            Self::Renew => "keys are overwritten, a checkpoint is written and garbage is collected",
        }
    }

    /// Whether it has a handle of the bucket while it is under way, so that nobody can unload it.
    pub const fn has_handle(self) -> bool {
        !matches!(
            self,
            Self::Rest | Self::Collect | Self::Unload | Self::Copy | Self::Replace | Self::Sync
        )
    }

    /// The steps.
    pub fn steps(self, who: Who, options: &BucketOptions) -> Vec<Step> {
        let first = match who {
            Who::Lead => 0,
            Who::Other => 8,
        };
        let sweep = |sweep| Traffic { first_client: first, ..Traffic::sweep(sweep) };
        let work = |traffic: Traffic| {
            Script::of(options, |s| {
                s.open(BUCKET);
                s.work(BUCKET, traffic);
            })
        };
        match self {
            Self::Open => Script::of(options, |s| s.open(BUCKET)),
            Self::Rest => Vec::new(),
            Self::Fill => work(sweep(Sweep::fill(KEYS, 100, 10))),
            Self::Large => work(sweep(Sweep::fill(LARGE, 100, 20))),
            Self::Churn => {
                let some = || Sweep { step: 100, ..Sweep::fill(LARGE, 100, 20) };
                (0..20).flat_map(|_| work(sweep(some()))).collect()
            }
            Self::Overwrite => work(sweep(Sweep::fill(KEYS / 3, 200, 10))),
            Self::Mix => {
                let mix = Mix { keys: KEYS, ..Mix::default() };
                work(clients(first..first + 2).mix(&mix, 5))
            }
            Self::Drop => work(sweep(Sweep { commits: false, ..Sweep::fill(20, 100, 5) })),
            Self::Thin => {
                let deletes =
                    |first| Sweep { first, step: 8, deletes: true, ..Sweep::fill(KEYS, 0, 10) };
                (1..8).flat_map(|residue| work(sweep(deletes(residue)))).collect()
            }
            Self::Blobs => work(sweep(Sweep::fill(20, 3000, 5))),
            Self::Read => {
                let weights = [2, 1, 0, 0, 0, 0, 0];
                let mix = Mix { keys: KEYS, ops: 8, weights, abort_pct: 0, ..Mix::default() };
                let mut steps = work(clients(first + 2..first + 3).mix(&mix, 8));
                steps.push(Step::Glance { bucket: BUCKET.to_owned(), reader: first + 3 });
                steps
            }
            Self::Checkpoint => Script::of(options, |s| {
                s.open(BUCKET);
                s.checkpoint(BUCKET);
            }),
            Self::Collect => Script::of(options, |s| s.collect(1)),
            Self::Unload => Script::of(options, |s| s.unload(BUCKET)),
            Self::Copy => Script::of(options, |s| {
                s.copy(match who {
                    Who::Lead => "copy",
                    Who::Other => "copy-amid",
                });
            }),
            Self::Replace => Script::of(options, |s| {
                // Who may have which name is not the matter.
                let bucket = match who {
                    Who::Lead => "b",
                    Who::Other => "c",
                };
                s.open(bucket);
                s.work(bucket, sweep(Sweep::fill(20, 100, 5)));
                s.unload(bucket);
                s.delete(bucket);
            }),
            Self::Sync => Script::of(options, |s| s.step(Step::Sync)),
            Self::Renew => {
                let parts = [Self::Overwrite, Self::Churn, Self::Checkpoint, Self::Collect];
                parts.into_iter().flat_map(|part| part.steps(who, options)).collect()
            }
        }
    }
}

/// A step that may be denied.
pub fn attempted(steps: Vec<Step>) -> Vec<Step> {
    steps.into_iter().map(|step| Step::Attempt { step: Box::new(step) }).collect()
}
