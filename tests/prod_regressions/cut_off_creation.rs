//! Cause: a new manifest gets its size first and its two headers then (`Store` in btree-store 2.1.0,
//! `src/store.rs`), in a file that has its final name from the start. An opening that finds the file
//! without a header takes it for a damaged one, not for one that never came to be:
//! `NO_VALID_META`, which the engine passes on as `Corruption`; 0.1.2 panics.
//!
//! Sequence: create a database and die, or lose the power, before the first header is on disk.
//!
//! Symptom: the folder can never be opened again, although nothing was ever stored in it. A service
//! that is killed while it starts for the first time does not start any more.
//!
//! Broken promise: a database that died can be opened and serves; a process kill is enough.

use mace_prod::{
    engine::{Driver, EngineError, Preset, mace::MaceDriver},
    scenario::{Case, power::known::CUT_OFF_CREATION},
    verdict::Verdict,
};
use std::{
    fs::{self, File},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

/// What the creation has written when it is cut off there, as the trace of a creation shows it:
/// two folders, and the manifest's size.
const SIZE: u64 = 8192;

#[test]
fn a_creation_that_was_cut_off_is_begun_again() {
    Case::run(|case| {
        let dir = case.dir().join("db");
        for folder in ["data", "log"] {
            fs::create_dir_all(dir.join(folder)).expect("the case's folder takes folders");
        }
        let manifest = File::create(dir.join("log/manifest"));
        manifest.and_then(|file| file.set_len(SIZE)).expect("the case's folder takes files");
        let opened = AssertUnwindSafe(|| MaceDriver.open(&dir, &Preset::Tiny.engine()));
        match catch_unwind(opened) {
            Ok(Err(EngineError::Failed(code))) if code == "Corruption" => {
                case.known_finding(CUT_OFF_CREATION)
            }
            Ok(Err(denial)) => Verdict::Crashed(format!("another answer: {denial}")),
            Ok(Ok(_)) => case.shows_nothing("an opening of such a folder", 1, Vec::new()),
            Err(panic) => match panic.downcast_ref::<String>() {
                Some(why) if why.contains("can't open btree-store") => {
                    case.known_finding(CUT_OFF_CREATION)
                }
                _ => resume_unwind(panic),
            },
        }
    });
}
