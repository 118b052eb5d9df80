//! An embedded key-value engine in our words: what every adapter offers and how it answers.
//! An adapter never retries, sleeps or judges; it translates.
//!
//! An answer is `Ok` (done) or a [`EngineError`]. An adapter that lacks something says so in its
//! [`Capabilities`], and the cases that need it skip with that reason ([`Need`]). What it promises stands
//! there too: cases and oracles ask an engine for no more and no less.

pub mod altered;
pub mod by_reading;
pub mod failpoint;
pub mod faulty;
#[cfg(feature = "fjall")]
pub mod fjall;
pub mod hooks;
pub mod interceptor;
pub mod mace;
pub mod model;
pub mod options;
#[cfg(feature = "redb")]
pub mod redb;
pub mod rules;
pub mod serialised_maintenance;
pub mod silence;
pub mod spin;
#[cfg(feature = "surrealkv")]
pub mod surrealkv;
pub mod under_test;
#[cfg(feature = "fjall")]
pub mod whole_snapshots;

pub use options::{
    BucketOptions, EngineOptions, Merge, Preset, SET_ELEMENT, SET_PREFIX, VOID_PREFIX, both_sets,
};
pub use rules::{RULES, Rules};

use isolation::Level;
use std::path::Path;

/// What an engine answers: the thing asked for, or why not.
pub type Outcome<T> = Result<T, EngineError>;

/// Why an engine did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum EngineError {
    /// The key, or the bucket, is not there.
    Absent,
    /// Another transaction wrote the key first; the transaction must be dropped.
    Conflict,
    /// The engine declined, nothing happened, and it said why.
    Refused(Reason),
    /// The engine could not, and nothing happened; its own code.
    Failed(String),
    /// The engine could not say whether it happened; its own code.
    Unknown(String),
}

impl EngineError {
    /// The answer to a call that the engine does not have.
    pub const UNSUPPORTED: Self = Self::Refused(Reason::Unsupported);
}

/// Why an engine declined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Reason {
    /// The key, the bucket or the target folder is there already.
    Exists,
    /// Something else is using it; asking again later may succeed.
    Busy,
    /// A key, a value or a name beyond the documented limit.
    TooLarge,
    /// The documented number of buckets is reached.
    Quota,
    /// The request contradicts what the engine was told before.
    Invalid,
    /// A folder of another format.
    Version,
    /// What the merge operator makes of a key's operands is nothing that can be kept.
    MergeContract,
    /// The adapter has no such call; see [`Capabilities`].
    Unsupported,
}

/// How transactions that write get on with one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Writers {
    /// The first to write a key wins; the next one is refused at its write, without waiting.
    FirstWins,
    /// One at a time in the whole database: the next one waits at its beginning.
    OneAtATime,
    /// They go on side by side; one that read what another one changed is refused at its commit.
    CheckedAtCommit,
}

/// What an engine can do at all, and what it promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent yes-or-no facts, not a state")]
pub struct Capabilities {
    /// How transactions that write get on with one another.
    pub writers: Writers,
    /// What transactions may come to.
    pub level: Level,
    /// The longest key, in bytes.
    pub longest_key: usize,
    /// A longer one is [`Reason::TooLarge`]; else nobody asks for one.
    pub refuses_long_keys: bool,
    /// Has failpoints that a crash child can arm.
    pub failpoints: bool,
    /// Has hooks at which a thread of it can be held.
    pub hooks: bool,
    /// Has an offline checker.
    pub checker: bool,
    /// Copies itself while open.
    pub copy: bool,
    /// Collects files when it is asked to, and counts them.
    pub collects: bool,
    /// Has pages, files, logs and caches of the sizes that it is told.
    pub sized: bool,
    /// Writes a checkpoint, or what it has of that kind, when it is asked to.
    pub checkpoints: bool,
    /// Keeps merge operands as what they are, so that those of open transactions add up; else they are emulated
    /// ([`by_reading`]).
    pub operands: bool,
    /// Has iterators of the language's own.
    pub iterates: bool,
    /// Says of a value which writer group wrote it.
    pub groups: bool,
    /// Counts what it did.
    pub counts: bool,
    /// Buckets have options that are stored, are loaded and unloaded, are busy while they are held, and
    /// count against a quota.
    pub held_buckets: bool,
    /// Data live in files, so that a process kill and a reopen are possible.
    pub files: bool,
    /// A database can be reopened with another number of writer groups.
    pub resizes: bool,
    /// What must not fail ends in a panic that says so; else in a report and an abort.
    pub stops_by_panic: bool,
    /// On the relaxed route each writer group has a log of its own, with no promised order between them.
    pub many_logs: bool,
    /// A commit on the relaxed route survives the death of its process, though no power loss.
    pub outlives: bool,
}

