//! Cause: an opening that finds no manifest, or an empty one, makes a new one (`ManifestBuilder::load`,
//! `src/meta/builder.rs`: a manifest without a version and without buckets is "pristine"). It does not look at
//! what else is in the folder.
//!
//! Sequence:
//! 1. Make a database with a few commits, and close it.
//! 2. Remove `log/manifest`, or make it empty.
//! 3. Open the database.
//!
//! Symptom: the opening succeeds and shows no bucket. Data, blob and log files of the old database are still in
//! the folder and belong to nothing; the next commits are written beside them. The offline checker reports
//! `missing_metadata`.
//!
//! Broken promise: a commit that returned with `sync_on_write` survives. The engine can tell: a new database
//! has neither data files nor records in its log.
//!
//! Ruled out: a loss of the data itself. When the manifest is moved away and back before the opening, every
//! commit is there. Only that one file is removed, with std.

use crate::damage::{made, shown};
use mace_prod::regression;
use std::fs;

regression!(MANIFEST_GONE: a_database_without_its_manifest_is_not_a_new_one, |finding| {
    let database = made(finding, true)?;
    fs::remove_file(database.dir().join("log/manifest")).expect("the database has a manifest");
    let shown = shown(&database.dir());
    finding.shows(shown.is_silent_loss())?;
    let promise = "a database without its manifest is not opened as a new one";
    finding.keeps(shown.is_right_or_said(), promise, &shown)?;
    finding.came_to("an opening without a manifest", 1);
    Ok(())
});
