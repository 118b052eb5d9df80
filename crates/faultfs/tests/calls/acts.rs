//! Each interposed call, made through libc's own symbol in the folder of a `Place`. Asserts
//! nothing.

use super::place::Place;
use faultfs::Call;
use libc::{AT_FDCWD, O_CREAT, O_EXCL, O_RDWR, O_TRUNC, O_WRONLY, c_int, c_void, iovec, off_t};
use std::{ffi::CStr, ptr::null_mut};

// The libc crate has no name for it.
unsafe extern "C" {
    fn fcntl64(fd: c_int, cmd: c_int, ...) -> c_int;
}

/// The bytes to write, in one part and in two.
pub(super) const DATA: &[u8] = b"xyz";
pub(super) const PARTS: [&[u8]; 2] = [b"xy", b"z!"];

/// The names in the folder.
pub(super) const F: &CStr = c"f";
pub(super) const G: &CStr = c"g";
pub(super) const NEW: &CStr = c"new";
pub(super) const INSIDE: &CStr = c"d/new";

pub(super) fn parts() -> [iovec; 2] {
    PARTS.map(|part| iovec { iov_base: part.as_ptr().cast_mut().cast(), iov_len: part.len() })
}

/// Two parts of two bytes to read into.
pub(super) fn room(bytes: &mut [u8; 4]) -> [iovec; 2] {
    let at = bytes.as_mut_ptr();
    [0, 2].map(|offset| iovec { iov_base: at.wrapping_add(offset).cast(), iov_len: 2 })
}

pub(super) const SHARED: c_int = libc::MAP_SHARED;
pub(super) const BOTH: c_int = libc::PROT_READ | libc::PROT_WRITE;

/// Makes the call and returns its result; for `posix_fallocate` as if it set `errno`.
pub(super) fn act(call: Call, at: &Place) -> isize {
    let done = writes(call, at).or_else(|| reads(call, at)).or_else(|| sizes(call, at));
    let done = done.or_else(|| opens(call, at)).or_else(|| names(call, at));
    done.or_else(|| descriptors(call, at)).unwrap_or_else(|| panic!("no act for {call}"))
}

fn writes(call: Call, at: &Place) -> Option<isize> {
    let (fd, other, ..) = at.fds();
    let data = DATA.as_ptr().cast::<c_void>();
    let len = DATA.len();
    let parts = parts();
    let iov = parts.as_ptr();
    let mut from: off_t = 1;
    let mut to: off_t = 2;
    // SAFETY: the buffers, parts and offsets outlive the calls.
    Some(unsafe {
        match call {
            Call::Write => libc::write(fd, data, len),
            Call::Writev => libc::writev(fd, iov, 2),
            Call::Pwrite => libc::pwrite(fd, data, len, 8),
            Call::Pwrite64 => libc::pwrite64(fd, data, len, 20),
            Call::Pwritev => libc::pwritev(fd, iov, 2, 12),
            Call::Pwritev64 => libc::pwritev64(fd, iov, 2, 1),
            Call::Pwritev2 => libc::pwritev2(fd, iov, 2, -1, 0),
            Call::Pwritev64v2 => libc::pwritev64v2(fd, iov, 2, 2, libc::RWF_APPEND),
            Call::CopyFileRange => {
                libc::copy_file_range(other, &raw mut from, fd, &raw mut to, 3, 0)
            }
            Call::Sendfile => libc::sendfile(fd, other, &raw mut to, 3),
            Call::Sendfile64 => libc::sendfile64(fd, other, null_mut(), 4),
            _ => return None,
        }
    })
}

fn reads(call: Call, at: &Place) -> Option<isize> {
    let (fd, ..) = at.fds();
    let mut bytes = [0; 4];
    let parts = room(&mut bytes);
    let room = bytes.as_mut_ptr().cast::<c_void>();
    let iov = parts.as_ptr();
    // SAFETY: the buffer and the parts outlive the calls.
    let len = unsafe {
        match call {
            Call::Read => libc::read(fd, room, 3),
            Call::Pread => libc::pread(fd, room, 3, 1),
            Call::Pread64 => libc::pread64(fd, room, 3, 8),
            Call::Readv => libc::readv(fd, iov, 2),
            Call::Preadv => libc::preadv(fd, iov, 2, 1),
            Call::Preadv64 => libc::preadv64(fd, iov, 2, 2),
            Call::Preadv2 => libc::preadv2(fd, iov, 2, -1, 0),
            Call::Preadv64v2 => libc::preadv64v2(fd, iov, 2, 3, 0),
            _ => return None,
        }
    };
    Some(at.read(&bytes, len))
}

/// The POSIX form returns the error.
fn posix(errno: c_int) -> c_int {
    if errno == 0 {
        return 0;
    }
    // SAFETY: errno's place is valid for the calling thread.
    unsafe { *libc::__errno_location() = errno };
    -1
}

