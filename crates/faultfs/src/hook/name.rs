//! Hooks on names: rename, link, symlink, unlink, mkdir, rmdir and their `at` forms. See the
//! hard rules in `hook.rs`.

use super::{errno, fail, path, set_errno};
use crate::{
    fault::{Verdict, ask},
    fd, next_symbol,
    op::{Call, Kind, Op},
    record::{Entry, Recorder, Target, enter},
};
use libc::{
    AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_FOLLOW, RENAME_EXCHANGE, RENAME_WHITEOUT, c_char, c_int,
    c_uint, mode_t,
};
use std::ffi::CStr;

/// A path as the caller of libc gave it.
#[derive(Clone, Copy)]
struct PathAt {
    /// The folder at which a relative path starts.
    dir: c_int,
    path: *const c_char,
}

impl PathAt {
    fn new(dir: c_int, path: *const c_char) -> Self {
        Self { dir, path }
    }

    /// A relative path starts at the current folder.
    fn plain(path: *const c_char) -> Self {
        Self::new(AT_FDCWD, path)
    }
}

/// A call on one name. `record` runs when the call succeeded, still under the lock.
///
/// # Safety
/// The path is the caller's.
unsafe fn named(
    call: Call,
    at: PathAt,
    real: impl FnOnce() -> c_int,
    record: impl FnOnce(&mut Recorder, &Target, &CStr),
) -> c_int {
    let Some(entry) = enter() else { return real() };
    // SAFETY: the caller of libc promises a path.
    let Some(name) = (unsafe { path(at.path) }) else { return real() };
    let Some(target) = entry.place(call, at.dir, name) else { return real() };
    if let Verdict::Fail(errno) = ask(&entry, call, &target) {
        return fail(errno);
    }
    locked(&entry, real, |recorder| record(recorder, &target, name))
}

fn locked(
    entry: &Entry,
    real: impl FnOnce() -> c_int,
    record: impl FnOnce(&mut Recorder),
) -> c_int {
    let result = entry.locked(|recorder| {
        let result = real();
        let errno = errno();
        if result == 0 {
            record(recorder);
        }
        set_errno(errno);
        result
    });
    result.expect("the session outlives its calls")
}

/// # Safety
/// The paths are the caller's.
unsafe fn rename_at(
    call: Call,
    from_at: PathAt,
    to_at: PathAt,
    flags: c_uint,
    real: impl FnOnce() -> c_int,
) -> c_int {
    let Some(entry) = enter() else { return real() };
    // SAFETY: the caller of libc promises two paths.
    let (Some(from), Some(to)) = (unsafe { path(from_at.path) }, unsafe { path(to_at.path) })
    else {
        return real();
    };
    let places = (entry.place_uncounted(from_at.dir, from), entry.place_uncounted(to_at.dir, to));
    if let (None, None) = places {
        return real();
    }
    entry.count(call);
    let (Some(from), Some(to)) = places else {
        entry.refuse(call, "a rename into or out of the traced folder");
        return fail(libc::EXDEV);
    };
    if flags & RENAME_WHITEOUT != 0 {
        entry.refuse(call, "RENAME_WHITEOUT");
        return fail(libc::EINVAL);
    }
    if let Verdict::Fail(errno) = ask(&entry, call, &from) {
        return fail(errno);
    }
    locked(&entry, real, |recorder| {
        let (Some(ino), over) = (recorder.at(&from), recorder.at(&to)) else { return };
        // Both names are links to one file: rename(2) then does nothing.
        if over == Some(ino) {
            return;
        }
        let from_dir = from.ino;
        let name = to.name.clone();
        let op = match over {
            Some(over) if flags & RENAME_EXCHANGE != 0 => Op::Exchange {
                from_dir,
                from: from.name,
                dir: to.ino,
                name,
                from_ino: ino,
                ino: over,
            },
            _ => Op::Rename { from_dir, from: from.name, dir: to.ino, name, ino },
        };
        recorder.push(call, to.entered, op);
    })
}

/// # Safety
/// The paths are the caller's.
unsafe fn link_at(
    call: Call,
    from: PathAt,
    to: PathAt,
    flags: c_int,
    real: impl FnOnce() -> c_int,
) -> c_int {
    // SAFETY: the caller of libc promises a path.
    let identity = match unsafe { path(from.path) } {
        Some(path) if path.is_empty() && flags & AT_EMPTY_PATH != 0 => fd::identity(from.dir),
        Some(path) => fd::identity_at(from.dir, path, flags & AT_SYMLINK_FOLLOW != 0),
        None => None,
    };
    // SAFETY: passed on.
    unsafe {
        named(call, to, real, |recorder, target, _| {
            match identity.and_then(|identity| recorder.known(identity)) {
                Some(ino) => {
                    let op = Op::Link { dir: target.ino, name: target.name.clone(), ino };
                    recorder.push(call, target.entered, op);
                }
                None => recorder.refuse(call, "a link to a file from outside the traced folder"),
            }
        })
    }
}

