//! A yardstick for waits: how long the machine itself is away while something runs, be it that a thread
//! that sleeps is not woken, or that a small write takes long to reach the disk. It measures all the time,
//! beside everything else that the machine does, and judges nothing.

use std::{
    fs::File,
    io::{self, Seek, Write},
    path::Path,
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long it sleeps between two writes.
const SLEEP: Duration = Duration::from_millis(100);

/// What it writes.
const PAGE: [u8; 4096] = [7; 4096];

/// A thread that measures until it is told to end, or nobody is left to tell it.
#[derive(Debug)]
pub(crate) struct Yardstick {
    tell: Sender<()>,
    thread: JoinHandle<io::Result<Duration>>,
}

impl Yardstick {
    /// Measures from now on, with a file in `folder` that has no name, so that nothing is left of it however the
    /// program ends.
    pub(crate) fn begin(folder: &Path) -> Self {
        let (tell, told) = mpsc::channel();
        let folder = folder.to_owned();
        let thread = thread::spawn(move || measure(tempfile::tempfile_in(folder)?, &told));
        Self { tell, thread }
    }

    /// The longest that the machine was away, in microseconds; `None` where the file could not be written.
    pub(crate) fn end(self) -> Option<u64> {
        drop(self.tell);
        let longest = self.thread.join().expect("a yardstick does not panic").ok()?;
        Some(u64::try_from(longest.as_micros()).unwrap_or(u64::MAX))
    }
}

fn measure(mut file: File, told: &Receiver<()>) -> io::Result<Duration> {
    let mut longest = Duration::ZERO;
    loop {
        let asked = Instant::now();
        file.rewind()?;
        file.write_all(&PAGE)?;
        file.sync_all()?;
        longest = longest.max(asked.elapsed());
        let asked = Instant::now();
        let is_over = told.recv_timeout(SLEEP) != Err(RecvTimeoutError::Timeout);
        longest = longest.max(asked.elapsed().saturating_sub(SLEEP));
        if is_over {
            return Ok(longest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Yardstick;
    use std::fs;

    #[test]
    fn a_yardstick_leaves_nothing_behind() {
        let temp = tempfile::tempdir().unwrap();
        // It writes once at least, and that takes a while.
        assert!(Yardstick::begin(temp.path()).end().is_some_and(|us| us > 0));
        assert_eq!(fs::read_dir(temp.path()).unwrap().count(), 0);
        assert_eq!(Yardstick::begin(&temp.path().join("absent")).end(), None);
    }
}
