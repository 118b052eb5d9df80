//! Hooks for data that the kernel copies from file to file: `copy_file_range` and `sendfile`. The
//! bytes are read back from the target. See the hard rules in `hook.rs`.

use super::{errno, fail, set_errno};
use crate::{
    fault::{Verdict, ask},
    fd, next_symbol,
    op::{Call, Op},
    record::enter,
};
use libc::{c_int, c_uint, off_t, size_t, ssize_t};
use rustix::fs::OFlags;

/// `offset` is the caller's offset in the target, if it gave one; `real` copies this many bytes.
fn copy(
    call: Call,
    to: c_int,
    offset: Option<u64>,
    len: size_t,
    real: impl Fn(size_t) -> ssize_t,
) -> ssize_t {
    let Some(entry) = enter() else { return real(len) };
    let Some(target) = entry.file(call, to) else { return real(len) };
    let len = match ask(&entry, call, &target) {
        Verdict::Fail(errno) => return fail(errno) as ssize_t,
        Verdict::Short(short) => len.min(short),
        _ => len,
    };
    let result = entry.locked(|recorder| {
        let append = fd::flags(to).contains(OFlags::APPEND);
        let at = if append { fd::size(to) } else { offset.or_else(|| fd::position(to)) };
        let result = real(len);
        let errno = errno();
        if let (Ok(done @ 1..), Some(offset)) = (usize::try_from(result), at) {
            match fd::read_back(to, offset, done) {
                Some(data) => {
                    let op = Op::Write { ino: target.ino, offset, data: data.into() };
                    recorder.push(call, target.entered, op);
                }
                None => recorder.refuse(call, "the copied bytes could not be read back"),
            }
        }
        set_errno(errno);
        result
    });
    result.expect("the session outlives its calls")
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn copy_file_range(
    from: c_int,
    from_at: *mut off_t,
    to: c_int,
    to_at: *mut off_t,
    len: size_t,
    flags: c_uint,
) -> ssize_t {
    // SAFETY: null or a valid offset, which the kernel is about to read as well.
    let offset = (!to_at.is_null()).then(|| unsafe { *to_at } as u64);
    copy(Call::CopyFileRange, to, offset, len, |len| {
        // SAFETY: the caller's arguments, with at most a smaller length.
        unsafe { next_symbol::copy_file_range(from, from_at, to, to_at, len, flags) }
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn sendfile(
    to: c_int,
    from: c_int,
    from_at: *mut off_t,
    len: size_t,
) -> ssize_t {
    copy(Call::Sendfile, to, None, len, |len| {
        // SAFETY: the caller's arguments, with at most a smaller length.
        unsafe { next_symbol::sendfile(to, from, from_at, len) }
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn sendfile64(
    to: c_int,
    from: c_int,
    from_at: *mut off_t,
    len: size_t,
) -> ssize_t {
    copy(Call::Sendfile64, to, None, len, |len| {
        // SAFETY: the caller's arguments, with at most a smaller length.
        unsafe { next_symbol::sendfile64(to, from, from_at, len) }
    })
}
