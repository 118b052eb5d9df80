//! Cause: the folder of a temporary database is removed when its options are dropped (`Drop for ParsedOptions`,
//! `src/utils/options.rs`), and an opening that is refused drops them. So do options that were validated and
//! never opened.
//!
//! Sequence:
//! 1. Open a folder in one process, and commit.
//! 2. Open it in another process with `tmp_store`; that opening is refused, since the folder is in use.
//! 3. Look at the folder.
//!
//! Symptom: the folder is gone, with everything that was committed. The process that has it open goes on, and
//! its commits are acknowledged.
//!
//! Broken promise: "`db_root` will be removed on exit" (`Options::tmp_store`), when a temporary database is
//! closed. An opening that is refused changes nothing, and a commit that returned with `sync_on_write`
//! survives.
//!
//! Ruled out: the refusal itself. A refused opening without `tmp_store` leaves the folder as it is.

use mace_prod::{
    engine::{
        Bucket, Driver, EngineError, EngineOptions, Merge, Outcome, Preset, Reason, Scan,
        mace::MaceDriver,
    },
    history::Milestone,
    regression,
    scenario::{claims::store, database::Stage},
    testdir::copy_tree,
};

/// How many pairs are there.
fn pairs(bucket: &dyn Bucket) -> Outcome<usize> {
    bucket.view()?.scan(&Scan::all()).map(|pairs| pairs.len())
}

regression!(REFUSED_OPENING_DELETES: a_refused_opening_leaves_the_folder, |finding| {
    let plain = Preset::Defaults.engine();
    let mut database = finding.database("database");
    let dir = database.dir();
    let open = || MaceDriver.open(&dir, &plain);
    let engine = open().expect("a fresh database opens");
    let bucket = engine.create_bucket("a", &Preset::Defaults.bucket()).expect("a fresh bucket");
    let mut stored = 0u8;
    for temporary in [false, true] {
        stored += 1;
        store(bucket.as_ref(), &[stored], b"value").expect("a healthy database");
        bucket.checkpoint_and_wait();
        let aside = finding.dir(&format!("aside-{temporary}"));
        copy_tree(&dir, &aside).expect("a folder at rest is copied");
        let options = EngineOptions { temporary, ..plain.clone() };
        let ended = finding.process(&mut database, &Stage::closing(&options, Vec::new()));
        let busy = Milestone::Denied(EngineError::Refused(Reason::Busy));
        finding.expects(ended.milestones.last() == Some(&busy), &ended)?;
        let is_there = dir.join("log/manifest").exists();
        if !is_there {
            // Without its folder the engine could not be closed.
            copy_tree(&aside, &dir).expect("a folder is copied");
        }
        finding.expects(is_there || temporary, &"gone after a plain opening")?;
        finding.shows(!is_there)?;
    }
    drop(bucket);
    drop(engine);
    let found = open().and_then(|engine| pairs(engine.open_bucket("a", Merge::None)?.as_ref()));
    finding.keeps(found == Ok(usize::from(stored)), "a refused opening changes nothing", &found)?;
    finding.came_to("a refused opening of a temporary folder", 1);
    Ok(())
});
