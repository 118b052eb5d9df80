//! The numbers of `syscall` that the crate handles, each called through libc's `syscall` with the
//! arguments of `acts.rs`. Asserts nothing.
//!
//! Of all numbers of `x86_64` and aarch64, the list has those that change names, bytes or sizes of
//! files, make them durable, open, duplicate, map or close them, and those that read them. The
//! others pass: modes, owners, times and attributes are no part of a crash state; `vmsplice` and
//! `tee` fill pipes; `mprotect`, `mremap` and `msync` need a shared mapping, and `io_submit` and
//! `io_uring_enter` need a context, which are refused at creation; `close_range` changes no file;
//! mounts, quotas, swap and accounting need privileges that a store does not have.

use super::{
    acts::{BOTH, DATA, F, G, INSIDE, NEW, SHARED, parts, replaced, room, through, through_file},
    place::Place,
};
use faultfs::Call;
use libc::{AT_FDCWD, O_RDWR, O_TRUNC, c_int, c_long, off_t};
use std::ptr::null_mut;

/// Numbers that aarch64 never had.
pub(super) const X86_ONLY: &[&str] =
    &["creat", "dup2", "link", "mkdir", "mknod", "open", "rename", "rmdir", "symlink", "unlink"];

/// A number that is handled, and the call whose row in the table says what it does.
pub(super) const FOLLOWED: &[(&str, Call)] = &[
    ("write", Call::Write),
    ("pwrite64", Call::Pwrite64),
    ("writev", Call::Writev),
    ("pwritev", Call::Pwritev64),
    ("pwritev2", Call::Pwritev64v2),
    ("copy_file_range", Call::CopyFileRange),
    ("sendfile", Call::Sendfile64),
    ("read", Call::Read),
    ("pread64", Call::Pread64),
    ("readv", Call::Readv),
    ("preadv", Call::Preadv64),
    ("preadv2", Call::Preadv64v2),
    ("fsync", Call::Fsync),
    ("fdatasync", Call::Fdatasync),
    ("syncfs", Call::Syncfs),
    ("sync_file_range", Call::SyncFileRange),
    ("sync", Call::Sync),
    ("ftruncate", Call::Ftruncate64),
    ("fallocate", Call::Fallocate64),
    ("truncate", Call::Truncate64),
    ("mmap", Call::Mmap64),
    ("fcntl", Call::Fcntl64),
    ("dup", Call::Dup),
    ("dup2", Call::Dup2),
    ("dup3", Call::Dup3),
    ("close", Call::Close),
    ("open", Call::Open64),
    ("openat", Call::Openat64),
    ("creat", Call::Creat64),
    ("rename", Call::Rename),
    ("renameat", Call::Renameat),
    ("renameat2", Call::Renameat2),
    ("link", Call::Link),
    ("linkat", Call::Linkat),
    ("symlink", Call::Symlink),
    ("symlinkat", Call::Symlinkat),
    ("unlink", Call::Unlink),
    ("unlinkat", Call::Unlinkat),
    ("mkdir", Call::Mkdir),
    ("mkdirat", Call::Mkdirat),
    ("rmdir", Call::Rmdir),
];

/// A number that is refused in the folder, or everywhere if it needs no file, and its errno.
pub(super) const REFUSED: &[(&str, c_int)] = &[
    ("io_uring_setup", libc::ENOSYS),
    ("io_setup", libc::ENOSYS),
    ("openat2", libc::ENOSYS),
    ("open_by_handle_at", libc::ENOSYS),
    ("splice", libc::EINVAL),
    ("ioctl", libc::EOPNOTSUPP),
    ("mknodat", libc::EPERM),
    ("mknod", libc::EPERM),
];

/// Makes the call.
pub(super) fn act(number: &str, at: &Place) -> isize {
    let done = data(number, at).or_else(|| reads(number, at)).or_else(|| files(number, at));
    let done = done.or_else(|| names(number, at)).or_else(|| names_of_old(number, at));
    done.or_else(|| refused(number, at)).unwrap_or_else(|| panic!("no act for {number}"))
}