impl Capabilities {
    /// What most engines on files promise, and none of what only some have: an adapter says what differs.
    pub const LEAST: Self = Self {
        writers: Writers::FirstWins,
        level: Level::StrongSnapshotIsolation,
        longest_key: usize::MAX,
        refuses_long_keys: true,
        failpoints: false,
        hooks: false,
        checker: false,
        copy: false,
        collects: false,
        sized: false,
        checkpoints: false,
        operands: false,
        iterates: false,
        groups: false,
        counts: false,
        held_buckets: false,
        files: true,
        resizes: false,
        stops_by_panic: false,
        many_logs: false,
        outlives: true,
    };

    /// Whether a transaction may be refused because of another one.
    pub fn conflicts(&self) -> bool {
        self.writers != Writers::OneAtATime
    }

    /// Whether two transactions may each miss what the other one writes.
    pub fn skews(&self) -> bool {
        self.level == Level::StrongSnapshotIsolation && self.conflicts()
    }

    /// What the engine lacks of this, in the words of a skipped case.
    pub fn lacks(&self, need: Need) -> Option<&'static str> {
        let (has, what) = match need {
            Need::Collection => (self.collects, "no files that it collects when asked, and counts"),
            Need::Copies => (self.copy, "no copies"),
            Need::Sizes => (self.sized, "no pages, files and logs of the sizes that it is told"),
            Need::Checkpoints => (self.checkpoints, "no checkpoints that it writes when asked"),
            Need::Operands => {
                (self.operands, "no merge operands of transactions that are open together")
            }
            Need::Iterators => (self.iterates, "no iterators of the language's own"),
            Need::Groups => (self.groups, "no writer groups that values name"),
            Need::Counters => (self.counts, "no counters in this build"),
            Need::ConflictAtWrite => (
                self.writers == Writers::FirstWins,
                "no write that another open writer has refused",
            ),
            Need::HeldBuckets => {
                (self.held_buckets, "no buckets, options and limits as mace-kv documents them")
            }
            Need::Failpoints => (self.failpoints, "no failpoints in this build"),
            Need::Hooks => (self.hooks, "no hooks in this build"),
        };
        (!has).then_some(what)
    }
}

/// Something that a case cannot do without and not every engine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// [`Capabilities::collects`]
    Collection,
    /// [`Capabilities::copy`]
    Copies,
    /// [`Capabilities::sized`]
    Sizes,
    /// [`Capabilities::checkpoints`]
    Checkpoints,
    /// [`Capabilities::operands`]
    Operands,
    /// [`Capabilities::iterates`]
    Iterators,
    /// [`Capabilities::groups`]
    Groups,
    /// [`Capabilities::counts`]
    Counters,
    /// [`Writers::FirstWins`]
    ConflictAtWrite,
    /// [`Capabilities::held_buckets`]
    HeldBuckets,
    /// [`Capabilities::failpoints`]
    Failpoints,
    /// [`Capabilities::hooks`]
    Hooks,
}

