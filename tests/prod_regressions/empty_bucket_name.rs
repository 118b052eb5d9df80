//! Cause: `Inner::new_bucket` (`src/store/store.rs`) checks that a name is not too long, and never that it is
//! not empty. The name then becomes a key of the manifest, which takes no empty keys, and `Txn::commit`
//! (`src/meta/txn.rs`) panics on every refusal.
//!
//! Sequence:
//! 1. Open a new database.
//! 2. Create a bucket whose name is empty.
//!
//! Symptom: the client's call panics with `Metadata multi-bucket commit fail: InvalidKey(Empty)`, after the
//! bucket was counted and published in memory.
//!
//! Broken promise: "name must be less than 32 bytes" is all that is asked of a name. The call returns a result,
//! and an illegal argument is no reason to end the process.
//!
//! Ruled out: the options, and names in general. With the same options names of 1 and of 31 bytes are taken,
//! and a name of 32 bytes is refused with `TooLarge`.

use mace_prod::{
    engine::{Driver, EngineError, Preset, mace::MaceDriver},
    regression,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

regression!(EMPTY_BUCKET_NAME: an_empty_bucket_name_is_taken_or_refused, |finding| {
    let engine = MaceDriver.open(&finding.dir("db"), &Preset::Defaults.engine());
    let engine = engine.expect("a fresh database opens");
    let made = catch_unwind(AssertUnwindSafe(|| {
        engine.create_bucket("", &Preset::Defaults.bucket()).map(|_| ())
    }));
    if made.is_err() {
        // Half-made buckets are published; what closing does with them is not the point.
        std::mem::forget(engine);
    }
    finding.shows(made.is_err())?;
    let is_kept = matches!(made, Ok(Ok(()) | Err(EngineError::Refused(_))));
    finding.keeps(is_kept, "an illegal argument is refused", &made)?;
    finding.came_to("a bucket with an empty name", 1);
    Ok(())
});