fn data(number: &str, at: &Place) -> Option<isize> {
    let (fd, other, ..) = at.fds();
    let data = DATA.as_ptr();
    let len = DATA.len();
    let parts = parts();
    let iov = parts.as_ptr();
    let mut from: off_t = 1;
    let mut to: off_t = 2;
    let append = c_long::from(libc::RWF_APPEND);
    let zero: c_long = 0;
    // SAFETY: the buffers, parts and offsets outlive the calls.
    let result = unsafe {
        match number {
            "write" => libc::syscall(libc::SYS_write, fd, data, len),
            "pwrite64" => libc::syscall(libc::SYS_pwrite64, fd, data, len, 20_i64),
            "writev" => libc::syscall(libc::SYS_writev, fd, iov, 2_i64),
            "pwritev" => libc::syscall(libc::SYS_pwritev, fd, iov, 2_i64, 1_i64, zero),
            "pwritev2" => libc::syscall(libc::SYS_pwritev2, fd, iov, 2_i64, 2_i64, zero, append),
            "copy_file_range" => {
                let from = &raw mut from;
                let to = &raw mut to;
                libc::syscall(libc::SYS_copy_file_range, other, from, fd, to, 3_i64, zero)
            }
            "sendfile" => libc::syscall(libc::SYS_sendfile, fd, other, null_mut::<off_t>(), 4_i64),
            _ => return None,
        }
    };
    Some(result as isize)
}

fn reads(number: &str, at: &Place) -> Option<isize> {
    let (fd, ..) = at.fds();
    let mut bytes = [0; 4];
    let parts = room(&mut bytes);
    let room = bytes.as_mut_ptr();
    let iov = parts.as_ptr();
    let zero: c_long = 0;
    // SAFETY: the buffer and the parts outlive the calls.
    let len = unsafe {
        match number {
            "read" => libc::syscall(libc::SYS_read, fd, room, 3_i64),
            "pread64" => libc::syscall(libc::SYS_pread64, fd, room, 3_i64, 8_i64),
            "readv" => libc::syscall(libc::SYS_readv, fd, iov, 2_i64),
            "preadv" => libc::syscall(libc::SYS_preadv, fd, iov, 2_i64, 2_i64, zero),
            "preadv2" => libc::syscall(libc::SYS_preadv2, fd, iov, 2_i64, 3_i64, zero, zero),
            _ => return None,
        }
    };
    Some(at.read(&bytes, len as isize))
}

fn files(number: &str, at: &Place) -> Option<isize> {
    let (fd, ..) = at.fds();
    let s = at.path("s");
    let none = null_mut::<u8>();
    let hole = c_long::from(libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE);
    let both = c_long::from(BOTH);
    let shared = c_long::from(SHARED);
    let zero = 0_i64;
    let write = c_long::from(libc::SYNC_FILE_RANGE_WRITE);
    // SAFETY: the path outlives the calls, and a mapping that comes to be is leaked.
    let result = unsafe {
        match number {
            "fsync" => libc::syscall(libc::SYS_fsync, fd),
            "fdatasync" => libc::syscall(libc::SYS_fdatasync, fd),
            "syncfs" => libc::syscall(libc::SYS_syncfs, fd),
            "sync_file_range" => libc::syscall(libc::SYS_sync_file_range, fd, zero, 4_i64, write),
            "sync" => libc::syscall(libc::SYS_sync),
            "ftruncate" => libc::syscall(libc::SYS_ftruncate, fd, 20_i64),
            "fallocate" => libc::syscall(libc::SYS_fallocate, fd, hole, 2_i64, 3_i64),
            "truncate" => libc::syscall(libc::SYS_truncate, s.as_ptr(), 2_i64),
            "mmap" => libc::syscall(libc::SYS_mmap, none, 10_i64, both, shared, fd, zero),
            "fcntl" => {
                let set = libc::F_SETFL;
                let append = c_long::from(libc::O_APPEND);
                return Some(match libc::syscall(libc::SYS_fcntl, fd, set, append) {
                    0 => through_file(at),
                    failed => failed as isize,
                });
            }
            _ => return descriptors(number, at),
        }
    };
    Some(result as isize)
}

fn descriptors(number: &str, at: &Place) -> Option<isize> {
    let (fd, .., spare) = at.fds();
    let cloexec = c_long::from(libc::O_CLOEXEC);
    // SAFETY: the descriptors are the place's own.
    unsafe {
        Some(match number {
            "dup" => through(at, libc::syscall(libc::SYS_dup, fd) as c_int),
            "dup3" => replaced(at, libc::syscall(libc::SYS_dup3, fd, spare, cloexec) as c_int),
            #[cfg(target_arch = "x86_64")]
            "dup2" => replaced(at, libc::syscall(libc::SYS_dup2, fd, spare) as c_int),
            "close" => libc::syscall(libc::SYS_close, at.closing()) as isize,
            _ => return None,
        })
    }
}