/// Which engine a verdict speaks of.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Identity {
    /// The engine's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How it was built: `failpoints` or `plain`.
    pub build: String,
}

/// What an engine may count itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Transactions that were begun.
    Begun,
    /// Transactions that were committed.
    Commits,
    /// Transactions that were dropped.
    Drops,
    /// Writes that met a conflict.
    Conflicts,
    /// Copies of the database that were made.
    Copies,
    /// Copies that could not be made, or were refused.
    FailedCopies,
    /// Keys at which the merge operator broke its contract.
    MergeViolations,
    /// Nodes of a tree that were divided.
    Splits,
    /// Nodes of a tree that were joined with another one.
    Joins,
    /// Commits that shared the sync of another one.
    SharedSyncs,
    /// Logs that were cut at an opening.
    Cuts,
    /// Rounds of collection.
    Collections,
    /// Writers that had to wait for room among the dirty pages.
    Waits,
}

/// What an engine says of a copy that it made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyInfo {
    /// Which generation of its metadata the copy has; later ones are greater.
    pub generation: u64,
    /// The version of the form that its metadata have.
    pub metadata_version: u64,
    /// The version of the form that its data files have.
    pub files_version: u32,
    /// How far each bucket is complete in it, at the least.
    pub frontiers: Vec<Frontier>,
}

/// How far a bucket is complete in a copy, at the least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontier {
    /// The bucket's number.
    pub bucket: u64,
    /// A place in the log for each writer group.
    pub groups: Vec<LogPlace>,
}

/// A place in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPlace {
    /// The number of the log's file.
    pub file: u64,
    /// Bytes from its beginning.
    pub offset: u64,
}

/// What a scan met that was made with the language's own iterators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Iterated {
    /// The pairs, in the order in which it met them.
    pub pairs: Vec<(Vec<u8>, Vec<u8>)>,
    /// How many more it met when it was asked again at its end, from both ends.
    pub beyond: usize,
}

/// Opens an engine on a folder. A driver is what a case is given; it holds no open engine.
pub trait Driver: Send + Sync {
    /// Which engine this is.
    fn identity(&self) -> Identity;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Opens the database in `dir`, creating it when the folder is empty.
    fn open(&self, dir: &Path, options: &EngineOptions) -> Outcome<Box<dyn Engine>>;

    /// Runs the engine's offline checker on a closed database; one line for each complaint.
    fn check(&self, dir: &Path) -> Outcome<Vec<String>>;
}

/// An open database. Dropping it closes it cleanly.
pub trait Engine: Send + Sync {
    /// Makes a bucket that is not there yet ([`Reason::Exists`]).
    fn create_bucket(&self, name: &str, options: &BucketOptions) -> Outcome<Box<dyn Bucket>>;

    /// Opens a bucket that is there ([`EngineError::Absent`]); only the merge operator is taken from
    /// the caller, everything else comes from the database.
    fn open_bucket(&self, name: &str, merge: Merge) -> Outcome<Box<dyn Bucket>>;

    /// The stored options of a bucket, without loading it.
    fn bucket_options(&self, name: &str) -> Outcome<BucketOptions>;

    /// Changes the stored options of a bucket that is not loaded ([`Reason::Busy`]).
    fn change_bucket_options(&self, name: &str, options: &BucketOptions) -> Outcome<()>;

    /// Unloads a bucket; its data stay.
    fn unload_bucket(&self, name: &str) -> Outcome<()>;

    /// Deletes a bucket and its data.
    fn delete_bucket(&self, name: &str) -> Outcome<()>;

    /// Names of the loaded buckets, in no order.
    fn loaded_buckets(&self) -> Vec<String>;

    /// How the engine says that it was opened; nothing where it does not say.
    fn options(&self) -> Option<EngineOptions> {
        None
    }

    /// How many buckets count against the quota, deleted ones not yet reaped included.
    fn bucket_count(&self) -> u64;

