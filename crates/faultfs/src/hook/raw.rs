//! The hook on libc's `syscall`. Numbers that change files go through the hooks of their own names
//! or are refused; all others pass. See the hard rules in `hook.rs`.

use super::{data, fail, fallocate, file, kernel, name, path, read, sync};
use crate::{
    next_symbol,
    op::Call,
    record::{Entry, enter},
};
use libc::{c_char, c_int, c_long, c_void, iovec, off_t};

/// Every argument of a system call is a register. The casts below interpret each register as the
/// kernel's own entry table does.
type Registers = [c_long; 6];

#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(
    number: c_long,
    a: c_long,
    b: c_long,
    c: c_long,
    d: c_long,
    e: c_long,
    f: c_long,
) -> c_long {
    // This check comes first and alone: all futex calls of the program pass here.
    if let Some(entry) = enter() {
        // SAFETY: the caller's arguments, as the numbered call takes them.
        let refused = unsafe { refuse(&entry, number, [a, b, c, d, e, f]) };
        drop(entry);
        if let Some(errno) = refused {
            return c_long::from(fail(errno));
        }
        // SAFETY: the caller's arguments, as the numbered call takes them.
        if let Some(result) = unsafe { dispatch(number, [a, b, c, d, e, f]) } {
            return result;
        }
    }
    // SAFETY: the caller's arguments.
    unsafe { next_symbol::syscall(number, a, b, c, d, e, f) }
}

/// The errno of a kernel or a filesystem that lacks the call, so that a program uses its fallback:
/// `ENOSYS`, or what splice(2), `ioctl_ficlone`(2) and mknod(2) list for such a filesystem.
///
/// # Safety
/// The registers hold what the numbered call takes.
unsafe fn refuse(entry: &Entry, number: c_long, [a, b, c, ..]: Registers) -> Option<c_int> {
    let traced = |fd| entry.file(Call::Syscall, fd as c_int).is_some();
    let named = |dir, name| {
        // SAFETY: called only where the number takes a path there.
        let name = unsafe { path(name as *const c_char) };
        name.is_some_and(|name| entry.place(Call::Syscall, dir, name).is_some())
    };
    let (errno, why) = match number {
        libc::SYS_io_uring_setup => (libc::ENOSYS, "io_uring writes without calls"),
        libc::SYS_io_setup => (libc::ENOSYS, "kernel AIO writes without calls"),
        libc::SYS_openat2 => (libc::ENOSYS, "openat2 is not followed"),
        libc::SYS_open_by_handle_at => (libc::ENOSYS, "open_by_handle_at is not followed"),
        libc::SYS_splice if traced(c) => (libc::EINVAL, "splice is not followed"),
        libc::SYS_ioctl if clones(b) && traced(a) => {
            (libc::EOPNOTSUPP, "a clone of another file's data is not followed")
        }
        libc::SYS_mknodat if named(a as c_int, b) => (libc::EPERM, "mknodat is not followed"),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_mknod if named(libc::AT_FDCWD, a) => (libc::EPERM, "mknod is not followed"),
        _ => return None,
    };
    entry.refuse(Call::Syscall, why);
    Some(errno)
}

/// Whether an `ioctl` makes a file share the data of another.
fn clones(request: c_long) -> bool {
    [libc::FICLONE, libc::FICLONERANGE].map(|clone| clone as c_long).contains(&request)
}

/// # Safety
/// The registers hold what the numbered call takes.
unsafe fn dispatch(number: c_long, registers: Registers) -> Option<c_long> {
    // SAFETY: passed on.
    unsafe { on_data(number, registers).or_else(|| on_names(number, registers)) }
}

