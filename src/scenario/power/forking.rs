//! Threads that fork. While a thread begins or ends, the standard library holds a lock of its own (around
//! what its handler of stack overflows knows of the thread). A fork at that moment inherits the lock held,
//! and the first thread that it starts waits for ever. Knows nothing of what is run.

use std::{sync::Barrier, thread};

/// Runs `work` on so many threads. All of them have begun before one works, and none ends before all are
/// done, so that each may fork at any time. The caller must start no others meanwhile.
///
/// # Panics
/// When the work panics on one of them, after all are done.
pub fn on_threads(count: usize, work: impl Fn() + Sync) {
    let barrier = Barrier::new(count);
    thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                barrier.wait();
                let _end = AllDone(&barrier);
                work();
            });
        }
    });
}

/// Waits for the others, even when the work panics.
struct AllDone<'b>(&'b Barrier);

impl Drop for AllDone<'_> {
    fn drop(&mut self) {
        self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::on_threads;
    use std::{
        cell::RefCell,
        panic::{AssertUnwindSafe, catch_unwind},
        sync::atomic::{AtomicUsize, Ordering},
    };

    const COUNT: usize = 4;

    static WORKED: AtomicUsize = AtomicUsize::new(0);
    static ENDED_EARLY: AtomicUsize = AtomicUsize::new(0);

    struct AtEnd;

    impl Drop for AtEnd {
        fn drop(&mut self) {
            if WORKED.load(Ordering::SeqCst) < COUNT {
                ENDED_EARLY.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    thread_local! {
        static END: RefCell<Option<AtEnd>> = const { RefCell::new(None) };
    }

    #[test]
    fn no_thread_ends_while_another_works() {
        let numbers = AtomicUsize::new(0);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            on_threads(COUNT, || {
                END.set(Some(AtEnd));
                let number = numbers.fetch_add(1, Ordering::SeqCst);
                // The last one works on while the others are done; the first one panics.
                while number == COUNT - 1 && WORKED.load(Ordering::SeqCst) < COUNT - 1 {
                    std::thread::yield_now();
                }
                WORKED.fetch_add(1, Ordering::SeqCst);
                assert_ne!(number, 0, "the first one");
            });
        }));
        assert!(outcome.is_err(), "the panic is the caller's");
        assert_eq!(WORKED.load(Ordering::SeqCst), COUNT);
        assert_eq!(ENDED_EARLY.load(Ordering::SeqCst), 0);
    }
}
