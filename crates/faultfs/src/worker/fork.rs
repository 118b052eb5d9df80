//! Runs a piece of work in a process of its own, for work that may abort, hang or exhaust memory: a
//! workload under faults, or a check of what it left. Knows no trace and no state.

use super::{
    confine::{confine, guarded},
    died,
    life::GAVE_UP_CODE,
};
use crate::{
    error::{Error, Result},
    frame,
    judge::Outcome,
    record,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, WaitOptions, kill_process, pidfd_open, waitpid},
};
use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How to run a piece of work in a fork of this process. Results other than the outcome have to be
/// written to files.
#[derive(Clone, Debug)]
pub struct Fork {
    output: PathBuf,
    deadline: Duration,
    memory: u64,
}

impl Fork {
    /// Sends what the work prints to this file.
    pub fn new(output: impl Into<PathBuf>) -> Self {
        Self { output: output.into(), deadline: Duration::from_secs(20), memory: 2 << 30 }
    }

    /// Time limit for the work. Work that exceeds it counts as hung and is killed; default 20
    /// seconds.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Bytes of private memory that it may have on top of the caller's; default 2 GiB.
    #[must_use]
    pub fn memory(mut self, memory: u64) -> Self {
        self.memory = memory;
        self
    }

    /// Runs the work and returns its outcome. The fork has only this thread: do not hold a lock
    /// that the work needs, and do not open a store in this process meanwhile. No thread of this
    /// process may begin or end meanwhile either: the standard library holds a lock then, and a
    /// thread that the work starts would wait for it for ever. Nothing that the work borrows may be on
    /// the stack of another thread: the fork has no such thread, and what it starts is put there.
    pub fn run(&self, work: impl FnOnce() -> std::result::Result<(), String>) -> Result<Outcome> {
        let reply = self.output.with_extension("reply");
        let log = File::create(&self.output)
            .map_err(|error| Error::new("create", &self.output, error))?;
        let _ = fs::remove_file(&reply);
        // SAFETY: the child runs only code that needs no other thread: glibc makes its allocator
        // usable after fork, and `forget_after_fork` does the same for the recorder.
        match unsafe { libc::fork() } {
            -1 => Err(Error::new("fork for", &self.output, std::io::Error::last_os_error())),
            0 => self.live(&log, &reply, work),
            pid => {
                let status = self.wait(Pid::from_raw(pid).expect("fork returned a child"))?;
                let Some(status) = status else { return Ok(Outcome::Hung) };
                match frame::Frames::bare(&fs::read(&reply).unwrap_or_default()).next() {
                    Some(outcome) if status.exit_status() == Some(0) => {
                        let _ = fs::remove_file(&reply);
                        Ok(outcome)
                    }
                    _ => Ok(died(status, &fs::read(&self.output).unwrap_or_default())),
                }
            }
        }
    }

    fn live(
        &self,
        log: &File,
        reply: &Path,
        work: impl FnOnce() -> std::result::Result<(), String>,
    ) -> ! {
        record::forget_after_fork();
        confine(log, self.memory);
        let outcome = guarded(work);
        let mut bytes = Vec::new();
        frame::push(&mut bytes, &outcome);
        let code = if fs::write(reply, bytes).is_ok() { 0 } else { GAVE_UP_CODE };
        // SAFETY: ends this process at once: the caller's destructors are not ours to run.
        unsafe { libc::_exit(code) }
    }

    /// Waits for the child to end; `None` when it had to be killed.
    fn wait(&self, pid: Pid) -> Result<Option<rustix::process::WaitStatus>> {
        let fail = |error: rustix::io::Errno| Error::new("wait for", &self.output, error);
        let begun = Instant::now();
        let handle = pidfd_open(pid, PidfdFlags::empty()).map_err(fail)?;
        let hung = loop {
            let left = self.deadline.saturating_sub(begun.elapsed());
            let wait = Timespec::try_from(left).unwrap_or_default();
            match poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&wait)) {
                Ok(0) => break true,
                Ok(_) => break false,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(fail(error)),
            }
        };
        if hung {
            // The child is killed even where this cannot be written.
            if let Ok(mut log) = File::options().append(true).open(&self.output) {
                let _ = log.write_all(threads(pid).as_bytes());
            }
            let _ = kill_process(pid, Signal::KILL);
        }
        let (_, status) = waitpid(Some(pid), WaitOptions::empty())
            .map_err(fail)?
            .ok_or_else(|| Error::new("wait for", &self.output, "it has no status"))?;
        Ok((!hung).then_some(status))
    }
}

/// A line for each thread of a process that hangs: its name, its state, where in the kernel it waits, and
/// in which system call with which arguments.
fn threads(pid: Pid) -> String {
    let tasks = fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())).into_iter().flatten();
    let line = |task: fs::DirEntry| {
        let read = |name: &str| fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let status = read("status");
        let state = status.lines().find_map(|line| line.strip_prefix("State:")).unwrap_or_default();
        let comm = read("comm");
        let place = read("wchan");
        let call = read("syscall");
        format!("  {}: {}, {place}, {}\n", comm.trim(), state.trim(), call.trim())
    };
    let lines: String = tasks.flatten().map(line).collect();
    format!("not done at its deadline; its threads:\n{lines}")
}
