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

#[cfg(all(test, feature = "extra_check"))]
mod tests {
    use super::*;
    use crate::{
        engine::{Driver, Preset, mace::MaceDriver},
        testdir::TestDir,
    };
    use std::{
        collections::BTreeSet,
        sync::{Mutex, PoisonError},
    };

    static CALLED: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());

    #[test]
    fn the_hooks_of_the_engine_are_found_and_call() {
        listen(|hook, _| {
            CALLED.lock().unwrap_or_else(PoisonError::into_inner).insert(hook);
        });
        let dir = TestDir::new("hooks").unwrap();
        let engine = MaceDriver.open(dir.path(), &Preset::Tiny.engine()).unwrap();
        let bucket = engine.create_bucket("a", &Preset::Tiny.bucket()).unwrap();
        let txn = bucket.begin().unwrap();
        txn.put(b"k", b"v").unwrap();
        txn.commit().unwrap();
        bucket.checkpoint_and_wait();
        drop(bucket);
        drop(engine);
        let called = CALLED.lock().unwrap();
        for hook in ["txn_begin", "txn_commit", "tree_update", "checkpoint"] {
            assert!(called.contains(hook), "{hook}: {called:?}");
        }
    }
}