    /// Runs one full round of garbage collection and returns when it is done.
    fn collect_garbage(&self);

    /// Switches background collection off and on.
    fn set_collection(&self, on: bool);

    /// How many data files and how many blob files were collected since opening.
    fn collected(&self) -> (u64, u64);

    /// What the engine counted itself since it was opened; nothing unless it was opened
    /// [observed](EngineOptions::observed), and has counters.
    fn counted(&self, _: Counter) -> Option<u64> {
        None
    }

    /// Makes everything committed so far survive a power loss.
    fn sync(&self) -> Outcome<()>;

    /// Writes a copy that can be opened on its own; `target` must not exist.
    fn copy_to(&self, target: &Path) -> Outcome<()>;

    /// The same as [`Self::copy_to`], and what the engine says of the copy; nothing where it says nothing.
    fn copy_described(&self, target: &Path) -> Outcome<Option<CopyInfo>> {
        self.copy_to(target).map(|()| None)
    }

    /// Has the engine compare its account of files and bytes with what its data refer to, while nothing
    /// else goes on: the first difference, if there is one. An engine that cannot is
    /// [`Reason::Unsupported`].
    fn accounting(&self) -> Outcome<Option<String>> {
        Err(EngineError::UNSUPPORTED)
    }
}

/// A bucket of an open database: an ordered map of its own. A transaction stays in one bucket.
pub trait Bucket: Send + Sync {
    /// Begins a transaction at a snapshot of now.
    fn begin(&self) -> Outcome<Box<dyn Txn + '_>>;

    /// A read-only snapshot of now.
    fn view(&self) -> Outcome<Box<dyn Read + '_>>;

    /// Asks for a checkpoint and returns at once.
    fn checkpoint(&self);

    /// Writes a checkpoint and returns when it is durable.
    fn checkpoint_and_wait(&self);

    /// How the bucket says that its engine was opened; nothing where it does not say.
    fn engine_options(&self) -> Option<EngineOptions> {
        None
    }

    /// The engine's number for this incarnation of the bucket, where it has one; a successor has another
    /// one.
    fn id(&self) -> Option<u64>;
}

/// Reading at a snapshot.
pub trait Read {
    /// The value at `key` ([`EngineError::Absent`]).
    fn get(&self, key: &[u8]) -> Outcome<Vec<u8>>;

    /// The pairs that a scan meets, in the order in which it meets them.
    fn scan(&self, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>>;

    /// The same, pair by pair while the scan is under way.
    fn visit(&self, scan: &Scan, visit: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<()> {
        self.scan(scan)?.iter().for_each(|(key, value)| visit(key, value));
        Ok(())
    }

    /// The same with the language's own iterators, which have no errors: a scan that meets one ends there.
    fn iterate(&self, _: &Scan) -> Outcome<Iterated> {
        Err(EngineError::UNSUPPORTED)
    }

    /// The number of the writer group that wrote what is at `key`.
    fn writer_group(&self, _: &[u8]) -> Outcome<u64> {
        Err(EngineError::UNSUPPORTED)
    }
}

/// A read-write transaction. Dropping it aborts it.
pub trait Txn: Read {
    /// Writes a key that is not there ([`Reason::Exists`]).
    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()>;

    /// Writes a key that is there ([`EngineError::Absent`]).
    fn update(&self, key: &[u8], value: &[u8]) -> Outcome<()>;

    /// Writes a key either way.
    fn upsert(&self, key: &[u8], value: &[u8]) -> Outcome<()>;

    /// Removes a key that is there ([`EngineError::Absent`]).
    fn del(&self, key: &[u8]) -> Outcome<()>;

    /// Adds a merge operand to a key.
    fn merge(&self, key: &[u8], operand: &[u8]) -> Outcome<()>;

    /// Deletes the key whatever state its operands are in; done as well when there is no key.
    fn reset_merge(&self, key: &[u8]) -> Outcome<()>;

    /// Commits. `Ok` is the acknowledgement.
    fn commit(self: Box<Self>) -> Outcome<()>;
}

/// Which keys a scan meets and from which end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The keys.
    pub keys: Keys,
    /// The end or ends to take them from.
    pub order: Order,
    /// How many pairs at the most.
    pub limit: usize,
}

/// A set of neighbouring keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// All of them.
    All,
    /// Those that start with these bytes, of which there is at least one.
    Prefix(Vec<u8>),
    /// Those between two bounds.
    Range(std::ops::Bound<Vec<u8>>, std::ops::Bound<Vec<u8>>),
}

