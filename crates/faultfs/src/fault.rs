//! Applies a rule that fires to a call: records the fault and carries out delays and crashes. The
//! hook carries out the other effects.

use crate::{
    op::{Call, Op},
    plan::{Effect, Then},
    record::{Entry, Target},
};
use std::time::Duration;

/// What a hook has to do with its call.
#[derive(Clone, Copy)]
pub(crate) enum Verdict {
    Pass,
    Fail(i32),
    Short(usize),
    Torn { keep: Option<u32>, then: Then },
    Lie,
    Astray(Option<u32>),
    Rot(u32),
}

/// Asks the rules about a call and carries out the effects that do not need the hook.
pub(crate) fn ask(entry: &Entry, call: Call, target: &Target) -> Verdict {
    let Some(plan) = entry.plan() else { return Verdict::Pass };
    let Some(effect) = plan.ask(call, &target.path) else { return Verdict::Pass };
    entry.locked(|recorder| {
        let op = Op::Fault { path: target.path.clone(), what: effect.to_string() };
        recorder.push(call, target.entered, op)
    });
    match effect {
        Effect::Fail(errno) => Verdict::Fail(errno as i32),
        Effect::Short(len) => Verdict::Short(len as usize),
        Effect::Torn { keep, then } => Verdict::Torn { keep, then },
        Effect::Delay(delay) => {
            wait(delay);
            Verdict::Pass
        }
        Effect::Crash => crash(),
        Effect::Lie => Verdict::Lie,
        Effect::Astray(by) => Verdict::Astray(by),
        Effect::Rot(bit) => Verdict::Rot(bit),
    }
}

/// A slow disk. The whole delay passes, even with signals.
fn wait(delay: Duration) {
    let mut left = rustix::thread::Timespec::try_from(delay).unwrap_or_default();
    while let rustix::thread::NanosleepRelativeResult::Interrupted(rest) =
        rustix::thread::nanosleep(&left)
    {
        left = rest;
    }
}

/// Ends the process as a power failure would: no destructors, no flushing. The log has every event.
pub(crate) fn crash() -> ! {
    let own = rustix::process::getpid();
    loop {
        // If the signal is late, the only thing to do is to send it again.
        let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
    }
}
