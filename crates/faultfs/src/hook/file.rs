//! Hooks that open, size, map and duplicate files. See the hard rules in `hook.rs`.

use super::{change, errno, fail, path, set_errno, watch};
use crate::{
    fault::{Verdict, ask},
    fd, next_symbol,
    op::{Call, Kind, Op},
    record::{Entry, Target, enter},
};
use libc::{
    AT_FDCWD, MAP_FAILED, MAP_SHARED, O_ACCMODE, O_CREAT, O_DIRECT, O_RDONLY, O_TMPFILE, O_TRUNC,
    PROT_WRITE, c_char, c_int, c_long, c_void, mode_t, off_t, size_t,
};

/// Records opens that create or empty a file.
///
/// # Safety
/// `name` is the caller's path.
unsafe fn open_at(
    call: Call,
    dir: c_int,
    name: *const c_char,
    flags: c_int,
    real: impl FnOnce() -> c_int,
) -> c_int {
    let Some(entry) = enter() else { return real() };
    // SAFETY: the caller of libc promises a path.
    let Some(name) = (unsafe { path(name) }) else { return real() };
    // The path is the folder of the new file, which may be the traced folder itself.
    if flags & O_TMPFILE == O_TMPFILE && entry.leads_to_traced(dir, name) {
        entry.refuse(call, "O_TMPFILE makes a file without a name");
        return fail(libc::EOPNOTSUPP);
    }
    let Some(target) = entry.place(call, dir, name) else { return real() };
    if flags & O_DIRECT != 0 {
        entry.refuse(call, "O_DIRECT passes by the page cache and has rules of its own");
        return fail(libc::EINVAL);
    }
    if let Verdict::Fail(errno) = ask(&entry, call, &target) {
        return fail(errno);
    }
    if flags & (O_CREAT | O_TRUNC) == 0 {
        return real();
    }
    opened(&entry, call, &target, flags, real)
}

