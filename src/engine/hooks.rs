//! The engine's own hooks: points in its source where a build with the engine's feature `extra_check`
//! calls back on the engine's thread. With `mace.rs` and `failpoint.rs` the only importer of the
//! engine. Other builds have none, and nothing is called there.

use std::fmt::Debug;

/// What a hook calls: with its name, and the point that the thread has come to.
pub type Call = fn(hook: &'static str, point: &dyn Debug);

/// Has every hook of the engine call this, from now on, in the whole process. Which there are is read
/// out of the engine's source when the suite is built (`build/hooks.rs`).
pub fn listen(call: Call) {
    #[cfg(feature = "extra_check")]
    include!(concat!(env!("OUT_DIR"), "/hooks.rs"));
    #[cfg(not(feature = "extra_check"))]
    let _ = call;
}
