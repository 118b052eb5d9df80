//! Cause: the exclusive lock on a folder is that of the manifest (`Manifest::new`, `src/meta/manifest.rs`: "another
//! instance holding the lock maps to `OpCode::Again`"). The store below it, `btree-store`, documents that a
//! path that is opened again in one process gets the instance that is open already, so that nobody asks for
//! the lock. Each of the two engines then numbers transactions and files and writes the log as if it were
//! alone.
//!
//! Sequence: open a folder, and open it again in the same process. What follows when both commit, each in 10
//! of 10 runs: the second writes a checkpoint and the process dies, and 96 of 300 acknowledged commits are lost;
//! or the process dies, and the next opening is answered `Corruption`; or the second is closed first, and closing
//! the other one aborts the process (`StatCtx::insert_loaded_stat`); or both change one key in transactions
//! that are open at once, and both commit.
//!
//! Symptom: the second opening is granted.
//!
//! Broken promise: "an engine takes the exclusive lock" (docs/migration.md), as another process sees, and a commit
//! that returned with `sync_on_write` survives the death of the process.

use mace_prod::{
    engine::{Driver, EngineError, Preset, Reason, mace::MaceDriver},
    regression,
};

regression!(FOLDER_OPENED_TWICE: an_open_folder_is_refused_to_its_own_process, |finding| {
    let open = || MaceDriver.open(&finding.dir("db"), &Preset::Defaults.engine());
    let first = open().expect("a fresh database opens");
    let second = open().map(drop);
    drop(first);
    let again = open().map(drop);
    finding.expects(again.is_ok(), &again)?;
    finding.shows(second.is_ok())?;
    let is_kept = second == Err(EngineError::Refused(Reason::Busy));
    finding.keeps(is_kept, "an open folder is its opener's alone", &second)?;
    finding.came_to("a second opening", 1);
    Ok(())
});
