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
    image::Image,
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
        let mut other: Option<(PathBuf, Builder)> = None;
        while let Some(task) = receive::<Task>(tasks) {
            let reply = match self.image(&task.subject, &mut own, &mut other) {
                Ok(image) => self.judge(&task, &image),
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

    fn judge(&self, task: &Task, image: &Image) -> Reply {
        let dir = self.home.join("state");
        let prepared = fresh(&dir).and_then(|()| image.write(&dir));
        if let Err(error) = prepared {
            self.give_up(&error);
        }
        let recorded = task.trace_to.is_some();
        let promises = task.promises.clone();
        let case = Case { dir, promises, depth: task.depth, cut: task.cut, recorded };
        let recording = task.trace_to.as_ref().map(|_| Session::new().start(&case.dir));
        let outcome = guarded(|| (self.check)(&case));
        let untraced = task.trace_to.as_ref().zip(recording).and_then(|(file, recording)| {
            let stored = recording.and_then(Recording::finish).and_then(|t| t.write(file));
            stored.err().map(|error| error.to_string())
        });
        Reply { outcome, untraced }
    }
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
