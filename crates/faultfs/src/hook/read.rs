//! Hooks that read. Nothing is recorded, but reads can be made to fail, to be short or to be late.
//! See the hard rules in `hook.rs`.

use super::fail;
use crate::{
    fault::{Verdict, ask},
    next_symbol,
    op::Call,
    record::enter,
};
use libc::{c_int, c_void, iovec, off_t, size_t, ssize_t};
use std::slice;

/// A read into one buffer; `real` reads at most the given number of bytes.
fn read_with(call: Call, fd: c_int, len: usize, real: impl Fn(usize) -> ssize_t) -> ssize_t {
    let Some(entry) = enter() else { return real(len) };
    let Some(target) = entry.file(call, fd) else { return real(len) };
    match ask(&entry, call, &target) {
        Verdict::Fail(errno) => fail(errno) as ssize_t,
        Verdict::Short(short) => real(len.min(short)),
        Verdict::Pass | Verdict::Torn { .. } => real(len),
    }
}

/// A vector read. A short read is cut to its first non-empty part.
fn read_parts(
    call: Call,
    fd: c_int,
    iov: *const iovec,
    count: c_int,
    real: impl Fn(*const iovec, c_int) -> ssize_t,
) -> ssize_t {
    read_with(call, fd, usize::MAX, |len| {
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
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn read(fd: c_int, data: *mut c_void, len: size_t) -> ssize_t {
    // SAFETY: the caller's arguments, with at most a smaller length.
    read_with(Call::Read, fd, len, |len| unsafe { next_symbol::read(fd, data, len) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pread(
    fd: c_int,
    data: *mut c_void,
    len: size_t,
    at: off_t,
) -> ssize_t {
    // SAFETY: the caller's arguments, with at most a smaller length.
    read_with(Call::Pread, fd, len, |len| unsafe { next_symbol::pread(fd, data, len, at) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pread64(
    fd: c_int,
    data: *mut c_void,
    len: size_t,
    at: off_t,
) -> ssize_t {
    // SAFETY: the caller's arguments, with at most a smaller length.
    read_with(Call::Pread64, fd, len, |len| unsafe { next_symbol::pread64(fd, data, len, at) })
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
