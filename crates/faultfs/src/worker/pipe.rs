//! The pipes between a pool and its workers, which carry framed values. Knows neither pool nor
//! worker.

use crate::{
    error::{Error, Result},
    frame,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fd::{BorrowedFd, OwnedFd},
};
use std::time::Duration;

/// Waits until a pipe is readable or the time is over, and says which pipes are readable.
pub(super) fn wait_readable(pipes: &[BorrowedFd<'_>], wait: Duration) -> Result<Vec<bool>> {
    let mut polled: Vec<PollFd<'_>> =
        pipes.iter().map(|pipe| PollFd::from_borrowed_fd(*pipe, PollFlags::IN)).collect();
    let wait = Timespec::try_from(wait).unwrap_or_default();
    match poll(&mut polled, Some(&wait)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(Error::new("wait for", "the workers", error)),
    }
    Ok(polled.iter().map(|pipe| !pipe.revents().is_empty()).collect())
}

/// Writes all bytes.
pub(super) fn send(pipe: &OwnedFd, mut bytes: &[u8]) -> std::result::Result<(), rustix::io::Errno> {
    while !bytes.is_empty() {
        let done = rustix::io::write(pipe, bytes)?;
        bytes = &bytes[done..];
    }
    Ok(())
}

/// Reads one framed value; `None` when the other end is closed.
pub(super) fn receive<T: serde::de::DeserializeOwned>(pipe: &OwnedFd) -> Option<T> {
    let mut bytes = vec![0; frame::HEAD];
    fill(pipe, &mut bytes)?;
    let len = frame::payload_len(&bytes);
    bytes.resize(frame::HEAD + len, 0);
    fill(pipe, &mut bytes[frame::HEAD..])?;
    frame::Frames::bare(&bytes).next()
}

fn fill(pipe: &OwnedFd, mut room: &mut [u8]) -> Option<()> {
    while !room.is_empty() {
        match rustix::io::read(pipe, &mut *room) {
            Ok(0) => return None,
            Ok(read) => room = &mut room[read..],
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    Some(())
}
