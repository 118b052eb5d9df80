//! Process groups, and the signals that ask for an end. Knows no platform but Unix.

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};
use std::{
    io,
    os::unix::process::CommandExt,
    process::{Child, Command},
    thread,
};

/// The process group that a child leads.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::children) struct Group(Pid);

impl Group {
    /// Starts `command` as the leader of a group of its own.
    pub(in crate::children) fn spawn(command: &mut Command) -> io::Result<(Child, Self)> {
        die_with_us(command);
        let child = command.process_group(0).spawn()?;
        let group = Self(Pid::from_child(&child));
        Ok((child, group))
    }

    pub(in crate::children) fn signal(&self, signal: i32) {
        if let Some(signal) = Signal::from_named_raw(signal) {
            // The group may have ended by itself, which is what the signal wants.
            let _ = kill_process_group(self.0, signal);
        }
    }

    pub(in crate::children) fn kill(&self) {
        let _ = kill_process_group(self.0, Signal::KILL);
    }
}

/// Has the child told to end when the thread that starts it is gone, as after a `kill -9` of this
/// process: nobody is left then to pass a signal on, and nextest would run its layer to the end.
#[cfg(target_os = "linux")]
fn die_with_us(command: &mut Command) {
    use rustix::process::{getpid, getppid, set_parent_process_death_signal};
    let parent = Some(getpid());
    let arm = move || {
        set_parent_process_death_signal(Some(Signal::TERM))?;
        // A parent that died before has sent nothing.
        if getppid() == parent { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: between fork and exec only system calls are made; nothing allocates or locks.
    unsafe { command.pre_exec(arm) };
}

/// Only Linux has this.
#[cfg(not(target_os = "linux"))]
fn die_with_us(_command: &mut Command) {}

/// Waits without reaping: until the number is reaped it cannot be given away.
pub(in crate::children) fn wait(child: &mut Child) -> io::Result<()> {
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(error) = waitid(WaitId::Pid(Pid::from_child(child)), ended) {
        if error != rustix::io::Errno::INTR {
            return Err(error.into());
        }
    }
    Ok(())
}

/// From here on the signals that ask this process to end go to `on_signal`, by number.
pub(in crate::children) fn receive(on_signal: impl Fn(i32) + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let receiver = move || signals.forever().for_each(on_signal);
    thread::Builder::new().name("signals".into()).spawn(receiver)?;
    Ok(())
}
