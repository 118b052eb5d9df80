//! The messages between a pool and its workers, and the limits of a worker. Runs nothing.

use crate::{
    judge::{Case, Outcome, Promises},
    state::State,
};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};

/// The judge, which a worker runs on each state.
pub(crate) type Check<'a> = &'a (dyn Fn(&Case) -> Result<(), String> + Sync);

/// One task: what to judge.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) subject: Subject,
    pub(crate) promises: Promises,
    pub(crate) depth: u8,
    /// The cut of the workload's own crash, also at depth 2.
    pub(crate) cut: u32,
    /// If set, the judging itself is traced and the trace is stored here.
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

/// A worker's reply.
#[derive(Serialize, Deserialize)]
pub(crate) struct Reply {
    pub(crate) outcome: Outcome,
    /// Why the judging could not be traced as requested.
    pub(crate) untraced: Option<String>,
}

/// The limits of workers.
#[derive(Clone)]
pub(crate) struct Limits {
    pub(crate) workers: usize,
    /// Time limit for one state.
    pub(crate) deadline: Duration,
    /// Bytes of private memory, on top of the caller's.
    pub(crate) memory: u64,
    /// A copy of the traced folder as it was at the start, whose files states may share.
    pub(crate) shared: Option<PathBuf>,
}
