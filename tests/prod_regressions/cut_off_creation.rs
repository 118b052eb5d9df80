//! Cause: a new manifest gets its size first and its two headers later (`Store` in btree-store 2.1.0,
//! `src/store.rs`), in a file that has its final name from the start. An opening that finds the file without a
//! header takes it for a damaged one, not for an unfinished one. It answers `NO_VALID_META`, which the engine
//! passes on as `Corruption`; 0.1.2 panics.
//!
//! Sequence:
//! 1. Create a database, and kill the process (or cut the power) when the manifest has its size and no header
//!    yet.
//! 2. Open the folder again.
//!
//! Symptom: the folder can never be opened again, although nothing was ever stored in it. A service that is
//! killed during its first start does not start any more.
//!
//! Broken promise: a database whose process died can be opened and serves.
//!
//! Ruled out: the folder itself, and the moment of the kill in general. The same folder without a manifest, and
//! with an empty one, is opened as a new database. The state is made with std alone, as the file calls of a
//! creation leave it: two folders, and a file `log/manifest` of 8,192 zero bytes.

use mace_prod::{
    engine::{Driver, EngineError, Preset, mace::MaceDriver},
    regression,
};
use std::{
    fs::{self, File},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

/// What the creation has written when it is cut off there, as the trace of a creation shows it:
/// two folders, and the manifest's size.
const SIZE: u64 = 8192;

regression!(CUT_OFF_CREATION: a_creation_that_was_cut_off_is_begun_again, |finding| {
    let dir = finding.dir("db");
    for folder in ["data", "log"] {
        fs::create_dir_all(dir.join(folder)).expect("the case's folder takes folders");
    }
    let manifest = File::create(dir.join("log/manifest"));
    manifest.and_then(|file| file.set_len(SIZE)).expect("the case's folder takes files");
    let open = || MaceDriver.open(&dir, &Preset::Tiny.engine()).map(drop);
    let opened = catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|panic| {
        match panic.downcast_ref::<String>() {
            // What 0.1.2 says of the same.
            Some(why) if why.contains("can't open btree-store") => Err(corruption()),
            _ => resume_unwind(panic),
        }
    });
    let corruption = Err(corruption());
    finding.answers(&opened, &corruption, &Ok(()), "a creation that was cut off is begun again")
});

fn corruption() -> EngineError {
    EngineError::Failed("Corruption".to_owned())
}
