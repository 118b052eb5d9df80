//! What a rule that fires does to a call: notes the fault and carries out delays and crashes; the
//! rest of an effect is the hook's to carry out.

use crate::{
    op::{Call, Op},
    plan::{Effect, Then},
    record::{Entry, Target},
};
use std::time::Duration;

/// What a hook has to do to its call.
#[derive(Clone, Copy)]
pub(crate) enum Verdict {
    Pass,
    Fail(i32),
    Short(usize),
    Torn { keep: Option<u32>, then: Then },
}

/// Asks the plan about a call and carries out what needs no help of the hook.
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
    }
}

/// A disk that takes its time. The whole delay passes, signals or not.
fn wait(delay: Duration) {
    let mut left = rustix::thread::Timespec::try_from(delay).unwrap_or_default();
    while let rustix::thread::NanosleepRelativeResult::Interrupted(rest) =
        rustix::thread::nanosleep(&left)
    {
        left = rest;
    }
}

/// Ends the process as a power cut would: no destructors, no flushing. The log has every event.
pub(crate) fn crash() -> ! {
    let own = rustix::process::getpid();
    loop {
        // Asking again is all that can be done should the signal be late.
        let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
    }
}
