//! The interposed calls. A binary that links this crate calls these instead of libc's own.
//!
//! Hard rules, because this code runs inside every program that references the crate, on any
//! thread, before `main` and inside an allocator:
//!
//! 1. Unarmed, a hook loads one flag and makes the real call with the same arguments. It takes no
//!    lock, allocates nothing and touches no thread-local.
//! 2. A thread is in one hook at a time: calls that the hook itself causes (allocation, locks) pass
//!    through. `record::enter` is the only way in.
//! 3. Queries to the kernel and writes to the log are raw system calls (`rustix`), never libc
//!    calls.
//! 4. The real call that changes a file runs under the recorder's lock, so that trace order is
//!    effect order. Syncs and delays do not hold the lock, so other threads go on.
//! 5. Nothing unwinds: a panic in a hook ends the process.
//! 6. `errno` is what the real call left, or the injected error. Nothing else may change it.
//! 7. A call that cannot be followed is refused, with the errno of a filesystem that lacks the
//!    feature, and recorded as refused.
//!
//! `open`, `openat`, `fcntl` and `syscall` are variadic in C, and stable Rust cannot define
//! variadic functions. They are defined with fixed last arguments: on `x86_64` and aarch64 Linux a
//! variadic integer argument travels in the same register as a fixed one. If the caller omitted it,
//! it is whatever the register held, which the kernel ignores.

mod data;
mod fallocate;
mod file;
mod kernel;
mod name;
#[expect(
    clippy::many_single_char_names,
    reason = "registers have no better names than their order"
)]
mod raw;
mod read;
mod sync;

use crate::{
    fault::{Verdict, ask},
    op::Call,
    record::{Recorder, Target, enter},
};
use libc::{c_char, c_int};
use std::ffi::CStr;

pub(crate) fn errno() -> c_int {
    // SAFETY: errno's place is valid for the calling thread.
    unsafe { *libc::__errno_location() }
}

pub(crate) fn set_errno(errno: c_int) {
    // SAFETY: errno's place is valid for the calling thread.
    unsafe { *libc::__errno_location() = errno }
}

/// Fails a call the way libc does.
pub(crate) fn fail(errno: c_int) -> c_int {
    set_errno(errno);
    -1
}

/// A path argument.
///
/// # Safety
/// Null or a C string that lives as long as the call.
pub(crate) unsafe fn path<'a>(path: *const c_char) -> Option<&'a CStr> {
    // SAFETY: the caller says so.
    (!path.is_null()).then(|| unsafe { CStr::from_ptr(path) })
}

/// A call on a descriptor that leaves no operation in the trace. It is counted, and faults apply.
pub(crate) fn watch(call: Call, fd: c_int, real: impl FnOnce() -> c_int) -> c_int {
    let Some(entry) = enter() else { return real() };
    let Some(target) = entry.file(call, fd) else { return real() };
    match ask(&entry, call, &target) {
        Verdict::Fail(errno) => fail(errno),
        _ => real(),
    }
}

/// A call on a descriptor that either changes the file atomically or fails.
pub(crate) fn change(
    call: Call,
    fd: c_int,
    real: impl FnOnce() -> c_int,
    record: impl FnOnce(&mut Recorder, &Target),
) -> c_int {
    let Some(entry) = enter() else { return real() };
    let Some(target) = entry.file(call, fd) else { return real() };
    if let Verdict::Fail(errno) = ask(&entry, call, &target) {
        return fail(errno);
    }
    let done = entry.locked(|recorder| {
        let before = recorder.len();
        let result = real();
        let errno = errno();
        debug_assert_eq!(before, recorder.len(), "a real call must not record");
        if result == 0 {
            record(recorder, &target);
        }
        set_errno(errno);
        result
    });
    done.expect("the session outlives its calls")
}
