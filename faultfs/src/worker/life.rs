//! What a worker process does between its birth and its end: builds states, runs the judge on them
//! and replies. Runs only in forks; the pool is its parent's.

use super::{Check, Limits, Reply, Subject, Task, receive, send};
use crate::{
    build::Builder,
    error::{Error, Result},
    frame,
    image::Image,
    judge::{Case, Outcome},
    persist::Model,
    record,
    session::{Recording, Session},
    trace::Trace,
};
use rustix::{
    fd::OwnedFd,
    process::{Resource, Rlimit, Signal, set_parent_process_death_signal, setrlimit},
};
use std::{
    fs::{self, File},
    os::fd::AsRawFd,
    panic::{AssertUnwindSafe, catch_unwind, set_hook},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// How a worker says that it could not do its own part, which is no finding.
pub(super) const GAVE_UP: &str = "faultfs worker: ";
pub(super) const GAVE_UP_CODE: i32 = 99;

/// The child's side.
pub(super) struct Life<'a> {
    pub(super) model: Option<Arc<Model>>,
    pub(super) check: Check<'a>,
    pub(super) home: PathBuf,
    pub(super) limits: &'a Limits,
}

/// Where the newest panic left its words; the hook runs on whichever thread panicked.
static LAST_PANIC: Mutex<Option<String>> = Mutex::new(None);

impl Life<'_> {
    /// Judges until there is nothing left to judge. Never returns to the caller's code.
    pub(super) fn live(self, tasks: &OwnedFd, replies: &OwnedFd, log: &File) -> ! {
        record::forget_after_fork();
        self.confine(log);
        let mut own = self.model.clone().map(Builder::new);
        let mut other: Option<(PathBuf, Builder)> = None;
        while let Some(task) = receive::<Task>(tasks) {
            let reply = match self.image(&task.subject, &mut own, &mut other) {
                Ok(image) => self.judge(&task, &image),
                // A harness that cannot build the state says nothing about the store.
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

    fn confine(&self, log: &File) {
        // A worker must not outlive its parent, leave core files or eat the machine.
        let _ = set_parent_process_death_signal(Some(Signal::KILL));
        let limit = |bytes| Rlimit { current: Some(bytes), maximum: Some(bytes) };
        let own = data_bytes().unwrap_or(0);
        let _ = setrlimit(Resource::Data, limit(own + self.limits.memory));
        let _ = setrlimit(Resource::Core, limit(0));
        for fd in [1, 2] {
            // SAFETY: both descriptors are open; what is printed belongs to this worker's log.
            unsafe { libc::dup2(log.as_raw_fd(), fd) };
        }
        set_hook(Box::new(|panic| {
            let mut last = LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner);
            let text = panic.to_string();
            let _ = rustix::io::write(rustix::stdio::stderr(), text.as_bytes());
            *last = Some(text);
        }));
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
                    let model = Arc::new(Model::new(&Arc::new(Trace::read(file)?)));
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
        let case = Case { dir, promises: task.promises.clone(), depth: task.depth };
        let recording = task.trace_to.as_ref().map(|_| Session::new().start(&case.dir));
        let outcome = match catch_unwind(AssertUnwindSafe(|| (self.check)(&case))) {
            Ok(Ok(())) => Outcome::Sound,
            Ok(Err(why)) => Outcome::Broken(why),
            Err(_) => {
                let mut last = LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner);
                Outcome::Panicked(last.take().unwrap_or_default())
            }
        };
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

/// Private memory of this process, in bytes: the sixth number of `/proc/self/statm`, in pages.
fn data_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_whitespace().nth(5)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
