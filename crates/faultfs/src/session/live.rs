//! The session on platforms that can be interposed: arms and disarms the recorder. Judges nothing.

use crate::{
    armed::Armed,
    error::{Error, Result},
    op::{Call, Mark, MarkKind, Op},
    plan::Plan,
    record,
    trace::Trace,
};
use rustix::fs::{Mode, OFlags};
use std::{fs::File, path::Path, sync::Once};

pub(super) fn stop() {
    drop(record::disarm());
}

pub(super) fn arm(root: &Path, plan: &Plan, seed: u64, log: Option<&Path>) -> Result<()> {
    static FORK: Once = Once::new();
    // SAFETY: the handler only stores to atomics and to a thread-local without destructor.
    FORK.call_once(|| unsafe {
        libc::pthread_atfork(None, None, Some(record::forget_after_fork));
    });
    let log = log.map(|path| {
        let flags = OFlags::CREATE | OFlags::TRUNC | OFlags::WRONLY | OFlags::CLOEXEC;
        rustix::fs::open(path, flags, Mode::from_raw_mode(0o644))
            .map_err(|error| Error::new("create", path, error))
    });
    let armed = (!plan.rules().is_empty()).then(|| Armed::new(plan, seed));
    record::arm(root, log.transpose()?, armed)?;
    let before = record::entered();
    // Any call that std makes through libc proves it. This one concerns no traced file, so it is
    // neither counted nor matched by a rule; the close of a traced file would be.
    drop(File::open("/dev/null"));
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
