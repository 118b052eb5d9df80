//! The next definition of each interposed symbol, found once by `dlsym(RTLD_NEXT)`: the function
//! that the program would have called without this crate. The only transmute of the workspace is
//! here.

use libc::{
    RTLD_NEXT, c_char, c_int, c_long, c_uint, c_void, dlsym, iovec, mode_t, off_t, size_t, ssize_t,
};
use std::{
    ffi::CStr,
    mem::transmute_copy,
    ptr::null_mut,
    sync::atomic::{AtomicPtr, Ordering},
};

/// The next function of this name in the search order, or `None` on a libc without it.
///
/// # Safety
/// `F` is the function pointer type of the symbol.
unsafe fn next<F: Copy>(slot: &AtomicPtr<c_void>, name: &CStr) -> Option<F> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) }
    let mut address = slot.load(Ordering::Relaxed);
    if address.is_null() {
        // SAFETY: the name is a C string, and dlsym may be called by any thread at any time.
        address = unsafe { dlsym(RTLD_NEXT, name.as_ptr()) };
        slot.store(address, Ordering::Relaxed);
    }
    // SAFETY: a pointer of pointer size; the caller says that it is the type of the symbol.
    (!address.is_null()).then(|| unsafe { transmute_copy(&address) })
}

fn missing() {
    // SAFETY: errno's place is valid for the calling thread.
    unsafe { *libc::__errno_location() = libc::ENOSYS };
}

macro_rules! symbol {
    ($name:ident) => {
        const {
            match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                Ok(name) => name,
                Err(_) => panic!("a symbol holds no NUL"),
            }
        }
    };
}

/// Forwards with the same arguments. On a libc without the symbol it returns `else` with `ENOSYS`.
/// A `...` stands where C has it: variadic functions may expect to be called as such.
macro_rules! real {
    ($(fn $name:ident($($arg:ident: $type:ty),*) -> $ret:ty, else $none:expr;)*) => {$(
        /// # Safety
        /// As the libc function of this name.
        pub(crate) unsafe fn $name($($arg: $type),*) -> $ret {
            static NEXT: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
            // SAFETY: the type is the symbol's, as libc declares it.
            match unsafe { next::<unsafe extern "C" fn($($type),*) -> $ret>(&NEXT, symbol!($name)) } {
                // SAFETY: the caller's contract is the function's own.
                Some(call) => unsafe { call($($arg),*) },
                None => { missing(); $none }
            }
        }
    )*};
}

macro_rules! real_variadic {
    ($(fn $name:ident($($arg:ident: $type:ty),*; $($more:ident: $extra:ty),*) -> $ret:ty;)*) => {$(
        /// # Safety
        /// As the libc function of this name.
        pub(crate) unsafe fn $name($($arg: $type,)* $($more: $extra),*) -> $ret {
            static NEXT: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
            // SAFETY: the type is the symbol's, as libc declares it.
            match unsafe { next::<unsafe extern "C" fn($($type),*, ...) -> $ret>(&NEXT, symbol!($name)) } {
                // SAFETY: the caller's contract is the function's own.
                Some(call) => unsafe { call($($arg,)* $($more),*) },
                None => { missing(); -1 }
            }
        }
    )*};
}

type Path = *const c_char;
type Bytes = *const c_void;
type Iov = *const iovec;

real_variadic! {
    fn open(path: Path, flags: c_int; mode: mode_t) -> c_int;
    fn open64(path: Path, flags: c_int; mode: mode_t) -> c_int;
    fn openat(dir: c_int, path: Path, flags: c_int; mode: mode_t) -> c_int;
    fn openat64(dir: c_int, path: Path, flags: c_int; mode: mode_t) -> c_int;
    fn fcntl(fd: c_int, cmd: c_int; arg: c_long) -> c_int;
    fn fcntl64(fd: c_int, cmd: c_int; arg: c_long) -> c_int;
    fn syscall(n: c_long; a: c_long, b: c_long, c: c_long, d: c_long, e: c_long, f: c_long) -> c_long;
}