fn sizes(call: Call, at: &Place) -> Option<isize> {
    let (fd, ..) = at.fds();
    let f = at.path("f");
    let s = at.path("s");
    let hole = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    // SAFETY: the paths outlive the calls.
    let result = unsafe {
        match call {
            Call::Fsync => libc::fsync(fd),
            Call::Fdatasync => libc::fdatasync(fd),
            Call::SyncFileRange => libc::sync_file_range(fd, 0, 4, libc::SYNC_FILE_RANGE_WRITE),
            Call::Syncfs => libc::syncfs(fd),
            Call::Sync => {
                libc::sync();
                0
            }
            Call::Ftruncate => libc::ftruncate(fd, 3),
            Call::Ftruncate64 => libc::ftruncate64(fd, 20),
            Call::Truncate => libc::truncate(f.as_ptr(), 5),
            Call::Truncate64 => libc::truncate64(s.as_ptr(), 2),
            Call::Fallocate => libc::fallocate(fd, 0, 0, 30),
            Call::Fallocate64 => libc::fallocate64(fd, hole, 2, 3),
            Call::PosixFallocate => posix(libc::posix_fallocate(fd, 5, 10)),
            Call::PosixFallocate64 => posix(libc::posix_fallocate64(fd, 0, 12)),
            _ => return None,
        }
    };
    Some(result as isize)
}

fn opens(call: Call, at: &Place) -> Option<isize> {
    let (.., dir, _) = at.fds();
    let f = at.path("f");
    let new = at.path("new");
    let inside = at.path("d/new");
    // SAFETY: the paths outlive the calls.
    let fd = unsafe {
        match call {
            Call::Open => libc::open(new.as_ptr(), O_CREAT | O_WRONLY, 0o644),
            Call::Open64 => libc::open64(f.as_ptr(), O_TRUNC | O_WRONLY),
            Call::Openat => libc::openat(dir, INSIDE.as_ptr(), O_CREAT | O_EXCL | O_RDWR, 0o644),
            Call::Openat64 => libc::openat64(dir, F.as_ptr(), O_RDWR | O_TRUNC),
            Call::Creat => libc::creat(f.as_ptr(), 0o644),
            Call::Creat64 => libc::creat64(inside.as_ptr(), 0o644),
            _ => return None,
        }
    };
    Some(at.keep(fd as isize))
}

fn names(call: Call, at: &Place) -> Option<isize> {
    let (.., dir, _) = at.fds();
    let [f, g, e, new, inside] = ["f", "g", "e", "new", "d/new"].map(|name| at.path(name));
    let f_at = F.as_ptr();
    let new_at = NEW.as_ptr();
    // SAFETY: the paths outlive the calls.
    let result = unsafe {
        match call {
            Call::Rename => libc::rename(f.as_ptr(), new.as_ptr()),
            Call::Renameat => libc::renameat(dir, f_at, dir, G.as_ptr()),
            Call::Renameat2 => {
                libc::renameat2(dir, f_at, dir, c"d".as_ptr(), libc::RENAME_EXCHANGE)
            }
            Call::Link => libc::link(f.as_ptr(), inside.as_ptr()),
            Call::Linkat => libc::linkat(dir, c"s".as_ptr(), dir, new_at, libc::AT_SYMLINK_FOLLOW),
            Call::Symlink => libc::symlink(G.as_ptr(), new.as_ptr()),
            Call::Symlinkat => libc::symlinkat(G.as_ptr(), dir, INSIDE.as_ptr()),
            Call::Unlink => libc::unlink(g.as_ptr()),
            Call::Unlinkat => libc::unlinkat(dir, c"e".as_ptr(), libc::AT_REMOVEDIR),
            Call::Mkdir => libc::mkdir(new.as_ptr(), 0o755),
            Call::Mkdirat => libc::mkdirat(AT_FDCWD, inside.as_ptr(), 0o755),
            Call::Rmdir => libc::rmdir(e.as_ptr()),
            _ => return None,
        }
    };
    Some(result as isize)
}

fn descriptors(call: Call, at: &Place) -> Option<isize> {
    let (fd, .., spare) = at.fds();
    // SAFETY: the descriptors are the place's own, and a mapping that comes to be is leaked.
    unsafe {
        Some(match call {
            Call::Fcntl => through(at, libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0)),
            Call::Fcntl64 => match fcntl64(fd, libc::F_SETFL, libc::O_APPEND) {
                0 => through_file(at),
                failed => failed as isize,
            },
            Call::Dup => through(at, libc::dup(fd)),
            Call::Dup2 => replaced(at, libc::dup2(fd, spare)),
            Call::Dup3 => replaced(at, libc::dup3(fd, spare, libc::O_CLOEXEC)),
            Call::Close => libc::close(at.closing()) as isize,
            Call::Mmap => libc::mmap(null_mut(), 10, BOTH, SHARED, fd, 0) as isize,
            Call::Mmap64 => libc::mmap64(null_mut(), 10, BOTH, SHARED, fd, 0) as isize,
            Call::Syscall => libc::syscall(libc::SYS_getpid) as isize,
            _ => return None,
        })
    }
}

/// Writes through a new duplicate, if there is one.
pub(super) fn through(at: &Place, fd: c_int) -> isize {
    if at.keep(fd as isize) < 0 {
        return -1;
    }
    // SAFETY: the buffer outlives the call.
    unsafe { libc::write(fd, DATA.as_ptr().cast(), DATA.len()) }
}

/// Writes through the descriptor that replaced the spare one, if it did.
pub(super) fn replaced(at: &Place, fd: c_int) -> isize {
    let (.., spare) = at.fds();
    if fd != spare {
        return -1;
    }
    // SAFETY: the buffer outlives the call.
    unsafe { libc::write(spare, DATA.as_ptr().cast(), DATA.len()) }
}

pub(super) fn through_file(at: &Place) -> isize {
    let (fd, ..) = at.fds();
    // SAFETY: the buffer outlives the call.
    unsafe { libc::write(fd, DATA.as_ptr().cast(), DATA.len()) }
}
