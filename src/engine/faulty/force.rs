//! Brings the wrapped database to a state, through the ordinary calls. Knows no defect.

use super::book::Pairs;
use crate::engine::{Bucket, Engine, EngineError, Merge, Outcome, Reason, Scan};
use std::collections::BTreeSet;

/// Brings a bucket to a state.
pub(super) fn force(bucket: &dyn Bucket, target: &Pairs) -> Outcome<()> {
    let now: Pairs = bucket.view()?.scan(&Scan::all())?.into_iter().collect();
    let txn = bucket.begin()?;
    let keys: BTreeSet<&Vec<u8>> = now.keys().chain(target.keys()).collect();
    for key in keys {
        match (now.get(key), target.get(key)) {
            (before, Some(after)) if before != Some(after) => txn.upsert(key, after)?,
            (Some(_), None) => txn.del(key)?,
            _ => {}
        }
    }
    txn.commit()
}

/// Brings a bucket that nobody has open to a state.
pub(super) fn force_named(engine: &dyn Engine, name: &str, target: &Pairs) -> Outcome<()> {
    let bucket = engine.open_bucket(name, Merge::Sum)?;
    force(bucket.as_ref(), target)?;
    drop(bucket);
    match engine.unload_bucket(name) {
        Err(EngineError::Refused(Reason::Busy)) => Ok(()),
        answer => answer,
    }
}
