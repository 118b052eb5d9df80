//! Hooks that read. Nothing is recorded, but reads can be made to fail, to be short, to be late or to
//! return a wrong bit. See the hard rules in `hook.rs`.

use super::fail;
use crate::{
    fault::{Verdict, ask},
    next_symbol,
    op::Call,
    record::enter,
};
use libc::{c_int, c_void, iovec, off_t, size_t, ssize_t};
use std::slice;

/// A read; `real` reads at most the given number of bytes, and `turn` turns a bit of what it has read.
fn read_with(
    call: Call,
    fd: c_int,
    len: usize,
    real: impl Fn(usize) -> ssize_t,
    turn: impl Fn(usize, u8),
) -> ssize_t {
    let Some(entry) = enter() else { return real(len) };
    let Some(target) = entry.file(call, fd) else { return real(len) };
    match ask(&entry, call, &target) {
        Verdict::Fail(errno) => fail(errno) as ssize_t,
        Verdict::Short(short) => real(len.min(short)),
        Verdict::Rot(bit) => {
            let answer = real(len);
            if let Ok(bytes @ 1..) = usize::try_from(answer) {
                turn(bit as usize / 8 % bytes, 1 << (bit % 8));
            }
            answer
        }
        _ => real(len),
    }
}

/// A read into one buffer.
fn read_one(
    call: Call,
    fd: c_int,
    data: *mut c_void,
    len: usize,
    real: impl Fn(usize) -> ssize_t,
) -> ssize_t {
    read_with(call, fd, len, real, |at, bit| {
        // SAFETY: a byte of the caller's buffer that the kernel has just written.
        unsafe { *data.cast::<u8>().add(at) ^= bit };
    })
}

/// A vector read. A short read is cut to its first non-empty part.
fn read_parts(
    call: Call,
    fd: c_int,
    iov: *const iovec,
    count: c_int,
    real: impl Fn(*const iovec, c_int) -> ssize_t,
) -> ssize_t {
    let some = |len| {
        if len == usize::MAX || !(1..=libc::UIO_MAXIOV).contains(&count) || iov.is_null() {
            return real(iov, count);
        }
        // SAFETY: not null, and `count` valid parts, as the caller of libc promises.
        let parts = unsafe { slice::from_raw_parts(iov, count as usize) };
        // An empty part would read nothing, which means the end of the file.
        let Some(mut first) = parts.iter().find(|part| part.iov_len > 0).copied() else {
            return real(iov, count);
        };
        first.iov_len = first.iov_len.min(len);
        real(&raw const first, 1)
    };
    read_with(call, fd, usize::MAX, some, |mut at, bit| {
        // SAFETY: the kernel has just read into these parts.
        for part in unsafe { slice::from_raw_parts(iov, count as usize) } {
            if at < part.iov_len {
                // SAFETY: a byte that the kernel has just written: `at` counts what was read.
                unsafe { *part.iov_base.cast::<u8>().add(at) ^= bit };
                return;
            }
            at -= part.iov_len;
        }
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn read(fd: c_int, data: *mut c_void, len: size_t) -> ssize_t {
    // SAFETY: the caller's arguments, with at most a smaller length.
    read_one(Call::Read, fd, data, len, |len| unsafe { next_symbol::read(fd, data, len) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pread(
    fd: c_int,
    data: *mut c_void,
    len: size_t,
    at: off_t,
) -> ssize_t {
    // SAFETY: the caller's arguments, with at most a smaller length.
    read_one(Call::Pread, fd, data, len, |len| unsafe { next_symbol::pread(fd, data, len, at) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pread64(
    fd: c_int,
    data: *mut c_void,
    len: size_t,
    at: off_t,
) -> ssize_t {
    // SAFETY: the caller's arguments, with at most a smaller length.
    read_one(Call::Pread64, fd, data, len, |len| unsafe { next_symbol::pread64(fd, data, len, at) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn readv(fd: c_int, iov: *const iovec, count: c_int) -> ssize_t {
    read_parts(Call::Readv, fd, iov, count, |iov, count| {
        // SAFETY: the caller's parts, or the beginning of the first.
        unsafe { next_symbol::readv(fd, iov, count) }
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn preadv(
    fd: c_int,
    iov: *const iovec,
    count: c_int,
    at: off_t,
) -> ssize_t {
    read_parts(Call::Preadv, fd, iov, count, |iov, count| {
        // SAFETY: the caller's parts, or the beginning of the first.
        unsafe { next_symbol::preadv(fd, iov, count, at) }
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn preadv64(
    fd: c_int,
    iov: *const iovec,
    count: c_int,
    at: off_t,
) -> ssize_t {
    read_parts(Call::Preadv64, fd, iov, count, |iov, count| {
        // SAFETY: the caller's parts, or the beginning of the first.
        unsafe { next_symbol::preadv64(fd, iov, count, at) }
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn preadv2(
    fd: c_int,
    iov: *const iovec,
    count: c_int,
    at: off_t,
    flags: c_int,
) -> ssize_t {
    read_parts(Call::Preadv2, fd, iov, count, |iov, count| {
        // SAFETY: the caller's parts, or the beginning of the first.
        unsafe { next_symbol::preadv2(fd, iov, count, at, flags) }
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn preadv64v2(
    fd: c_int,
    iov: *const iovec,
    count: c_int,
    at: off_t,
    flags: c_int,
) -> ssize_t {
    read_parts(Call::Preadv64v2, fd, iov, count, |iov, count| {
        // SAFETY: the caller's parts, or the beginning of the first.
        unsafe { next_symbol::preadv64v2(fd, iov, count, at, flags) }
    })
}
