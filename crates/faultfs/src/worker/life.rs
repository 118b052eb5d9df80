//! The life of a worker process: it builds states, runs the judge on them and replies. Runs only in
//! forks; the pool is in the parent.

use super::{
    confine::{confine, guarded},
    pipe::{receive, send},
    task::{Check, Limits, Reply, Subject, Task},
};
use crate::{
    build::Builder,
    error::{Error, Result},
    frame,
    image::{Image, Shared},
    judge::Case,
    persist::Model,
    record,
    session::{Recording, Session},
    trace::Trace,
};
use rustix::fd::OwnedFd;
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

/// Marks a failure of the worker itself, which is no finding.
pub(super) const GAVE_UP: &str = "faultfs worker: ";
pub(super) const GAVE_UP_CODE: i32 = 99;

/// The child's side of a worker.
pub(super) struct Life<'a> {
    pub(super) model: Option<Arc<Model>>,
    pub(super) check: Check<'a>,
    pub(super) home: PathBuf,
    pub(super) limits: &'a Limits,
}

impl Life<'_> {
    /// Judges tasks until there are no more. Never returns to the caller's code.
    pub(super) fn live(self, tasks: &OwnedFd, replies: &OwnedFd, log: &File) -> ! {
        record::forget_after_fork();
        confine(log, self.limits.memory);
        let mut own = self.model.clone().map(Builder::new);
        let shared = match (&self.model, &self.limits.shared) {
            (Some(model), Some(folder)) => model.trace.untouched(folder),
            _ => Shared::new(),
        };
        let mut other: Option<(PathBuf, Builder)> = None;
        while let Some(task) = receive::<Task>(tasks) {
            let reply = match self.image(&task.subject, &mut own, &mut other) {
                Ok(image) => self.judge(&task, &image, &shared),
                // A worker that cannot build the state says nothing about the store.
                Err(error) => self.give_up(&error),
            };
            let mut bytes = Vec::new();
            frame::push(&mut bytes, &reply);
            if send(replies, &bytes).is_err() {
                break;
            }
        }
        // SAFETY: ends this process at once: the caller's destructors are not ours to run.
        unsafe { libc::_exit(0) }
    }

    fn give_up(&self, error: &Error) -> ! {
        let _ = fs::write(self.home.join("output"), format!("{GAVE_UP}{error}"));
        // SAFETY: as at the end of `live`.
        unsafe { libc::_exit(GAVE_UP_CODE) }
    }

    fn image(
        &self,
        subject: &Subject,
        own: &mut Option<Builder>,
        other: &mut Option<(PathBuf, Builder)>,
    ) -> Result<Image> {
        match subject {
            Subject::State(state) => match own {
                Some(own) => Ok(own.image(state)),
                None => Err(Error::new("build a state in", &self.home, "there is no trace")),
            },
            Subject::Image(file) => Image::unpack(file),
            Subject::Of(file, state) => {
                if other.as_ref().is_none_or(|(at, _)| at != file) {
                    let trace = match &self.model {
                        Some(outer) => outer.trace.read_recovery(file)?,
                        None => Trace::read(file)?,
                    };
                    let model = Arc::new(Model::new(&Arc::new(trace)));
                    *other = Some((file.clone(), Builder::new(model)));
                }
                Ok(other.as_mut().expect("just made").1.image(state))
            }
        }
    }

    fn judge(&self, task: &Task, image: &Image, shared: &Shared) -> Reply {
        let dir = self.home.join("state");
        // Another trace has files of its own.
        let none = Shared::new();
        let shared = if matches!(task.subject, Subject::State(_)) { shared } else { &none };
        let before = written(shared);
        let prepared = fresh(&dir).and_then(|()| image.write_sharing(&dir, shared));
        if let Err(error) = prepared {
            self.give_up(&error);
        }
        let recorded = task.trace_to.is_some();
        let promises = task.promises.clone();
        let case = Case { dir, promises, depth: task.depth, cut: task.cut, recorded };
        let recording = task.trace_to.as_ref().map(|_| Session::new().start(&case.dir));
        let outcome = guarded(|| (self.check)(&case));
        if written(shared) != before {
            let why = "the store wrote in place to a file that states share";
            self.give_up(&Error::new("share files with", &case.dir, why));
        }
        let untraced = task.trace_to.as_ref().zip(recording).and_then(|(file, recording)| {
            let stored = recording.and_then(Recording::finish).and_then(|t| t.write(file));
            stored.err().map(|error| error.to_string())
        });
        Reply { outcome, untraced }
    }
}

/// When each of these files was written last, and how long it is.
fn written(shared: &Shared) -> Vec<Option<(SystemTime, u64)>> {
    let state = |file: &PathBuf| {
        let meta = fs::metadata(file).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    };
    shared.values().map(state).collect()
}

fn fresh(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::new("clear", dir, error));
        }
        _ => {}
    }
    fs::create_dir(dir).map_err(|error| Error::new("create", dir, error))
}
