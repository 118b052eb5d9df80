//! The settings of an exploration, and what they alone determine: limits, shard, folder. Explores
//! nothing.

use crate::{crash::Bounds, persist::Profile, state::Step, worker::Limits};
use std::{
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

/// A memory filesystem that glibc Linux systems have.
const MEMORY_FOLDER: &str = "/dev/shm";

/// How to explore a trace. The defaults judge some ten thousand states.
#[derive(Clone, Debug)]
pub struct Explore {
    pub(crate) profile: Profile,
    pub(crate) seed: u64,
    pub(crate) steps: Vec<Step>,
    pub(crate) window: usize,
    pub(crate) rounds: usize,
    pub(crate) points: usize,
    pub(crate) limit: u64,
    pub(crate) nested: usize,
    pub(crate) nested_limit: u64,
    pub(crate) findings: usize,
    pub(crate) questions: usize,
    pub(crate) workers: usize,
    pub(crate) deadline: Duration,
    pub(crate) memory: u64,
    pub(crate) folder: Option<PathBuf>,
    pub(crate) store: Option<PathBuf>,
    pub(crate) replay: Option<String>,
    pub(crate) shard: (u32, u32),
    pub(crate) shared: Option<PathBuf>,
}

impl Default for Explore {
    fn default() -> Self {
        Self {
            profile: Profile::PosixWeak,
            seed: 0,
            steps: Step::ALL.to_vec(),
            window: 12,
            rounds: 1,
            points: 200,
            limit: 4000,
            nested: 16,
            nested_limit: 60,
            findings: 16,
            questions: 400,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            deadline: Duration::from_secs(20),
            memory: 2 << 30,
            folder: None,
            store: None,
            replay: None,
            shard: (1, 1),
            shared: None,
        }
    }
}

macro_rules! settings {
    ($($(#[$doc:meta])* $name:ident: $type:ty,)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, $name: $type) -> Self {
            self.$name = $name;
            self
        }
    )*};
}

impl Explore {
    /// The default exploration.
    pub fn new() -> Self {
        Self::default()
    }

    settings! {
        /// Only states that are legal under this profile; default [`Profile::PosixWeak`].
        profile: Profile,
        /// The seed of samples and random choices; default 0.
        seed: u64,
        /// How many of the newest pending units are chosen one by one at a crash point. Older units
        /// are kept or lost together. Default 12.
        window: usize,
        /// Random states for each rate and crash point; default 1.
        rounds: usize,
        /// Sampled crash points, besides those next to a sync or an acknowledgement, which are all
        /// tried; default 200.
        points: usize,
        /// The most states of a step. A step with more is sampled by the seed, and the rest is
        /// counted as left out. Default 4,000.
        limit: u64,
        /// How many states have their recovery cut off in turn; default 16.
        nested: usize,
        /// The most states of a step for each of those recoveries; default 60.
        nested_limit: u64,
        /// The exploration ends after this many distinct findings; default 16.
        findings: usize,
        /// The most states that are judged to shrink one finding; default 400.
        questions: usize,
        /// How many worker processes run at once; default one for each core.
        workers: usize,
        /// Time limit for one state. A state that exceeds it counts as hung; default 20 seconds.
        deadline: Duration,
        /// Bytes of private memory that one worker may have on top of the caller's; default 2 GiB.
        memory: u64,
    }

    /// Only these steps, in this order; default all. [`Step::Permute`] always comes last, and
    /// recoveries are cut off from states of the other steps.
    #[must_use]
    pub fn steps(mut self, steps: &[Step]) -> Self {
        self.steps = steps.to_vec();
        self
    }

    /// Where states are rebuilt. The default is a new folder on the memory filesystem, or in the
    /// temporary folder if there is none.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// States have links to the files of this folder, which is a copy of the traced one as it was at the
    /// start, where nothing wrote these. For stores whose files are many and mostly left alone: the
    /// store must not write in place to a file that it did not write under the trace, and the
    /// exploration fails when it does. The folder has to be on the filesystem of [`Self::folder`].
    #[must_use]
    pub fn shared(mut self, folder: impl Into<PathBuf>) -> Self {
        self.shared = Some(folder.into());
        self
    }

    /// Stores each finding with its packed image in this folder.
    #[must_use]
    pub fn store(mut self, folder: impl Into<PathBuf>) -> Self {
        self.store = Some(folder.into());
        self
    }

    /// The command that judges a stored finding again, with `{}` for its file.
    #[must_use]
    pub fn replay_command(mut self, command: impl Into<String>) -> Self {
        self.replay = Some(command.into());
        self
    }

    /// Judges only shard `number` of `of`, counted from 1: the states of the trace whose image
    /// falls into this shard. All shards of one trace under one seed are disjoint and together
    /// complete. Each cuts off recoveries from its own states. The default is everything.
    ///
    /// # Panics
    /// When there is no such shard.
    #[must_use]
    pub fn shard(mut self, number: u32, of: u32) -> Self {
        assert!((1..=of).contains(&number), "there is no part {number} of {of}");
        self.shard = (number, of);
        self
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            workers: self.workers,
            deadline: self.deadline,
            memory: self.memory,
            shared: self.shared.clone(),
        }
    }

    pub(crate) fn bounds(&self) -> Bounds {
        let hostile = self.profile == Profile::Hostile;
        Bounds { window: self.window, rounds: self.rounds, seed: self.seed, hostile }
    }

    /// Whether an image belongs to this shard. The hash range is divided into `of` equal parts.
    pub(crate) fn is_own(&self, hash: u128) -> bool {
        let (number, of) = self.shard;
        (u128::from(hash as u64) * u128::from(of)) >> 64 == u128::from(number - 1)
    }

    pub(crate) fn is_in_memory(&self) -> bool {
        let folder = self.folder.as_deref().unwrap_or(Path::new(MEMORY_FOLDER));
        folder.starts_with(MEMORY_FOLDER) && Path::new(MEMORY_FOLDER).is_dir()
    }

    /// A folder that no other exploration on this machine uses.
    pub(crate) fn own_folder(&self) -> PathBuf {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let parent = match &self.folder {
            Some(folder) => folder.clone(),
            None if self.is_in_memory() => PathBuf::from(MEMORY_FOLDER),
            None => std::env::temp_dir(),
        };
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        parent.join(format!("faultfs-{}-{number}", process::id()))
    }
}
