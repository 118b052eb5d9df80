//! Children and signals: every child runs in a group of its own, and a signal that asks this process
//! to end is passed on to that group, so that none of it survives and nextest can still write its
//! report. Knows nothing of what the children do; what a group is on a platform is `group`'s.

mod companion;
mod group;

pub use companion::{Companion, Silence};

use crate::{Error, Outcome, Result};
use group::Group;
use std::{
    io::{self, BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI32, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

/// Receives the signals that ask this process to end.
#[derive(Debug, Clone)]
pub struct Interrupts {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// The first signal received, 0 for none: what the exit code tells.
    received: AtomicI32,
    /// The groups to pass signals on to. Held while signalling and while reaping, so that a signal
    /// never reaches a stranger that got the number of a child that is gone.
    groups: Mutex<Vec<Group>>,
    /// Told when a signal came, for those who wait for one.
    came: Condvar,
}

impl Interrupts {
    /// From here on a signal no longer ends this process but is passed on and remembered.
    pub fn install() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let receiver = Arc::clone(&shared);
        group::receive(move |signal| receiver.pass_on(signal))?;
        Ok(Self { shared })
    }

    /// How the run has ended, once a signal has asked for it.
    pub fn outcome(&self) -> Option<Outcome> {
        self.received().map(Outcome::Interrupted)
    }

    /// An error once a signal has asked this process to end: [`crate::cli::main`] takes no error that
    /// follows a signal for one, so that a stage ends by `?` whatever it is in the middle of.
    pub fn check(&self) -> Result<()> {
        match self.received() {
            None => Ok(()),
            Some(signal) => Err(Error::new(
                format_args!("signal {signal} came"),
                "this process",
                "start it again",
            )),
        }
    }

    /// Waits so long, or until a signal asks this process to end.
    pub fn pause(&self, duration: Duration) {
        let groups = self.shared.lock();
        let waiting = |_: &mut Vec<Group>| self.received().is_none();
        drop(self.shared.came.wait_timeout_while(groups, duration, waiting));
    }

    fn received(&self) -> Option<i32> {
        match self.shared.received.load(Ordering::SeqCst) {
            0 => None,
            signal => Some(signal),
        }
    }

    /// Runs `command` and hands each line of its standard error to `on_line`.
    pub fn stream(
        &self,
        command: &mut Command,
        on_line: &mut dyn FnMut(&str),
    ) -> io::Result<ExitStatus> {
        let (mut child, group) = self.spawn(command.stdin(Stdio::null()).stderr(Stdio::piped()))?;
        let stderr = child.stderr.take().expect("standard error was piped");
        let mut lines = BufReader::new(stderr);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            on_line(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
            line.clear();
        }
        self.reap(child, &group)
    }

    /// Runs `command` and returns its standard output.
    pub fn capture(&self, command: &mut Command) -> io::Result<(ExitStatus, Vec<u8>)> {
        let (mut child, group) = self.spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()))?;
        let mut output = Vec::new();
        child.stdout.take().expect("standard output was piped").read_to_end(&mut output)?;
        Ok((self.reap(child, &group)?, output))
    }

    /// Runs `command` with its output where ours goes.
    pub fn run(&self, command: &mut Command) -> io::Result<ExitStatus> {
        let (child, group) = self.spawn(command.stdin(Stdio::null()))?;
        self.reap(child, &group)
    }

    /// The same, for at most so long: a child that is still there then is killed with its group,
    /// and the answer is `None`.
    pub fn run_within(
        &self,
        command: &mut Command,
        limit: Duration,
    ) -> io::Result<Option<ExitStatus>> {
        let (mut child, group) = self.spawn(command.stdin(Stdio::null()))?;
        let doomed = group.clone();
        let (done, watched) = mpsc::channel::<()>();
        let watchdog = thread::Builder::new().name("watchdog".into()).spawn(move || {
            let late = watched.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
            if late {
                doomed.kill();
            }
            late
        })?;
        // The number is not given away before the watchdog is gone.
        let ended = group::wait(&mut child);
        drop(done);
        let late = watchdog.join().expect("the watchdog does not panic");
        ended?;
        let status = self.reap(child, &group)?;
        Ok((!late).then_some(status))
    }

    fn spawn(&self, command: &mut Command) -> io::Result<(Child, Group)> {
        // A group of its own is in the terminal's background, where reading from it would stop it;
        // so no child has the terminal as its standard input.
        let (child, group) = Group::spawn(command)?;
        self.shared.lock().push(group.clone());
        // A signal that came before the group was known has reached nobody.
        if let Some(signal) = self.received() {
            self.shared.send(signal);
        }
        Ok((child, group))
    }

    fn reap(&self, mut child: Child, group: &Group) -> io::Result<ExitStatus> {
        group::wait(&mut child)?;
        let mut groups = self.shared.lock();
        if self.received().is_some() {
            // What outlived its parent in the group has had its chance to clean up.
            group.kill();
        }
        groups.retain(|other| other != group);
        child.wait()
    }
}

impl Shared {
    fn pass_on(&self, signal: i32) {
        let _ = self.received.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst);
        self.send(signal);
        self.came.notify_all();
    }

    fn send(&self, signal: i32) {
        let groups = self.lock();
        for group in groups.iter() {
            group.signal(signal);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::{Interrupts, Shared};
    use crate::Outcome;
    use std::{process::Command, sync::Arc, thread, time::Duration};

    #[test]
    fn a_signal_ends_a_pause() {
        let interrupts = Interrupts { shared: Arc::new(Shared::default()) };
        let shared = Arc::clone(&interrupts.shared);
        let sender = thread::spawn(move || shared.pass_on(15));
        interrupts.pause(Duration::from_hours(1));
        sender.join().unwrap();
        assert_eq!(interrupts.outcome(), Some(Outcome::Interrupted(15)));
        assert!(interrupts.check().is_err());
        interrupts.pause(Duration::from_hours(1));
    }

    #[test]
    fn only_a_child_past_its_limit_is_killed() {
        let interrupts = Interrupts::install().unwrap();
        let run = |script, limit| {
            let mut command = Command::new("sh");
            interrupts.run_within(command.args(["-c", script]), limit).unwrap()
        };
        assert!(run("exec sleep 600", Duration::from_millis(50)).is_none());
        assert_eq!(run("exit 7", Duration::from_mins(5)).unwrap().code(), Some(7));
    }
}
