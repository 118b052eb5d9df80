//! Worker processes. Each judges states one after another until it dies, hangs or has done its
//! share, and is then replaced. They are forks of the caller, so a judge can be a closure. Decides
//! neither what is judged nor what an outcome means.

mod confine;
mod fork;
mod life;
mod pipe;
mod task;

use crate::{
    error::{Error, Result},
    frame,
    judge::Outcome,
    persist::Model,
    record,
};
pub use fork::Fork;
use life::{GAVE_UP, GAVE_UP_CODE, Life};
use pipe::{receive, send, wait_readable};
use rustix::{
    fd::{AsFd, OwnedFd},
    process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, waitpid},
};
use std::{
    collections::VecDeque,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};
pub(crate) use task::{Check, Limits, Reply, Subject, Task};

/// A finding shows this many bytes of a dead worker's output from its beginning, and as many from
/// its end.
const TAIL: usize = 1000;

/// How many states a worker judges before it is replaced, so that leaks at each open of a store do
/// not accumulate.
const SHARE: u32 = 1000;

/// Workers on one trace.
pub(crate) struct Pool<'a> {
    model: Option<Arc<Model>>,
    check: Check<'a>,
    limits: Limits,
    folder: PathBuf,
    workers: Vec<Option<Worker>>,
}

struct Worker {
    pid: Pid,
    to: OwnedFd,
    from: OwnedFd,
    job: Option<(Task, Instant)>,
    done: u32,
    output: PathBuf,
}

impl<'a> Pool<'a> {
    /// Creates the folder; workers start with the first tasks. The pool fills and deletes `folder`.
    pub(crate) fn new(
        model: Option<Arc<Model>>,
        check: Check<'a>,
        limits: Limits,
        folder: PathBuf,
    ) -> Result<Self> {
        if record::is_armed() {
            return Err(Error::new("explore in", folder, "a session is still running"));
        }
        fs::create_dir_all(&folder).map_err(|error| Error::new("create", &folder, error))?;
        let workers = (0..limits.workers.max(1)).map(|_| None).collect();
        Ok(Self { model, check, limits, folder, workers })
    }

    /// The trace that the pool was made for.
    pub(crate) fn model(&self) -> Option<Arc<Model>> {
        self.model.clone()
    }

    /// The folder that the pool deletes when it is dropped.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Judges all tasks in parallel. `done` receives each task with its reply, in no fixed order.
    pub(crate) fn run(
        &mut self,
        next: &mut dyn FnMut() -> Option<Task>,
        done: &mut dyn FnMut(Task, Reply),
    ) -> Result<()> {
        let mut ready = VecDeque::new();
        loop {
            for index in 0..self.workers.len() {
                if self.workers[index].as_ref().is_some_and(|worker| worker.job.is_some()) {
                    continue;
                }
                if let Some(task) = ready.pop_front().or_else(&mut *next) {
                    self.assign(index, task)?;
                }
            }
            // All workers are busy: prepare their next tasks meanwhile.
            while ready.len() < self.workers.len()
                && let Some(task) = next()
            {
                ready.push_back(task);
            }
            if self.workers.iter().flatten().all(|worker| worker.job.is_none()) {
                return Ok(());
            }
            self.collect(done)?;
        }
    }

    fn assign(&mut self, index: usize, task: Task) -> Result<()> {
        if self.workers[index].as_ref().is_some_and(|worker| worker.done >= SHARE) {
            self.kill(index)?;
        }
        if self.workers[index].is_none() {
            self.workers[index] = Some(self.spawn(index)?);
        }
        let worker = self.workers[index].as_mut().expect("just started");
        let mut bytes = Vec::new();
        frame::push(&mut bytes, &task);
        worker.job = Some((task, Instant::now()));
        // A dead worker is detected by its closed pipe.
        let _ = send(&worker.to, &bytes);
        Ok(())
    }

