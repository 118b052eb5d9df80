//! Panics that are answers: the engine's own test helpers say in a panic what they found. Such a panic is
//! told to nobody but the caller; what else panics meanwhile, on other threads, is told as ever.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
};

thread_local! {
    static IS_ASKED: Cell<bool> = const { Cell::new(false) };
}

/// What the call panicked with, if it did: the first line that says something, and the values of a comparison.
pub fn panic_of(call: impl FnOnce()) -> Option<String> {
    silence_asked();
    IS_ASKED.set(true);
    let ended = catch_unwind(AssertUnwindSafe(call));
    IS_ASKED.set(false);
    let panic = ended.err()?;
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked");
    Some(said.lines().map(str::trim).collect::<Vec<_>>().join("; "))
}

/// Puts a hook in front of the one there is, once.
fn silence_asked() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        let tell = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_ASKED.get() {
                tell(panic);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_that_was_asked_for_is_an_answer() {
        assert_eq!(panic_of(|| ()), None);
        assert_eq!(panic_of(|| panic!("so")), Some("so".to_owned()));
        let compared = panic_of(|| assert_eq!(1 + 1, 3, "sizes"));
        let wanted = "assertion `left == right` failed: sizes; left: 2; right: 3";
        assert_eq!(compared.as_deref(), Some(wanted));
    }
}
