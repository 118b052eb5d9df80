//! What a pool and its workers say to each other. Runs nothing.

use crate::{
    judge::{Case, Outcome, Promises},
    state::State,
};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};

/// What a worker runs on each state.
pub(crate) type Check<'a> = &'a (dyn Fn(&Case) -> Result<(), String> + Sync);

/// What is to be judged.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) subject: Subject,
    pub(crate) promises: Promises,
    pub(crate) depth: u8,
    /// Of the workload's own crash, also at depth 2.
    pub(crate) cut: u32,
    /// Trace the judging itself and store the trace here.
    pub(crate) trace_to: Option<PathBuf>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Subject {
    /// A state of the trace that the pool was made for.
    State(State),
    /// A state of another trace, in this file.
    Of(PathBuf, State),
    /// A packed image.
    Image(PathBuf),
}

/// What a worker says.
#[derive(Serialize, Deserialize)]
pub(crate) struct Reply {
    pub(crate) outcome: Outcome,
    /// Why the judging was not traced although it was to be.
    pub(crate) untraced: Option<String>,
}

/// The bounds of a worker.
#[derive(Clone)]
pub(crate) struct Limits {
    pub(crate) workers: usize,
    /// For one state.
    pub(crate) deadline: Duration,
    /// Bytes of private memory, on top of what the caller has.
    pub(crate) memory: u64,
}