real! {
    fn creat(path: Path, mode: mode_t) -> c_int, else -1;
    fn creat64(path: Path, mode: mode_t) -> c_int, else -1;
    fn write(fd: c_int, data: Bytes, len: size_t) -> ssize_t, else -1;
    fn writev(fd: c_int, iov: Iov, count: c_int) -> ssize_t, else -1;
    fn pwrite(fd: c_int, data: Bytes, len: size_t, at: off_t) -> ssize_t, else -1;
    fn pwrite64(fd: c_int, data: Bytes, len: size_t, at: off_t) -> ssize_t, else -1;
    fn pwritev(fd: c_int, iov: Iov, count: c_int, at: off_t) -> ssize_t, else -1;
    fn pwritev64(fd: c_int, iov: Iov, count: c_int, at: off_t) -> ssize_t, else -1;
    fn pwritev2(fd: c_int, iov: Iov, count: c_int, at: off_t, flags: c_int) -> ssize_t, else -1;
    fn pwritev64v2(fd: c_int, iov: Iov, count: c_int, at: off_t, flags: c_int) -> ssize_t, else -1;
    fn fsync(fd: c_int) -> c_int, else -1;
    fn fdatasync(fd: c_int) -> c_int, else -1;
    fn sync_file_range(fd: c_int, at: off_t, len: off_t, flags: c_uint) -> c_int, else -1;
    fn syncfs(fd: c_int) -> c_int, else -1;
    fn sync() -> (), else ();
    fn ftruncate(fd: c_int, size: off_t) -> c_int, else -1;
    fn ftruncate64(fd: c_int, size: off_t) -> c_int, else -1;
    fn truncate(path: Path, size: off_t) -> c_int, else -1;
    fn truncate64(path: Path, size: off_t) -> c_int, else -1;
    fn fallocate(fd: c_int, mode: c_int, at: off_t, len: off_t) -> c_int, else -1;
    fn fallocate64(fd: c_int, mode: c_int, at: off_t, len: off_t) -> c_int, else -1;
    fn posix_fallocate(fd: c_int, at: off_t, len: off_t) -> c_int, else libc::ENOSYS;
    fn posix_fallocate64(fd: c_int, at: off_t, len: off_t) -> c_int, else libc::ENOSYS;
    fn rename(from: Path, to: Path) -> c_int, else -1;
    fn renameat(fd: c_int, from: Path, tfd: c_int, to: Path) -> c_int, else -1;
    fn renameat2(fd: c_int, from: Path, tfd: c_int, to: Path, flags: c_uint) -> c_int, else -1;
    fn link(from: Path, to: Path) -> c_int, else -1;
    fn linkat(fd: c_int, from: Path, tfd: c_int, to: Path, flags: c_int) -> c_int, else -1;
    fn symlink(text: Path, path: Path) -> c_int, else -1;
    fn symlinkat(text: Path, fd: c_int, path: Path) -> c_int, else -1;
    fn unlink(path: Path) -> c_int, else -1;
    fn unlinkat(fd: c_int, path: Path, flags: c_int) -> c_int, else -1;
    fn mkdir(path: Path, mode: mode_t) -> c_int, else -1;
    fn mkdirat(fd: c_int, path: Path, mode: mode_t) -> c_int, else -1;
    fn rmdir(path: Path) -> c_int, else -1;
    fn copy_file_range(fd: c_int, at: *mut off_t, tfd: c_int, tat: *mut off_t, len: size_t, flags: c_uint) -> ssize_t, else -1;
    fn sendfile(tfd: c_int, fd: c_int, at: *mut off_t, len: size_t) -> ssize_t, else -1;
    fn sendfile64(tfd: c_int, fd: c_int, at: *mut off_t, len: size_t) -> ssize_t, else -1;
    fn dup(fd: c_int) -> c_int, else -1;
    fn dup2(fd: c_int, to: c_int) -> c_int, else -1;
    fn dup3(fd: c_int, to: c_int, flags: c_int) -> c_int, else -1;
    fn close(fd: c_int) -> c_int, else -1;
    fn mmap(at: *mut c_void, len: size_t, prot: c_int, flags: c_int, fd: c_int, off: off_t) -> *mut c_void, else libc::MAP_FAILED;
    fn mmap64(at: *mut c_void, len: size_t, prot: c_int, flags: c_int, fd: c_int, off: off_t) -> *mut c_void, else libc::MAP_FAILED;
    fn read(fd: c_int, data: *mut c_void, len: size_t) -> ssize_t, else -1;
    fn pread(fd: c_int, data: *mut c_void, len: size_t, at: off_t) -> ssize_t, else -1;
    fn pread64(fd: c_int, data: *mut c_void, len: size_t, at: off_t) -> ssize_t, else -1;
    fn readv(fd: c_int, iov: Iov, count: c_int) -> ssize_t, else -1;
    fn preadv(fd: c_int, iov: Iov, count: c_int, at: off_t) -> ssize_t, else -1;
    fn preadv64(fd: c_int, iov: Iov, count: c_int, at: off_t) -> ssize_t, else -1;
    fn preadv2(fd: c_int, iov: Iov, count: c_int, at: off_t, flags: c_int) -> ssize_t, else -1;
    fn preadv64v2(fd: c_int, iov: Iov, count: c_int, at: off_t, flags: c_int) -> ssize_t, else -1;
}
