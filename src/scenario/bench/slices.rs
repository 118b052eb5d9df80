//! Short time slices for a process with a real-time priority. Linux lets a thread of one go on for
//! 100 ms (`sched_rr_timeslice_ms`), and mace-kv's writers try a page that another one has locked
//! again and again without giving way (`Tree::update`). When the one with the lock waits for a
//! processor, each batch in which that happens takes a few hundred times as long as the others. No
//! setting of a process makes its slices shorter; a thread that yields when a timer says so ends its
//! own.

#[cfg(target_os = "linux")]
pub use linux::shorten;

/// Nothing: no other system gives the benches such a priority.
#[cfg(not(target_os = "linux"))]
pub const fn shorten() {}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        io, mem, ptr,
        sync::atomic::{AtomicU64, Ordering},
        thread,
    };

    /// Processor time from one signal to the next, in microseconds. The kernel rounds it up to its
    /// tick, 1 to 4 ms.
    const SLICE_MICROS: libc::suseconds_t = 1000;

    /// Slices that were ended.
    static ENDED: AtomicU64 = AtomicU64::new(0);

    /// Ends the slice of whichever thread has used up the time: a timer of the process's processor
    /// time sends its signal to the thread that runs (setitimer(2), `ITIMER_PROF`). Nothing without a
    /// real-time priority: then the scheduler sees to it.
    pub fn shorten() {
        // SAFETY: asks about this process, and writes nothing.
        let policy = unsafe { libc::sched_getscheduler(0) };
        if matches!(policy, libc::SCHED_RR | libc::SCHED_FIFO) {
            start().expect("the timer of a process's own time can be set");
        }
    }

    extern "C" fn end(_signal: libc::c_int) {
        ENDED.fetch_add(1, Ordering::Relaxed);
        thread::yield_now();
    }

    fn start() -> io::Result<()> {
        let done = |code| if code == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
        let handler: extern "C" fn(libc::c_int) = end;
        // SAFETY: all zeros is a `sigaction` without a mask; the handler makes one system call and
        // adds to an atomic number, which a handler may do at any time.
        done(unsafe {
            let mut action: libc::sigaction = mem::zeroed();
            action.sa_sigaction = handler as libc::sighandler_t;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(libc::SIGPROF, &raw const action, ptr::null_mut())
        })?;
        let slice = libc::timeval { tv_sec: 0, tv_usec: SLICE_MICROS };
        let timer = libc::itimerval { it_interval: slice, it_value: slice };
        // SAFETY: reads the timer and writes nothing.
        done(unsafe { libc::setitimer(libc::ITIMER_PROF, &raw const timer, ptr::null_mut()) })
    }

    #[cfg(test)]
    mod tests {
        use super::*;
        use std::hint::spin_loop;

        #[test]
        fn a_thread_that_never_gives_way_is_made_to() {
            start().unwrap();
            // Ends only when the signal comes.
            while ENDED.load(Ordering::Relaxed) < 3 {
                spin_loop();
            }
        }

        /// Seconds and microseconds until the next signal; zeros when there is none.
        fn left() -> (libc::time_t, libc::suseconds_t) {
            let never = libc::timeval { tv_sec: 0, tv_usec: 0 };
            let mut timer = libc::itimerval { it_interval: never, it_value: never };
            // SAFETY: writes the timer.
            let code = unsafe { libc::getitimer(libc::ITIMER_PROF, &raw mut timer) };
            assert_eq!(code, 0);
            (timer.it_value.tv_sec, timer.it_value.tv_usec)
        }

        #[test]
        #[expect(clippy::print_stderr, reason = "whoever reads why nothing was shown looks there")]
        fn only_such_a_priority_shortens_slices() {
            shorten();
            assert_eq!(left(), (0, 0));
            let lowest = libc::sched_param { sched_priority: 1 };
            // SAFETY: reads the parameter and writes nothing.
            if unsafe { libc::sched_setscheduler(0, libc::SCHED_RR, &raw const lowest) } != 0 {
                eprintln!("skipped in part: this process may not have a real-time priority");
                return;
            }
            shorten();
            assert_ne!(left(), (0, 0));
        }
    }
}
