//! One recording session a process: which folder, under which faults, and at its end the trace.
//! The workload's own words (`begun`, `acked`, `note`) enter the trace here. Judges nothing.

use crate::{
    error::{Error, Result},
    plan::Plan,
    trace::Trace,
};
use std::path::{Path, PathBuf};

/// How a session is to run.
#[derive(Clone, Debug, Default)]
pub struct Session {
    plan: Plan,
    seed: u64,
    log: Option<PathBuf>,
}

/// A running session. Dropped without [`Recording::finish`] it stops and forgets what it saw; its
/// log, if it has one, stays.
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

    /// Where rules with a probability draw from. The same seed and the same calls give the same
    /// faults.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Also writes each event to this file as it happens, for a process that may not live to
    /// finish; [`Trace::read`] reads it. It must be outside the traced folder.
    #[must_use]
    pub fn log(mut self, file: impl Into<PathBuf>) -> Self {
        self.log = Some(file.into());
        self
    }

    /// Starts to record every change below `root`, which exists; what is in it now counts as
    /// durable. Fails when the binary is not interposed or a session runs already.
    pub fn start(self, root: &Path) -> Result<Recording> {
        let root = root.canonicalize().map_err(|error| Error::new("trace", root, error))?;
        arm(&self, &root)?;
        Ok(Recording { root })
    }
}

impl Recording {
    /// The folder, with symlinks resolved.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Ends the session. The store must be closed: fails when the folder is not what the trace
    /// says, because then something wrote past the hooks and the run says nothing.
    pub fn finish(self) -> Result<Trace> {
        let trace = disarm(&self.root)?;
        trace.compare(&self.root)?;
        Ok(trace)
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod live {
    //! The session on a platform that can be interposed.

    use super::{Error, Recording, Result, Session, Trace};
    use crate::{
        fault::Armed,
        op::{Call, Mark, MarkKind, Op},
        record,
    };
    use rustix::fs::{Mode, OFlags};
    use std::{fs::File, path::Path, sync::Once};

    impl Drop for Recording {
        fn drop(&mut self) {
            // After `finish` there is nothing left to stop.
            drop(record::disarm());
        }
    }

    pub(super) fn arm(session: &Session, root: &Path) -> Result<()> {
        static FORK: Once = Once::new();
        // SAFETY: the handler only stores to atomics and to a thread-local without destructor.
        FORK.call_once(|| unsafe {
            libc::pthread_atfork(None, None, Some(record::forget_after_fork));
        });
        let log = session.log.as_ref().map(|path| {
            let flags = OFlags::CREATE | OFlags::TRUNC | OFlags::WRONLY | OFlags::CLOEXEC;
            rustix::fs::open(path, flags, Mode::from_raw_mode(0o644))
                .map_err(|error| Error::new("create", path, error))
        });
        let plan = &session.plan;
        let armed =
            (!plan.rules().is_empty()).then(|| Armed::new(plan, session.seed)).transpose()?;
        record::arm(root, log.transpose()?, armed)?;
        let before = record::entered();
        // Any call that std makes through libc will do; this one changes nothing.
        drop(File::open(root));
        if record::entered() == before {
            drop(record::disarm());
            let why = "the calls of this binary do not reach the hooks: is std linked statically?";
            return Err(Error::new("trace", root, why));
        }
        Ok(())
    }

    pub(super) fn disarm(root: &Path) -> Result<Trace> {
        let seen = record::disarm();
        let Some((base, events, summary, log_error)) = seen else {
            return Err(Error::new("finish the trace of", root, "the session is over"));
        };
        match log_error {
            Some(error) => Err(Error::new("write the log of", root, error)),
            None => Ok(Trace::new(base, events, summary)),
        }
    }

    pub(super) fn mark(kind: MarkKind, id: u64) {
        let Some(entry) = record::enter() else { return };
        entry.locked(|recorder| {
            let entered = recorder.len();
            recorder.push(Call::Mark, entered, Op::Mark(Mark { kind, id }))
        });
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
use live::{arm, disarm, mark};

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod unsupported {
    //! The session everywhere else: it says so and starts nothing.

    use super::{Error, Result, Session, Trace};
    use crate::op::MarkKind;
    use std::path::Path;

    pub(super) fn arm(_: &Session, root: &Path) -> Result<()> {
        Err(Error::unsupported("trace", root))
    }

    pub(super) fn disarm(root: &Path) -> Result<Trace> {
        Err(Error::unsupported("trace", root))
    }

    pub(super) fn mark(_: MarkKind, _: u64) {}
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
use unsupported::{arm, disarm, mark};

use crate::op::MarkKind;

/// Work with this number begins: from here on a crash may leave its effects. Does nothing without
/// a session.
pub fn begun(id: u64) {
    mark(MarkKind::Begun, id);
}

/// Work with this number was acknowledged as durable: from here on a crash must leave its effects.
/// Does nothing without a session.
pub fn acked(id: u64) {
    mark(MarkKind::Acked, id);
}

/// Anything else worth seeing in the trace. Does nothing without a session.
pub fn note(id: u64) {
    mark(MarkKind::Note, id);
}
