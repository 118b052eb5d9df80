//! Hooks that reserve room: `fallocate` and `posix_fallocate` change sizes and may make holes. See
//! the hard rules in `hook.rs`.

use super::{change, fail};
use crate::{
    fault::{Verdict, ask},
    fd,
    op::{Call, Op},
    real,
    record::{Recorder, Target, enter},
};
use libc::{FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE, c_int, off_t};

fn allocate(
    call: Call,
    fd: c_int,
    mode: c_int,
    (at, len): (off_t, off_t),
    real: impl FnOnce() -> c_int,
) -> c_int {
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
        record(recorder, (call, target), mode, (at as u64, len as u64), size.get());
    })
}

/// Reserved room reads as what it was; only growth and holes are operations.
fn record(
    recorder: &mut Recorder,
    (call, target): (Call, &Target),
    mode: c_int,
    (offset, len): (u64, u64),
    size: u64,
) {
    let (ino, keep) = (target.ino, mode & FALLOC_FL_KEEP_SIZE != 0);
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
fn posix(call: Call, fd: c_int, (at, len): (off_t, off_t), real: impl FnOnce() -> c_int) -> c_int {
    let Some(entry) = enter() else { return real() };
    let Some(target) = entry.file(call, fd) else { return real() };
    if let Verdict::Fail(errno) = ask(&entry, call, &target) {
        return errno;
    }
    let result = entry.locked(|recorder| {
        let size = fd::size(fd).unwrap_or(0);
        let result = real();
        if result == 0 {
            record(recorder, (call, &target), 0, (at as u64, len as u64), size);
        }
        result
    });
    result.expect("the session outlives its calls")
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn fallocate(fd: c_int, mode: c_int, at: off_t, len: off_t) -> c_int {
    // SAFETY: the caller's arguments.
    allocate(Call::Fallocate, fd, mode, (at, len), || unsafe { real::fallocate(fd, mode, at, len) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn fallocate64(
    fd: c_int,
    mode: c_int,
    at: off_t,
    len: off_t,
) -> c_int {
    // SAFETY: the caller's arguments.
    allocate(Call::Fallocate64, fd, mode, (at, len), || unsafe {
        real::fallocate64(fd, mode, at, len)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_fallocate(fd: c_int, at: off_t, len: off_t) -> c_int {
    // SAFETY: the caller's arguments.
    posix(Call::PosixFallocate, fd, (at, len), || unsafe { real::posix_fallocate(fd, at, len) })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn posix_fallocate64(fd: c_int, at: off_t, len: off_t) -> c_int {
    // SAFETY: the caller's arguments.
    posix(Call::PosixFallocate64, fd, (at, len), || unsafe { real::posix_fallocate64(fd, at, len) })
}
