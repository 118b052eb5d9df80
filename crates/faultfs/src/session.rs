//! One recording session for each process: the folder, the faults, and at the end the trace. The
//! marks of the workload (`begun`, `acked`, `note`) enter the trace here. Judges nothing.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod live;
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod unsupported;

use crate::{
    error::{Error, Result},
    op::MarkKind,
    plan::Plan,
    trace::Trace,
};
#[cfg(all(target_os = "linux", target_env = "gnu"))]
use live::{arm, disarm, mark, stop};
use std::path::{Path, PathBuf};
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
use unsupported::{arm, disarm, mark, stop};

/// The settings of a session.
#[derive(Clone, Debug, Default)]
pub struct Session {
    plan: Plan,
    seed: u64,
    log: Option<PathBuf>,
}

/// A running session. If it is dropped without [`Recording::finish`], it stops and discards its
/// recording; its log, if it has one, stays.
#[must_use = "a session that is dropped at once records nothing"]
pub struct Recording {
    root: PathBuf,
}

impl Session {
    /// A session without faults, without a log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Injects these faults.
    #[must_use]
    pub fn plan(mut self, plan: Plan) -> Self {
        self.plan = plan;
        self
    }

    /// The seed for rules with a probability. The same seed and the same calls give the same
    /// faults.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Also writes each event to this file as it happens, for a process that may die before it
    /// finishes. [`Trace::read`] reads it. The file must be outside the traced folder.
    #[must_use]
    pub fn log(mut self, file: impl Into<PathBuf>) -> Self {
        self.log = Some(file.into());
        self
    }

    /// Starts to record every change below `root`, which must exist. Its current content counts as
    /// durable. Fails when the binary is not interposed or a session is already running.
    pub fn start(self, root: &Path) -> Result<Recording> {
        let root = root.canonicalize().map_err(|error| Error::new("trace", root, error))?;
        arm(&root, &self.plan, self.seed, self.log.as_deref())?;
        Ok(Recording { root })
    }
}

impl Recording {
    /// The folder, with symlinks resolved.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Ends the session. The store must be closed. Fails when the folder differs from the trace,
    /// because then something wrote past the hooks and the run says nothing.
    pub fn finish(self) -> Result<Trace> {
        let trace = disarm(&self.root)?;
        trace.compare(&self.root)?;
        Ok(trace)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // After `finish` there is nothing left to stop.
        stop();
    }
}

/// Marks that the work with this number begins: from here on a crash may leave its effects. Does
/// nothing without a session.
pub fn begun(id: u64) {
    mark(MarkKind::Begun, id);
}

/// Marks that the work with this number was acknowledged as durable: from here on a crash must
/// leave its effects. Does nothing without a session.
pub fn acked(id: u64) {
    mark(MarkKind::Acked, id);
}

/// Marks anything else worth seeing in the trace. Does nothing without a session.
pub fn note(id: u64) {
    mark(MarkKind::Note, id);
}
