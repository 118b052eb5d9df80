//! Cause: `Inner::new_bucket` (`src/store/store.rs`) checks that a name is not too long and never
//! that there is one; the name then becomes a key of the manifest, which takes no empty keys, and
//! `Txn::commit` (`src/meta/txn.rs`) panics on every refusal.
//!
//! Sequence: create a bucket whose name is empty.
//!
//! Symptom: `Metadata multi-bucket commit fail: InvalidKey(Empty)`, a panic in the client's call,
//! after the bucket was counted and published in memory.
//!
//! Broken promise: "name must be less than 32 bytes" is all that is asked of a name, the call
//! returns a result, and an illegal argument is no reason to end the process.

use mace_prod::{
    engine::{Driver, EngineError, Preset, mace::MaceDriver},
    oracle::{OracleName, Violation},
    scenario::Case,
    settings::FindingId,
    verdict::Verdict,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

const ID: FindingId = FindingId::EMPTY_BUCKET_NAME;

#[test]
fn an_empty_bucket_name_is_taken_or_refused() {
    Case::run(|case| {
        let engine = MaceDriver.open(&case.dir().join("db"), &Preset::Defaults.engine());
        let engine = engine.expect("a fresh database opens");
        let made = catch_unwind(AssertUnwindSafe(|| {
            engine.create_bucket("", &Preset::Defaults.bucket()).map(|_| ())
        }));
        match made {
            Err(_) => {
                // Half-made buckets are published; what closing does with them is not the point.
                std::mem::forget(engine);
                case.known_finding(ID)
            }
            Ok(Ok(()) | Err(EngineError::Refused(_))) => {
                case.shows_nothing("a bucket name without a byte", 1, Vec::new())
            }
            Ok(Err(denial)) => {
                let promise = "an illegal argument is refused";
                Verdict::Violated(vec![Violation::new(
                    OracleName::Contract,
                    promise,
                    denial.to_string(),
                )])
            }
        }
    });
}