fn opened(
    entry: &Entry,
    call: Call,
    target: &Target,
    flags: c_int,
    real: impl FnOnce() -> c_int,
) -> c_int {
    let result = entry.locked(|recorder| {
        let result = real();
        let errno = errno();
        if let Some(identity) = fd::identity(result) {
            let known = recorder.known(identity);
            match (recorder.at(target), known) {
                (None, _) if flags & O_CREAT != 0 => {
                    recorder.create(call, target, identity, Kind::File);
                }
                (_, Some(ino)) if flags & O_TRUNC != 0 && flags & O_ACCMODE != O_RDONLY => {
                    recorder.push(call, target.entered, Op::Truncate { ino, size: 0 });
                }
                _ => {}
            }
        }
        set_errno(errno);
        result
    });
    result.expect("the session outlives its calls")
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn open(name: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { open_at(Call::Open, AT_FDCWD, name, flags, || next_symbol::open(name, flags, mode)) }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn open64(name: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        open_at(Call::Open64, AT_FDCWD, name, flags, || next_symbol::open64(name, flags, mode))
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn openat(
    dir: c_int,
    name: *const c_char,
    flags: c_int,
    mode: mode_t,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        open_at(Call::Openat, dir, name, flags, || next_symbol::openat(dir, name, flags, mode))
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn openat64(
    dir: c_int,
    name: *const c_char,
    flags: c_int,
    mode: mode_t,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        open_at(Call::Openat64, dir, name, flags, || next_symbol::openat64(dir, name, flags, mode))
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn creat(name: *const c_char, mode: mode_t) -> c_int {
    let flags = O_CREAT | libc::O_WRONLY | O_TRUNC;
    // SAFETY: the caller's arguments.
    unsafe { open_at(Call::Creat, AT_FDCWD, name, flags, || next_symbol::creat(name, mode)) }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn creat64(name: *const c_char, mode: mode_t) -> c_int {
    let flags = O_CREAT | libc::O_WRONLY | O_TRUNC;
    // SAFETY: the caller's arguments.
    unsafe { open_at(Call::Creat64, AT_FDCWD, name, flags, || next_symbol::creat64(name, mode)) }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn ftruncate(fd: c_int, size: off_t) -> c_int {
    // SAFETY: the caller's arguments.
    let real = || unsafe { next_symbol::ftruncate(fd, size) };
    change(Call::Ftruncate, fd, real, |recorder, target| {
        let op = Op::Truncate { ino: target.ino, size: size as u64 };
        recorder.push(Call::Ftruncate, target.entered, op);
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn ftruncate64(fd: c_int, size: off_t) -> c_int {
    // SAFETY: the caller's arguments.
    let real = || unsafe { next_symbol::ftruncate64(fd, size) };
    change(Call::Ftruncate64, fd, real, |recorder, target| {
        let op = Op::Truncate { ino: target.ino, size: size as u64 };
        recorder.push(Call::Ftruncate64, target.entered, op);
    })
}

/// The calls that take a path: faults match the path, and the size change applies to its target.
///
/// # Safety
/// `name` is the caller's path.
unsafe fn truncate_at(
    call: Call,
    name: *const c_char,
    size: off_t,
    real: impl FnOnce() -> c_int,
) -> c_int {
    let Some(entry) = enter() else { return real() };
    // SAFETY: the caller of libc promises a path.
    let Some(name) = (unsafe { path(name) }) else { return real() };
    let Some(target) = entry.place(call, AT_FDCWD, name) else { return real() };
    if let Verdict::Fail(errno) = ask(&entry, call, &target) {
        return fail(errno);
    }
    let result = entry.locked(|recorder| {
        let result = real();
        let errno = errno();
        let file = fd::identity_at(AT_FDCWD, name, true).and_then(|at| recorder.known(at));
        if let (0, Some(ino)) = (result, file) {
            recorder.push(call, target.entered, Op::Truncate { ino, size: size as u64 });
        }
        set_errno(errno);
        result
    });
    result.expect("the session outlives its calls")
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn truncate(name: *const c_char, size: off_t) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { truncate_at(Call::Truncate, name, size, || next_symbol::truncate(name, size)) }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn truncate64(name: *const c_char, size: off_t) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe { truncate_at(Call::Truncate64, name, size, || next_symbol::truncate64(name, size)) }
}

/// A writable shared mapping changes a file without any call, so it is refused, as on a filesystem
/// that has none.
fn map(
    call: Call,
    fd: c_int,
    prot: c_int,
    flags: c_int,
    real: impl FnOnce() -> *mut c_void,
) -> *mut c_void {
    if flags & MAP_SHARED == 0 || prot & PROT_WRITE == 0 || fd < 0 {
        return real();
    }
    let Some(entry) = enter() else { return real() };
    if entry.file(call, fd).is_none() {
        return real();
    }
    entry.refuse(call, "a writable shared mapping changes the file unseen");
    set_errno(libc::ENODEV);
    MAP_FAILED
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn mmap(
    at: *mut c_void,
    len: size_t,
    prot: c_int,
    flags: c_int,
    fd: c_int,
    offset: off_t,
) -> *mut c_void {
    // SAFETY: the caller's arguments.
    map(Call::Mmap, fd, prot, flags, || unsafe {
        next_symbol::mmap(at, len, prot, flags, fd, offset)
    })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn mmap64(
    at: *mut c_void,
    len: size_t,
    prot: c_int,
    flags: c_int,
    fd: c_int,
    offset: off_t,
) -> *mut c_void {
    // SAFETY: the caller's arguments.
    map(Call::Mmap64, fd, prot, flags, || unsafe {
        next_symbol::mmap64(at, len, prot, flags, fd, offset)
    })
}

/// Duplicates refer to the same file, and the kernel is asked at each use. Only a later `O_DIRECT`
/// has to be caught.
fn control(call: Call, fd: c_int, cmd: c_int, arg: c_long, real: impl FnOnce() -> c_int) -> c_int {
    if cmd == libc::F_SETFL && arg & c_long::from(O_DIRECT) != 0 {
        let Some(entry) = enter() else { return real() };
        if entry.file(call, fd).is_some() {
            entry.refuse(call, "O_DIRECT passes by the page cache and has rules of its own");
            return fail(libc::EINVAL);
        }
        return real();
    }
    watch(call, fd, real)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn fcntl(fd: c_int, cmd: c_int, arg: c_long) -> c_int {
    // SAFETY: the caller's arguments.
    control(Call::Fcntl, fd, cmd, arg, || unsafe { next_symbol::fcntl(fd, cmd, arg) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn fcntl64(fd: c_int, cmd: c_int, arg: c_long) -> c_int {
    // SAFETY: the caller's arguments.
    control(Call::Fcntl64, fd, cmd, arg, || unsafe { next_symbol::fcntl64(fd, cmd, arg) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn dup(fd: c_int) -> c_int {
    // SAFETY: the caller's argument.
    watch(Call::Dup, fd, || unsafe { next_symbol::dup(fd) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn dup2(fd: c_int, to: c_int) -> c_int {
    // SAFETY: the caller's arguments.
    watch(Call::Dup2, fd, || unsafe { next_symbol::dup2(fd, to) })
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn dup3(fd: c_int, to: c_int, flags: c_int) -> c_int {
    // SAFETY: the caller's arguments.
    watch(Call::Dup3, fd, || unsafe { next_symbol::dup3(fd, to, flags) })
}

/// An injected failure closes the descriptor all the same, as Linux does (close(2), NOTES).
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn close(fd: c_int) -> c_int {
    // SAFETY: the caller's argument.
    let real = || unsafe { next_symbol::close(fd) };
    let Some(entry) = enter() else { return real() };
    let Some(target) = entry.file(Call::Close, fd) else { return real() };
    let verdict = ask(&entry, Call::Close, &target);
    let result = real();
    if let Verdict::Fail(errno) = verdict { fail(errno) } else { result }
}