/// # Safety
/// The registers hold what the numbered call takes.
unsafe fn on_data(number: c_long, [a, b, c, d, e, f]: Registers) -> Option<c_long> {
    let fd = a as c_int;
    let bytes = b as *const c_void;
    let parts = b as *const iovec;
    let len = c as usize;
    let count = c as c_int;
    let room = b as *mut c_void;
    // SAFETY: the hooks take what the numbered calls take.
    let result = unsafe {
        match number {
            libc::SYS_write => data::write(fd, bytes, len),
            libc::SYS_pwrite64 => data::pwrite64(fd, bytes, len, d),
            libc::SYS_writev => data::writev(fd, parts, count),
            libc::SYS_pwritev => data::pwritev64(fd, parts, count, d),
            libc::SYS_pwritev2 => data::pwritev64v2(fd, parts, count, d, f as c_int),
            libc::SYS_read => read::read(fd, room, len),
            libc::SYS_pread64 => read::pread64(fd, room, len, d),
            libc::SYS_readv => read::readv(fd, parts, count),
            libc::SYS_preadv => read::preadv64(fd, parts, count, d),
            libc::SYS_preadv2 => read::preadv64v2(fd, parts, count, d, f as c_int),
            libc::SYS_copy_file_range => kernel::copy_file_range(
                fd,
                b as *mut off_t,
                c as c_int,
                d as *mut off_t,
                e as usize,
                f as u32,
            ),
            libc::SYS_sendfile => kernel::sendfile64(fd, b as c_int, c as *mut off_t, d as usize),
            libc::SYS_mmap => {
                let prot = c as c_int;
                let flags = d as c_int;
                let file = e as c_int;
                return Some(
                    file::mmap64(a as *mut c_void, b as usize, prot, flags, file, f) as c_long
                );
            }
            _ => {
                let small = match number {
                    libc::SYS_fsync => sync::fsync(fd),
                    libc::SYS_fdatasync => sync::fdatasync(fd),
                    libc::SYS_syncfs => sync::syncfs(fd),
                    libc::SYS_sync_file_range => sync::sync_file_range(fd, b, c, d as u32),
                    libc::SYS_ftruncate => file::ftruncate64(fd, b),
                    libc::SYS_fallocate => fallocate::fallocate64(fd, b as c_int, c, d),
                    libc::SYS_fcntl => file::fcntl64(fd, b as c_int, c),
                    libc::SYS_dup => file::dup(fd),
                    libc::SYS_dup3 => file::dup3(fd, b as c_int, c as c_int),
                    libc::SYS_close => file::close(fd),
                    libc::SYS_sync => {
                        sync::sync();
                        0
                    }
                    _ => return None,
                };
                return Some(c_long::from(small));
            }
        }
    };
    Some(result as c_long)
}

/// # Safety
/// The registers hold what the numbered call takes.
unsafe fn on_names(number: c_long, [a, b, c, d, e, _]: Registers) -> Option<c_long> {
    let dir = a as c_int;
    let second = b as *const c_char;
    let fourth = d as *const c_char;
    let path = a as *const c_char;
    // SAFETY: the hooks take what the numbered calls take.
    let result = unsafe {
        match number {
            libc::SYS_openat => file::openat64(dir, second, c as c_int, d as u32),
            libc::SYS_truncate => file::truncate64(path, b),
            libc::SYS_renameat2 => name::renameat2(dir, second, c as c_int, fourth, e as u32),
            libc::SYS_linkat => name::linkat(dir, second, c as c_int, fourth, e as c_int),
            libc::SYS_symlinkat => name::symlinkat(path, b as c_int, c as *const c_char),
            libc::SYS_unlinkat => name::unlinkat(dir, second, c as c_int),
            libc::SYS_mkdirat => name::mkdirat(dir, second, c as u32),
            libc::SYS_renameat => name::renameat(dir, second, c as c_int, fourth),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_open => file::open64(path, b as c_int, c as u32),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_creat => file::creat64(path, b as u32),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_dup2 => file::dup2(dir, b as c_int),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_rename => name::rename(path, second),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_link => name::link(path, second),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_symlink => name::symlink(path, second),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_unlink => name::unlink(path),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_mkdir => name::mkdir(path, b as u32),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_rmdir => name::rmdir(path),
            _ => return None,
        }
    };
    Some(c_long::from(result))
}
