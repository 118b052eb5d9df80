//! Hooks that make data durable. A sync has a begin and an end in the trace, and other threads may
//! do anything in between. See the hard rules in `hook.rs`.

use super::{errno, fail, set_errno, watch};
use crate::{
    fault::{Verdict, ask},
    next_symbol,
    op::{Call, Op, Scope},
    record::enter,
};
use libc::{c_int, c_uint, off_t};

/// A failed sync is recorded as failed: the data that it covers is in doubt from then on. One that lies is
/// recorded as one that did not end: what it covers is as durable as before.
fn sync_fd(call: Call, fd: c_int, all: bool, real: impl FnOnce() -> c_int) -> c_int {
    let Some(entry) = enter() else { return real() };
    let Some(target) = entry.file(call, fd) else { return real() };
    let scope = if all { Scope::All } else { Scope::Ino(target.ino) };
    let number = entry.locked(|recorder| recorder.sync_begin(call, target.entered, scope));
    let (result, errno) = match ask(&entry, call, &target) {
        Verdict::Lie => return 0,
        Verdict::Fail(errno) => (fail(errno), errno),
        _ => {
            let result = real();
            (result, if result == 0 { 0 } else { errno() })
        }
    };
    let saved = self::errno();
    let call_number = number.expect("the session outlives its calls");
    entry.locked(|recorder| {
        recorder.push(call, target.entered, Op::SyncEnd { call: call_number, scope, errno })
    });
    set_errno(saved);
    result
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn fsync(fd: c_int) -> c_int {
    // SAFETY: the caller's argument.
    sync_fd(Call::Fsync, fd, false, || unsafe { next_symbol::fsync(fd) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn fdatasync(fd: c_int) -> c_int {
    // SAFETY: the caller's argument.
    sync_fd(Call::Fdatasync, fd, false, || unsafe { next_symbol::fdatasync(fd) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn syncfs(fd: c_int) -> c_int {
    // SAFETY: the caller's argument.
    sync_fd(Call::Syncfs, fd, true, || unsafe { next_symbol::syncfs(fd) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn sync() {
    // SAFETY: it takes nothing and always succeeds.
    let real = || unsafe { next_symbol::sync() };
    let Some(entry) = enter() else { return real() };
    let begin = entry.locked(|recorder| {
        let entered = recorder.count(Call::Sync);
        (recorder.sync_begin(Call::Sync, entered, Scope::All), entered)
    });
    real();
    let Some((call, entered)) = begin else { return };
    entry.locked(|recorder| {
        recorder.push(Call::Sync, entered, Op::SyncEnd { call, scope: Scope::All, errno: 0 })
    });
}

/// Makes nothing durable: neither metadata nor the device's cache (`sync_file_range(2)`, WARNING).
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn sync_file_range(
    fd: c_int,
    at: off_t,
    len: off_t,
    flags: c_uint,
) -> c_int {
    // SAFETY: the caller's arguments.
    watch(Call::SyncFileRange, fd, || unsafe { next_symbol::sync_file_range(fd, at, len, flags) })
}
