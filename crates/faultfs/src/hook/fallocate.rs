//! Hooks that reserve space: `fallocate` and `posix_fallocate` change sizes and may make holes. See
//! the hard rules in `hook.rs`.

use super::{change, fail};
use crate::{
    fault::{Verdict, ask},
    fd, next_symbol,
    op::{Call, Op},
    record::{Recorder, Target, enter},
};
use libc::{FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE, c_int, off_t};

/// The arguments of a call.
#[derive(Clone, Copy)]
struct Request {
    call: Call,
    mode: c_int,
    offset: off_t,
    len: off_t,
}

fn allocate(fd: c_int, request: Request, real: impl FnOnce() -> c_int) -> c_int {
    let Request { call, mode, .. } = request;
    let known = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE;
    if mode & !known != 0
        && let Some(entry) = enter()
        && entry.file(call, fd).is_some()
    {
        entry.refuse(call, "this mode of fallocate moves or unshares data");
        return fail(libc::EOPNOTSUPP);
    }
    let size = std::cell::Cell::new(0);
    let real = || {
        size.set(fd::size(fd).unwrap_or(0));
        real()
    };
    change(call, fd, real, |recorder, target| {
        record(recorder, target, request, size.get());
    })
}

/// Reserving space does not change what is read; only growth and holes are operations.
fn record(recorder: &mut Recorder, target: &Target, request: Request, size: u64) {
    let Request { call, mode, .. } = request;
    let offset = request.offset as u64;
    let len = request.len as u64;
    let ino = target.ino;
    let keep = mode & FALLOC_FL_KEEP_SIZE != 0;
    let op = if mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) != 0 {
        Op::Zero { ino, offset, len, extends: !keep }
    } else if !keep && offset + len > size {
        Op::Truncate { ino, size: offset + len }
    } else {
        return;
    };
    recorder.push(call, target.entered, op);
}

/// The POSIX form returns the error instead of setting `errno`.
fn posix(fd: c_int, request: Request, real: impl FnOnce() -> c_int) -> c_int {
    let Request { call, .. } = request;
    let Some(entry) = enter() else { return real() };
    let Some(target) = entry.file(call, fd) else { return real() };
    if let Verdict::Fail(errno) = ask(&entry, call, &target) {
        return errno;
    }
    let result = entry.locked(|recorder| {
        let size = fd::size(fd).unwrap_or(0);
        let result = real();
        if result == 0 {
            record(recorder, &target, request, size);
        }
        result
    });
    result.expect("the session outlives its calls")
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn fallocate(fd: c_int, mode: c_int, at: off_t, len: off_t) -> c_int {
    let request = Request { call: Call::Fallocate, mode, offset: at, len };
    // SAFETY: the caller's arguments.
    allocate(fd, request, || unsafe { next_symbol::fallocate(fd, mode, at, len) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn fallocate64(
    fd: c_int,
    mode: c_int,
    at: off_t,
    len: off_t,
) -> c_int {
    let request = Request { call: Call::Fallocate64, mode, offset: at, len };
    // SAFETY: the caller's arguments.
    allocate(fd, request, || unsafe { next_symbol::fallocate64(fd, mode, at, len) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_fallocate(fd: c_int, at: off_t, len: off_t) -> c_int {
    let request = Request { call: Call::PosixFallocate, mode: 0, offset: at, len };
    // SAFETY: the caller's arguments.
    posix(fd, request, || unsafe { next_symbol::posix_fallocate(fd, at, len) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_fallocate64(fd: c_int, at: off_t, len: off_t) -> c_int {
    let request = Request { call: Call::PosixFallocate64, mode: 0, offset: at, len };
    // SAFETY: the caller's arguments.
    posix(fd, request, || unsafe { next_symbol::posix_fallocate64(fd, at, len) })
}
