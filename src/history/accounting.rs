//! Asks an engine for its account of files and bytes, once its database rests: everything that is
//! loaded is in a checkpoint, collected, and nothing collects by itself any more. Judges nothing.

use crate::{
    engine::{Driver, Engine, EngineError, EngineOptions, Merge, Outcome, Reason},
    history::{Event, Milestone, journal::Recorder},
};
use std::{collections::BTreeSet, path::Path};

/// Rounds of checkpoints and collection after which a database rests. What is dead is known one or two
/// rounds after it died, and files go in the round after that; a difference that stays for so many is one.
const ROUNDS: u32 = 50;

/// Opens a closed database, and asks for its account with these buckets loaded.
///
/// # Errors
/// The first call that the engine denied.
pub fn account(
    driver: &dyn Driver,
    dir: &Path,
    options: &EngineOptions,
    buckets: &BTreeSet<String>,
    recorder: &Recorder,
) -> Outcome<()> {
    let engine = driver.open(dir, options)?;
    match settled(engine.as_ref(), buckets) {
        Err(EngineError::Refused(Reason::Unsupported)) => Ok(()),
        Err(denial) => Err(denial),
        Ok(difference) => {
            recorder.record(Event::Milestone(Milestone::Accounted { difference }));
            Ok(())
        }
    }
}

/// What is different in the account of an open database, once it rests.
///
/// # Errors
/// The first call that the engine denied.
pub fn settled(engine: &dyn Engine, buckets: &BTreeSet<String>) -> Outcome<Option<String>> {
    engine.set_collection(false);
    let mut loaded = Vec::new();
    for name in buckets {
        match engine.open_bucket(name, Merge::Sum) {
            Ok(bucket) => loaded.push(bucket),
            Err(EngineError::Absent) => {}
            Err(denial) => return Err(denial),
        }
    }
    let mut difference = None;
    for _ in 0..ROUNDS {
        for bucket in &loaded {
            bucket.checkpoint_and_wait();
        }
        engine.collect_garbage();
        difference = engine.accounting()?;
        if difference.is_none() {
            break;
        }
    }
    Ok(difference)
}
