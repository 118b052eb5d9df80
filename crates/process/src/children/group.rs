//! What a group of processes is here: a process group on Unix, a job object on Windows. Only the
//! platform's own means; when to signal and whom is the parent module's.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
pub(super) use unix::{Group, receive, wait};
#[cfg(windows)]
pub(super) use windows::{Group, receive, wait};