    /// Waits for the next reply, death or expired deadline.
    fn collect(&mut self, done: &mut dyn FnMut(Task, Reply)) -> Result<()> {
        let now = Instant::now();
        let busy: Vec<usize> = (0..self.workers.len())
            .filter(|index| self.workers[*index].as_ref().is_some_and(|w| w.job.is_some()))
            .collect();
        let left = |index: &usize| {
            let worker = self.workers[*index].as_ref().expect("busy");
            let begun = worker.job.as_ref().expect("busy").1;
            (begun + self.limits.deadline).saturating_duration_since(now)
        };
        let wait = busy.iter().map(left).min().unwrap_or_default();
        let from = |index: &usize| self.workers[*index].as_ref().expect("busy").from.as_fd();
        let ready = wait_readable(&busy.iter().map(from).collect::<Vec<_>>(), wait)?;
        for (index, ready) in busy.into_iter().zip(ready) {
            let worker = self.workers[index].as_mut().expect("busy");
            if ready {
                let reply = receive::<Reply>(&worker.from);
                let (task, _) = worker.job.take().expect("busy");
                worker.done += 1;
                match reply {
                    Some(reply) => done(task, reply),
                    None => done(task, reply_of(self.bury(index)?)),
                }
            } else if worker.job.as_ref().is_some_and(|job| job.1.elapsed() >= self.limits.deadline)
            {
                let (task, _) = worker.job.take().expect("busy");
                self.kill(index)?;
                done(task, reply_of(Outcome::Hung));
            }
        }
        Ok(())
    }

    fn spawn(&self, index: usize) -> Result<Worker> {
        let fail = |error: rustix::io::Errno| Error::new("start a worker in", &self.folder, error);
        let (task_out, task_in) = rustix::pipe::pipe().map_err(fail)?;
        let (reply_out, reply_in) = rustix::pipe::pipe().map_err(fail)?;
        let home = self.folder.join(format!("worker-{index}"));
        fs::create_dir_all(&home).map_err(|error| Error::new("create", &home, error))?;
        let output = home.join("output");
        let log = File::create(&output).map_err(|error| Error::new("create", &output, error))?;
        // SAFETY: the child runs only code that needs no other thread: glibc makes its allocator
        // usable after fork, and `forget_after_fork` does the same for the recorder.
        match unsafe { libc::fork() } {
            -1 => Err(Error::new("fork in", &home, std::io::Error::last_os_error())),
            0 => {
                drop((task_in, reply_out));
                let model = self.model.clone();
                let life = Life { model, check: self.check, home, limits: &self.limits };
                life.live(&task_out, &reply_in, &log);
            }
            pid => {
                let pid = Pid::from_raw(pid).expect("fork returned a child");
                Ok(Worker { pid, to: task_in, from: reply_out, job: None, done: 0, output })
            }
        }
    }

    /// Reaps a worker whose pipe is closed and returns how it died. It is dead or dying; killing a
    /// dying process does not change its exit status.
    fn bury(&mut self, index: usize) -> Result<Outcome> {
        let worker = self.workers[index].take().expect("a worker to bury");
        let status = reap(&worker)?;
        let said = fs::read(&worker.output).unwrap_or_default();
        if status.exit_status() == Some(GAVE_UP_CODE)
            && let Some(why) = ends(&said).strip_prefix(GAVE_UP)
        {
            return Err(Error::new("judge in", &self.folder, why));
        }
        Ok(died(status, &said))
    }

    fn kill(&mut self, index: usize) -> Result<()> {
        self.workers[index].take().map_or(Ok(()), |worker| reap(&worker).map(drop))
    }
}

impl Drop for Pool<'_> {
    fn drop(&mut self) {
        for index in 0..self.workers.len() {
            // A worker that cannot be killed dies with this process.
            let _ = self.kill(index);
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The beginning and the end of a long output: the cause is at the beginning, the backtrace at the
/// end.
fn ends(output: &[u8]) -> String {
    let text = String::from_utf8_lossy;
    if output.len() <= 2 * TAIL {
        return text(output).into_owned();
    }
    format!("{} … {}", text(&output[..TAIL]), text(&output[output.len() - TAIL..]))
}

/// The outcome of a process that died, with its output shortened.
fn died(status: WaitStatus, said: &[u8]) -> Outcome {
    let how = match (status.terminating_signal(), status.exit_status()) {
        (Some(signal), _) => format!("signal {signal}"),
        (None, code) => format!("exit code {}", code.unwrap_or_default()),
    };
    let said = ends(said);
    Outcome::Died(if said.is_empty() { how } else { format!("{how}; it said: {said}") })
}

fn reply_of(outcome: Outcome) -> Reply {
    Reply { outcome, untraced: None }
}

/// Kills a child of this process by its id and takes its status.
fn reap(worker: &Worker) -> Result<WaitStatus> {
    let _ = kill_process(worker.pid, Signal::KILL);
    match waitpid(Some(worker.pid), WaitOptions::empty()) {
        Ok(Some((_, status))) => Ok(status),
        Ok(None) => Err(Error::new("wait for", &worker.output, "it has no status")),
        Err(error) => Err(Error::new("wait for", &worker.output, error)),
    }
}
