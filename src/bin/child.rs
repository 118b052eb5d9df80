//! The crash child: a process of its own that is meant to die. Its arguments are the path of a plan and
//! the build of who wrote it; everything it does is `mace_prod::history::child::obey`.

use mace_prod::history::{child, kill::CountingAllocator};
use std::{path::Path, process::exit};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() {
    let mut args = std::env::args_os().skip(1);
    let plan = args.next().expect("the first argument is the path of a plan");
    let build = args.next().expect("the second argument is the build of who wrote it");
    exit(child::obey(Path::new(&plan), &build.to_string_lossy()));
}

/// Between an engine and the C library: a thread that has woken another one may be held
/// (`mace_prod::history::hold::At::Waking`).
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod wakes {
    use libc::{FUTEX_CMD_MASK, FUTEX_WAKE, RTLD_NEXT, SYS_futex, c_int, c_long, c_void, dlsym};
    use mace_prod::history::hold;
    use std::{
        mem::transmute,
        ptr::null_mut,
        sync::atomic::{AtomicPtr, Ordering},
    };

    type Syscall =
        unsafe extern "C" fn(c_long, c_long, c_long, c_long, c_long, c_long, c_long) -> c_long;

    /// The C library's own.
    static NEXT: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

    /// Integers are passed alike where a function takes any number of arguments.
    // SAFETY: it does what the function of this name in the C library does, which is called.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn syscall(
        number: c_long,
        first: c_long,
        second: c_long,
        third: c_long,
        fourth: c_long,
        fifth: c_long,
        sixth: c_long,
    ) -> c_long {
        // Who waits for another thread here comes here again: so each looks for itself.
        let mut next = NEXT.load(Ordering::Relaxed);
        if next.is_null() {
            // SAFETY: the name is a C string.
            next = unsafe { dlsym(RTLD_NEXT, c"syscall".as_ptr()) };
            NEXT.store(next, Ordering::Relaxed);
        }
        // SAFETY: what is found has this type.
        let next = unsafe { transmute::<*mut c_void, Syscall>(next) };
        // SAFETY: the caller's own arguments.
        let answer = unsafe { next(number, first, second, third, fourth, fifth, sixth) };
        if number == SYS_futex && second as c_int & FUTEX_CMD_MASK == FUTEX_WAKE && answer > 0 {
            hold::woke();
        }
        answer
    }
}