fn removed(call: Call) -> impl FnOnce(&mut Recorder, &Target, &CStr) {
    move |recorder, target, _| {
        if let Some(ino) = recorder.at(target) {
            let op = Op::Unlink { dir: target.ino, name: target.name.clone(), ino };
            recorder.push(call, target.entered, op);
        }
    }
}

fn created(call: Call, dir: c_int, kind: Kind) -> impl FnOnce(&mut Recorder, &Target, &CStr) {
    move |recorder, target, name| {
        if let Some(identity) = fd::identity_at(dir, name, false) {
            recorder.create(call, target, identity, kind);
        }
    }
}

/// # Safety
/// The text is the caller's.
unsafe fn link_text(text: *const c_char) -> Kind {
    // SAFETY: the caller of libc promises a C string.
    let text = unsafe { path(text) }.map(|text| text.to_string_lossy().into_owned());
    Kind::Symlink(text.unwrap_or_default())
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        rename_at(Call::Rename, PathAt::plain(from), PathAt::plain(to), 0, || {
            next_symbol::rename(from, to)
        })
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn renameat(
    dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
) -> c_int {
    let real = || {
        // SAFETY: the caller's arguments.
        unsafe { next_symbol::renameat(dir, from, to_dir, to) }
    };
    // SAFETY: the caller's arguments.
    unsafe { rename_at(Call::Renameat, PathAt::new(dir, from), PathAt::new(to_dir, to), 0, real) }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn renameat2(
    dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_uint,
) -> c_int {
    let real = || {
        // SAFETY: the caller's arguments.
        unsafe { next_symbol::renameat2(dir, from, to_dir, to, flags) }
    };
    // SAFETY: the caller's arguments.
    unsafe {
        rename_at(Call::Renameat2, PathAt::new(dir, from), PathAt::new(to_dir, to), flags, real)
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn link(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        link_at(Call::Link, PathAt::plain(from), PathAt::plain(to), 0, || {
            next_symbol::link(from, to)
        })
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn linkat(
    dir: c_int,
    from: *const c_char,
    to_dir: c_int,
    to: *const c_char,
    flags: c_int,
) -> c_int {
    let real = || {
        // SAFETY: the caller's arguments.
        unsafe { next_symbol::linkat(dir, from, to_dir, to, flags) }
    };
    // SAFETY: the caller's arguments.
    unsafe { link_at(Call::Linkat, PathAt::new(dir, from), PathAt::new(to_dir, to), flags, real) }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn symlink(text: *const c_char, name: *const c_char) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        let record = created(Call::Symlink, AT_FDCWD, link_text(text));
        named(Call::Symlink, PathAt::plain(name), || next_symbol::symlink(text, name), record)
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn symlinkat(
    text: *const c_char,
    dir: c_int,
    name: *const c_char,
) -> c_int {
    // SAFETY: the caller's arguments.
    unsafe {
        let record = created(Call::Symlinkat, dir, link_text(text));
        named(
            Call::Symlinkat,
            PathAt::new(dir, name),
            || next_symbol::symlinkat(text, dir, name),
            record,
        )
    }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn unlink(name: *const c_char) -> c_int {
    let real = || {
        // SAFETY: the caller's argument.
        unsafe { next_symbol::unlink(name) }
    };
    // SAFETY: the caller's argument.
    unsafe { named(Call::Unlink, PathAt::plain(name), real, removed(Call::Unlink)) }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn unlinkat(dir: c_int, name: *const c_char, flags: c_int) -> c_int {
    let real = || {
        // SAFETY: the caller's arguments.
        unsafe { next_symbol::unlinkat(dir, name, flags) }
    };
    // SAFETY: the caller's arguments.
    unsafe { named(Call::Unlinkat, PathAt::new(dir, name), real, removed(Call::Unlinkat)) }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn rmdir(name: *const c_char) -> c_int {
    let real = || {
        // SAFETY: the caller's argument.
        unsafe { next_symbol::rmdir(name) }
    };
    // SAFETY: the caller's argument.
    unsafe { named(Call::Rmdir, PathAt::plain(name), real, removed(Call::Rmdir)) }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn mkdir(name: *const c_char, mode: mode_t) -> c_int {
    let real = || {
        // SAFETY: the caller's arguments.
        unsafe { next_symbol::mkdir(name, mode) }
    };
    let record = created(Call::Mkdir, AT_FDCWD, Kind::Dir);
    // SAFETY: the caller's argument.
    unsafe { named(Call::Mkdir, PathAt::plain(name), real, record) }
}

#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn mkdirat(dir: c_int, name: *const c_char, mode: mode_t) -> c_int {
    let real = || {
        // SAFETY: the caller's arguments.
        unsafe { next_symbol::mkdirat(dir, name, mode) }
    };
    let record = created(Call::Mkdirat, dir, Kind::Dir);
    // SAFETY: the caller's argument.
    unsafe { named(Call::Mkdirat, PathAt::new(dir, name), real, record) }
}