/// From which end a scan takes its pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Ascending keys.
    Forward,
    /// Descending keys.
    Backward,
    /// One from the front, one from the back, until they meet.
    Alternating,
}

impl Scan {
    /// Everything, ascending.
    pub const fn all() -> Self {
        Self { keys: Keys::All, order: Order::Forward, limit: usize::MAX }
    }

    /// The same keys in another order.
    #[must_use]
    pub const fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// What this scan meets with an iterator over its keys, and how often that has more at its end.
    pub fn iterated(
        &self,
        mut keys: impl DoubleEndedIterator<Item = Outcome<(Vec<u8>, Vec<u8>)>>,
    ) -> Outcome<Iterated> {
        let mut pairs = Vec::new();
        while pairs.len() < self.limit {
            let back = self.order.is_from_back(pairs.len());
            let next = if back { keys.next_back() } else { keys.next() };
            let Some(pair) = next else { break };
            pairs.push(pair?);
        }
        let beyond = (0..3).flat_map(|_| [keys.next(), keys.next_back()]).flatten().count();
        Ok(Iterated { pairs, beyond })
    }
}

impl Order {
    /// Whether the next pair is taken from the back, when so many were met.
    pub const fn is_from_back(self, met: usize) -> bool {
        match self {
            Self::Forward => false,
            Self::Backward => true,
            Self::Alternating => met % 2 == 1,
        }
    }
}

impl Keys {
    /// Whether a key belongs to the set.
    pub fn contains(&self, key: &[u8]) -> bool {
        use std::ops::RangeBounds;
        match self {
            Self::All => true,
            Self::Prefix(prefix) => key.starts_with(prefix),
            Self::Range(low, high) => {
                let bounds = (low.as_ref().map(Vec::as_slice), high.as_ref().map(Vec::as_slice));
                RangeBounds::<[u8]>::contains(&bounds, key)
            }
        }
    }
}

/// A denial in one word, for counts and messages.
impl std::fmt::Display for EngineError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent => f.write_str("absent"),
            Self::Conflict => f.write_str("conflict"),
            Self::Refused(reason) => write!(f, "refused ({reason:?})"),
            Self::Failed(code) => write!(f, "failed ({code})"),
            Self::Unknown(code) => write!(f, "unknown ({code})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_iterator_has_beyond_is_counted() {
        let pair = |number: u8| Ok((vec![number], vec![number]));
        let iterated = |order| Scan::all().order(order).iterated((0..4).map(pair)).unwrap();
        let keys = |order| iterated(order).pairs.iter().map(|(key, _)| key[0]).collect::<Vec<_>>();
        assert_eq!(keys(Order::Backward), [3, 2, 1, 0]);
        assert_eq!(keys(Order::Alternating), [0, 3, 1, 2]);
        assert_eq!(iterated(Order::Forward).beyond, 0);
        let limited = Scan { limit: 2, ..Scan::all() };
        assert_eq!(limited.iterated((0..4).map(pair)).unwrap().beyond, 2);
        let failing =
            (0..4).map(|number| if number < 2 { pair(number) } else { Err(EngineError::Absent) });
        assert_eq!(Scan::all().iterated(failing), Err(EngineError::Absent));
    }
}
