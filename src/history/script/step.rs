//! The steps of scripts, as data. Carries none of them out.

use crate::{
    engine::BucketOptions,
    history::{clients::Traffic, hold::Place},
};
use serde::{Deserialize, Serialize};

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Makes a bucket, or opens it when it is there.
    Open {
        /// The bucket.
        bucket: String,
        /// How it is made.
        options: BucketOptions,
    },
    /// Clients work in a bucket.
    Traffic {
        /// The bucket.
        bucket: String,
        /// The clients and their work.
        traffic: Traffic,
    },
    /// Clients work in several buckets at once.
    Parallel {
        /// The buckets with their clients.
        parts: Vec<(String, Traffic)>,
    },
    /// Clients work in a bucket while steps are taken, again and again until those are done.
    Beside {
        /// The clients' bucket.
        bucket: String,
        /// The clients and their work.
        traffic: Traffic,
        /// The steps.
        steps: Vec<Step>,
    },
    /// Writes a checkpoint of a bucket and waits for it.
    Checkpoint {
        /// The bucket.
        bucket: String,
    },
    /// Runs rounds of garbage collection.
    Collect {
        /// How many.
        rounds: u32,
    },
    /// Runs rounds of garbage collection until so many files were collected, or `rounds` are up.
    CollectUntil {
        /// Data files collected since opening.
        data: u64,
        /// Blob files collected since opening.
        blob: u64,
        /// How many rounds at the most.
        rounds: u32,
    },
    /// Closes our handle of a bucket and unloads it.
    Unload {
        /// The bucket.
        bucket: String,
    },
    /// Deletes a bucket.
    Delete {
        /// The bucket.
        bucket: String,
    },
    /// Collects until no deleted bucket counts against the quota any more, when all others are
    /// loaded.
    Reap,
    /// Collects until so many buckets count against the quota.
    ReapTo {
        /// How many.
        buckets: u64,
    },
    /// The barrier of the relaxed route.
    Sync,
    /// Copies the open database to a folder beside it.
    Copy {
        /// The folder's name.
        name: String,
    },
    /// Reads each key of a bucket once, so that pages are loaded, and notes how many there are.
    ReadAll {
        /// The bucket.
        bucket: String,
    },
    /// Reads a bucket in every way in a view, as a reader with this number.
    Glance {
        /// The bucket.
        bucket: String,
        /// The number, one that no client has.
        reader: u16,
    },
    /// Carries out a step that the engine may deny, and goes on either way.
    Attempt {
        /// The step.
        step: Box<Step>,
    },
    /// Opens a snapshot of a bucket, takes steps, and scans the snapshot; in the middle of the
    /// scan, after the first pair, it takes more steps.
    ScanAmid {
        /// The bucket.
        bucket: String,
        /// Between the opening of the snapshot and the scan.
        before: Vec<Step>,
        /// In the middle of the scan.
        amid: Vec<Step>,
    },
    /// Holds a thread where it asks for memory, takes steps meanwhile, and lets it go when those have
    /// ended or wait for it. Without a word of it when no thread comes by.
    Hold {
        /// Where.
        place: Place,
        /// What makes a thread come by, on a thread named [`LEAD`](super::held::LEAD).
        lead: Vec<Step>,
        /// While it is held.
        amid: Vec<Step>,
    },
    /// Takes acts one after the other on a thread named [`LEAD`](super::held::LEAD), and writes down which places
    /// threads came by in each.
    Record {
        /// The acts.
        acts: Vec<Vec<Step>>,
    },
    /// Takes acts, and holds a thread at a place in one of them until others have done something.
    Meet(Box<Meeting>),
    /// Dies without a word, as if killed.
    Die,
}

/// A thread that is held, and what is done meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meeting {
    /// What a thread named [`LEAD`](super::held::LEAD) does, act by act; it gives its handles back after each.
    pub acts: Vec<Vec<Step>>,
    /// In which act the place is armed.
    pub during: usize,
    /// Where a thread is held.
    pub place: Place,
    /// What another thread does meanwhile; it may be denied.
    pub amid: Vec<Step>,
    /// What comes then.
    pub then: Then,
}

/// What comes when others have done what they were to do, or wait for the thread that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Then {
    /// It is let go, and the other acts follow.
    GoOn,
    /// The process dies: while it is held, or, where the others wait for it, once it was let go and all
    /// of them are done.
    Die,
    /// The database is closed while it is held; it is let go when the closing waits for it.
    Close,
}
