//! Job objects, and the console events that ask for an end. Knows no platform but Windows.

use std::{
    io,
    os::windows::io::AsRawHandle,
    process::{Child, Command},
    sync::{Arc, Mutex, PoisonError},
};
use win32job::{ExtendedLimitInfo, Job};

/// The number that stands for Ctrl-C and its like in our exit codes: Unix' `SIGINT`.
const INTERRUPT: i32 = 2;

/// The job that a child and its descendants belong to. The system ends all of them when the last
/// handle is closed, so also when this process is killed.
#[derive(Debug, Clone)]
pub(in crate::children) struct Group(Arc<Mutex<Option<Job>>>);

impl PartialEq for Group {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Group {
    /// Starts `command` in a job of its own. What it starts before it is in there escapes; that
    /// takes a child that does so in its first moments.
    pub(in crate::children) fn spawn(command: &mut Command) -> io::Result<(Child, Self)> {
        let mut limits = ExtendedLimitInfo::new();
        let job = Job::create_with_limit_info(limits.limit_kill_on_job_close())
            .map_err(io::Error::other)?;
        let mut child = command.spawn()?;
        if let Err(error) = job.assign_process(child.as_raw_handle() as isize) {
            // One that ended meanwhile cannot be assigned, and need not be.
            if child.try_wait()?.is_none() {
                child.kill()?;
                child.wait()?;
                return Err(io::Error::other(error));
            }
        }
        Ok((child, Self(Arc::new(Mutex::new(Some(job))))))
    }

    /// Nothing: the system tells everybody who has the console of its own accord.
    pub(in crate::children) fn signal(&self, _signal: i32) {}

    pub(in crate::children) fn kill(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// Waits; as long as the handle is open the number is not given away.
pub(in crate::children) fn wait(child: &mut Child) -> io::Result<()> {
    child.wait().map(drop)
}

/// From here on Ctrl-C, Ctrl-Break, a closed console, a log-off and a shutdown go to `on_signal`.
pub(in crate::children) fn receive(on_signal: impl Fn(i32) + Send + 'static) -> io::Result<()> {
    ctrlc::set_handler(move || on_signal(INTERRUPT)).map_err(io::Error::other)
}
