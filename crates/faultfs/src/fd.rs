//! The file that a descriptor or a path refers to. The kernel is asked each time, by raw system
//! calls: a table would go wrong with every `dup`, `fclose` or passed descriptor that the hooks do
//! not see. Never goes through a hook and never allocates for a descriptor.

use crate::image::Identity;
use rustix::{
    fd::{BorrowedFd, RawFd},
    fs::{AtFlags, Mode, OFlags, fcntl_getfl, fstat, openat, seek, statat},
    io::pread,
};
use std::ffi::CStr;

/// Borrows a descriptor that the caller of libc named; `None` when it cannot be one.
fn borrow<'a>(fd: RawFd) -> Option<BorrowedFd<'a>> {
    // SAFETY: the program says that it is open. If it is not, the kernel answers EBADF, and nothing
    // here closes or keeps it. -1 is the one value that the type forbids.
    (fd >= 0 || fd == libc::AT_FDCWD).then(|| unsafe { BorrowedFd::borrow_raw(fd) })
}

/// The file behind a descriptor.
pub(crate) fn identity(fd: RawFd) -> Option<Identity> {
    fstat(borrow(fd).filter(|_| fd >= 0)?).ok().map(|stat| (stat.st_dev, stat.st_ino))
}

/// Whether the file behind a descriptor has a name anywhere.
pub(crate) fn is_named(fd: RawFd) -> bool {
    borrow(fd).and_then(|fd| fstat(fd).ok()).is_some_and(|stat| stat.st_nlink > 0)
}

/// The size of the file behind a descriptor, in bytes.
pub(crate) fn size(fd: RawFd) -> Option<u64> {
    fstat(borrow(fd)?).ok().map(|stat| stat.st_size.cast_unsigned())
}

/// The current open flags: `fcntl` may have changed them.
pub(crate) fn flags(fd: RawFd) -> OFlags {
    borrow(fd).and_then(|fd| fcntl_getfl(fd).ok()).unwrap_or_else(OFlags::empty)
}

/// The file position, in bytes.
pub(crate) fn position(fd: RawFd) -> Option<u64> {
    seek(borrow(fd)?, rustix::fs::SeekFrom::Current(0)).ok()
}

/// The file that a path names. With `follow`, the file behind a symlink.
pub(crate) fn identity_at(dir: RawFd, path: &CStr, follow: bool) -> Option<Identity> {
    let flags = if follow { AtFlags::empty() } else { AtFlags::SYMLINK_NOFOLLOW };
    statat(borrow(dir)?, path, flags).ok().map(|stat| (stat.st_dev, stat.st_ino))
}

/// The folder that holds a path's last name, and that name. `None` when the folder does not exist
/// or the path does not end in a name.
pub(crate) fn split(dir: RawFd, path: &CStr) -> Option<(Identity, String)> {
    let path = path.to_bytes();
    let path = &path[..=path.iter().rposition(|byte| *byte != b'/')?];
    let (parent, name) = match path.iter().rposition(|byte| *byte == b'/') {
        None => (&b"."[..], path),
        Some(0) => (&b"/"[..], &path[1..]),
        Some(at) => path.split_at(at),
    };
    let name = name.strip_prefix(b"/").unwrap_or(name);
    if name == b"." || name == b".." {
        return None;
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = openat(borrow(dir)?, parent, flags, Mode::empty()).ok()?;
    let stat = fstat(&folder).ok()?;
    Some(((stat.st_dev, stat.st_ino), String::from_utf8_lossy(name).into_owned()))
}

/// Reads bytes of a file through a new descriptor: the program's descriptor may be write-only.
pub(crate) fn read_back(fd: RawFd, offset: u64, len: usize) -> Option<Vec<u8>> {
    let path = format!("/proc/self/fd/{fd}");
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let mut bytes = vec![0; len];
    let mut done = 0;
    while done < len {
        match pread(&file, &mut bytes[done..], offset + done as u64) {
            Ok(0) | Err(_) => return None,
            Ok(read) => done += read,
        }
    }
    Some(bytes)
}