fn names(number: &str, at: &Place) -> Option<isize> {
    let (.., dir, _) = at.fds();
    let inside = at.path("d/new");
    let f = F.as_ptr();
    let g = G.as_ptr();
    let new = NEW.as_ptr();
    let swap = c_long::from(libc::RENAME_EXCHANGE);
    let mode = 0o755_i64;
    let flags = c_long::from(O_RDWR | O_TRUNC);
    let follow = c_long::from(libc::AT_SYMLINK_FOLLOW);
    let removed = c_long::from(libc::AT_REMOVEDIR);
    // SAFETY: the paths outlive the calls.
    let result = unsafe {
        match number {
            "openat" => {
                return Some(at.keep(libc::syscall(libc::SYS_openat, dir, f, flags) as isize));
            }
            "renameat" => libc::syscall(libc::SYS_renameat, dir, f, dir, g),
            "renameat2" => libc::syscall(libc::SYS_renameat2, dir, f, dir, c"d".as_ptr(), swap),
            "linkat" => libc::syscall(libc::SYS_linkat, dir, c"s".as_ptr(), dir, new, follow),
            "symlinkat" => libc::syscall(libc::SYS_symlinkat, g, dir, INSIDE.as_ptr()),
            "unlinkat" => libc::syscall(libc::SYS_unlinkat, dir, c"e".as_ptr(), removed),
            "mkdirat" => libc::syscall(libc::SYS_mkdirat, AT_FDCWD, inside.as_ptr(), mode),
            _ => return None,
        }
    };
    Some(result as isize)
}

#[cfg(not(target_arch = "x86_64"))]
fn names_of_old(_: &str, _: &Place) -> Option<isize> {
    None
}

/// The names that only `x86_64` has.
#[cfg(target_arch = "x86_64")]
fn names_of_old(number: &str, at: &Place) -> Option<isize> {
    let paths = ["f", "g", "e", "new", "d/new"].map(|name| at.path(name));
    let [f, g, e, new, inside] = paths.each_ref().map(|path| path.as_ptr());
    let flags = c_long::from(libc::O_WRONLY | O_TRUNC);
    let mode = 0o755_i64;
    // SAFETY: the paths outlive the calls.
    let result = unsafe {
        match number {
            "open" => return Some(at.keep(libc::syscall(libc::SYS_open, f, flags) as isize)),
            "creat" => {
                return Some(at.keep(libc::syscall(libc::SYS_creat, inside, mode) as isize));
            }
            "rename" => libc::syscall(libc::SYS_rename, f, new),
            "link" => libc::syscall(libc::SYS_link, f, inside),
            "symlink" => libc::syscall(libc::SYS_symlink, G.as_ptr(), new),
            "unlink" => libc::syscall(libc::SYS_unlink, g),
            "mkdir" => libc::syscall(libc::SYS_mkdir, new, mode),
            "rmdir" => libc::syscall(libc::SYS_rmdir, e),
            "mknod" => {
                libc::syscall(libc::SYS_mknod, new, c_long::from(libc::S_IFREG | 0o644), 0_i64)
            }
            _ => return None,
        }
    };
    Some(result as isize)
}

fn refused(number: &str, at: &Place) -> Option<isize> {
    let (fd, other, dir, _) = at.fds();
    let none = null_mut::<u8>();
    let zero = 0_i64;
    let mode = c_long::from(libc::S_IFREG | 0o644);
    // SAFETY: the path outlives the call; the others are refused or fail on what they are given.
    let result = unsafe {
        match number {
            "io_uring_setup" => libc::syscall(libc::SYS_io_uring_setup, 8_i64, none),
            "io_setup" => libc::syscall(libc::SYS_io_setup, 8_i64, none),
            "openat2" => libc::syscall(libc::SYS_openat2, dir, F.as_ptr(), none, 24_i64),
            "open_by_handle_at" => libc::syscall(libc::SYS_open_by_handle_at, dir, none, zero),
            "splice" => libc::syscall(libc::SYS_splice, other, none, fd, none, 3_i64, zero),
            "ioctl" => libc::syscall(libc::SYS_ioctl, fd, libc::FICLONE, other),
            "mknodat" => libc::syscall(libc::SYS_mknodat, dir, NEW.as_ptr(), mode, zero),
            _ => return None,
        }
    };
    Some(result as isize)
}
