//! Hooks that write data: the write family, `copy_file_range`, `sendfile`. See the hard rules in
//! `hook.rs`.

use super::{errno, fail, set_errno};
use crate::{
    fault::{Verdict, ask, crash},
    fd, next_symbol,
    op::{Call, Op, Scope},
    plan::Then,
    record::{Recorder, Target, enter},
};
use libc::{
    RWF_APPEND, RWF_DSYNC, RWF_NOAPPEND, RWF_SYNC, c_int, c_void, iovec, off_t, size_t, ssize_t,
};
use rustix::fs::OFlags;
use std::slice;

/// Where a write goes.
#[derive(Clone, Copy)]
enum At {
    /// The file position, or the end for an appending descriptor.
    Position,
    Offset(off_t),
}

/// The bytes of a write, as the caller gave them.
#[derive(Clone, Copy)]
struct Source {
    iov: *const iovec,
    count: usize,
}

impl Source {
    fn parts(&self) -> &[iovec] {
        if self.iov.is_null() || self.count > libc::UIO_MAXIOV as usize {
            // The kernel answers EFAULT or EINVAL; there are no bytes to look at.
            return &[];
        }
        // SAFETY: the caller of libc promises `count` valid parts for the length of the call.
        unsafe { slice::from_raw_parts(self.iov, self.count) }
    }

    fn len(&self) -> usize {
        // The kernel answers EINVAL when the sum overflows.
        self.parts().iter().fold(0, |sum, part| sum.saturating_add(part.iov_len))
    }

    /// The same bytes, truncated to `len`.
    fn cut(&self, len: usize) -> Vec<iovec> {
        let mut left = len;
        let mut parts = Vec::new();
        for part in self.parts() {
            let take = part.iov_len.min(left);
            parts.push(iovec { iov_base: part.iov_base, iov_len: take });
            left -= take;
        }
        parts
    }

    /// Copies the bytes that were written.
    fn bytes(&self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len);
        for part in self.cut(len).iter().filter(|part| part.iov_len > 0) {
            // SAFETY: the kernel has just read these bytes through the same pointer.
            bytes.extend_from_slice(unsafe {
                slice::from_raw_parts(part.iov_base.cast(), part.iov_len)
            });
        }
        bytes
    }
}

/// The whole write family. `real` writes these parts.
fn transfer(
    call: Call,
    fd: c_int,
    source: Source,
    at: At,
    flags: c_int,
    real: impl Fn(*const iovec, c_int) -> ssize_t,
) -> ssize_t {
    let whole = || real(source.iov, source.count as c_int);
    let Some(entry) = enter() else { return whole() };
    let Some(target) = entry.file(call, fd) else { return whole() };
    let verdict = ask(&entry, call, &target);
    let len = match verdict {
        Verdict::Fail(errno) => return fail(errno) as ssize_t,
        Verdict::Short(len) => len,
        Verdict::Torn { keep, .. } => keep.map_or(source.len() / 2, |keep| keep as usize),
        _ => usize::MAX,
    };
    let result = entry.locked(|recorder| {
        let place = place(fd, at, flags);
        if let (Verdict::Astray(by), Some(offset)) = (verdict, place) {
            let astray = Astray { fd, source: &source, offset };
            return astray.write(recorder, call, &target, by, &real);
        }
        let result = if len >= source.len() {
            whole()
        } else {
            let parts = source.cut(len);
            real(parts.as_ptr(), parts.len() as c_int)
        };
        let errno = errno();
        if let (Ok(done @ 1..), Some(offset)) = (usize::try_from(result), place) {
            let synced = flags & (RWF_DSYNC | RWF_SYNC) != 0
                || fd::flags(fd).intersects(OFlags::DSYNC.union(OFlags::SYNC));
            put(recorder, call, &target, offset, source.bytes(done), synced);
        }
        set_errno(errno);
        result
    });
    let result = result.expect("the session outlives its calls");
    match verdict {
        Verdict::Torn { then: Then::Crash, .. } => crash(),
        Verdict::Torn { then: Then::Fail(errno), .. } => fail(errno as c_int) as ssize_t,
        _ => result,
    }
}

/// A write that does not arrive where it was sent.
struct Astray<'a> {
    fd: c_int,
    source: &'a Source,
    offset: u64,
}

impl Astray<'_> {
    /// Writes what the place held, or zeros, and the bytes themselves where they went, if anywhere:
    /// descriptors that append write nowhere else. The answer is that of a write.
    fn write(
        &self,
        recorder: &mut Recorder,
        call: Call,
        target: &Target,
        by: Option<u32>,
        real: &impl Fn(*const iovec, c_int) -> ssize_t,
    ) -> ssize_t {
        let Self { fd, source, offset } = *self;
        let size = fd::size(fd).unwrap_or_default();
        let there = usize::try_from(size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let len = source.len();
        let mut old = fd::read_back(fd, offset, len.min(there)).unwrap_or_default();
        old.resize(len, 0);
        let part = iovec { iov_base: old.as_ptr().cast_mut().cast(), iov_len: len };
        let result = real(&raw const part, 1);
        let errno = errno();
        if let Ok(done @ 1..) = usize::try_from(result) {
            old.truncate(done);
            put(recorder, call, target, offset, old, false);
            let size = fd::size(fd).unwrap_or_default();
            let elsewhere = by.and_then(|by| {
                let end = offset + u64::from(by) + done as u64;
                if end <= size { Some(end - done as u64) } else { offset.checked_sub(by.into()) }
            });
            let appends = fd::flags(fd).contains(OFlags::APPEND);
            if let (Some(at), false) = (elsewhere, appends) {
                let bytes = source.bytes(done);
                // SAFETY: our own bytes; the descriptor is the caller's.
                let wrote =
                    unsafe { next_symbol::pwrite64(fd, bytes.as_ptr().cast(), done, at as off_t) };
                if wrote == done as ssize_t {
                    put(recorder, call, target, at, bytes, false);
                }
            }
        }
        set_errno(errno);
        result
    }
}

/// The offset that the kernel will use. On Linux `O_APPEND` overrides an explicit offset
/// (pwrite(2), BUGS), unless the call says otherwise (`RWF_NOAPPEND`, pwritev2(2), since Linux
/// 6.9).
fn place(fd: c_int, at: At, flags: c_int) -> Option<u64> {
    let appending = flags & RWF_NOAPPEND == 0 && fd::flags(fd).contains(OFlags::APPEND);
    if flags & RWF_APPEND != 0 || appending {
        return fd::size(fd);
    }
    match at {
        At::Position | At::Offset(-1) => fd::position(fd),
        At::Offset(offset) => u64::try_from(offset).ok(),
    }
}

/// Records written bytes. `synced` means that the descriptor or the call made them durable at once.
fn put(
    recorder: &mut Recorder,
    call: Call,
    target: &Target,
    offset: u64,
    data: Vec<u8>,
    synced: bool,
) {
    let ino = target.ino;
    let op = if data.iter().all(|byte| *byte == 0) {
        Op::Zero { ino, offset, len: data.len() as u64, extends: true }
    } else {
        Op::Write { ino, offset, data: data.into() }
    };
    let at = recorder.push(call, target.entered, op);
    if synced {
        let scope = Scope::Write(at);
        let number = recorder.sync_begin(call, target.entered, scope);
        recorder.push(call, target.entered, Op::SyncEnd { call: number, scope, errno: 0 });
    }
}

/// The write of one buffer: a vector with one part.
fn single(
    call: Call,
    fd: c_int,
    data: *const c_void,
    len: size_t,
    at: At,
    real: impl Fn(*const c_void, size_t) -> ssize_t,
) -> ssize_t {
    let part = iovec { iov_base: data.cast_mut(), iov_len: len };
    transfer(call, fd, Source { iov: &raw const part, count: 1 }, at, 0, |parts, _| {
        // SAFETY: `transfer` passes on our one part or its shortened copy.
        let part = unsafe { *parts };
        real(part.iov_base.cast_const(), part.iov_len)
    })
}

fn vector(iov: *const iovec, count: c_int) -> Source {
    Source { iov, count: usize::try_from(count).unwrap_or(usize::MAX) }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn write(fd: c_int, data: *const c_void, len: size_t) -> ssize_t {
    single(Call::Write, fd, data, len, At::Position, |data, len| {
        // SAFETY: the caller's arguments, with at most a smaller length.
        unsafe { next_symbol::write(fd, data, len) }
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pwrite(
    fd: c_int,
    data: *const c_void,
    len: size_t,
    at: off_t,
) -> ssize_t {
    single(Call::Pwrite, fd, data, len, At::Offset(at), |data, len| {
        // SAFETY: the caller's arguments, with at most a smaller length.
        unsafe { next_symbol::pwrite(fd, data, len, at) }
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pwrite64(
    fd: c_int,
    data: *const c_void,
    len: size_t,
    at: off_t,
) -> ssize_t {
    single(Call::Pwrite64, fd, data, len, At::Offset(at), |data, len| {
        // SAFETY: the caller's arguments, with at most a smaller length.
        unsafe { next_symbol::pwrite64(fd, data, len, at) }
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn writev(fd: c_int, iov: *const iovec, count: c_int) -> ssize_t {
    transfer(Call::Writev, fd, vector(iov, count), At::Position, 0, |iov, count| {
        // SAFETY: the caller's parts, or the beginning of them.
        unsafe { next_symbol::writev(fd, iov, count) }
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pwritev(
    fd: c_int,
    iov: *const iovec,
    count: c_int,
    at: off_t,
) -> ssize_t {
    transfer(Call::Pwritev, fd, vector(iov, count), At::Offset(at), 0, |iov, count| {
        // SAFETY: the caller's parts, or the beginning of them.
        unsafe { next_symbol::pwritev(fd, iov, count, at) }
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pwritev64(
    fd: c_int,
    iov: *const iovec,
    count: c_int,
    at: off_t,
) -> ssize_t {
    transfer(Call::Pwritev64, fd, vector(iov, count), At::Offset(at), 0, |iov, count| {
        // SAFETY: the caller's parts, or the beginning of them.
        unsafe { next_symbol::pwritev64(fd, iov, count, at) }
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pwritev2(
    fd: c_int,
    iov: *const iovec,
    count: c_int,
    at: off_t,
    flags: c_int,
) -> ssize_t {
    transfer(Call::Pwritev2, fd, vector(iov, count), At::Offset(at), flags, |iov, count| {
        // SAFETY: the caller's parts, or the beginning of them.
        unsafe { next_symbol::pwritev2(fd, iov, count, at, flags) }
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn pwritev64v2(
    fd: c_int,
    iov: *const iovec,
    count: c_int,
    at: off_t,
    flags: c_int,
) -> ssize_t {
    transfer(Call::Pwritev64v2, fd, vector(iov, count), At::Offset(at), flags, |iov, count| {
        // SAFETY: the caller's parts, or the beginning of them.
        unsafe { next_symbol::pwritev64v2(fd, iov, count, at, flags) }
    })
}
